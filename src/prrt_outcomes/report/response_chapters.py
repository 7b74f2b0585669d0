"""Chapters response and responders."""

import math
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.figure import iterate_groupings, pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import SENTENCES, PageTable, cite, join_words, page_table, say, tell, trace
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
    model = pick_rows(tables["response_model"], criterion=first)
    model = model[_is_true(model["confirmed"]).eq(confirmed)]
    if len(model):
        shown.append(col.show_table("response_model", model, level))
    shown += _concordance(tables["response_concordance"])
    return [p for p in paragraphs if p], shown


def _is_true(values: pd.Series) -> pd.Series:
    return values.astype("boolean").fillna(False)


def _describe_rate(rows: pd.DataFrame, criterion: str, level: str):
    found = {str(r["category"]): r for r in rows.to_dict("records")}
    if "objective" not in found:
        return None
    row = found["objective"]
    reach = numbers.format_range(row["proportion_low"], row["proportion_high"], numbers.format_percent)
    text = tell("response", "response_rates", row, level, c=name_term(criterion), ci=reach)
    parts = {"MR": "minor response", "SD": "stable disease", "PD": "progression", "NE": "not evaluable"}
    known = {code: words for code, words in parts.items() if code in found and found[code]["n"] > 0}
    for code, words in (known | {"disease_control": "disease control"}).items():
        text += tell("category", "response_rates", found[code], w=words) if code in found else ""
    return text + "."


def _describe_marker(rows: pd.DataFrame, name: str, source: str):
    """What became of a laboratory value, which is not called a response."""
    words = {"normal": "normal in", "fell": "fell in", "rose": "rose in", "not_evaluable": "not evaluable in"}
    shares = {row["change"]: cite(row, "proportion", "marker_changes", numbers.format_percent)
              for row in rows.to_dict("records")}  # fmt: skip
    parts = join_words([say("{w} {p}", w=words[change], p=shares[change]) for change in words])
    total = numbers.format_count(rows["total"].iloc[0])
    cited = {"name": name, "s": source, "c": CITATIONS["marker"]}
    return tell("marker", "marker_changes", {}, parts=parts, t=total, **cited)


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
        return [SENTENCES["guarantee_time"]], []
    titles, level = endpoint_titles(study), numbers.format_level(study.analysis.confidence.level)
    paragraphs: list = [SENTENCES[name] for name in ("guarantee_time", "no_effect")]
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
    if len(tables["responder_predictors"]):
        shown.append(col.show_table("responder_predictors", tables["responder_predictors"], level, words))
    growth = tables["tumour_growth"]
    if len(growth):
        paragraphs += [
            _describe_growth(rows, titles, level)
            for _, rows in iterate_groupings(growth, "endpoint")
            if rows[["n", "excluded"]].notna().all(axis=None)
        ]
        shown.append(col.show_table("tumour_growth", growth, level, words))
    return paragraphs, shown


def _describe_growth(rows: pd.DataFrame, titles: dict[str, str], level: str):
    """Fast against slow growth at three months, alone and beside growth before treatment, or why it is not compared."""
    three = pick_rows(rows, measure="three_months").sort_values("adjusted")
    first, adjusted = three.to_dict("records")
    name, total = name_endpoint(first["endpoint"], titles), int(first["n"] + first["excluded"])
    text = tell("growth", "tumour_growth", first, name=name, t=total)
    if pd.isna(first["hazard_ratio"]):
        return text + tell("growth_not_compared", "tumour_growth", first, why=_explain_no_ratio(first))
    text += tell("growth_compared", "tumour_growth", first, level, c=f"{first['cut_percent_month']:g}")
    if pd.notna(adjusted["hazard_ratio"]):
        text += tell("growth_beside", "tumour_growth", adjusted, level)
    return text + "."


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
    value, low, high = (row[key] for key in RATIO)
    return numbers.format_interval(value, low, high, numbers.format_ratio, status=row["status"])


def _compare_words(comparison: str) -> str:
    return " against ".join(inside_sentence(name_term(part)) for part in comparison.split(":"))


def _contrast(rows: pd.DataFrame, name: str, level: str):
    """Naive beside the time-dependent hazard ratio; nothing where the second is missing."""
    rows = rows[rows["adjusted"].astype("boolean").eq(False).fillna(True) & rows["hazard_ratio"].notna()]
    found = {str(r["method"]): r for r in rows.to_dict("records")}
    if not {"naive", "time_dependent_cox"} <= set(found):
        return None
    exact = tell("ratio", "responders", found["time_dependent_cox"], level)
    return tell("contrast", "responders", found["naive"], level, name=name, td=exact)


def _describe_bias(row: dict, titles: dict[str, str], level: str):
    """How the naive ratio differs from the time-dependent one, and what its test claims where response does nothing."""
    name = name_endpoint(row["endpoint"], titles)
    text = Markup("")
    if pd.notna(row["bias"]):
        low, high = (math.exp(row[b]) if pd.notna(row[b]) else math.nan for b in ("bias_low", "bias_high"))
        factor = numbers.format_ratio(math.exp(row["bias"]))
        reach = numbers.format_range(low, high, numbers.format_ratio)
        text = (
            tell(
                "bias",
                "responder_bias",
                row,
                level,
                name=name,
                factor=trace(factor, "responder_bias", row),
                reach=reach,
            )
            + " "
        )
        name = "In"
    else:
        name = f"{name}: in"
    return text + tell("chance", "responder_bias", row, name=name)
