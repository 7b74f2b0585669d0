"""Chapter treatment: cycles, activity and whether the regimen was kept."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.delivery import is_share, name_item
from prrt_outcomes.figures.rows import has_rows, pick_rows
from prrt_outcomes.report.content import Column, PageTable, page_table, say, trace
from prrt_outcomes.wording.numbers import (
    format_count,
    format_interval,
    format_number,
    format_percent,
    format_range,
)

KEY = ("item", "group_by", "group")


def write_treatment(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter; by group they stand in the file."""
    delivery = pick_rows(tables["treatment_delivery"], group_by="all")
    if not has_rows(delivery):
        return [], []
    found = {str(r["item"]): r for r in delivery.to_dict("records")}
    paragraphs = [p for p in (_describe_dose(found), _describe_regimen(found)) if p]
    columns = [
        Column("Item", lambda r: name_item(str(r["item"])), False),
        Column("n", lambda r: f"{format_count(r['n'])}/{format_count(r['total'])}"),
        Column("Share, or median (quartiles)", _show_value),
    ]
    return paragraphs, [
        page_table("Delivery of treatment, all patients", "treatment_delivery", delivery, columns, KEY)
    ]


def _show_value(row: dict) -> str:
    formatter = format_percent if is_share(str(row["item"])) else format_number
    return format_interval(row["value"], row["low"], row["high"], formatter, status=row["status"])


def _describe_dose(found: dict[str, dict]):
    cycles, activity = found.get("cycles_per_patient"), found.get("cumulative_activity_gbq")
    if cycles is None or pd.isna(cycles["value"]):
        return None
    text = say(
        "Patients had a median of {c} cycles (quartiles {q})",
        c=trace(format_number(cycles["value"], 0), "treatment_delivery", cycles, *KEY),
        q=format_range(cycles["low"], cycles["high"], lambda v: format_number(v, 0)),
    )
    if activity is not None and pd.notna(activity["value"]):
        text += say(
            " with a cumulative activity of {a} GBq ({q})",
            a=trace(format_number(activity["value"]), "treatment_delivery", activity, *KEY),
            q=format_range(activity["low"], activity["high"]),
        )
    return text + "."


def _describe_regimen(found: dict[str, dict]):
    kept = found.get("cycle_interval_kept")
    if kept is None or pd.isna(kept["value"]):
        return None
    text = say(
        "The interval between cycles lay within the window of the regimen in {p} of intervals",
        p=trace(format_percent(kept["value"]), "treatment_delivery", kept, *KEY),
    )
    again = found.get("retreatment")
    if again is not None and pd.notna(again["value"]):
        text += say(
            "; {p} of patients were treated again later",
            p=trace(format_percent(again["value"]), "treatment_delivery", again, *KEY),
        )
    return text + "."
