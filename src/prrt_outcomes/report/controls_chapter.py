"""Chapter against history: estimates with their doubt, comparability and published claims."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.rows import has_rows
from prrt_outcomes.report.content import Column, PageTable, page_table, say
from prrt_outcomes.report.headline import describe_primary, describe_worth, primary_estimate
from prrt_outcomes.wording.numbers import (
    describe_status,
    format_count,
    format_interval,
    format_level,
    format_number,
    format_p_value,
    format_percent,
    format_ratio,
)
from prrt_outcomes.wording.terms import name_column, name_term, spell_name

KEY = ("control", "endpoint", "method", "weights", "estimate", "horizon_months", "assumption")
MONTHS = ("median", "median_control", "rmst_difference")
SHARES = ("survival_difference",)


def write_controls(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    paragraphs: list = []
    shown: list[PageTable] = []
    level = format_level(study.analysis.confidence.level)
    if has_rows(tables["controls"]):
        primary = next((c.id for c in study.controls if c.primary), "")
        for control in dict.fromkeys(tables["controls"]["control"].astype(str)):
            text = describe_primary(tables["controls"], control, level)
            estimate = primary_estimate(tables["controls"], control)
            if text and estimate is not None:
                kind = "primary comparison" if control == primary else "exploratory"
                paragraphs.append(
                    say(
                        "{name} ({kind}): {text}{worth}.",
                        name=name_term(control),
                        kind=kind,
                        text=text,
                        worth=describe_worth(tables, estimate),
                    )
                )
        paragraphs.append(
            "History is not a randomised arm: read each estimate with its comparability card, its balance and the "
            "effective number of patients that carry it."
        )
        shown.append(_estimate_table(tables["controls"], level))
    if has_rows(tables["control_comparability"]):
        shown.append(_comparability_table(tables["control_comparability"]))
    if has_rows(tables["control_balance"]):
        shown.append(_balance_table(tables["control_balance"]))
    if has_rows(tables["reconstruction_quality"]):
        shown.append(_quality_table(tables["reconstruction_quality"]))
    if has_rows(tables["claims"]):
        shown.append(_claim_table(tables["claims"], level))
    return paragraphs, shown


def show_estimate(row: dict) -> str:
    """Value with interval in the unit of the estimate."""
    kind = str(row["estimate"])
    formatter = format_number if kind in MONTHS else format_percent if kind in SHARES else format_ratio
    return format_interval(row["value"], row["low"], row["high"], formatter, status=row["status"])


def _estimate_table(controls, level) -> PageTable:
    def remark(row):
        parts = ["" if pd.isna(row["assumption"]) else str(row["assumption"]).replace("_", " ")]
        if pd.notna(row["value"]):
            parts.append(describe_status(row["status"]))
        return "; ".join(p for p in parts if p)

    columns = [
        Column("Control", lambda r: name_term(r["control"]), False),
        Column("Method", lambda r: name_term(r["method"]), False),
        Column("Weights", lambda r: "" if pd.isna(r["weights"]) else name_term(r["weights"]), False),
        Column("n", lambda r: format_count(r["n"])),
        Column("Control n", lambda r: format_count(r["n_control"])),
        Column("Effective n", lambda r: _both(r["ess"], r["ess_control"])),
        Column("Observed/expected", lambda r: _observed(r)),
        Column("Estimate", lambda r: spell_name(str(r["estimate"])), False),
        Column("At months", lambda r: format_number(r["horizon_months"], 0)),
        Column(f"Value ({level} CI)", show_estimate),
        Column("p", lambda r: format_p_value(r["p_value"])),
        Column("Remark", remark, False),
    ]
    return page_table("Every comparison with history", "controls", controls, columns, KEY)


def _both(ours, theirs) -> str:
    parts = [format_number(v, 0) for v in (ours, theirs)]
    return " / ".join(p or "\u2013" for p in parts) if any(parts) else ""


def _observed(row: dict) -> str:
    if pd.isna(row["observed"]):
        return ""
    return f"{format_number(row['observed'], 0)}/{format_number(row['expected'])}"


def _comparability_table(cards) -> PageTable:
    columns = [
        Column("Control", lambda r: name_term(r["control"]), False),
        Column("Item", lambda r: spell_name(str(r["item"])), False),
        Column("Cohort", lambda r: _text(r["cohort"]), False),
        Column("Control has", lambda r: _text(r["control_value"]), False),
        Column("Verdict", lambda r: _text(r["verdict"]), False),
        Column("Consequence", lambda r: _text(r["consequence"]), False),
    ]
    return page_table("Comparability", "control_comparability", cards, columns, ("control", "item"))


def _balance_table(balance) -> PageTable:
    columns = [
        Column("Control", lambda r: name_term(r["control"]), False),
        Column("Covariate", lambda r: name_column(str(r["covariate"])), False),
        Column("Weights", lambda r: name_term(r["weights"]), False),
        Column("Cohort mean", lambda r: format_number(r["mean"], 2)),
        Column("Control mean", lambda r: format_number(r["mean_control"], 2)),
        Column("Difference (SMD)", lambda r: format_number(r["smd"], 2)),
    ]
    key = ("control", "covariate", "weights")
    return page_table(
        "Balance of covariates", "control_balance", balance, columns, key, "Within 0.1 is balanced."
    )


def _quality_table(quality) -> PageTable:
    columns = [
        Column("Control", lambda r: name_term(r["control"]), False),
        Column("Measure", lambda r: spell_name(str(r["measure"])), False),
        Column("Published", lambda r: format_number(r["target"], 2)),
        Column("Reconstructed", lambda r: format_number(r["reconstructed"], 2)),
        Column("Limit", lambda r: format_number(r["limit"], 3)),
        Column("Verdict", lambda r: _text(r["verdict"]), False),
    ]
    key = ("control", "arm", "endpoint", "measure")
    return page_table("Reconstruction of published curves", "reconstruction_quality", quality, columns, key)


def _claim_table(claims, level) -> PageTable:
    def amount(value):
        return format_percent(value) if pd.notna(value) and value <= 1 else format_number(value)

    columns = [
        Column("Claim", lambda r: spell_name(str(r["claim"])), False),
        Column("Source", lambda r: _text(r["source"]), False),
        Column("Published", lambda r: amount(r["published"])),
        Column(
            f"Here ({level} CI)",
            lambda r: format_interval(r["observed"], r["low"], r["high"], amount, status=r["status"]),
        ),
        Column("Verdict", lambda r: _text(r["verdict"]), False),
    ]
    return page_table("Published figures held against this cohort", "claims", claims, columns, ("claim",))


def _text(value) -> str:
    return "" if pd.isna(value) else str(value)
