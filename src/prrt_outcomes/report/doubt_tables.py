"""How far a result depends on its definition: estimands side by side, sensitivity analyses, subgroups."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.rows import has_rows, iterate_groupings
from prrt_outcomes.figures.survival_figures import is_proportional
from prrt_outcomes.report.content import Column, PageTable, page_table, say, trace
from prrt_outcomes.wording.numbers import (
    format_count,
    format_interval,
    format_number,
    format_p_value,
    format_ratio,
)
from prrt_outcomes.wording.terms import inside_sentence, name_code, name_column, name_endpoint, name_term


def variant_table(variants: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Median and hazard ratio of every variant of an endpoint: rows of `estimand_comparison`."""
    columns = [
        Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False),
        Column(
            "Definition", lambda r: name_term("primary" if pd.isna(r["variant"]) else r["variant"]), False
        ),
        *_result_columns(level),
    ]
    key = ("endpoint", "variant", "group_by", "group")
    return page_table("Other definitions of the endpoints", "estimand_comparison", variants, columns, key)


def sensitivity_table(analyses: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Median and hazard ratio of every sensitivity analysis: rows of `sensitivity`."""
    columns = [
        Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False),
        Column("Analysis", lambda r: name_term(r["analysis"]), False),
        Column("Changed", lambda r: format_count(r["n_changed"])),
        *_result_columns(level),
    ]
    key = ("endpoint", "analysis", "group_by", "group")
    note = "Changed: patients whose time or event differs from the primary analysis."
    return page_table("Sensitivity analyses", "sensitivity", analyses, columns, key, note)


def subgroup_table(subgroups: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Effect within the levels of subgroups with the test of interaction: rows of `subgroups`."""
    columns = [
        Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False),
        Column("Subgroup", lambda r: name_column(str(r["subgroup"])), False),
        Column("Level", lambda r: _code(r["subgroup"], r["subgroup_level"]), False),
        Column("Effect of", lambda r: _code(r["term"], r["level"]), False),
        Column("Against", lambda r: _code(r["term"], r["reference"]), False),
        Column("Events/n", lambda r: f"{format_count(r['events'])}/{format_count(r['n'])}"),
        _ratio_column(level, "status"),
        Column("p of interaction", lambda r: format_p_value(r["interaction_p_value"])),
    ]
    key = ("endpoint", "subgroup", "subgroup_level", "term", "level")
    return page_table("Subgroups", "subgroups", subgroups, columns, key)


def describe_periods(periods: pd.DataFrame, alpha: float, titles: dict[str, str]) -> list:
    """A sentence for each grouping whose hazard ratios change over time: rows of `hazard_ratio_periods`."""
    sentences: list = []
    if not has_rows(periods):
        return sentences
    for (endpoint, group_by), rows in iterate_groupings(periods, "endpoint", "group_by"):
        if is_proportional(rows, alpha):
            continue
        row = rows.iloc[0].to_dict()
        key = ("endpoint", "group_by")
        sentences.append(
            say(
                "{name} by {group}: the hazards are not proportional (hazard ratio the same in all periods {same}, "
                "score test {score}), so one ratio does not describe the groups; read the periods, milestones and "
                "the restricted means instead.",
                name=name_endpoint(endpoint, titles),
                group=inside_sentence(name_column(group_by)),
                same=trace(_p(row["equality_p_value"]), "hazard_ratio_periods", row, *key),
                score=trace(_p(row["proportional_p_value"]), "hazard_ratio_periods", row, *key),
            )
        )
    return sentences


def period_table(periods: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Hazard ratio of each group within periods of follow-up: rows of `hazard_ratio_periods`."""
    columns = [
        Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False),
        Column("Group", lambda r: _code(r["group_by"], r["level"]), False),
        Column("Against", lambda r: _code(r["group_by"], r["reference"]), False),
        Column("From month", lambda r: format_number(r["start_months"], 0)),
        Column("To month", lambda r: format_number(r["stop_months"], 0)),
        Column("At risk", lambda r: format_count(r["n_at_risk"])),
        Column("Events", lambda r: format_count(r["events"])),
        _ratio_column(level, "status"),
        Column("p, same in all periods", lambda r: format_p_value(r["equality_p_value"])),
    ]
    key = ("endpoint", "group_by", "level", "start_months")
    title = "Hazard ratio within periods of follow-up"
    return page_table(title, "hazard_ratio_periods", periods, columns, key)


def _p(value) -> str:
    return format_p_value(value, name="p") or "not tested"


def _result_columns(level: str) -> list[Column]:
    return [
        Column("Group", lambda r: _code(r["group_by"], r["group"]), False),
        Column("Patients", lambda r: format_count(r["n"])),
        Column("Events", lambda r: format_count(r["events"])),
        Column(
            f"Median, months ({level} CI)",
            lambda r: format_interval(
                r["median_months"], r["median_low"], r["median_high"], status=r["status"]
            ),
        ),
        _ratio_column(level, "hazard_ratio_status"),
    ]


def _ratio_column(level: str, status: str) -> Column:
    """Hazard ratio; nothing in a row that is itself the reference or the whole cohort."""

    def show(row: dict) -> str:
        if pd.isna(row["hazard_ratio"]) and (pd.isna(row[status]) or str(row[status]) == "ok"):
            return ""
        return format_interval(
            row["hazard_ratio"],
            row["hazard_ratio_low"],
            row["hazard_ratio_high"],
            format_ratio,
            status=row[status],
        )

    return Column(f"Hazard ratio ({level} CI)", show)


def _code(column, code) -> str:
    return "" if pd.isna(code) else name_code(str(column), str(code))
