"""Sentences on kidney function: all radionuclides together, by a month with enough patients at risk."""

import re

import pandas as pd
import pytest

from prrt_outcomes.report.safety_chapter import _write_kidneys
from prrt_outcomes.tables.frames import conform_table, empty_table


def make_events(at_risk):
    """Rows (radionuclide, month, at risk)."""
    rows = [
        {"group_by": "radionuclide", "group": group, "event": "either", "confirmed": "no", "time_months": month,
         "n": 100, "events": 5, "competing_events": 3, "n_at_risk": n, "cumulative_incidence": 0.08, "low": 0.04,
         "high": 0.15, "status": "ok"}
        for group, month, n in at_risk
    ]  # fmt: skip
    return conform_table("kidney_events", pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("more", "month"),
    [
        ([("177Lu", 60.0, 40), ("90Y", 60.0, 9)], 36),
        ([("177Lu", 60.0, 40), ("90Y", 60.0, 10)], 60),
        ([("225Ac", 12.0, 3), ("177Lu", 60.0, 4), ("90Y", 60.0, 3)], 36),
    ],
)
def test_losses_are_those_by_the_latest_month_with_ten_at_risk(more, month):
    at_risk = [(group, m, 50) for group in ("177Lu", "90Y") for m in (12.0, 36.0)]
    tables = {name: empty_table(name) for name in ("egfr_slope", "organ_doses")}
    paragraphs, _ = _write_kidneys(tables | {"kidney_events": make_events([*at_risk, *more])}, "95%")
    assert len(paragraphs) == 1
    text = re.sub("<[^>]*>", "", str(paragraphs[0]))
    n = [count for _, m, count in [*at_risk, *more] if m == month and count >= 10]
    assert text == (
        f"Within {month} months 8% (95% CI 4–15%) after ¹⁷⁷Lu ({n[0]} still at risk) and 8% (95% CI 4–15%) after ⁹⁰Y "
        f"({n[1]} still at risk) lost 40% of eGFR or had an eGFR below 30 mL/min/1.73 m², "
        "with death as a competing event."
    )


def test_without_values_there_is_no_sentence():
    tables = {name: empty_table(name) for name in ("egfr_slope", "organ_doses", "kidney_events")}
    assert _write_kidneys(tables, "95%") == ([], [])
