"""Kidneys in the chapter on safety: slopes of eGFR, loss of kidney function, and doses against their limits."""

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, say, trace
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import name_code

SLOPE, SHARE = ("slope_per_year", "low", "high"), ("cumulative_incidence", "low", "high")
MONTHS = (12, 24, 60)


def write_kidneys(tables: Mapping[str, pd.DataFrame], level: str) -> tuple[list, list[PageTable]]:
    """Sentences on each radionuclide, and tables without other groupings."""
    slopes, events = (
        pick_rows(tables[name], group_by="radionuclide") for name in ("egfr_slope", "kidney_events")
    )
    lines = {"analysis": "mixed", "phase": "all", "status": "ok"}
    losses = {"event": "either", "confirmed": "no", "time_months": "60.0"}
    told = (
        ("egfr_slope", pick_rows(slopes, **lines), SLOPE, numbers.format_number,
         "After {group} eGFR changed by {p} mL/min/1.73 m\u00b2 a year."),
        ("kidney_events", pick_rows(events, **losses), SHARE, numbers.format_percent,
         "Within 60 months of {group} {p} lost 40% of eGFR or fell below 30, with death as a competing event."),
    )  # fmt: skip
    paragraphs = []
    for name, rows, keys, formatter, words in told:
        for row in rows[rows["status"].ne("too_few")].to_dict("records"):
            value, low, high = (row[key] for key in keys)
            text = numbers.format_interval(value, low, high, formatter, label=f"{level} CI ")
            group = name_code("radionuclide", str(row["group"]), inside=True)
            paragraphs.append(say(words, group=group, p=trace(text, name, row)))
    shown = []
    for name in ("egfr_slope", "kidney_events", "organ_doses"):
        rows = tables[name][tables[name]["group_by"].isin(["all", "radionuclide"])]
        if name == "kidney_events":
            rows = rows[rows["time_months"].isin(MONTHS)]
        if len(rows):
            shown.append(col.show_table(name, rows, level))
    return paragraphs, shown
