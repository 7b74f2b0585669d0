"""Chapter on historical controls: estimates with their sensitivity, comparability and published claims."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Column, PageTable, as_text, cite, page_table, say, trace
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    TERMS,
    claim_titles,
    control_titles,
    inside_sentence,
    name_codes,
    name_column,
    name_term,
    spell_name,
)

MONTHS = ("median", "median_control", "rmst_difference")
SHARES = ("survival_difference",)


def write_controls(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    paragraphs: list = []
    level = numbers.format_level(study.analysis.confidence.level)
    titles = control_titles(study)
    if len(tables["controls"]):
        primary = next((c.id for c in study.controls if c.primary), "")
        for control in dict.fromkeys(tables["controls"]["control"].astype(str)):
            row = primary_estimate(tables["controls"], control)
            if row is not None:
                paragraphs.append(
                    say(
                        "{name} ({kind}): {estimate} {number} {words}{worth}.",
                        name=titles[control],
                        kind="primary comparison" if control == primary else "exploratory",
                        estimate=inside_sentence(name_term(row["estimate"])),
                        number=cite(row, "value", "controls", numbers.format_ratio),
                        words=describe_method(row, level),
                        worth=describe_worth(tables, row),
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
    words = dict.fromkeys(makers, titles) | {"claims": claim_titles(study)}
    shown = [make(tables[name], level, words[name]) for name, make in makers.items() if len(tables[name])]
    return paragraphs, shown


def describe_worth(tables: Mapping[str, pd.DataFrame], row: Mapping) -> Markup:
    """How comparable the sides are and what balance and size are worth: from comparability and rating of a control."""
    words = Markup("")
    card = pick_rows(tables["control_comparability"], control=str(row["control"]))
    if len(card):
        verdicts = card["verdict"].astype("string")
        known = verdicts.isin(["same", "different", "unknown"]) & card["item"].astype("string").ne("overall")
        different = int(verdicts[known].eq("different").sum())
        unknown = int(verdicts[known].eq("unknown").sum())
        words += say(
            "; comparability: {d} of {n} items {verb}",
            n=int(known.sum()),
            d=trace(str(different or "none"), "control_comparability", row, "control"),
            verb="differs" if different == 1 else "differ",
        )
        words += say(", {u} cannot be compared", u=unknown) if unknown else Markup("")
    of_estimate = {
        "control": row["control"],
        "endpoint": row["endpoint"],
        "weights": as_text(row["weights"]) or "none",
    }
    found = pick_rows(tables["control_verdicts"], **of_estimate)
    if len(found):
        words += say("; {w}", w=str(found["words"].iloc[0]))
    return words


def describe_ratio(row: dict, level: str, titles: Mapping[str, str]) -> Markup:
    """`hazard ratio against Old series (Cox model; 95% CI 0.40-0.90)`."""
    return say(
        "{estimate} against {control} {method}",
        estimate=inside_sentence(name_term(row["estimate"])),
        control=titles[str(row["control"])],
        method=describe_method(row, level),
    )


def describe_method(row: dict, level: str) -> Markup:
    """`(Cox model, overlap weights; 95% CI 0.40-0.90)`."""
    weights = as_text(row["weights"])
    reach = numbers.format_range(row["low"], row["high"], numbers.format_ratio)
    return say(
        "({method}{weights}{counts}{ci})",
        method=inside_sentence(name_term(row["method"])),
        weights="" if weights in ("", "none") else say(", {w}", w=inside_sentence(name_term(weights))),
        counts="" if pd.isna(row["expected"]) else f"; events observed/expected {_observed(row)}",
        ci=say("; {level} CI {ci}", level=level, ci=reach) if reach else "",
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
    other = numbers.format_percent if kind in SHARES else numbers.format_ratio
    formatter = numbers.format_number if kind in MONTHS else other
    return numbers.format_interval(row["value"], row["low"], row["high"], formatter, status=row["status"])


def _control(titles: Mapping[str, str]) -> Column:
    return col.texts({"Control": "control"}, titles.__getitem__)[0]


def _estimate_table(controls: pd.DataFrame, level: str, titles: Mapping[str, str]) -> PageTable:
    columns = [
        _control(titles),
        *col.texts({"Method": "method", "Weights": "weights"}, name_term),
        *col.counts({"n": "n", "Control n": "n_control"}),
        Column("Effective n", _effective_sizes),
        Column("Observed/expected", _observed),
        *col.texts({"Estimate": "estimate"}, name_term),
        *col.decimals({"At months": "horizon_months"}, 0),
        Column(f"Value ({level} CI)", show_estimate),
        col.p_value(),
        Column("Remark", _remark, False),
    ]
    return page_table("All comparisons with historical controls", "controls", controls, columns)


def _remark(row: dict) -> str:
    text = as_text(row["assumption"])
    parts = (TERMS.get(text) or text.replace("_", " "), col.describe_remark(row, "value"))
    return "; ".join(part for part in parts if part)


def _effective_sizes(row: dict) -> str:
    parts = [numbers.format_number(row[column], 0) for column in ("ess", "ess_control")]
    return " / ".join(p or "\u2013" for p in parts) if any(parts) else ""


def _observed(row: dict) -> str:
    if pd.isna(row["observed"]):
        return ""
    expected = numbers.format_number(row["expected"])
    return numbers.format_number(row["observed"], 0) + (f"/{expected}" if expected else "")


def _comparability_table(cards: pd.DataFrame, _level: str, titles: Mapping[str, str]) -> PageTable:
    columns = [
        _control(titles),
        *col.texts({"Item": "item"}, spell_name),
        *col.texts({"Cohort": "cohort", "Control has": "control_value"}, name_codes),
        *col.texts({"Verdict": "verdict", "Consequence": "consequence"}),
    ]
    return page_table("Comparability", "control_comparability", cards, columns)


def _balance_table(balance: pd.DataFrame, _level: str, titles: Mapping[str, str]) -> PageTable:
    columns = [
        _control(titles),
        *col.texts({"Covariate": "covariate"}, name_column),
        *col.texts({"Weights": "weights"}, name_term),
        *col.decimals({"Cohort mean": "mean", "Control mean": "mean_control", "Difference (SMD)": "smd"}, 2),
    ]
    note = "Within 0.1 is balanced."
    return page_table("Balance of covariates", "control_balance", balance, columns, note)


def _quality_table(quality: pd.DataFrame, _level: str, titles: Mapping[str, str]) -> PageTable:
    columns = [
        _control(titles),
        *col.texts({"Measure": "measure"}, name_term),
        *col.decimals({"Published": "target", "Reconstructed": "reconstructed"}, 2),
        *col.decimals({"Limit": "limit"}, 3),
        *col.texts({"Verdict": "verdict"}),
    ]
    return page_table("Reconstruction of published curves", "reconstruction_quality", quality, columns)


def _claim_table(claims: pd.DataFrame, level: str, titles: Mapping[str, str]) -> PageTable:
    def form(row: dict):
        is_months = str(row["quantity"]).endswith("_months")
        return numbers.format_number if is_months else numbers.format_percent

    def show_observed(row: dict) -> str:
        value, low, high = (row[key] for key in ("observed", "low", "high"))
        return numbers.format_interval(value, low, high, form(row), status=row["status"])

    columns = [
        *col.texts({"Claim": "claim"}, titles.__getitem__),
        *col.texts({"Source": "source"}),
        Column("Published", lambda r: form(r)(r["published"])),
        Column(f"Here ({level} CI)", show_observed),
        *col.texts({"Verdict": "verdict"}),
    ]
    return page_table("Published values compared with this cohort", "claims", claims, columns)
