"""Chapter survival: medians, milestones, comparisons and models; other definitions, sensitivity, subgroups."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_figures import is_proportional
from prrt_outcomes.report.content import (
    Column,
    PageTable,
    code_column,
    count_column,
    endpoint_column,
    fraction_column,
    interval_column,
    join_words,
    number_column,
    p_column,
    page_table,
    say,
    text_column,
    trace,
)
from prrt_outcomes.wording.numbers import (
    describe_status,
    format_count,
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
    name_column,
    name_endpoint,
    name_term,
)

KM_KEY = ("endpoint", "group_by", "group")
MEDIAN = ("median_months", "median_low", "median_high")


def write_survival(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter.

    tables : km_summary, milestones, logrank, cox, cox_diagnostics, rmst_difference, subgroups, sensitivity,
        hazard_ratio_periods; any may be empty
    """
    titles = endpoint_titles(study)
    level = format_level(study.analysis.confidence.level)
    paragraphs: list = []
    shown: list[PageTable] = []
    whole = pick_rows(tables["km_summary"], group_by="all")
    for row in whole.to_dict("records"):
        paragraphs.append(describe_median(row, titles, level))
    paragraphs += _describe_tests(tables["logrank"], titles)
    paragraphs += _describe_proportionality(tables["cox_diagnostics"], titles, study.analysis.alpha)
    paragraphs += describe_periods(tables["hazard_ratio_periods"], study.analysis.alpha, titles)
    makers: dict[str, Callable] = {
        "hazard_ratio_periods": period_table,
        "km_summary": _median_table,
        "milestones": _milestone_table,
        "cox": _cox_tables,
        "rmst_difference": _rmst_table,
        "subgroups": subgroup_table,
        "sensitivity": sensitivity_table,
    }
    for name, make in makers.items():
        if has_rows(tables[name]):
            made = make(tables[name], titles, level)
            shown += made if isinstance(made, list) else [made]
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


def describe_periods(periods: pd.DataFrame, alpha: float, titles: dict[str, str]) -> list:
    """A sentence for each grouping whose hazard ratios change over time: rows of `hazard_ratio_periods`."""
    sentences = []
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
                same=trace(
                    format_p_value(row["equality_p_value"], name="p") or "not tested",
                    "hazard_ratio_periods",
                    row,
                    *key,
                ),
                score=trace(
                    format_p_value(row["proportional_p_value"], name="p") or "not tested",
                    "hazard_ratio_periods",
                    row,
                    *key,
                ),
            )
        )
    return sentences


def _median_table(summary: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    columns = [
        endpoint_column(titles),
        code_column("Group", "group_by", "group"),
        count_column("Patients", "n"),
        count_column("Events", "events"),
        interval_column(f"Median, months ({level} CI)", MEDIAN, status="median_status"),
        Column(
            "Restricted mean, months",
            lambda r: format_number(r["rmst_months"]) or describe_status(r["rmst_status"]),
        ),
    ]
    horizons = sorted({f"{h:g}" for h in summary["rmst_horizon_months"].dropna()})
    note = f"Restricted mean to {', '.join(horizons)} months. " if horizons else ""
    note += "NR: limit not reached."
    return page_table("Time to event by group", "km_summary", summary, columns, KM_KEY, note)


def _milestone_table(milestones: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    limits = ("survival", "survival_low", "survival_high")
    columns = [
        endpoint_column(titles),
        code_column("Group", "group_by", "group"),
        number_column("Months", "time_months", 0),
        count_column("At risk", "n_at_risk"),
        interval_column(f"Free of the event ({level} CI)", limits, format_percent),
    ]
    return page_table("Survival at milestones", "milestones", milestones, columns, (*KM_KEY, "time_months"))


def _cox_tables(cox: pd.DataFrame, titles: dict[str, str], level: str) -> list[PageTable]:
    columns = [
        text_column("Model", "model", name_term),
        text_column("Covariate", "term", name_column),
        code_column("Level", "term", "level"),
        code_column("Against", "term", "reference"),
        fraction_column("Events/n", "events", "n"),
        _ratio_column(level),
        p_column(),
        Column(
            "Remark", lambda r: describe_status(r["status"]) if pd.notna(r["hazard_ratio"]) else "", False
        ),
    ]
    key = ("endpoint", "model", "term", "level")
    return [
        page_table(f"{name_endpoint(endpoint, titles)}: Cox models", "cox", part, columns, key)
        for (endpoint,), part in iterate_groupings(cox, "endpoint")
    ]


def _rmst_table(differences: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    columns = [
        endpoint_column(titles),
        code_column("Group", "group_by", "group"),
        code_column("Against", "group_by", "reference"),
        interval_column(f"Difference, months ({level} CI)", ("difference_months", "low", "high")),
        p_column(),
    ]
    key = (*KM_KEY, "reference")
    return page_table("Difference of restricted means", "rmst_difference", differences, columns, key)


def _result_columns(level: str) -> list[Column]:
    return [
        code_column("Group", "group_by", "group"),
        count_column("Patients", "n"),
        count_column("Events", "events"),
        interval_column(f"Median, months ({level} CI)", MEDIAN),
        _ratio_or_nothing(level, "hazard_ratio_status"),
    ]


def _ratio_column(level: str, status: str = "status") -> Column:
    limits = ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high")
    return interval_column(f"Hazard ratio ({level} CI)", limits, format_ratio, status=status)


def _ratio_or_nothing(level: str, status: str = "status") -> Column:
    """Hazard ratio; nothing in a row that is itself the reference or the whole cohort."""
    ratio = _ratio_column(level, status)

    def show(row: dict) -> str:
        is_reference = pd.isna(row[status]) or str(row[status]) == "ok"
        return "" if pd.isna(row["hazard_ratio"]) and is_reference else ratio.show(row)

    return Column(ratio.title, show)


def variant_table(variants: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Median and hazard ratio of every variant of an endpoint: rows of `estimand_comparison`."""
    columns = [
        endpoint_column(titles),
        Column("Definition", lambda r: name_term(r["variant"]) or name_term("primary"), False),
        *_result_columns(level),
    ]
    key = ("endpoint", "variant", "group_by", "group")
    return page_table("Other definitions of the endpoints", "estimand_comparison", variants, columns, key)


def sensitivity_table(analyses: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Median and hazard ratio of every sensitivity analysis: rows of `sensitivity`."""
    columns = [
        endpoint_column(titles),
        text_column("Analysis", "analysis", name_term),
        count_column("Changed", "n_changed"),
        *_result_columns(level),
    ]
    key = ("endpoint", "analysis", "group_by", "group")
    note = "Changed: patients whose time or event differs from the primary analysis."
    return page_table("Sensitivity analyses", "sensitivity", analyses, columns, key, note)


def subgroup_table(subgroups: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Effect within the levels of subgroups with the test of interaction: rows of `subgroups`."""
    columns = [
        endpoint_column(titles),
        text_column("Subgroup", "subgroup", name_column),
        code_column("Level", "subgroup", "subgroup_level"),
        code_column("Effect of", "term", "level"),
        code_column("Against", "term", "reference"),
        fraction_column("Events/n", "events", "n"),
        _ratio_or_nothing(level),
        p_column("p of interaction", "interaction_p_value"),
    ]
    key = ("endpoint", "subgroup", "subgroup_level", "term", "level")
    return page_table("Subgroups", "subgroups", subgroups, columns, key)


def period_table(periods: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Hazard ratio of each group within periods of follow-up: rows of `hazard_ratio_periods`."""
    columns = [
        endpoint_column(titles),
        code_column("Group", "group_by", "level"),
        code_column("Against", "group_by", "reference"),
        number_column("From month", "start_months", 0),
        number_column("To month", "stop_months", 0),
        count_column("At risk", "n_at_risk"),
        count_column("Events", "events"),
        _ratio_or_nothing(level),
        p_column("p, same in all periods", "equality_p_value"),
    ]
    key = ("endpoint", "group_by", "level", "start_months")
    title = "Hazard ratio within periods of follow-up"
    return page_table(title, "hazard_ratio_periods", periods, columns, key)
