"""Chapter treatment: what was given, why it was stopped, the first restaging, eligibility before each cycle."""

import re
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.figure import drop_unknown_conditions, pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, PageTable, cite, join_words, page_table, say, trace
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    TREATMENT_SENTENCES,
    inside_sentence,
    is_share,
    name_code,
    name_item,
)

SOURCE = "treatment_delivery"
BY_GROUP = ("cycles_per_patient", "cycle_interval_weeks", "activity_per_cycle_gbq", "cumulative_activity_gbq")
STOPPED = "stop_reason_"
SHARE = ("proportion", "low", "high")


def write_treatment(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter; one table is open, by centre and year."""
    delivery = drop_unknown_conditions(pick_rows(tables[SOURCE], group_by="all"))
    if delivery.empty:
        return [], []
    found = {str(r["item"]): r for r in delivery.to_dict("records") if pd.notna(r["value"])}
    sentences = [_fill(sentence, found) for sentence in TREATMENT_SENTENCES]
    stopped = [row for item, row in found.items() if item.startswith(STOPPED) and row["n"]]
    if stopped:
        parts = [
            say("{w} {p}", w=str(r["item"]).removeprefix(STOPPED).replace("_", " "), p=_show(r, limits=False))
            for r in stopped
        ]
        sentences.append(say("Why no further cycle was given: {parts}.", parts=join_words(parts)))
    sentences += [_describe_restaging(tables["scan_intervals"]), *_describe_conditions(tables, study)]
    columns = [
        *col.texts({"Item": "item"}, name_item), col.fraction("n"),
        Column("Share, or median (quartiles)", _show),
    ]  # fmt: skip
    shown = [
        *_list_groups(tables[SOURCE]),
        page_table("Delivery of treatment, all patients", SOURCE, delivery, columns, most_open=0),
    ]
    level = numbers.format_level(study.analysis.confidence.level)
    for name, counted in (("cycle_eligibility", "Not met, of known"), ("monitoring", "Measured, of cycles")):
        columns = [
            *col.texts({"Cycle": "cycle"}, str.capitalize), *col.texts({"Item": "item"}, _name_condition),
            col.fraction(counted), col.interval(f"Share ({level} CI)", SHARE, numbers.format_percent),
        ]  # fmt: skip
        shown.append(page_table(load_schema(name).title, name, tables[name], columns, most_open=0))
    return [sentence for sentence in sentences if sentence], [table for table in shown if table.rows]


def _show(row: Mapping, *, limits: bool = True) -> Markup | str:
    """Share with its interval, or median with its quartiles, as a number that leads to its row."""
    if row["n"] == 0 and pd.isna(row["value"]):
        return "not known"
    formatter = numbers.format_percent if is_share(str(row["item"])) else numbers.format_short
    if not limits:
        return cite(row, "value", SOURCE, formatter)
    text = numbers.format_interval(row["value"], row["low"], row["high"], formatter, status=row["status"])
    return trace(text, SOURCE, row)


def _fill(sentence: str, found: Mapping[str, Mapping]) -> Markup | None:
    """A sentence with the items that it names, shares without limits; none where an item is not known."""
    items = re.findall(r"{(\w+)}", sentence)
    if not set(items) <= set(found):
        return None
    return say(sentence, **{item: _show(found[item], limits=not is_share(item)) for item in items})


def _name_condition(item: str) -> str:
    named = name_code("analyte", item)
    return name_item(item) if named == item else named


def _list_groups(table: pd.DataFrame) -> list[PageTable]:
    """Cycles, interval and activity of each centre and of each band of years, one row each."""
    rows: dict[tuple[str, str], dict] = {}
    for row in table[table["group_by"].isin(["centre_id", "treatment_years"])].to_dict("records"):
        line = rows.setdefault(
            (row["group_by"], row["group"]), {"group_by": row["group_by"], "group": row["group"]}
        )
        line[str(row["item"])] = row
    columns = [
        col.group(),
        *(
            Column(name_item(item), lambda line, item=item: _show(line[item]) if item in line else "")
            for item in BY_GROUP
        ),
    ]
    note = "Medians (quartiles) of known values; years are those of the first cycle."
    return [
        page_table("Treatment by centre and year", SOURCE, pd.DataFrame(list(rows.values())), columns, note)
    ]


def _describe_restaging(intervals: pd.DataFrame) -> Markup | None:
    """When the first scan followed; in bold where it was mostly later than planned."""
    for row in pick_rows(intervals, group_by="all", scan="1").to_dict("records"):
        days = numbers.format_interval(
            row["median_days"], row["lower_quartile_days"], row["upper_quartile_days"], numbers.format_short
        )
        text = say(
            "The first restaging followed {d} days after the first cycle",
            d=trace(days, "scan_intervals", row),
        )
        if pd.isna(row["share_late"]) or row["share_late"] <= 0.5:
            return text + " (median, quartiles)."
        return say(
            "<strong>{text}</strong> (median, quartiles), in {p} of patients later than the planned {n} days with "
            "their window: progression before it is seen late, and no scan can date it.",
            text=text,
            p=cite(row, "share_late", "scan_intervals", numbers.format_percent),
            n=numbers.format_short(row["planned_days"]),
        )
    return None


def _describe_conditions(tables: Mapping[str, pd.DataFrame], study) -> list[Markup]:
    """Which set of conditions was used, whether it was read, how often it was not met, and what was measured."""
    chosen, found = study.treatment.eligibility, []
    for row in pick_rows(tables["cycle_eligibility"], cycle="all", item="eligible").to_dict("records"):
        read = all(condition.verified for condition in chosen.conditions)
        words = "were read in the source" if read else "were not checked against the source"
        words += f"; its successor is the {chosen.successor}" if chosen.successor else ""
        n, total = (cite(row, key, "cycle_eligibility", numbers.format_count) for key in ("n", "total"))
        sentence = (
            "Eligibility is judged by: {s}. Its values {w}. Before {n} of {t} cycles in which it is known, at least "
            "one condition was not met ({p})."
        )
        share = cite(row, "proportion", "cycle_eligibility", numbers.format_percent)
        found.append(say(sentence, s=chosen.title, w=words, n=n, t=total, p=share))
    measured = pick_rows(tables["monitoring"], cycle="all").to_dict("records")
    for row in measured[-1:]:
        rare = min(measured[:-1], key=lambda one: one["proportion"])
        found.append(
            say(
                "What the label asks to be measured before each cycle was known from the last {d} days before {p} of "
                "{t} cycles; least often {a} ({r}).",
                d=study.treatment.monitoring_days,
                p=cite(row, "proportion", "monitoring", numbers.format_percent),
                t=cite(row, "total", "monitoring", numbers.format_count),
                a=inside_sentence(_name_condition(str(rare["item"]))),
                r=cite(rare, "proportion", "monitoring", numbers.format_percent),
            )
        )
    return found
