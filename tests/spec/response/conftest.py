"""``pytest tests/spec/response --write-response-rules`` writes docs/response_rules.md anew."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-response-rules", action="store_true", default=False, help="write docs/response_rules.md"
    )
