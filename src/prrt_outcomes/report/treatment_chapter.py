"""Chapter treatment: what was given, why it was stopped, the first restaging, eligibility before each cycle."""

import re
from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, Number, PageTable, cite, join_words, page_table, say, trace
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import TREATMENT_SENTENCES, inside_sentence, is_share, name_code, name_item

SOURCE = "treatment_delivery"
BY_GROUP = ("cycles_per_patient", "cycle_interval_weeks", "activity_per_cycle_gbq", "cumulative_activity_gbq")
STOPPED = "stop_reason_"
CELLS: dict[str, Callable] = {
    "n": numbers.format_count,
    "total": numbers.format_count,
    "n_unknown": numbers.format_count,
    "proportion": numbers.format_percent,
}


def write_treatment(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter; one table is open, by centre and year."""
    delivery = _drop_unknown_conditions(pick_rows(tables[SOURCE], group_by="all"))
    if delivery.empty:
        return [], []
    known = {str(row["item"]): row for row in delivery.to_dict("records") if pd.notna(row["value"])}
    shown = {item: show_delivery(row, limits=not is_share(item)) for item, row in known.items()}
    reasons = [
        say("{w} {p}", w=item.removeprefix(STOPPED).replace("_", " "), p=shown[item])
        for item, row in known.items()
        if item.startswith(STOPPED) and row["n"]
    ]
    shown |= {"stop_reasons": join_words(reasons)} if reasons else {}
    shown |= _cite_restaging(tables["scan_intervals"]) | _cite_conditions(tables, study)
    sentences = [s for s in TREATMENT_SENTENCES if set(re.findall(r"{(\w+)}", s)) <= set(shown)]
    words: dict = {
        key: lambda row, key=key: numbers.format_percent(row[key]) for key in ("proportion", "low", "high")
    }
    words |= {"share": show_delivery, "item": lambda row: _name_condition(row["item"])}
    listed = {SOURCE: delivery} | {name: tables[name] for name in ("cycle_eligibility", "monitoring")}
    found = [col.show_table(name, rows, words=words, most_open=0) for name, rows in listed.items()]
    groups = _list_groups(tables[SOURCE])
    return [say(s, **shown) for s in sentences], [table for table in (groups, *found) if table.rows]


def _drop_unknown_conditions(delivery: pd.DataFrame) -> pd.DataFrame:
    """Rows of `treatment_delivery` without shares met and not met of a condition of which nothing is known."""
    items = delivery["item"].astype(str)
    conditions = items.where(items.str.startswith("eligibility_")).str.replace(
        "_(not_met|met|unknown)$", "", regex=True
    )
    nothing = conditions[items.str.endswith("_unknown") & delivery["value"].eq(1)].dropna()
    return delivery[~conditions.isin(nothing) | items.str.endswith("_unknown")]


def show_delivery(row: Mapping, *, limits: bool = True) -> Number | str:
    """Share with its interval, or median with its quartiles, as a number that leads to its row."""
    if row["n"] == 0 and pd.isna(row["value"]):
        return "not known"
    formatter = numbers.format_percent if is_share(str(row["item"])) else numbers.format_number
    if row["item"] == "cycles_per_patient":  # a count
        formatter = numbers.format_short  # type: ignore[assignment]
    if not limits:
        return cite(row, "value", SOURCE, formatter)
    text = numbers.format_interval(row["value"], row["low"], row["high"], formatter, status=row["status"])
    return trace(text, SOURCE, row)


def _name_condition(item: str) -> str:
    named = name_code("analyte", item)
    return name_item(item) if named == item else named


def _show_item(item: str) -> Callable[[dict], Number | str]:
    return lambda row: row.get(item, "")


def _list_groups(table: pd.DataFrame) -> PageTable:
    """Cycles, interval and activity of each centre and of each band of years, one row each."""
    rows: dict[tuple[str, str], dict] = {}
    for row in table[table["group_by"].isin(["centre_id", "treatment_years"])].to_dict("records"):
        place = {"group_by": row["group_by"], "group": row["group"]}
        rows.setdefault((row["group_by"], row["group"]), place)[str(row["item"])] = show_delivery(row)
    columns = [col.group(), *(Column(name_item(item), _show_item(item)) for item in BY_GROUP)]
    note = "Medians (quartiles) of known values; years are those of the first cycle."
    return page_table(
        "Treatment by centre and year", SOURCE, pd.DataFrame(list(rows.values())), columns, note
    )


def _cite_restaging(intervals: pd.DataFrame) -> dict:
    """When the first scan followed; under another name where it was mostly later than planned."""
    for row in pick_rows(intervals, group_by="all", scan="1").to_dict("records"):
        low, high = row["lower_quartile_days"], row["upper_quartile_days"]
        days = numbers.format_interval(row["median_days"], low, high, numbers.format_short)
        late = cite(row, "share_late", "scan_intervals", numbers.format_percent)
        planned = cite(row, "planned_days", "scan_intervals", numbers.format_short)
        name = "restaging_late" if row["share_late"] > 0.5 else "restaging"
        return {name: trace(days, "scan_intervals", row), "share_late": late, "planned_days": planned}
    return {}


def _cite_conditions(tables: Mapping[str, pd.DataFrame], study) -> dict:
    """Which set of conditions was used, whether it was read, how often it was not met, and what was measured."""
    chosen, shown = study.treatment.eligibility, dict[str, object]()
    whole = pick_rows(tables["cycle_eligibility"], cycle="all", item="eligible")
    measured = pick_rows(tables["monitoring"], cycle="all")
    for name, rows in (("cycle_eligibility", whole), ("monitoring", measured)):
        for row in rows.to_dict("records"):  # the last one is all of them
            shown |= {f"{name}_{key}": cite(row, key, name, show) for key, show in CELLS.items()}
    if len(whole):
        read = all(condition.verified for condition in chosen.conditions)
        words = "were read in the source" if read else "were not checked against the source"
        words += f"; its successor is the {chosen.successor}" if chosen.successor else ""
        shown |= {"conditions": chosen.title, "conditions_state": words}
    for row in measured[:-1].nsmallest(1, "proportion").to_dict("records"):
        shown["rarely_measured"] = inside_sentence(_name_condition(str(row["item"])))
        shown["rare_share"] = cite(row, "proportion", "monitoring", numbers.format_percent)
        shown["monitoring_days"] = study.treatment.monitoring_days
    return shown
