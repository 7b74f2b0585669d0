"""Chapter survival: medians, milestones, comparisons and models; other definitions, sensitivity, subgroups."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.figure import is_proportional, iterate_groupings, pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, PageTable, cite, join_words, say, trace
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
        say(
            "{name}: {words}, with {e} events in {n} patients.",
            name=name_endpoint(row["endpoint"], titles),
            words=describe_incidence(row["endpoint"], tables, study),
            e=cite(row, "events", "km_summary", numbers.format_count),
            n=cite(row, "n", "km_summary", numbers.format_count),
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
            share = cite(row, "cumulative_incidence", "competing_risks", numbers.format_percent)
            interval = f" ({level} CI {reach})" if reach else ""
            months = numbers.format_number(month, 0)
            parts.append(say("{p}{ci} at {m} months", p=share, ci=interval, m=months))
    cause = "progression" if risks["cause"].astype("string").eq("progression").any() else "the event"
    what = f"cumulative incidence of {cause}, given the competing event"
    if not parts:
        return say("{what}, is not known at any milestone", what=what)
    return say("{what}, was {parts}", what=what, parts=join_words(parts))


def describe_median(row: dict, titles: dict[str, str], level: str):
    """`Median progression-free survival was 24.1 months (95% CI 20.0-28.9), with 231 events in 400 patients.`"""
    name = inside_sentence(name_endpoint(row["endpoint"], titles))
    events, n = (cite(row, column, "km_summary", numbers.format_count) for column in ("events", "n"))
    follow = cite(row, "follow_up_months", "km_summary")
    after = say(" Median follow-up was {f} months.", f=follow) if follow.text else ""
    if condition := numbers.describe_condition([row.get("conditional_from_months")]):
        where = trace(condition, "km_summary", row)
        after += say(" Survival is {c}, when too few patients were under observation.", c=where)
    reach = numbers.format_range(row.get("median_low"), row.get("median_high"))
    interval = f" ({level} CI {reach})" if reach else ""
    if pd.isna(row["median_months"]):
        words = Markup(numbers.describe_median_status(row["median_status"]))
    else:
        words = say("<strong>{m} months</strong>", m=cite(row, "median_months", "km_summary"))
    return say(
        "Median {name}{group} was {words}{ci}, with {e} {noun} in {n} patients.",
        group="" if row["group_by"] == "all" else f" ({name_code(row['group_by'], str(row['group']))})",
        name=name, words=words, ci=interval, e=events, noun="event" if events.text == "1" else "events", n=n,
    ) + after  # fmt: skip


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
        say(
            "{m} for {g}",
            g=name_code(row["group_by"], g["group"], inside=True),
            m=cite(g, "median_months", "km_summary"),
        )
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
    return say(
        "by {group}{kind} {p}{holm}{remark}",
        group=inside_sentence(name_column(row["group_by"])),
        kind=f" (stratified by {names})" if names else "",
        p=trace(numbers.format_p_value(row["p_value"], name="p"), "logrank", row),
        holm="".join(f" ({c.title} {p})" for c in adjusted if (p := c.show(row))),
        remark=remark,
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
            p=trace(numbers.format_p_value(row["p_value"], name="p"), "cox_diagnostics", row),
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
        sentences.append(
            say(
                "{name} by {group}: the hazards do not look proportional ({tests}), so one ratio does not describe "
                "the groups; read the periods, milestones and the restricted means instead.",
                name=name_endpoint(endpoint, titles),
                group=inside_sentence(name_column(group_by)),
                tests=Markup(", ").join(found),
            )
        )
    return sentences


def _pick_follow_up(tables: Mapping[str, pd.DataFrame]) -> dict | None:
    rows = pick_rows(tables["scan_follow_up"], group_by="all")
    return rows.iloc[0].to_dict() if len(rows) else None


def describe_switches(tables: Mapping[str, pd.DataFrame], study):
    """How many began a new therapy before the event, were scanned after that, and progressed; None if not known."""
    row = _pick_follow_up(tables)
    if row is None:
        return None
    names = ("n_switched", "n", "n_scanned_after_switch", "n_progressed_after_switch")
    began, n, scanned, progressed = (cite(row, c, "scan_follow_up", numbers.format_count) for c in names)
    words = say("{b} of {n} patients began a new therapy before the event", b=began, n=n)
    after = ", {s} of them were scanned afterwards and {p} had progression after it"
    return words + say(after, s=scanned, p=progressed) if row["n_switched"] else words


def describe_stops(tables: Mapping[str, pd.DataFrame], study):
    """How many patients miss a planned scan, and the median censored before it, as it is and weighted; else None."""
    row = _pick_follow_up(tables)
    if row is None or pd.isna(row["n_stopped"]):
        return None
    stopped = cite(row, "n_stopped", "scan_follow_up", numbers.format_count)
    words = say(
        "{k} of {n} patients had no scan by the end of the window of a planned one (scans stopped)",
        k=stopped, n=numbers.format_count(row["n"]),
    )  # fmt: skip
    found = pick_rows(tables["sensitivity"], group_by="all").set_index("analysis", drop=False)
    names = ["scan_stop_censored", "scan_stop_weighted"]
    shown = found.loc[found.index.isin(names) & found["median_months"].notna()].to_dict("records")
    if len(shown) < len(names) or pd.isna(row["effective_n"]):
        return words
    medians = [cite(one, "median_months", "sensitivity") for one in shown]
    size, largest = (cite(row, c, "scan_follow_up") for c in ("effective_n", "largest_weight"))
    return say(
        "{w}; censored before the day planned for it, with deaths until then as events, the median is {a} months, and "
        "{b} months weighted by the inverse probability of continued scanning (stabilised weights from a pooled "
        "logistic model of the covariates of the study, last response and new therapy, robust interval; effective "
        "sample size {s}, largest weight {l}, none truncated)",
        w=words, a=medians[0], b=medians[1], s=size, l=largest,
    )  # fmt: skip


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
    return col.show_table(name, rows, level, words, note=note, endpoint=first)


def _show_median(row: dict) -> str:
    """Median with its interval; none where a row is a number of patients that must be changed."""
    if row.get("analysis") == "tipping_point" and str(row["status"]) == "ok":
        return ""
    median, low, high = (row[f"median_{what}"] for what in ("months", "low", "high"))
    return numbers.format_interval(median, low, high, status=row["status"])
