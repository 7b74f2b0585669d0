"""Chapters response and responders."""

import math
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.figure import iterate_groupings, pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, cite, join_words, page_table, say, trace
from prrt_outcomes.report.methods import CITATIONS
from prrt_outcomes.response.criteria import resolve_criteria
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_endpoint,
    name_term,
)

METHOD_NAMES = {"miettinen_nurminen": "Miettinen-Nurminen", "newcombe": "Newcombe"}
RATIO = ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high")
EXPLANATION = (
    "A responder is by definition free of the event until the day of the response (guarantee time). If time is "
    "counted from the first cycle, this period is credited to responders, who then appear to live longer even if "
    "response has no effect. Two analyses avoid this: the landmark analysis, which starts later with the patients "
    "still at risk, and those in which response begins on the day it was seen (Mantel-Byar test, time-dependent Cox "
    "model)."
)
NO_EFFECT = (
    "No such comparison shows what a response does: patients who respond may differ from the others in ways that "
    "prolong survival by themselves."
)


def write_response(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter.

    tables : response_rates, response_concordance, response_differences; any may be empty
    """
    rates = tables["response_rates"]
    if rates.empty:
        return [], []
    level = numbers.format_level(study.analysis.confidence.level)
    confirmed = study.response.primary_rate == "confirmed"
    first = study.response.primary_criterion
    quoted = rates[_is_true(rates["confirmed"]).eq(confirmed)]
    paragraphs = [
        _describe_rate(pick_rows(quoted, criterion=c, group_by="all"), c, level)
        for c in study.response.criteria
    ]
    sources = {d.name: d.source for d in resolve_criteria(study.response)}
    paragraphs += [
        _describe_marker(rows, name_term(marker), sources[marker] or "not cited")
        for (marker,), rows in iterate_groupings(tables["marker_changes"], "criterion")
    ]
    whole = pick_rows(rates, group_by="all")
    shown = [col.show_table("rates_of_all", whole, level)]
    groups = pick_rows(quoted, criterion=first)
    groups = groups[
        groups["group_by"].astype(str).ne("all")
        & groups["category"].astype(str).isin(["objective", "disease_control", "PD", "NE"])
    ]
    if len(groups):
        shown.append(col.show_table("rates_by_group", groups, level))
    differences = pick_rows(tables["response_differences"], criterion=first)
    if len(differences):
        own = differences[_is_true(differences["confirmed"]).eq(confirmed)]
        method = {"method": lambda m: METHOD_NAMES.get(m, name_term(m))}
        shown.append(col.show_table("response_differences", own, level, method))
    shown += _concordance(tables["response_concordance"])
    return [p for p in paragraphs if p], shown


def _is_true(values: pd.Series) -> pd.Series:
    return values.astype("boolean").fillna(False)


def _describe_rate(rows: pd.DataFrame, criterion: str, level: str):
    found = {str(r["category"]): r for r in rows.to_dict("records")}
    if "objective" not in found:
        return None
    row = found["objective"]

    def rate(code):
        return cite(found[code], "proportion", "response_rates", numbers.format_percent)

    text = say(
        "By {c}, <strong>{p}</strong> of {t} treated patients had an objective response ({level} CI {ci})",
        c=name_term(criterion),
        p=rate("objective"),
        t=numbers.format_count(row["total"]),
        level=level,
        ci=numbers.format_range(row["proportion_low"], row["proportion_high"], numbers.format_percent),
    )
    parts = {"MR": "minor response", "SD": "stable disease", "PD": "progression", "NE": "not evaluable"}
    for code, words in parts.items():
        if code in found and found[code]["n"] > 0:
            text += say("; {w} {p}", w=words, p=rate(code))
    if "disease_control" in found:
        text += say("; disease control {p}", p=rate("disease_control"))
    return text + "."


def _describe_marker(rows: pd.DataFrame, name: str, source: str):
    """What became of a laboratory value, which is not called a response."""
    words = {"normal": "normal in", "fell": "fell in", "rose": "rose in", "not_evaluable": "not evaluable in"}
    shares = {row["change"]: cite(row, "proportion", "marker_changes", numbers.format_percent)
              for row in rows.to_dict("records")}  # fmt: skip
    return say(
        "{name}: {parts} of {t} treated patients (cut-offs: {s}). Changes of a laboratory value are not counted as "
        "response: in a cohort of grade 2 small-intestinal tumours an early fall was not prognostic after PRRT ({c}).",
        name=name,
        parts=join_words([say("{w} {p}", w=words[change], p=shares[change]) for change in words]),
        t=numbers.format_count(rows["total"].iloc[0]),
        s=source,
        c=CITATIONS["marker"],
    )


def _concordance(concordance: pd.DataFrame) -> list[PageTable]:
    """One table a pair of criteria: how often they agree, cell by cell, with kappa in the title."""
    shown = []
    for (a, b), rows in iterate_groupings(concordance, "criterion_a", "criterion_b"):
        kappa = rows["kappa"].dropna()
        title = f"{name_term(a)} against {name_term(b)}"
        if len(kappa):
            title += f": Cohen's kappa {numbers.format_number(kappa.iloc[0], 2)}"
        responses = [*col.texts({name_term(a): "response_a"}), *col.texts({name_term(b): "response_b"})]
        columns = [*responses, *col.counts({"Patients": "n"})]
        filled = rows[rows["n"].fillna(0).gt(0)]
        shown.append(page_table(title, "response_concordance", filled, columns, most_open=0))
    return shown


def write_responders(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter; the naive number appears only beside the others."""
    responders = tables["responders"]
    if responders.empty:
        return [], []
    if set(responders["method"].astype(str)) <= {"naive"}:
        return [EXPLANATION], []
    titles, level = endpoint_titles(study), numbers.format_level(study.analysis.confidence.level)
    paragraphs: list = [EXPLANATION, NO_EFFECT]
    primary = pick_rows(
        responders, comparison="responder:non_responder", criterion=study.response.primary_criterion
    )
    for endpoint in dict.fromkeys(primary["endpoint"].astype(str)):
        text = _contrast(pick_rows(primary, endpoint=endpoint), name_endpoint(endpoint, titles), level)
        paragraphs += [text] if text else []
    bias = tables["responder_bias"]
    bias = bias[bias["null_naive_rejected"].notna()]
    paragraphs += [_describe_bias(row, titles, level) for row in bias.to_dict("records")]
    words = {
        "endpoint": col.endpoint(titles).show, "comparison": _compare_words, "ratio": _show_ratio,
        "holm": col.adjusted_p_value(tables["multiplicity"], "responders"),
    }  # fmt: skip
    shown = [col.show_table("responders", responders, level, words)]
    growth = tables["tumour_growth"]
    if len(growth):
        paragraphs += [
            _describe_growth(rows, titles, level) for _, rows in iterate_groupings(growth, "endpoint")
        ]
        shown.append(col.show_table("tumour_growth", growth, level, words))
    return paragraphs, shown


def _describe_growth(rows: pd.DataFrame, titles: dict[str, str], level: str):
    """Fast against slow growth at three months, alone and beside growth before treatment, or why it is not compared."""
    three = pick_rows(rows, measure="three_months").sort_values("adjusted")
    first, adjusted = three.to_dict("records")
    n, total = cite(first, "n", "tumour_growth", numbers.format_count), int(first["n"] + first["excluded"])
    name = name_endpoint(first["endpoint"], titles)
    words = "{name}: {n} of {t} patients had scans at baseline and 2 to 4 months after the first cycle"
    text = say(words + " and were at risk then", name=name, n=n, t=total)
    if pd.isna(first["hazard_ratio"]):
        words = "; fast and slow growth at 3 months are not compared, because {why}."
        return text + say(words, why=_explain_no_ratio(first))
    text += say(
        "; {f} grew by {c}% a month or faster, and their hazard ratio from that scan on is {r}",
        f=cite(first, "n_fast", "tumour_growth", numbers.format_count),
        c=f"{first['cut_percent_month']:g}",
        r=_trace_ratio(first, "tumour_growth", level),
    )
    beside = say(" ({r} beside growth before treatment)", r=_trace_ratio(adjusted, "tumour_growth", level))
    return text + (beside if pd.notna(adjusted["hazard_ratio"]) else "") + "."


def _explain_no_ratio(row: dict) -> str:
    """Why fast and slow growth have no hazard ratio."""
    if not row["n"]:
        return "there is nobody to compare"
    if row["n_fast"] in (0, row["n"]):
        return f"{'all' if row['n_fast'] else 'none'} of them had fast growth"
    return "the model could not be estimated" if row["events"] else "no patient had an event after that scan"


def _show_ratio(row: dict) -> str:
    """Hazard ratio; nothing for the Mantel-Byar test, which has none."""
    if str(row["method"]) == "mantel_byar" and pd.isna(row["hazard_ratio"]):
        return ""
    return numbers.format_interval(*(row[key] for key in RATIO), numbers.format_ratio, status=row["status"])


def _compare_words(comparison: str) -> str:
    return " against ".join(inside_sentence(name_term(part)) for part in comparison.split(":"))


def _trace_ratio(row: dict, table: str, level: str):
    value, low, high = (row[column] for column in RATIO)
    return trace(
        numbers.format_interval(value, low, high, numbers.format_ratio, label=f"{level} CI "), table, row
    )


def _contrast(rows: pd.DataFrame, name: str, level: str):
    """Naive beside the time-dependent hazard ratio; nothing where the second is missing."""
    rows = rows[rows["adjusted"].astype("boolean").eq(False).fillna(True) & rows["hazard_ratio"].notna()]
    found = {str(r["method"]): r for r in rows.to_dict("records")}
    if not {"naive", "time_dependent_cox"} <= set(found):
        return None
    return say(
        "{name}, responders against all others: the hazard ratio is <strong>{td}</strong> with response counted from "
        "the day it was seen, and {naive} in the naive analysis.",
        name=name,
        td=_trace_ratio(found["time_dependent_cox"], "responders", level),
        naive=_trace_ratio(found["naive"], "responders", level),
    )


def _describe_bias(row: dict, titles: dict[str, str], level: str):
    """How the naive ratio differs from the time-dependent one, and what its test claims where response does nothing."""
    name = name_endpoint(row["endpoint"], titles)
    text = Markup("")
    if pd.notna(row["bias"]):
        low, high = (math.exp(row[b]) if pd.notna(row[b]) else math.nan for b in ("bias_low", "bias_high"))
        factor = numbers.format_ratio(math.exp(row["bias"]))
        text = say(
            "{name}: the hazard ratio of the naive analysis is {factor} times that with response as time-dependent "
            "({level} CI {reach}); the difference of the two is what guarantee time does, where the hazards of "
            "responders and others are proportional. ",
            name=name,
            factor=trace(factor, "responder_bias", row),
            level=level,
            reach=numbers.format_range(low, high, numbers.format_ratio),
        )
        name = "In"
    else:
        name = f"{name}: in"
    return text + say(
        "{name} {n} simulated cohorts with the response times of this study and no effect of response, the naive test "
        "found a difference in {naive}, the Mantel-Byar test in {mb} (5% are expected by chance).",
        name=name,
        naive=cite(row, "null_naive_rejected", "responder_bias", numbers.format_percent),
        n=numbers.format_count(row["null_simulations"]),
        mb=cite(row, "null_mantel_byar_rejected", "responder_bias", numbers.format_percent),
    )
