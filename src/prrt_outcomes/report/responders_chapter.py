"""Chapter responders: guarantee-time bias in three sentences, then all methods together."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.rows import has_rows, pick_rows
from prrt_outcomes.report.content import Column, PageTable, page_table, say, trace
from prrt_outcomes.wording.numbers import (
    format_count,
    format_interval,
    format_level,
    format_number,
    format_p_value,
    format_percent,
    format_range,
    format_ratio,
)
from prrt_outcomes.wording.terms import endpoint_titles, name_endpoint, name_term

KEY = ("endpoint", "criterion", "adjusted", "method", "landmark_months", "comparison")
EXPLANATION = (
    "A patient must live long enough without progression to be seen as a responder: until then nothing could go wrong "
    "for the responders, by definition. Counting from the first cycle credits them with that time, so responders look "
    "better even if response changed nothing. A landmark (start later, with those still at risk) or a response that "
    "begins only on the day it was seen (Mantel-Byar, time-dependent Cox) does not."
)


def write_responders(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter; the naive number is told only beside the others."""
    responders = tables["responders"]
    if not has_rows(responders):
        return [], []
    if set(responders["method"].astype(str)) <= {"naive"}:
        return [EXPLANATION], []
    titles, level = endpoint_titles(study), format_level(study.analysis.confidence.level)
    paragraphs: list = [EXPLANATION]
    shown = responders[responders["comparison"].astype(str).eq("responder:non_responder")]
    primary = pick_rows(shown, criterion=study.response.criteria[0])
    for endpoint in dict.fromkeys(primary["endpoint"].astype(str)):
        text = _contrast(pick_rows(primary, endpoint=endpoint), name_endpoint(endpoint, titles), level)
        paragraphs += [text] if text else []
    paragraphs += [_describe_bias(row, titles, level) for row in _bias_rows(tables["responder_bias"])]
    columns = [
        Column("Endpoint", lambda r: name_endpoint(r["endpoint"], titles), False),
        Column("Comparison", lambda r: _compare_words(str(r["comparison"])), False),
        Column("Adjusted", lambda r: "yes" if str(r["adjusted"]) == "True" else "no", False),
        Column("Method", lambda r: name_term(r["method"]), False),
        Column("Landmark", lambda r: format_number(r["landmark_months"], 0)),
        Column("n", lambda r: format_count(r["n"])),
        Column("Lost before", lambda r: format_count(r["excluded"])),
        Column("Events", lambda r: format_count(r["events"])),
        Column(
            f"Hazard ratio ({level} CI)",
            lambda r: "" if str(r["method"]) == "mantel_byar" and pd.isna(r["hazard_ratio"]) else format_interval(
                r["hazard_ratio"], r["hazard_ratio_low"], r["hazard_ratio_high"], format_ratio, status=r["status"]
            ),
        ),
        Column("p", lambda r: format_p_value(r["p_value"])),
    ]  # fmt: skip
    note = "The naive rows are biased and stand here only beside the methods that are not."
    return paragraphs, [
        page_table("Responders against others, every method", "responders", responders, columns, KEY, note)
    ]


def _compare_words(comparison: str) -> str:
    return " against ".join(name_term(part).lower() for part in comparison.split(":"))


def _contrast(rows: pd.DataFrame, name: str, level: str):
    """Naive beside the time-dependent hazard ratio; nothing where the second is missing."""
    rows = rows[rows["adjusted"].astype("boolean").eq(False).fillna(True) & rows["hazard_ratio"].notna()]
    found = {str(r["method"]): r for r in rows.to_dict("records")}
    if not {"naive", "time_dependent_cox"} <= set(found):
        return None

    def ratio(method):
        row = found[method]
        text = format_interval(
            row["hazard_ratio"], row["hazard_ratio_low"], row["hazard_ratio_high"], format_ratio
        )
        return trace(text, "responders", row, *KEY)

    return say(
        "{name}, responders against all others: the hazard ratio is <strong>{td}</strong> with response counted from "
        "the day it was seen, and {naive} by the naive count ({level} CI).",
        name=name,
        td=ratio("time_dependent_cox"),
        naive=ratio("naive"),
        level=level,
    )


def _bias_rows(bias: pd.DataFrame) -> list[dict]:
    if bias.empty:
        return []
    return bias[bias["null_naive_rejected"].notna()].to_dict("records")


def _describe_bias(row: dict, titles, level: str):
    """How much of the naive ratio is bias, and what the naive test would claim if response did nothing."""
    key = ("endpoint", "criterion", "comparison")
    name = name_endpoint(row["endpoint"], titles)
    text = Markup("")
    if pd.notna(row["bias"]):
        low, high = (
            math.exp(v) if pd.notna(v) else float("nan") for v in (row["bias_low"], row["bias_high"])
        )
        reach = format_range(low, high, format_ratio)
        text = say(
            "{name}: the naive count multiplies the hazard ratio by {factor} ({level} CI {reach}) for no reason but "
            "the time that a responder had to live through first. ",
            name=name,
            factor=trace(format_ratio(math.exp(row["bias"])), "responder_bias", row, *key),
            level=level,
            reach=reach,
        )
        name = "By the response times of this study"
    return text + say(
        "{name}: had response done nothing, the naive test would still have claimed a difference in {naive} of {n} "
        "simulated cohorts; the Mantel-Byar test, which does not count that time, in {mb} (5% are expected by chance).",
        name=name,
        naive=trace(format_percent(row["null_naive_rejected"]), "responder_bias", row, *key),
        n=format_count(row["null_simulations"]),
        mb=trace(format_percent(row["null_mantel_byar_rejected"]), "responder_bias", row, *key),
    )
