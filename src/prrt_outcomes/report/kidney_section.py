"""Kidneys in the chapter on safety: slopes of eGFR, loss of kidney function, and doses against their limits."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Number, PageTable, page_table, say, trace
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import name_code

SLOPE, SHARE = ("slope_per_year", "low", "high"), ("cumulative_incidence", "low", "high")
QUARTILES = ("median", "lower_quartile", "upper_quartile")
NOTES: dict[str, str] = yaml.safe_load(Path(__file__).with_name("kidneys.yaml").read_text("utf-8"))


def write_kidneys(tables: Mapping[str, pd.DataFrame], level: str) -> tuple[list, list[PageTable]]:
    """Sentences on each radionuclide, or on all patients where there is one, and tables without other groupings."""
    slopes, events, paragraphs = tables["egfr_slope"], tables["kidney_events"], []
    by = "radionuclide" if pick_rows(slopes, group_by="radionuclide")["group"].nunique() > 1 else "all"

    def show(row: dict, keys: tuple[str, str, str], table: str, formatter=numbers.format_number) -> Number:
        return trace(
            numbers.format_interval(*(row[k] for k in keys), formatter, label=f"{level} CI "), table, row
        )

    for row in pick_rows(slopes, group_by=by, analysis="mixed", phase="all", status="ok").to_dict("records"):
        own = {"group_by": by, "group": str(row["group"])}
        after = "" if by == "all" else f" after {name_code(by, row['group'])}"
        words = "eGFR changed by {p} mL/min/1.73 m\u00b2 a year{after}."
        paragraphs.append(say(words, after=after, p=show(row, SLOPE, "egfr_slope")))
        for mixed in pick_rows(slopes, **own, analysis="pattern_mixture", status="ok").to_dict("records"):
            words = " As the mean of those followed to the end and of all others, weighted by patients, it was {p}."
            paragraphs[-1] += say(words, p=show(mixed, SLOPE, "egfr_slope"))
        asked = own | {"event": "either", "confirmed": "no", "time_months": "60.0"}
        for lost in pick_rows(events, **asked).to_dict("records"):
            if lost["status"] != "too_few":
                words = (
                    " Within 60 months {p} lost 40% of it or fell below 30, with death as a competing event."
                )
                paragraphs[-1] += say(words, p=show(lost, SHARE, "kidney_events", numbers.format_percent))
    counts = {"Patients": "n", "Events": "events", "Deaths": "competing_events", "At risk": "n_at_risk"}
    columns = {
        "egfr_slope": [
            *_codes("egfr_slope", "analysis", "phase"), *col.counts({"Patients": "n", "Values": "n_values"}),
            col.interval(f"Slope ({level} CI)", SLOPE),
        ],
        "kidney_events": [
            *_codes("kidney_events", "event", "confirmed"), *col.counts({"Month": "time_months"} | counts),
            col.interval(f"Cumulative incidence ({level} CI)", SHARE, numbers.format_percent),
            col.p_value("p, Gray", "gray_p_value"),
        ],
        "organ_doses": [
            *_codes("organ_doses", "organ", "quantity"), col.interval("Median (quartiles), Gy", QUARTILES),
            *col.counts({"Limit, Gy": "limit_gy"}), col.fraction("Over the limit"),
            col.interval(f"Share ({level} CI)", ("proportion", "low", "high"), numbers.format_percent),
        ],
    }  # fmt: skip
    kept = events["time_months"].isin([12, 24, 60])
    rows = {"egfr_slope": slopes, "kidney_events": events[kept], "organ_doses": tables["organ_doses"]}
    shown = [
        page_table(load_schema(name).title, name, own, [col.group(), *columns[name]], NOTES[name])
        for name, table in rows.items()
        if len(own := table[table["group_by"].isin(["all", by])])
    ]
    return paragraphs, shown


def _codes(table: str, *names: str) -> list[col.Column]:
    """Columns of codes in words, as the schema names them."""
    fields = [load_schema(table).field(name) for name in names]
    return [column for field in fields for column in col.texts({field.title: field.name}, field.label)]
