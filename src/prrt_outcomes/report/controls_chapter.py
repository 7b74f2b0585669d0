"""Chapter on historical controls: estimates with their sensitivity, comparability and published claims."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.rows import has_rows, pick_rows
from prrt_outcomes.report.content import (
    Column,
    PageTable,
    as_text,
    count_column,
    interval_column,
    number_column,
    p_column,
    page_table,
    say,
    text_column,
    trace,
)
from prrt_outcomes.wording.numbers import (
    describe_status,
    format_interval,
    format_level,
    format_number,
    format_percent,
    format_range,
    format_ratio,
)
from prrt_outcomes.wording.terms import inside_sentence, name_column, name_term, spell_name

CONTROL_KEY = ("control", "endpoint", "method", "weights", "estimate")
MONTHS = ("median", "median_control", "rmst_difference")
SHARES = ("survival_difference",)


def write_controls(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    paragraphs: list = []
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
            "A historical control is not a randomised arm: read each estimate with its comparability table, its "
            "balance and the effective number of patients that carry it."
        )
    makers = {
        "controls": _estimate_table,
        "control_comparability": _comparability_table,
        "control_balance": _balance_table,
        "reconstruction_quality": _quality_table,
        "claims": _claim_table,
    }
    shown = [make(tables[name], level) for name, make in makers.items() if has_rows(tables[name])]
    return paragraphs, shown


def describe_worth(tables: Mapping[str, pd.DataFrame], row: Mapping) -> Markup:
    """How comparable the sides are and what balance and size are worth: from comparability and rating of a control."""
    words = Markup("")
    card = pick_rows(tables["control_comparability"], control=str(row["control"]))
    if has_rows(card):
        verdicts = card["verdict"].astype("string")
        known = verdicts.isin(["same", "different", "unknown"]) & card["item"].astype("string").ne("overall")
        different = int(verdicts[known].eq("different").sum())
        unknown = int(verdicts[known].eq("unknown").sum())
        words += say(
            "; comparability: {d} of {n} items differ",
            d=trace(str(different), "control_comparability", row, "control"),
            n=int(known.sum()),
        )
        words += say(", {u} not known", u=unknown) if unknown else Markup("")
    weights = "none" if pd.isna(row["weights"]) else str(row["weights"])
    found = pick_rows(
        tables["control_verdicts"],
        control=str(row["control"]),
        endpoint=str(row["endpoint"]),
        weights=weights,
    )
    if has_rows(found):
        words += say("; {w}", w=str(found["words"].iloc[0]))
    return words


def describe_ratio(row: dict, level: str) -> Markup:
    plain = str(row["weights"]) in ("none", "<NA>", "nan", "None", "")
    return say(
        "{estimate} against {control} ({method}{weights}; {level} CI {ci})",
        estimate=inside_sentence(name_term(row["estimate"])),
        control=name_term(row["control"]),
        method=name_term(row["method"]),
        weights="" if plain else say(", {w}", w=inside_sentence(name_term(row["weights"]))),
        level=level,
        ci=format_range(row["low"], row["high"], format_ratio),
    )


def describe_primary(controls: pd.DataFrame, control: str, level: str) -> Markup | None:
    """The estimate that a control is quoted by, in words; None where there is none."""
    row = primary_estimate(controls, control)
    if row is None:
        return None
    return (
        trace(format_ratio(row["value"]), "controls", row, *CONTROL_KEY).__html__()
        + " "
        + describe_ratio(row, level)
    )


def primary_estimate(controls: pd.DataFrame, control: str) -> dict | None:
    """The estimate that a control is quoted by: weighted Cox, else Cox, else rate ratio, else observed/expected."""
    rows = pick_rows(controls, control=control)
    rows = rows[rows["value"].notna()]
    wanted = (
        ("cox", "att"), ("cox", "overlap"), ("cox", "maic"), ("cox", "ate"), ("cox", "none"),
        ("rate_ratio", ""), ("one_sample_logrank", ""),
    )  # fmt: skip
    for method, weights in wanted:
        found = pick_rows(rows, method=method, weights=weights) if weights else pick_rows(rows, method=method)
        found = found[found["estimate"].astype("string").isin(["hazard_ratio", "smr"])]
        if len(found):
            return found.iloc[0].to_dict()
    return None


def show_estimate(row: dict) -> str:
    """Value with interval in the unit of the estimate."""
    kind = str(row["estimate"])
    formatter = format_number if kind in MONTHS else format_percent if kind in SHARES else format_ratio
    return format_interval(row["value"], row["low"], row["high"], formatter, status=row["status"])


def _estimate_table(controls: pd.DataFrame, level: str) -> PageTable:
    columns = [
        text_column("Control", "control", name_term),
        text_column("Method", "method", name_term),
        text_column("Weights", "weights", name_term),
        count_column("n", "n"),
        count_column("Control n", "n_control"),
        Column("Effective n", _effective_sizes),
        Column("Observed/expected", _observed),
        text_column("Estimate", "estimate", spell_name),
        number_column("At months", "horizon_months", 0),
        Column(f"Value ({level} CI)", show_estimate),
        p_column(),
        Column("Remark", _remark, False),
    ]
    key = (*CONTROL_KEY, "horizon_months", "assumption")
    return page_table("All comparisons with historical controls", "controls", controls, columns, key)


def _remark(row: dict) -> str:
    status = describe_status(row["status"]) if pd.notna(row["value"]) else ""
    return "; ".join(part for part in (as_text(row["assumption"]).replace("_", " "), status) if part)


def _effective_sizes(row: dict) -> str:
    parts = [format_number(row[column], 0) for column in ("ess", "ess_control")]
    return " / ".join(p or "\u2013" for p in parts) if any(parts) else ""


def _observed(row: dict) -> str:
    if pd.isna(row["observed"]):
        return ""
    return f"{format_number(row['observed'], 0)}/{format_number(row['expected'])}"


def _comparability_table(cards: pd.DataFrame, _level: str) -> PageTable:
    columns = [
        text_column("Control", "control", name_term),
        text_column("Item", "item", spell_name),
        text_column("Cohort", "cohort"),
        text_column("Control has", "control_value"),
        text_column("Verdict", "verdict"),
        text_column("Consequence", "consequence"),
    ]
    return page_table("Comparability", "control_comparability", cards, columns, ("control", "item"))


def _balance_table(balance: pd.DataFrame, _level: str) -> PageTable:
    columns = [
        text_column("Control", "control", name_term),
        text_column("Covariate", "covariate", name_column),
        text_column("Weights", "weights", name_term),
        number_column("Cohort mean", "mean", 2),
        number_column("Control mean", "mean_control", 2),
        number_column("Difference (SMD)", "smd", 2),
    ]
    key = ("control", "covariate", "weights")
    note = "Within 0.1 is balanced."
    return page_table("Balance of covariates", "control_balance", balance, columns, key, note)


def _quality_table(quality: pd.DataFrame, _level: str) -> PageTable:
    columns = [
        text_column("Control", "control", name_term),
        text_column("Measure", "measure", spell_name),
        number_column("Published", "target", 2),
        number_column("Reconstructed", "reconstructed", 2),
        number_column("Limit", "limit", 3),
        text_column("Verdict", "verdict"),
    ]
    key = ("control", "arm", "endpoint", "measure")
    return page_table("Reconstruction of published curves", "reconstruction_quality", quality, columns, key)


def _claim_table(claims: pd.DataFrame, level: str) -> PageTable:
    def amount(value):
        return format_percent(value) if pd.notna(value) and value <= 1 else format_number(value)

    columns = [
        text_column("Claim", "claim", spell_name),
        text_column("Source", "source"),
        Column("Published", lambda r: amount(r["published"])),
        interval_column(f"Here ({level} CI)", ("observed", "low", "high"), amount),
        text_column("Verdict", "verdict"),
    ]
    return page_table("Published figures held against this cohort", "claims", claims, columns, ("claim",))
