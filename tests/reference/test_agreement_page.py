"""docs/agreement.md says what the tests hold; `--write-agreement` writes it anew."""

from __future__ import annotations

import pytest


def test_agreement_page_is_current(request, ledger, agreement_page):
    if request.config.getoption("--write-agreement", default=False):
        pytest.skip("the page is being written")
    if not ledger.rows:
        pytest.skip("no number was compared in this session")
    committed = {row.id: row.claim() for row in agreement_page}
    held = {row.id: row.claim() for row in ledger.rows.values()}
    stale = sorted(id for id, claim in held.items() if committed.get(id) != claim)
    assert not stale, f"{len(stale)} rows missing or different in docs/agreement.md, first: {stale[:5]}"
    if ledger.whole(item.path for item in request.session.items):
        left = sorted(set(committed) - set(held))
        assert not left, f"{len(left)} rows of docs/agreement.md are tested no more, first: {left[:5]}"
