"""Chapter on historical controls: estimates with their sensitivity, comparability and published claims."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import SENTENCES, PageTable, as_text, cite, join_words, say, tell, trace
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    TERMS,
    claim_titles,
    control_titles,
    inside_sentence,
    name_term,
)

FAVOURED = {
    "favours_cohort": "the cohort", "favours_control": "the control", "either": "either side",
    "none": "", "unknown": "not known",
}  # fmt: skip
MONTHS = ("median", "median_control", "rmst_difference")
SHARES = ("survival_difference",)
SHOWN = (
    "controls", "control_comparability", "control_target_trial", "control_sensitivity", "control_bias",
    "control_balance", "reconstruction_quality", "claims",
)  # fmt: skip


def write_controls(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    paragraphs: list = []
    level = numbers.format_level(study.analysis.confidence.level)
    titles = control_titles(study)
    if len(tables["controls"]):
        primary = next((c.id for c in study.controls if c.primary), "")
        for named in study.controls:
            control, row = named.id, primary_estimate(tables["controls"], named)
            if row is not None:
                paragraphs.append(
                    tell(
                        "control",
                        "controls",
                        row,
                        name=titles[control],
                        kind="primary comparison" if control == primary else "exploratory",
                        estimate=inside_sentence(name_term(row["estimate"])),
                        words=describe_method(row, level),
                        worth=describe_worth(tables, row),
                    )
                )
                paragraphs += describe_doubts(tables, control, titles[control], level)
        paragraphs.append(SENTENCES["no_arm"])
    words = {
        "control": titles.__getitem__, "bias": FAVOURED.__getitem__, "claim": claim_titles(study).__getitem__,
        "sizes": _effective_sizes, "observed": _observed, "estimate": show_estimate, "remark": _remark,
        "published": _show_published, "here": _show_observed,
        "holm": col.adjusted_p_value(tables["multiplicity"], "controls"),
    }  # fmt: skip
    shown = [col.show_table(name, tables[name], level, words) for name in SHOWN if len(tables[name])]
    return paragraphs, shown


def describe_doubts(tables: Mapping[str, pd.DataFrame], control: str, title: str, level: str) -> list[Markup]:
    """What unmeasured confounding, an outcome that treatment cannot change, and censoring make of a ratio."""
    found, choices = [], pick_rows(tables["control_sensitivity"], control=control)
    choices = choices[choices["value"].notna()]
    for row in pick_rows(tables["controls"], control=control, method="bias_analysis").to_dict("records"):
        ratio = show_ratio(row, "controls", f"{level} simulation interval ")
        named = {"t": title, "c": as_text(row["assumption"]), "n": as_text(row["note"])}
        found.append(tell("bias_analysis", "controls", {}, r=ratio, **named))
    for row in pick_rows(choices, kind="negative_control").to_dict("records"):
        verdict = SENTENCES["within" if row["low"] <= 1 <= row["high"] else "beyond"]
        named = {"t": title, "o": inside_sentence(name_term(row["item"])), "v": verdict}
        ratio = show_ratio(row, "control_sensitivity", f"{level} CI ")
        found.append(tell("negative_control", "control_sensitivity", {}, r=ratio, **named))
    parts = [
        say("{r} with the {i}", r=show_ratio(row, "control_sensitivity"), i=row["item"])
        for row in pick_rows(choices, kind="censoring").to_dict("records")
    ]
    words = "Censoring before the cut-off: the ratio against {t} is {p}."
    return [*found, say(words, t=title, p=join_words(parts))] if parts else found


def show_ratio(row: dict, table: str, label: str = "") -> Markup:
    """`0.61 (95% CI 0.40-0.90)`, the ratio with its source."""
    reach = numbers.format_range(row["low"], row["high"], numbers.format_ratio)
    return say("{v} ({l}{e})", v=cite(row, "value", table, numbers.format_ratio), l=label, e=reach)


def describe_worth(tables: Mapping[str, pd.DataFrame], row: Mapping) -> Markup:
    """How comparable the sides are and how balance and size are rated: from comparability and rating of a control."""
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
        hidden = ", {u} {are} not known, so that further differences are possible"
        words += say(hidden, u=unknown, are="is" if unknown == 1 else "are") if unknown else Markup("")
    verdict = find_verdict(tables, row)
    said = as_text(verdict["words"]) if verdict else ""
    return words + say("; {w}", w=said) if said else words


def find_verdict(tables: Mapping[str, pd.DataFrame], row: Mapping) -> dict | None:
    """Row of `control_verdicts` of an estimate; None where it was not rated."""
    weights = as_text(row["weights"]) or "none"
    of_estimate = {"control": row["control"], "endpoint": row["endpoint"], "weights": weights}
    found = pick_rows(tables["control_verdicts"], **of_estimate).to_dict("records")
    return found[0] if found else None


def describe_ratio(row: dict, level: str, titles: Mapping[str, str], value: object = "") -> Markup:
    """`hazard ratio 0.61 against Old series (Cox model; 95% CI 0.40-0.90)`, with or without the value."""
    return say(
        "{estimate}{value} against {control} {method}",
        estimate=inside_sentence(name_term(row["estimate"])),
        value=say(" {v}", v=value) if value else "",
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


def show_estimate(row: dict) -> str:
    """Value with interval in the unit of the estimate."""
    kind = str(row["estimate"])
    other = numbers.format_percent if kind in SHARES else numbers.format_ratio
    formatter = numbers.format_number if kind in MONTHS else other
    return numbers.format_interval(row["value"], row["low"], row["high"], formatter, status=row["status"])


def _choose_format(row: dict):
    if str(row["quantity"]).endswith("_incidence"):
        return lambda share: numbers.format_percent(share, 1)
    return (
        numbers.format_number
        if str(row["quantity"]).endswith(("_months", "_year"))
        else numbers.format_percent
    )


def _show_published(row: dict) -> str:
    relation = as_text(row["relation"])
    return (f"{relation} " if relation in ("below", "above") else "") + _choose_format(row)(row["published"])


def _show_observed(row: dict) -> str:
    value, low, high = (row[key] for key in ("observed", "low", "high"))
    return numbers.format_interval(value, low, high, _choose_format(row), status=row["status"])


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
