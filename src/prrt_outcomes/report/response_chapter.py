"""Chapter response: rates with exact intervals, by criterion and group."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.report.content import Column, PageTable, page_table, say, trace
from prrt_outcomes.wording.numbers import (
    format_count,
    format_interval,
    format_level,
    format_number,
    format_p_value,
    format_percent,
    format_range,
)
from prrt_outcomes.wording.terms import name_code, name_column, name_term

METHOD_NAMES = {"miettinen_nurminen": "Miettinen-Nurminen", "newcombe": "Newcombe"}
KEY = ("criterion", "confirmed", "group_by", "group", "category")


def write_response(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter.

    Parameters
    ----------
    tables : response_rates, response_concordance, response_differences; any may be empty
    study : criteria, which rate is quoted, confidence level
    """
    rates = tables["response_rates"]
    if not has_rows(rates):
        return [], []
    level = format_level(study.analysis.confidence.level)
    confirmed = study.response.primary_rate == "confirmed"
    flag = rates["confirmed"].astype("boolean").fillna(False)
    quoted = rates[flag.eq(confirmed)]
    paragraphs = [
        _describe_rate(pick_rows(quoted, criterion=c, group_by="all"), c, level)
        for c in study.response.criteria
    ]
    whole = pick_rows(rates, group_by="all")
    shown = [_rate_table("Best response of all patients", whole, level, with_group=False)]
    categories = ["objective", "disease_control", "PD", "NE"]
    primary = pick_rows(quoted, criterion=study.response.criteria[0])
    groups = primary[
        primary["group_by"].astype(str).ne("all") & primary["category"].astype(str).isin(categories)
    ]
    if has_rows(groups):
        shown.append(_rate_table("Rates by group, primary criterion", groups, level, with_group=True))
    differences = pick_rows(tables["response_differences"], criterion=study.response.criteria[0])
    if has_rows(differences):
        flag = differences["confirmed"].astype("boolean").fillna(False)
        shown.append(_difference_table(differences[flag.eq(confirmed)], level))
    shown += _concordance(tables["response_concordance"])
    return [p for p in paragraphs if p], shown


def _describe_rate(rows: pd.DataFrame, criterion: str, level: str):
    found = {str(r["category"]): r for r in rows.to_dict("records")}
    if "objective" not in found:
        return None
    row = found["objective"]

    def rate(code):
        return trace(format_percent(found[code]["proportion"]), "response_rates", found[code], *KEY)

    text = say(
        "By {c}, <strong>{p}</strong> of {t} treated patients had an objective response ({level} CI {ci})",
        c=name_term(criterion),
        p=rate("objective"),
        t=format_count(row["total"]),
        level=level,
        ci=format_range(row["proportion_low"], row["proportion_high"], format_percent),
    )
    parts = {"MR": "minor response", "SD": "stable disease", "PD": "progression", "NE": "not evaluable"}
    for code, words in parts.items():
        if code in found and found[code]["n"] > 0:
            text += say("; {w} {p}", w=words, p=rate(code))
    if "disease_control" in found:
        text += say("; disease control {p}", p=rate("disease_control"))
    return text + "."


def _rate_table(title, rates, level, *, with_group: bool) -> PageTable:
    group = [
        Column("Grouping", lambda r: name_column(str(r["group_by"])), False),
        Column("Group", lambda r: name_code(str(r["group_by"]), str(r["group"])), False),
    ]
    columns = [
        *([] if with_group else [Column("Criterion", lambda r: name_term(r["criterion"]), False)]),
        *(group if with_group else []),
        Column(
            "Confirmed",
            lambda r: "yes" if r["confirmed"] is True or str(r["confirmed"]) == "True" else "no",
            False,
        ),
        Column("Response", lambda r: name_term(r["category"]), False),
        Column("n", lambda r: f"{format_count(r['n'])}/{format_count(r['total'])}"),
        Column(
            f"Share ({level} CI)",
            lambda r: format_interval(
                r["proportion"], r["proportion_low"], r["proportion_high"], format_percent, status=r["status"]
            ),
        ),
    ]
    return page_table(title, "response_rates", rates, columns, KEY)


def _difference_table(differences: pd.DataFrame, level: str) -> PageTable:
    """Difference of rates between groups with both intervals."""
    columns = [
        Column("Grouping", lambda r: name_column(str(r["group_by"])), False),
        Column("Group", lambda r: name_code(str(r["group_by"]), str(r["group"])), False),
        Column("Against", lambda r: name_code(str(r["group_by"]), str(r["reference"])), False),
        Column("Response", lambda r: name_term(r["category"]), False),
        Column("Interval by", lambda r: METHOD_NAMES.get(str(r["method"]), name_term(r["method"])), False),
        Column("n", lambda r: f"{format_count(r['n'])}/{format_count(r['total'])}"),
        Column(
            "n, reference", lambda r: f"{format_count(r['n_reference'])}/{format_count(r['total_reference'])}"
        ),
        Column(
            f"Difference ({level} CI)",
            lambda r: format_interval(
                r["difference"], r["difference_low"], r["difference_high"], format_percent, status=r["status"]
            ),
        ),
        Column("p", lambda r: format_p_value(r["p_value"])),
    ]
    key = ("criterion", "confirmed", "group_by", "group", "category", "method")
    return page_table(
        "Differences of rates, primary criterion", "response_differences", differences, columns, key
    )


def _concordance(concordance: pd.DataFrame) -> list[PageTable]:
    """One table a pair of criteria: how often they agree, cell by cell, with kappa in the title."""
    if not has_rows(concordance):
        return []
    shown = []
    for (a, b), rows in iterate_groupings(concordance, "criterion_a", "criterion_b"):
        kappa = rows["kappa"].dropna()
        title = f"{name_term(a)} against {name_term(b)}"
        if len(kappa):
            title += f": Cohen's kappa {format_number(kappa.iloc[0], 2)}"
        columns = [
            Column(name_term(a), lambda r: str(r["response_a"]), False),
            Column(name_term(b), lambda r: str(r["response_b"]), False),
            Column("Patients", lambda r: format_count(r["n"])),
        ]
        key = ("criterion_a", "criterion_b", "response_a", "response_b")
        filled = rows[rows["n"].fillna(0).gt(0)]
        shown.append(page_table(title, "response_concordance", filled, columns, key, most_open=0))
    return shown
