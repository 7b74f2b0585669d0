"""Chapter survival: medians, milestones, comparisons and models in words and tables."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.report.content import Column, PageTable, join_words, page_table, say, trace
from prrt_outcomes.report.doubt_tables import (
    describe_periods,
    period_table,
    sensitivity_table,
    subgroup_table,
)
from prrt_outcomes.wording.numbers import (
    describe_status,
    format_count,
    format_interval,
    format_level,
    format_number,
    format_p_value,
    format_percent,
    format_range,
    format_ratio,
)
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_code,
    name_column,
    name_endpoint,
    name_term,
)

KM_KEY = ("endpoint", "group_by", "group")


def write_survival(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter.

    Parameters
    ----------
    tables : km_summary, milestones, logrank, cox, cox_diagnostics, rmst_difference, subgroups, sensitivity,
        hazard_ratio_periods; any may be empty
    study : titles, confidence level
    """
    titles = endpoint_titles(study)
    level = format_level(study.analysis.confidence.level)
    paragraphs, shown = [], []
    whole = pick_rows(tables["km_summary"], group_by="all")
    for row in whole.to_dict("records"):
        paragraphs.append(describe_median(row, titles, level))
    paragraphs += _describe_tests(tables["logrank"], titles)
    paragraphs += _describe_proportionality(tables["cox_diagnostics"], titles, study.analysis.alpha)
    paragraphs += describe_periods(tables["hazard_ratio_periods"], study.analysis.alpha, titles)
    if has_rows(tables["hazard_ratio_periods"]):
        shown.append(period_table(tables["hazard_ratio_periods"], titles, level))
    if has_rows(tables["km_summary"]):
        shown.append(_median_table(tables["km_summary"], titles, level))
    if has_rows(tables["milestones"]):
        shown.append(_milestone_table(tables["milestones"], titles, level))
    if has_rows(tables["cox"]):
        shown += _cox_tables(tables["cox"], titles, level)
    if has_rows(tables["rmst_difference"]):
        shown.append(_rmst_table(tables["rmst_difference"], titles, level))
    for name, make in (("subgroups", subgroup_table), ("sensitivity", sensitivity_table)):
        if has_rows(tables[name]):
            shown.append(make(tables[name], titles, level))
    return paragraphs, shown


def describe_median(row: dict, titles: dict[str, str], level: str):
    """`Median progression-free survival was 24.1 months (95% CI 20.0-28.9), with 231 events in 400 patients.`"""
    name = inside_sentence(name_endpoint(row["endpoint"], titles))
    events = trace(format_count(row["events"]), "km_summary", row, *KM_KEY)
    n = trace(format_count(row["n"]), "km_summary", row, *KM_KEY)
    follow = trace(format_number(row["follow_up_months"]), "km_summary", row, *KM_KEY)
    after = say(" Median follow-up was {f} months.", f=follow) if follow.text else ""
    if pd.isna(row["median_months"]):
        words = describe_status(row["median_status"]) or "not reached"
        return (
            say("Median {name}: {words}; {e} events in {n} patients.", name=name, words=words, e=events, n=n)
            + after
        )
    reach = format_range(row["median_low"], row["median_high"])
    median = trace(format_number(row["median_months"]), "km_summary", row, *KM_KEY)
    interval = f" ({level} CI {reach})" if reach else ""
    return (
        say(
            "Median {name} was <strong>{m} months</strong>{ci}, with {e} events in {n} patients.",
            name=name, m=median, ci=interval, e=events, n=n,
        )
        + after
    )  # fmt: skip


def _describe_tests(logrank: pd.DataFrame, titles: dict[str, str]) -> list:
    """One sentence an endpoint with the log-rank test of every grouping."""
    if not has_rows(logrank):
        return []
    overall = logrank[logrank["group"].isna() & logrank["test"].astype("string").eq("logrank")]
    sentences = []
    for (endpoint,), rows in iterate_groupings(overall, "endpoint"):
        parts = [_test_words(row) for row in rows.to_dict("records") if pd.notna(row["p_value"])]
        if parts:
            name = name_endpoint(endpoint, titles)
            sentences.append(say("{name}, log-rank tests: {parts}.", name=name, parts=join_words(parts)))
    return sentences


def _test_words(row: dict):
    """`by tumour group p = 0.012`."""
    key = ("endpoint", "group_by", "test", "strata")
    strata = "" if pd.isna(row["strata"]) else str(row["strata"])
    names = " and ".join(inside_sentence(name_column(s)) for s in strata.split("+")) if strata else ""
    return say(
        "by {group}{kind} {p}",
        group=inside_sentence(name_column(row["group_by"])),
        kind=f" (stratified by {names})" if names else "",
        p=trace(format_p_value(row["p_value"], name="p"), "logrank", row, *key),
    )


def _describe_proportionality(diagnostics: pd.DataFrame, titles, alpha: float) -> list:
    """One warning for each model whose global test doubts proportional hazards."""
    if not has_rows(diagnostics):
        return []
    doubtful = diagnostics[
        diagnostics["term"].astype("string").str.lower().eq("global") & diagnostics["p_value"].lt(alpha)
    ]
    return [
        say(
            "The hazard ratios of the {model} model of {name} change over time (proportional-hazards test {p}): read "
            "them as an average, and the curves and restricted means beside them.",
            model=name_term(row["model"]).lower(),
            name=inside_sentence(name_endpoint(row["endpoint"], titles)),
            p=trace(
                format_p_value(row["p_value"], name="p"), "cox_diagnostics", row, "endpoint", "model", "term"
            ),
        )
        for row in doubtful.to_dict("records")
    ]


def _endpoint(titles):
    return Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False)


def _group() -> list[Column]:
    return [
        Column(
            "Group",
            lambda r: name_code(str(r["group_by"]), str(r["group"])),
            False,
        )
    ]


def _median_table(summary, titles, level) -> PageTable:
    columns = [
        _endpoint(titles),
        *_group(),
        Column("Patients", lambda r: format_count(r["n"])),
        Column("Events", lambda r: format_count(r["events"])),
        Column(
            f"Median, months ({level} CI)",
            lambda r: format_interval(
                r["median_months"], r["median_low"], r["median_high"], status=r["median_status"]
            ),
        ),
        Column(
            "Restricted mean, months",
            lambda r: format_number(r["rmst_months"]) or describe_status(r["rmst_status"]),
        ),
    ]
    horizons = sorted({f"{h:g}" for h in summary["rmst_horizon_months"].dropna()})
    note = f"Restricted mean to {', '.join(horizons)} months. " if horizons else ""
    return page_table(
        "Time to event by group", "km_summary", summary, columns, KM_KEY, f"{note}NR: limit not reached."
    )


def _milestone_table(milestones, titles, level) -> PageTable:
    columns = [
        _endpoint(titles),
        *_group(),
        Column("Months", lambda r: format_number(r["time_months"], 0)),
        Column("At risk", lambda r: format_count(r["n_at_risk"])),
        Column(
            f"Free of the event ({level} CI)",
            lambda r: format_interval(
                r["survival"], r["survival_low"], r["survival_high"], format_percent, status=r["status"]
            ),
        ),
    ]
    return page_table("Survival at milestones", "milestones", milestones, columns, (*KM_KEY, "time_months"))


def _cox_tables(cox, titles, level) -> list[PageTable]:
    tables = []
    for (endpoint,), part in iterate_groupings(cox, "endpoint"):
        columns = [
            Column("Model", lambda r: name_term(r["model"]), False),
            Column("Covariate", lambda r: name_column(str(r["term"])), False),
            Column(
                "Level", lambda r: "" if pd.isna(r["level"]) else name_code(r["term"], str(r["level"])), False
            ),
            Column(
                "Against",
                lambda r: "" if pd.isna(r["reference"]) else name_code(r["term"], str(r["reference"])),
                False,
            ),
            Column("Events/n", lambda r: f"{format_count(r['events'])}/{format_count(r['n'])}"),
            Column(
                f"Hazard ratio ({level} CI)",
                lambda r: format_interval(
                    r["hazard_ratio"],
                    r["hazard_ratio_low"],
                    r["hazard_ratio_high"],
                    format_ratio,
                    status=r["status"],
                ),
            ),
            Column("p", lambda r: format_p_value(r["p_value"])),
            Column(
                "Remark", lambda r: describe_status(r["status"]) if pd.notna(r["hazard_ratio"]) else "", False
            ),
        ]
        title = f"{name_endpoint(endpoint, titles)}: Cox models"
        tables.append(page_table(title, "cox", part, columns, ("endpoint", "model", "term", "level")))
    return tables


def _rmst_table(differences, titles, level) -> PageTable:
    columns = [
        _endpoint(titles),
        *_group(),
        Column("Against", lambda r: name_code(str(r["group_by"]), str(r["reference"])), False),
        Column(
            f"Difference, months ({level} CI)",
            lambda r: format_interval(
                r["difference_months"], r["low"], r["high"], format_number, status=r["status"]
            ),
        ),
        Column("p", lambda r: format_p_value(r["p_value"])),
    ]
    return page_table(
        "Difference of restricted means", "rmst_difference", differences, columns, (*KM_KEY, "reference")
    )
