"""Standard objections to a comparison without randomisation, each with the number and the table that answers it."""

import math
from collections.abc import Callable, Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report.content import as_text, cite, join_words, say, trace
from prrt_outcomes.report.controls_chapter import show_ratio
from prrt_outcomes.report.survival_chapter import describe_stops, describe_switches
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import control_titles, inside_sentence, name_term

Tables = Mapping[str, pd.DataFrame]
NOT_ANSWERED = "not answered by these data"
RATIO, COUNT, SHARE = numbers.format_ratio, numbers.format_count, numbers.format_percent
TESTS = (
    "logrank", "cox", "hazard_ratio_periods", "subgroups", "responders", "controls", "response_differences",
    "response_model", "fine_gray", "competing_tests", "rmst_difference", "tumour_growth",
)  # fmt: skip


def write_objections(tables: Tables, study) -> tuple[list, list]:
    """One paragraph an objection; what has no number in these results is said not to be answered."""
    paragraphs: list = []
    for title, answer in OBJECTIONS.items():
        found = answer(tables, study)
        paragraphs.append(say("<strong>{t}:</strong> {a}.", t=title, a=found or NOT_ANSWERED))
    return paragraphs, []


def _first(table: pd.DataFrame, **keys: str) -> dict | None:
    rows = pick_rows(table, **keys)
    return rows.iloc[0].to_dict() if len(rows) else None


def _medians(tables: Tables, study, analyses: tuple[str, ...]) -> Markup | None:
    """Median of the primary endpoint under other rules, with how many patients each changes."""
    parts, first = [], study.endpoints[0].name
    for analysis in ("primary", *analyses):
        row = _first(tables["sensitivity"], endpoint=first, analysis=analysis, group_by="all")
        if row is not None:
            words = inside_sentence(name_term(analysis))
            if pd.notna(row["n_changed"]):
                words += f"; {COUNT(row['n_changed'])} patients change"
            words = "as defined" if analysis == "primary" else f"({words})"
            known = pd.notna(row["median_months"])
            text = (
                f"{numbers.format_number(row['median_months'])} months"
                if known
                else numbers.describe_median_status(row["status"])
            )
            parts.append(say("{m} {w}", m=trace(text, "sensitivity", row), w=words))
    return say("the median is {parts}", parts=join_words(parts)) if len(parts) > 1 else None


def _immortal_time(tables: Tables, study) -> Markup | None:
    row = _first(tables["responder_bias"], endpoint=study.endpoints[0].name)
    if (
        row is None
        or pd.isna(row["naive_log_hazard_ratio"])
        or pd.isna(row["time_dependent_log_hazard_ratio"])
    ):
        return None
    naive, right = (
        trace(RATIO(math.exp(row[f"{name}_log_hazard_ratio"])), "responder_bias", row)
        for name in ("naive", "time_dependent")
    )
    words = (
        "the hazard ratio of responders is {n} as usually computed and {t} with response as time-dependent"
    )
    return say(words + "; landmarks stand beside it", n=naive, t=right)


def _scan_interval(tables: Tables, study) -> Markup | None:
    row = _first(tables["scan_intervals"], group_by="all", group="all", scan="1")
    median = _medians(tables, study, ("interval_censored",))
    if row is None:
        return median
    words = say(
        "the first restaging came after {d} days (median)", d=cite(row, "median_days", "scan_intervals")
    )
    return say("{w}; {m}", w=words, m=median) if median else words


def _criterion(tables: Tables, study) -> Markup | None:
    confirmed = study.response.primary_rate == "confirmed"
    rows = pick_rows(tables["response_rates"], category="objective", group_by="all")
    rows = rows[rows["confirmed"].astype("boolean").eq(confirmed).fillna(False)]
    parts = [
        say("{p} by {c}", p=cite(r, "proportion", "response_rates", SHARE), c=name_term(r["criterion"]))
        for r in rows.to_dict("records")
    ]
    return say("objective response is {parts}", parts=join_words(parts)) if parts else None


def _primary(tables: Tables, study) -> tuple[dict | None, str]:
    ordered = sorted(study.controls, key=lambda c: not c.primary)
    control = ordered[0] if ordered else None
    row = None if control is None else primary_estimate(tables["controls"], control)
    return row, "" if control is None else control_titles(study)[control.id]


def _of_comparability(items: tuple[str, ...]) -> Callable:
    def answer(tables: Tables, study) -> Markup | None:
        row, title = _primary(tables, study)
        table, parts = tables["control_comparability"], []
        own = table.iloc[:0] if row is None else pick_rows(table, control=row["control"])
        for card in own[own["item"].isin(items)].to_dict("records"):
            verdict = trace(str(card["verdict"]), "control_comparability", card)
            parts.append(say("{i} {v}", i=inside_sentence(name_term(card["item"])), v=verdict))
        return say("against {t}: {parts}", t=title, parts=join_words(parts)) if parts else None

    return answer


def _era(tables: Tables, study) -> Markup | None:
    words, (row, _) = _of_comparability(("era",))(tables, study), _primary(tables, study)
    item = "per five years within the cohort"
    drift = row and _first(tables["control_sensitivity"], control=row["control"], item=item)
    if not words or not drift or pd.isna(drift["value"]):
        return words
    ratio = cite(drift, "value", "control_sensitivity", RATIO)
    return say("{w}; hazard ratio per five years within the cohort {r}", w=words, r=ratio)


def _excluded(tables: Tables, study) -> Markup:
    rows, parts = tables["attrition"], []
    own = rows[rows["step"].astype("string").eq("response: evaluable").fillna(False) & (rows["n_lost"] > 0)]
    for row in own.to_dict("records"):
        lost = cite(row, "n_lost", "attrition", COUNT)
        parts.append(say("{n} of {b} ({r})", n=lost, b=COUNT(row["n_before"]), r=as_text(row["reason"])))
    return (
        say("response could not be assessed in {parts}", parts=join_words(parts))
        if parts
        else Markup("nobody")
    )


def _missing(tables: Tables, study) -> Markup | None:
    first = study.endpoints[0].name
    fit = _first(tables["cox_fit"], endpoint=first, model="multivariable")
    whole = _first(tables["km_summary"], endpoint=first, group_by="all")
    if fit is None or whole is None:
        return None
    imputed = len(pick_rows(tables["cox"], endpoint=first, model="multivariable_imputed")) > 0
    words = say(
        "{n} of {t} patients have all covariates", n=cite(fit, "n", "cox_fit", COUNT), t=COUNT(whole["n"])
    )
    return say("{w}; multiple imputation stands beside the complete cases", w=words) if imputed else words


def _confounding(tables: Tables, study) -> Markup | None:
    row, title = _primary(tables, study)
    card = pd.DataFrame() if row is None else pick_rows(tables["control_balance"], control=row["control"])
    parts = []
    for weights in ("none", as_text(row["weights"]) if row else ""):
        own = pick_rows(card, weights=weights) if len(card) else card
        if len(own) and own["smd"].notna().any():
            worst = own.loc[own["smd"].abs().idxmax()].to_dict()
            parts.append(
                say("{s} {w}", s=trace(numbers.format_number(abs(worst["smd"]), 2), "control_balance", worst),
                    w=inside_sentence(name_term(weights)))
            )  # fmt: skip
    return (
        say("largest standardised difference against {t}: {p}", t=title, p=join_words(parts))
        if parts
        else None
    )


def _unmeasured(tables: Tables, study) -> Markup | None:
    row, title = _primary(tables, study)
    value = row and _first(
        tables["controls"], control=row["control"], estimate="e_value", weights=as_text(row["weights"])
    )
    if row is None or not value:
        return None
    parts = [
        say(
            "an unmeasured confounder would need a risk ratio of at least {v} with both treatment and outcome to "
            "explain the result against {t} (E-value)",
            v=cite(value, "value", "controls", RATIO),
            t=title,
        )
    ]
    adjusted = _first(tables["controls"], control=row["control"], method="bias_analysis")
    if adjusted is not None:
        parts.append(
            say("adjusted for the assumed confounder the ratio is {r}", r=show_ratio(adjusted, "controls"))
        )
    own = _first(tables["control_sensitivity"], control=row["control"], kind="negative_control")
    if own is None:
        parts.append(Markup("there is no negative-control outcome"))
    else:
        ratio = show_ratio(own, "control_sensitivity") if pd.notna(own["value"]) else "not estimable"
        parts.append(say("the hazard ratio of an outcome that treatment cannot change is {r}", r=ratio))
    return Markup("; ").join(parts)


def _crossing(tables: Tables, study) -> Markup | None:
    row = _first(
        tables["cox_diagnostics"], endpoint=study.endpoints[0].name, model="multivariable", term="global"
    )
    if row is None or pd.isna(row["p_value"]):
        return None
    words = "proportional hazards of the multivariable model: p {p}; restricted means stand beside the ratios"
    return say(words, p=cite(row, "p_value", "cox_diagnostics", numbers.format_p_value))


def _few_events(tables: Tables, study) -> Markup | None:
    first = study.endpoints[0].name
    fit = _first(tables["cox_fit"], endpoint=first, model="multivariable")
    rows = pick_rows(tables["cox"], endpoint=first, model="multivariable")
    if fit is None or rows.empty:
        return None
    per = numbers.format_number(fit["events"] / len(rows), 0)
    words = "{e} events in the multivariable model, {p} for each of its coefficients ({k})"
    return say(words, e=cite(fit, "events", "cox_fit", COUNT), k=len(rows), p=per)


def _competing(tables: Tables, study) -> Markup:
    competing = sorted(set(tables["competing_risks"]["endpoint"].astype(str)))
    if not competing:
        return Markup("death counts as an event, or ends observation, in every endpoint")
    names = ", ".join(name.upper() for name in competing)
    traced = trace(names, "competing_risks", {"endpoint": competing[0]}, "endpoint")
    return say("cumulative incidence with death as a competing event for {n}", n=traced)


def _multiplicity(tables: Tables, study) -> Markup | None:
    counts = {name: int(tables[name]["p_value"].notna().sum()) for name in TESTS if "p_value" in tables[name]}
    total, largest = sum(counts.values()), max(counts, key=lambda name: counts[name])
    named = "one comparison is primary" if any(c.primary for c in study.controls) else "none is primary"
    words = "{n} p-values were computed; {p}, and pairs of groups are adjusted by Holm"
    counted = say(words, n=trace(COUNT(total), largest, {}), p=named)
    family = len(tables["multiplicity"])
    if family:
        of = trace(COUNT(family), "multiplicity", {})
        counted += say("; {k} tests are one family, adjusted together by Holm", k=of)
    return counted + "; the other p-values are exploratory" if total else None


def _centre(tables: Tables, study) -> Markup | None:
    rows = pick_rows(tables["km_summary"], endpoint=study.endpoints[0].name, group_by="centre_id")
    rows = rows[rows["median_months"].notna()].sort_values("median_months")
    if len(rows) < 2:
        return None
    low, high = (cite(rows.iloc[k].to_dict(), "median_months", "km_summary") for k in (0, -1))
    words = "medians of {k} centres from {a} to {b} months; a model is stratified by centre"
    return say(words, k=len(rows), a=low, b=high)


def _reported(tables: Tables, study) -> Markup | None:
    row = _first(tables["response_concordance"], comparison="reported")
    if row is None:
        return None
    agreement = cite(row, "agreement", "response_concordance", SHARE)
    return say(
        "reported and derived best response agree in {a} (kappa {k})", a=agreement, k=RATIO(row["kappa"])
    )


def _reconstruction(tables: Tables, study) -> Markup:
    rows = tables["reconstruction_quality"]
    if rows.empty:
        return Markup("no control was reconstructed from a figure")
    kept = str(int(rows["verdict"].astype("string").eq("accepted").sum()))
    traced = trace(kept, "reconstruction_quality", rows.iloc[0].to_dict(), "control")
    return say("{k} of {n} measures of reconstructed curves are within their limits", k=traced, n=len(rows))


def _rules(prefix: str, describe: Callable) -> Callable:
    analyses = tuple(f"{prefix}_{way}" for way in ("ignored", "censored", "event"))

    def answer(tables: Tables, study) -> Markup | None:
        found = [words for words in (_medians(tables, study, analyses), describe(tables, study)) if words]
        return Markup("; ").join(found) if found else None

    return answer


OBJECTIONS: dict[str, Callable] = {
    "Immortal time": _immortal_time,
    "Censoring rule": lambda t, s: _medians(t, s, ("fda", "censored_as_events", "censored_event_free")),
    "Missed scans": _rules("missed_scans", describe_stops),
    "New therapy": _rules("new_therapy", describe_switches),
    "Scan interval": _scan_interval,
    "Criterion": _criterion,
    "Era": _era,
    "Selection": _of_comparability(
        ("progression_before_treatment", "line", "tumour_type", "grade", "performance")
    ),
    "Missing data": _missing,
    "Confounding": _confounding,
    "Unmeasured confounding": _unmeasured,
    "Crossing hazards": _crossing,
    "Few events": _few_events,
    "Competing death": _competing,
    "Multiplicity": _multiplicity,
    "Loss to follow-up": lambda t, s: _medians(t, s, ("lost_as_event", "lost_event_free")),
    "Centre": _centre,
    "Reported or derived": _reported,
    "Reconstruction": _reconstruction,
    "Who was excluded": _excluded,
}
