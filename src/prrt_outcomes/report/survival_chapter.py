"""Chapter survival: medians, milestones, comparisons and models; other definitions, sensitivity, subgroups."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.cohort.grouping import leave_out_few
from prrt_outcomes.figures.figure import is_proportional, iterate_groupings, pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, PageTable, cite, join_words, say, tell, trace
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_code,
    name_column,
    name_endpoint,
    name_term,
)

MOST_MEDIANS, EVENTS_A_GROUP = 3, 5
SHOWN = (
    "hazard_ratio_periods", "km_summary", "milestones", "cox", "rmst_difference", "subgroups", "sensitivity",
)  # fmt: skip


def write_survival(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    titles = endpoint_titles(study)
    level = numbers.format_level(study.analysis.confidence.level)
    whole = pick_rows(tables["km_summary"], group_by="all")
    rows = [
        row
        for own in whole.to_dict("records")
        for row in list_arms(own["endpoint"], tables["km_summary"], study) or [own]
    ]
    paragraphs = [
        tell(
            "competing",
            "km_summary",
            row,
            name=name_endpoint(row["endpoint"], titles),
            words=describe_incidence(row["endpoint"], tables, study),
        )
        if has_competing(row)
        else describe_median(row, titles, level)
        for row in rows
    ]
    paragraphs += _describe_tests(tables, titles)
    paragraphs += _describe_proportionality(tables["cox_diagnostics"], titles, study.analysis.alpha)
    paragraphs += describe_periods(tables["hazard_ratio_periods"], study.analysis.alpha, titles)
    paragraphs += [
        say("{w}.", w=words)
        for describe in (describe_switches, describe_stops)
        if (words := describe(tables, study))
    ]
    shown: list[PageTable] = []
    for name in SHOWN:
        if name == "cox":
            parts = iterate_groupings(tables[name], "endpoint")
            shown += [survival_table(name, part, titles, level) for _, part in parts]
        elif len(tables[name]):
            shown.append(survival_table(name, tables[name], titles, level))
    return paragraphs, shown


def list_arms(endpoint: str, summary: pd.DataFrame, study) -> list[dict]:
    """Rows of the arms of a study without cycles that groups by a column of its own: no median mixes them."""
    first = next(iter(study.analysis.group_by), "")
    if "cycles" in study.tables or first not in study.extra_columns:
        return []
    return pick_rows(summary, endpoint=endpoint, group_by=first).to_dict("records")


def has_competing(row: dict) -> bool:
    """Whether an event competes, so that the curve of a row of `km_summary` is no probability of the event."""
    return str(row.get("status")) == "competing_censored"


def describe_incidence(endpoint: str, tables: Mapping[str, pd.DataFrame], study):
    """`the cumulative incidence of progression was 31% (95% CI 26%-36%) at 12 months`, at every milestone reached."""
    risks = pick_rows(tables["competing_risks"], endpoint=endpoint, group_by="all")
    risks = risks[risks["cause"].astype("string").isin(["progression", "event"])]
    level = numbers.format_level(study.analysis.confidence.level)
    parts = []
    for month in study.analysis.milestones_months:
        before = risks[risks["time_months"] <= month]
        if len(before) and risks["time_months"].max() >= month:
            row = before.iloc[-1].to_dict()
            reach = numbers.format_range(row["low"], row["high"], numbers.format_percent)
            interval, months = f" ({level} CI {reach})" if reach else "", numbers.format_number(month, 0)
            parts.append(tell("incidence", "competing_risks", row, ci=interval, m=months))
    cause = "progression" if risks["cause"].astype("string").eq("progression").any() else "the event"
    what = f"cumulative incidence of {cause}, given the competing event"
    if not parts:
        return say("{what}, is not known at any milestone", what=what)
    return say("{what}, was {parts}", what=what, parts=join_words(parts))


def describe_median(row: dict, titles: dict[str, str], level: str):
    """`Median progression-free survival was 24.1 months (95% CI 20.0-28.9), with 231 events in 400 patients.`"""
    name = inside_sentence(name_endpoint(row["endpoint"], titles))
    after = Markup("")
    if pd.notna(row["follow_up_months"]):
        after = tell("follow_up", "km_summary", row)
    if condition := numbers.describe_condition([row.get("conditional_from_months")]):
        after += tell("conditional", "km_summary", row, c=trace(condition, "km_summary", row))
    reach = numbers.format_range(row.get("median_low"), row.get("median_high"))
    interval = f" ({level} CI {reach})" if reach else ""
    if pd.isna(row["median_months"]):
        words = Markup(numbers.describe_median_status(row["median_status"]))
    else:
        words = tell("median_months", "km_summary", row)
    group = "" if row["group_by"] == "all" else f" ({name_code(row['group_by'], str(row['group']))})"
    noun = "event" if row["events"] == 1 else "events"
    found = {"name": name, "group": group, "words": words, "ci": interval, "noun": noun}
    return tell("median", "km_summary", row, **found) + after


def _describe_tests(tables: Mapping[str, pd.DataFrame], titles: dict[str, str]) -> list:
    """One sentence an endpoint with the log-rank test of every grouping, and the medians of few groups."""
    logrank, adjusted = tables["logrank"], col.adjusted_p_value(tables["multiplicity"], "logrank")
    overall = logrank[logrank["group"].isna() & logrank["test"].astype("string").eq("logrank")]
    sentences = []
    for (endpoint,), rows in iterate_groupings(overall, "endpoint"):
        parts = [
            _test_words(row, tables["km_summary"], adjusted)
            for row in rows.to_dict("records")
            if pd.notna(row["p_value"])
        ]
        if parts:
            name = name_endpoint(endpoint, titles)
            sentences.append(say("{name}, log-rank tests: {parts}.", name=name, parts=join_words(parts)))
    return sentences


def _test_words(row: dict, summary: pd.DataFrame, adjusted: list[Column]):
    """`by arm p = 0.012 (medians in months: 12.1 for new and 7.3 for old)`, with a caution where events are few."""
    groups = pick_rows(summary, endpoint=row["endpoint"], group_by=row["group_by"]).to_dict("records")
    medians = [
        tell("median_for", "km_summary", g, g=name_code(row["group_by"], g["group"], inside=True))
        for g in groups
        if pd.notna(g["median_months"]) and not has_competing(g)
    ]
    remark = Markup("")
    if 1 < len(groups) == len(medians) <= MOST_MEDIANS:
        remark = say(" (medians in months: {medians})", medians=join_words(medians))
    if sum(g["events"] for g in groups) < EVENTS_A_GROUP * len(groups):
        remark += Markup(
            f" (on average fewer than {EVENTS_A_GROUP} events a group: the p-value is a rough approximation)"
        )
    strata = "" if pd.isna(row["strata"]) else str(row["strata"])
    names = " and ".join(inside_sentence(name_column(s)) for s in strata.split("+")) if strata else ""
    return tell(
        "tested",
        "logrank",
        row,
        by=inside_sentence(name_column(row["group_by"])),
        kind=f" (stratified by {names})" if names else "",
        holm="".join(f" ({c.title} {p})" for c in adjusted if (p := c.show(row))),
        remark=remark,
    )


def _describe_proportionality(diagnostics: pd.DataFrame, titles, alpha: float) -> list:
    """One warning for each model whose global test doubts proportional hazards."""
    doubtful = diagnostics[
        diagnostics["term"].astype("string").str.lower().eq("global") & diagnostics["p_value"].lt(alpha)
    ]
    return [
        tell(
            "not_proportional",
            "cox_diagnostics",
            row,
            model=name_term(row["model"]).lower(),
            name=inside_sentence(name_endpoint(row["endpoint"], titles)),
        )
        for row in doubtful.to_dict("records")
    ]


def describe_periods(periods: pd.DataFrame, alpha: float, titles: dict[str, str]) -> list:
    """A sentence for each grouping whose hazard ratios change over time: rows of `hazard_ratio_periods`."""
    sentences = []
    for (endpoint, group_by), rows in iterate_groupings(periods, "endpoint", "group_by"):
        if is_proportional(rows, alpha):
            continue
        row, key = rows.iloc[0].to_dict(), ("endpoint", "group_by")
        tests = {"equality_p_adjusted": "equal ratios in all periods", "proportional_p_value": "score test"}
        found = [
            say("{words} {p}", words=words, p=trace(p_value, "hazard_ratio_periods", row, *key))
            for test, words in tests.items()
            if (p_value := numbers.format_p_value(row[test], name="p"))
        ]
        names = {"name": name_endpoint(endpoint, titles), "group": inside_sentence(name_column(group_by))}
        tested = Markup(", ").join(found)
        sentences.append(tell("periods", "hazard_ratio_periods", {}, tests=tested, **names))
    return sentences


def _pick_follow_up(tables: Mapping[str, pd.DataFrame]) -> dict | None:
    rows = pick_rows(tables["scan_follow_up"], group_by="all")
    return rows.iloc[0].to_dict() if len(rows) else None


def describe_switches(tables: Mapping[str, pd.DataFrame], study):
    """How many began a new therapy before the event, were scanned after that, and progressed; None if not known."""
    row = _pick_follow_up(tables)
    if row is None:
        return None
    words = tell("switched", "scan_follow_up", row)
    return tell("after_switch", "scan_follow_up", row, w=words) if row["n_switched"] else words


def describe_stops(tables: Mapping[str, pd.DataFrame], study):
    """How many patients miss a planned scan, and the median censored before it, as it is and weighted; else None."""
    row = _pick_follow_up(tables)
    if row is None or pd.isna(row["n_stopped"]):
        return None
    words = tell("stopped", "scan_follow_up", row)
    found = pick_rows(tables["sensitivity"], group_by="all").set_index("analysis", drop=False)
    names = ["scan_stop_censored", "scan_stop_weighted"]
    shown = found.loc[found.index.isin(names) & found["median_months"].notna()].to_dict("records")
    if len(shown) < len(names) or pd.isna(row["effective_n"]):
        return words
    a, b = (cite(one, "median_months", "sensitivity") for one in shown)
    return tell("stopped_medians", "scan_follow_up", row, w=words, a=a, b=b)


def survival_table(name: str, rows: pd.DataFrame, titles: dict[str, str], level: str) -> PageTable:
    """Table of the page from rows of a result table on times to event; those of `cox` are of one endpoint."""
    note = col.PAGE_TABLES[name].get("note", "")
    if name == "km_summary":
        horizons = sorted({f"{h:g}" for h in rows["rmst_horizon_months"].dropna()})
        note = (f"Restricted mean to {', '.join(horizons)} months. " if horizons else "") + note
        condition = numbers.describe_condition(rows["conditional_from_months"])
        note += f" Late entry: survival is {condition}." if condition else ""
    if name != "cox" and rows["status"].astype("string").eq("competing_censored").any():
        note += " Where an event competes, it is censored here: no probability of the event."
    words = {
        "endpoint": lambda row: name_endpoint(row["endpoint"], titles),
        "mean": lambda row: (
            numbers.format_number(row["rmst_months"]) or numbers.describe_status(row["rmst_status"])
        ),
        "median": _show_median,
        "definition": lambda row: name_term(row["variant"]) or name_term("primary"),
    }
    first = name_endpoint(rows["endpoint"].iloc[0], titles)
    rows = leave_out_few(rows) if name == "cox" else rows
    return col.show_table(name, rows, level, words, note=note, endpoint=first)


def _show_median(row: dict) -> str:
    """Median with its interval; none where a row is a number of patients that must be changed."""
    if row.get("analysis") == "tipping_point" and str(row["status"]) == "ok":
        return ""
    median, low, high = (row[f"median_{what}"] for what in ("months", "low", "high"))
    return numbers.format_interval(median, low, high, status=row["status"])
