"""Tables of `report.html`: one question each, for all patients and the groups of the first grouping."""

from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.cohort.grouping import FEWEST
from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, PageTable, as_text, page_table
from prrt_outcomes.report.controls_chapter import describe_method, find_verdict, show_estimate
from prrt_outcomes.report.survival_chapter import list_arms
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import control_titles, endpoint_titles, name_code, name_term

SURVIVAL = ("survival", "survival_low", "survival_high")
Tables = Mapping[str, pd.DataFrame]


def spread_groups(
    title: str,
    source: str,
    frame: pd.DataFrame,
    columns: list[Column],
    show: Callable[[dict], str],
    note: str = "",
) -> PageTable:
    """A table with a column for each group, its number of patients in the heading.

    `frame`: rows of `source` with group_by, group and total; those that differ in these alone are one row of the page,
    with the leading `columns`; `show` gives the words of a cell.
    """
    key = [name for name in frame.columns if name in ("term", "level", "category")]
    totals: dict[str, tuple] = {}
    lines: dict[tuple, dict] = {}
    for row in frame.to_dict("records"):
        group = f"{row['group_by']}:{row['group']}"
        totals.setdefault(group, (row["group_by"], row["group"], row["total"]))
        line = {name: row[name] for name in row if name not in ("group_by", "group")}
        lines.setdefault(tuple(str(row[name]) for name in key), line)[group] = show(row)
    groups = [
        Column(
            f"{name_code(str(by), str(group))} (n\u00a0=\u00a0{numbers.format_count(total)})",
            _show_cell(name),
        )
        for name, (by, group, total) in totals.items()
    ]
    return page_table(
        title, source, pd.DataFrame(list(lines.values())), [*columns, *groups], note, most_open=60
    )


def _show_cell(key: str) -> Callable[[dict], str]:
    return lambda row: "" if numbers.is_missing(row.get(key)) else str(row[key])


def show_share(row: dict) -> str:
    """`102 (26%)`."""
    if numbers.is_missing(row["n"]):
        return "[suppressed]"
    return (
        f"{numbers.format_count(row['n'])} ({numbers.format_percent(row['proportion'])})"
        if row["total"]
        else ""
    )


def _pick_groups(table: pd.DataFrame, study, **keys: str) -> pd.DataFrame:
    """Rows of all patients, then those of the first grouping."""
    grouped = ("all", *study.analysis.group_by[:1])
    return pd.concat([pick_rows(table, group_by=name, **keys) for name in grouped])


def _tabulate_response(tables: Tables, study) -> PageTable | None:
    rates = pick_rows(tables["response_rates"], criterion=study.response.primary_criterion)
    quoted = rates["confirmed"].astype("boolean").eq(study.response.primary_rate == "confirmed")
    rows = _pick_groups(rates[quoted.fillna(False)], study)
    title = f"Best response by {name_term(study.response.primary_criterion)}"
    name = col.texts({"Response": "category"}, lambda code: name_code("category", code))
    note = f"{study.response.primary_rate.capitalize()} response; patients (share of all treated patients)."
    return spread_groups(title, "response_rates", rows, name, show_share, note) if len(rows) else None


def _tabulate_survival(tables: Tables, study) -> PageTable | None:
    """Events, median, milestones and hazard ratio of each group, for the first endpoint and overall survival."""
    names = dict.fromkeys([study.endpoints[0].name, *(e.name for e in study.endpoints if e.name == "os")])
    summaries = pd.concat([_pick_groups(tables["km_summary"], study, endpoint=name) for name in names])
    if list_arms(study.endpoints[0].name, tables["km_summary"], study):
        summaries = summaries[summaries["group_by"].ne("all")]
    if summaries.empty:
        return None
    level, place = numbers.format_level(study.analysis.confidence.level), ["endpoint", "group_by", "group"]
    ratios = pick_rows(tables["cox"], model="univariable").rename(
        columns={"term": "group_by", "level": "group"}
    )
    frame = summaries.merge(
        ratios[[*place, *col.RATIO, "p_value"]].astype({"group": "string"}), how="left", on=place
    )
    frame.loc[frame[["n", "events"]].lt(FEWEST).any(axis=1), [*col.RATIO, "p_value"]] = float("nan")
    months = study.analysis.milestones_months
    for month in months:
        stones = tables["milestones"]
        own = stones.loc[stones["time_months"].eq(month), [*place, *SURVIVAL]]
        frame = frame.merge(own.rename(columns={n: f"{n}:{month}" for n in SURVIVAL}), how="left", on=place)
    words = {
        "endpoint": col.endpoint(endpoint_titles(study)).show,
        "group": lambda row: name_code(str(row["group_by"]), str(row["group"])),
        "ratio": _show_ratio,
        "milestones": [
            Column(
                f"{numbers.format_number(month, 0)} months",
                lambda row, month=month: numbers.format_percent(row[f"survival:{month}"]),  # type: ignore[misc]
            )
            for month in months
        ],
    }
    return col.show_table("time_to_event", frame, level, words)


def _show_ratio(row: dict) -> str:
    if numbers.is_missing(row["hazard_ratio"]):
        return ""
    value, low, high = (row[name] for name in col.RATIO)
    return numbers.format_interval(value, low, high, numbers.format_ratio)


def _tabulate_responders(tables: Tables, study) -> PageTable | None:
    """The first landmark, response as time-dependent, and the naive comparison, of the first endpoint."""
    rows = pick_rows(
        tables["responders"],
        endpoint=study.endpoints[0].name,
        criterion=study.response.primary_criterion,
        comparison="responder:non_responder",
    )
    plain = ~(rows["adjusted"] | rows["weighted"] | rows["imputed"]).astype("boolean").fillna(False)
    first = rows["landmark_months"].isna() | rows["landmark_months"].eq(
        min(study.analysis.landmark_months, default=0)
    )
    rows = rows[plain & first & rows["hazard_ratio"].notna()]
    if rows.empty:
        return None
    level = numbers.format_level(study.analysis.confidence.level)
    return col.show_table("responders_in_short", rows, level, {"ratio": _show_ratio})


def _tabulate_controls(tables: Tables, study) -> PageTable | None:
    """The quoted estimate against each control with its rating."""
    found = [row for control in study.controls if (row := primary_estimate(tables["controls"], control))]
    if not found:
        return None
    level, titles = numbers.format_level(study.analysis.confidence.level), control_titles(study)
    verdicts = {row["control"]: find_verdict(tables, row) or {} for row in found}
    words = {
        "control": titles.__getitem__, "value": show_estimate, "basis": lambda row: str(describe_method(row, level)),
        "evidence": lambda row: as_text(verdicts[row["control"]].get("words")),
    }  # fmt: skip
    return col.show_table("controls_in_short", pd.DataFrame(found), level, words)


def _tabulate_lesions(tables: Tables, study) -> PageTable | None:
    """Mean change of target lesions by radionuclide and size class."""
    rows = tables["lesion_change"]
    level = numbers.format_level(study.analysis.confidence.level)
    return col.show_table("lesion_change", rows, level) if len(rows) else None


SUMMARY_TABLES: dict[str, Callable[[Tables, object], PageTable | None]] = {
    "response": _tabulate_response,
    "radionuclides": _tabulate_lesions,
    "survival": _tabulate_survival,
    "responders": _tabulate_responders,
    "controls": _tabulate_controls,
}
