"""``pytest tests/spec/endpoints --write-endpoint-rules`` writes docs/endpoint_rules.md anew."""


def pytest_addoption(parser):
    parser.addoption(
        "--write-endpoint-rules", action="store_true", default=False, help="write docs/endpoint_rules.md"
    )
