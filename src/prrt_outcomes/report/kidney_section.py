"""Kidneys in the chapter on safety: slopes of eGFR, loss of kidney function, and doses against their limits."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, page_table, say, trace
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import name_code

SLOPE, SHARE = ("slope_per_year", "low", "high"), ("cumulative_incidence", "low", "high")
MONTHS = (12, 24, 60)
CODES = {
    "egfr_slope": ("analysis", "phase"),
    "kidney_events": ("event", "confirmed"),
    "organ_doses": ("organ", "quantity"),
}
NOTES: dict[str, str] = yaml.safe_load(Path(__file__).with_name("kidneys.yaml").read_text("utf-8"))


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
    columns = {
        "egfr_slope": [
            *col.counts({"Patients": "n", "Values": "n_values"}), col.interval(f"Slope ({level} CI)", SLOPE)
        ],
        "kidney_events": [
            *col.counts({"Month": "time_months", "Patients": "n", "Events": "events", "Deaths": "competing_events"}),
            *col.counts({"At risk": "n_at_risk"}),
            col.interval(f"Cumulative incidence ({level} CI)", SHARE, numbers.format_percent),
            col.p_value("p, Gray", "gray_p_value"),
        ],
        "organ_doses": [
            col.interval("Median (quartiles), Gy", ("median", "lower_quartile", "upper_quartile")),
            *col.counts({"Limit, Gy": "limit_gy"}), col.fraction("Over the limit"),
            col.interval(f"Share ({level} CI)", ("proportion", "low", "high"), numbers.format_percent),
        ],
    }  # fmt: skip
    shown = []
    for name, codes in CODES.items():
        table, schema = tables[name], load_schema(name)
        rows = table[table["group_by"].isin(["all", "radionuclide"])]
        if name == "kidney_events":
            rows = rows[rows["time_months"].isin(MONTHS)]
        fields = [schema.field(code) for code in codes]
        own = [column for field in fields for column in col.texts({field.title: field.name}, field.label)]
        if len(rows):
            shown.append(
                page_table(schema.title, name, rows, [col.group(), *own, *columns[name]], NOTES[name])
            )
    return paragraphs, shown
