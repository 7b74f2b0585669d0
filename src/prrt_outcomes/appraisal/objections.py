"""Standard objections to a comparison without randomisation, each with the number and the table that answers it."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import pandas as pd

from prrt_outcomes.appraisal.compared import Tables
from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import describe_cells, pick_rows
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    control_titles,
    endpoint_titles,
    inside_sentence,
    name_endpoint,
    name_term,
)

NOT_ANSWERED = "not answered by these data"
RATIO, COUNT, SHARE, NUMBER = (
    numbers.format_ratio, numbers.format_count, numbers.format_percent, numbers.format_number,
)  # fmt: skip


class Part(NamedTuple):
    """Part of an answer: words, whether they answer (never without a number), number, table, cells of its row."""

    words: str
    answers: bool = True
    value: float = math.nan
    table: str = ""
    row: str = ""


LACKING = Part("", answers=False)


def answer_objections(tables: Tables, study: Study) -> pd.DataFrame:
    """Result table `objections`: one row an objection.

    `answered` where each part of the answer has a number, `partly` where some have, `not_answered` where none has.
    Value, table and row are those of the first part that answers.
    """
    rows = []
    for number, (objection, answer) in enumerate(OBJECTIONS.items(), start=1):
        parts = answer(tables, study)
        known = [part for part in parts if part.answers and math.isfinite(part.value)]
        words = "; ".join(part.words for part in parts if part.words) or NOT_ANSWERED
        first = next(iter(known), LACKING)
        state = "not_answered" if not known else "partly" if len(known) < len(parts) else "answered"
        row = {"number": number, "objection": objection, "answer": state, "value": first.value}
        row |= {"table": first.table or None, "row": first.row or None}
        rows.append(row | {"sentence": f"{words[0].upper()}{words[1:]}."})
    return pd.DataFrame(rows)


def _first(table: pd.DataFrame, **keys: str) -> dict | None:
    rows = pick_rows(table, **keys)
    return rows.iloc[0].to_dict() if len(rows) else None


def _part(words: str, table: str, row: Mapping, value: float, *, answers: bool = True) -> Part:
    return Part(words, answers, float(value), table, describe_cells(row, load_schema(table).key))


def _join(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _medians(tables: Tables, study: Study, analyses: tuple[str, ...], spare: int = 0) -> list[Part]:
    """Median of the primary endpoint under other rules, with how many patients each changes.

    `spare` of the rules may be that of the endpoint itself, which is no other analysis.
    """
    own = pick_rows(tables["sensitivity"], endpoint=study.endpoints[0].name, group_by="all")
    found = [_first(own, analysis=analysis) for analysis in ("primary", *analyses)]
    rows, words = [row for row in found if row is not None], []
    if found[0] is None or len(rows) < 2:
        return [LACKING]
    for row in rows:
        rule = inside_sentence(name_term(row["analysis"]))
        if pd.notna(row["n_changed"]):
            rule += f"; {COUNT(row['n_changed'])} patients change"
        rule = "as defined" if row["analysis"] == "primary" else f"({rule})"
        months = f"{NUMBER(row['median_months'])} months"
        known = pd.notna(row["median_months"])
        words.append(f"{months if known else numbers.describe_median_status(row['status'])} {rule}")
    first = next((row for row in rows if pd.notna(row["median_months"])), rows[0])
    lacking = [LACKING] * (len(found) - len(rows) - spare)
    what = inside_sentence(name_endpoint(study.endpoints[0].name, endpoint_titles(study)))
    return [_part(f"median {what} is {_join(words)}", "sensitivity", first, first["median_months"]), *lacking]


def _immortal_time(tables: Tables, study: Study) -> list[Part]:
    row = _first(tables["responder_bias"], endpoint=study.endpoints[0].name)
    names = ("naive_log_hazard_ratio", "time_dependent_log_hazard_ratio")
    if row is None or any(pd.isna(row[name]) for name in names):
        return [LACKING]
    naive, right = (math.exp(row[name]) for name in names)
    words = (
        f"the hazard ratio of responders is {RATIO(naive)} in the naive analysis and {RATIO(right)} with response as "
        "time-dependent; landmark analyses are given as well"
    )
    return [_part(words, "responder_bias", row, right)]


def _scan_interval(tables: Tables, study: Study) -> list[Part]:
    row = _first(tables["scan_intervals"], group_by="all", group="all", scan="1")
    days = LACKING
    if row is not None:
        words = f"the first restaging came after {NUMBER(row['median_days'], 0)} days (median)"
        days = _part(words, "scan_intervals", row, row["median_days"])
    return [days, *_medians(tables, study, ("interval_censored",))]


def _response_rates(tables: Tables, study: Study, category: str) -> list[dict]:
    confirmed = study.response.primary_rate == "confirmed"
    rows = pick_rows(tables["response_rates"], category=category, group_by="all")
    return rows[rows["confirmed"].astype("boolean").eq(confirmed).fillna(False)].to_dict("records")


def _criterion(tables: Tables, study: Study) -> list[Part]:
    rows = _response_rates(tables, study, "objective")
    if not rows:
        return [LACKING]
    words = _join([f"{SHARE(row['proportion'])} by {name_term(row['criterion'])}" for row in rows])
    first = _part(f"objective response is {words}", "response_rates", rows[0], rows[0]["proportion"])
    return [first, *[LACKING] * (len(rows) < 2)]


def _excluded(tables: Tables, study: Study) -> list[Part]:
    """Patients whose response could not be assessed, and those without a time of the primary endpoint."""
    parts, first = [], study.endpoints[0].name
    for row in _response_rates(tables, study, "NE"):
        if row["criterion"] == study.response.primary_criterion:
            words = f"response could not be assessed in {COUNT(row['n'])} of {COUNT(row['total'])} patients"
            parts.append(_part(words, "response_rates", row, row["n"]))
    curve = _first(tables["km_summary"], endpoint=first, group_by="all")
    if curve is not None:
        total = len(tables["analysis_set"])
        words = f"{COUNT(total - curve['n'])} of {COUNT(total)} have no time for {_title(study, first)}"
        parts.append(_part(words, "km_summary", curve, total - curve["n"]))
    return parts or [LACKING]


def _title(study: Study, endpoint: str) -> str:
    return inside_sentence(endpoint_titles(study)[endpoint])


def _primary(tables: Tables, study: Study) -> tuple[dict | None, str]:
    control = next(iter(sorted(study.controls, key=lambda c: not c.primary)), None)
    row = None if control is None else primary_estimate(tables["controls"], control)
    return row, "" if control is None else control_titles(study)[control.id]


def _compare_items(tables: Tables, study: Study, items: tuple[str, ...]) -> list[Part]:
    """Verdicts of the comparability table on some items; the number is of those that differ."""
    row, title = _primary(tables, study)
    table = tables["control_comparability"]
    own = table.iloc[:0] if row is None else pick_rows(table, control=row["control"])
    own = own[own["item"].isin(items)]
    if own.empty:
        return [LACKING]
    verdicts = own["verdict"].astype("string")
    pairs = zip(own["item"], verdicts, strict=True)
    words = f"against {title}: {_join([f'{inside_sentence(name_term(i))} {v}' for i, v in pairs])}"
    known, differ = verdicts.ne("unknown"), int(verdicts.eq("different").sum())
    first = own.iloc[0].to_dict()
    part = _part(words, "control_comparability", first, differ, answers=bool(known.any()))
    return [part, *[LACKING] * (not known.all())]


def _era(tables: Tables, study: Study) -> list[Part]:
    parts, (row, _) = _compare_items(tables, study, ("era",)), _primary(tables, study)
    item = "per five years within the cohort"
    drift = row and _first(tables["control_sensitivity"], control=row["control"], item=item)
    if drift and pd.notna(drift["value"]):
        words = f"hazard ratio {item} {RATIO(drift['value'])}"
        parts.insert(0, _part(words, "control_sensitivity", drift, drift["value"]))
    return parts


def _missing(tables: Tables, study: Study) -> list[Part]:
    first = study.endpoints[0].name
    fit = _first(tables["cox_fit"], endpoint=first, model="multivariable")
    whole = _first(tables["km_summary"], endpoint=first, group_by="all")
    if fit is None or whole is None:
        return [LACKING]
    imputed = len(pick_rows(tables["cox"], endpoint=first, model="multivariable_imputed")) > 0
    words = f"{COUNT(fit['n'])} of {COUNT(whole['n'])} patients have all covariates"
    words += "; results of multiple imputation are given as well" if imputed else ""
    lacking = [LACKING] * (not imputed and fit["n"] < whole["n"])
    return [_part(words, "cox_fit", fit, fit["n"]), *lacking]


def _confounding(tables: Tables, study: Study) -> list[Part]:
    """Largest standardised difference without and with the weights of the quoted estimate."""
    row, title = _primary(tables, study)
    parts, before = [], f"largest standardised difference against {title}: "
    if row is None:
        return [LACKING]
    for weights in dict.fromkeys(("none", str(row["weights"]))):
        own = pick_rows(tables["control_balance"], control=row["control"], weights=weights)
        if own["smd"].notna().any():
            worst = own.loc[own["smd"].abs().idxmax()].to_dict()
            words = f"{before}{NUMBER(abs(worst['smd']), 2)} {inside_sentence(name_term(weights))}"
            parts.append(_part(words, "control_balance", worst, abs(worst["smd"])))
            before = ""
    return parts or [LACKING]


def _unmeasured(tables: Tables, study: Study) -> list[Part]:
    row, title = _primary(tables, study)
    keys = {"control": row["control"]} if row else {}
    found = row and _first(tables["controls"], **keys, estimate="e_value", weights=str(row["weights"]))
    if not found:
        return [LACKING]
    words = (
        f"an unmeasured confounder would need a risk ratio of at least {RATIO(found['value'])} with both treatment and "
        f"outcome to explain the result against {title} (E-value)"
    )
    parts = [_part(words, "controls", found, found["value"])]
    adjusted = _first(tables["controls"], **keys, method="bias_analysis")
    if adjusted is not None:
        words = f"adjusted for the assumed confounder the ratio is {_show_ratio(adjusted)}"
        parts.append(_part(words, "controls", adjusted, adjusted["value"]))
    own = _first(tables["control_sensitivity"], **keys, kind="negative_control")
    if own is None:
        return [*parts, Part("there is no negative-control outcome", answers=False)]
    words = f"the hazard ratio of an outcome that treatment cannot change is {_show_ratio(own)}"
    answers = bool(pd.notna(own["value"]))
    return [*parts, _part(words, "control_sensitivity", own, own["value"], answers=answers)]


def _show_ratio(row: dict) -> str:
    return numbers.format_interval(row["value"], row["low"], row["high"], RATIO)


def _crossing(tables: Tables, study: Study) -> list[Part]:
    keys = {"endpoint": study.endpoints[0].name, "model": "multivariable", "term": "global"}
    row = _first(tables["cox_diagnostics"], **keys)
    if row is None or pd.isna(row["p_value"]):
        return [LACKING]
    shown = numbers.format_p_value(row["p_value"], name="p")
    words = f"proportional hazards within the cohort (multivariable model): {shown}"
    within = _part(words, "cox_diagnostics", row, row["p_value"])
    control, title = _primary(tables, study)
    if control is None:
        return [within]
    tested = pick_rows(tables["control_borrowing"], control=control["control"])
    tested = tested[tested["conflict_p_value"].notna()]
    found = _first(tested, weights=str(control["weights"])) or _first(tested)
    if found is None:
        return [within, Part(f"against {title} they are not tested", answers=False)]
    words = f"one hazard ratio in all periods against {title}: "
    words += numbers.format_p_value(found["conflict_p_value"], name="p")
    return [within, _part(words, "control_borrowing", found, found["conflict_p_value"])]


def _few_events(tables: Tables, study: Study) -> list[Part]:
    keys = {"endpoint": study.endpoints[0].name, "model": "multivariable"}
    fit, terms = _first(tables["cox_fit"], **keys), len(pick_rows(tables["cox"], **keys))
    if fit is None or not terms:
        return [LACKING]
    per = fit["events"] / terms
    words = f"{COUNT(fit['events'])} events in the multivariable model, {NUMBER(per, 0)} for each of its coefficients "
    return [_part(f"{words}({terms})", "cox_fit", fit, per)]


def _competing(tables: Tables, study: Study) -> list[Part]:
    table = tables["competing_risks"]
    if table.empty:
        words = "death counts as an event, or ends observation, in every endpoint"
        return [Part(words, True, 0, "competing_risks")]
    parts, month = [], study.analysis.milestones_months[0]
    until = pick_rows(table[table["time_months"].le(month)], group_by="all")
    for endpoint in until["endpoint"].unique():
        causes = pick_rows(until, endpoint=endpoint).drop_duplicates("cause", keep="last").to_dict("records")
        found = ((SHARE(row["cumulative_incidence"]), name_term(row["cause"])) for row in causes)
        shown = [f"{share} ({inside_sentence(cause)})" for share, cause in found]
        words = f"{_title(study, endpoint)}: cumulative incidence at {NUMBER(month, 0)} months {_join(shown)}"
        parts.append(_part(words, "competing_risks", causes[0], causes[0]["cumulative_incidence"]))
    return parts or [LACKING]


def _multiplicity(tables: Tables, study: Study) -> list[Part]:
    """How many p-values the tables hold, in all their columns; one that stands in several rows of a column is one."""
    columns = [(name, column) for name in tables for column in map(str, tables[name]) if "p_value" in column]
    found = pd.Series([tables[name][column].nunique() for name, column in columns], [c[0] for c in columns])
    counts = found.drop("multiplicity", errors="ignore").groupby(level=0).sum()
    total, largest, family = int(counts.sum()), str(counts.idxmax()), tables["multiplicity"]
    if not total:
        return [LACKING]
    named = "one comparison is primary" if any(c.primary for c in study.controls) else "none is primary"
    words = f"{COUNT(total)} different p-values stand in the tables; {named}, and pairs of groups are adjusted by Holm"
    parts = [Part(words, True, total, largest)]
    if len(family):
        words = f"{len(family)} tests are one family, adjusted together by Holm"
        parts.append(Part(words, True, len(family), "multiplicity"))
    return [*parts, Part("the other p-values are exploratory", len(family) > 0, total, largest)]


def _centre(tables: Tables, study: Study) -> list[Part]:
    rows = pick_rows(tables["km_summary"], endpoint=study.endpoints[0].name, group_by="centre_id")
    rows = rows[rows["median_months"].notna()].sort_values("median_months")
    if len(rows) < 2:
        return [LACKING]
    low, high = (rows.iloc[k].to_dict() for k in (0, -1))
    spread = f"from {NUMBER(low['median_months'])} to {NUMBER(high['median_months'])} months"
    words = f"medians of {len(rows)} centres {spread}; a model is stratified by centre"
    return [_part(words, "km_summary", low, low["median_months"])]


def _reported(tables: Tables, study: Study) -> list[Part]:
    row = _first(tables["response_concordance"], comparison="reported")
    if row is None:
        return [LACKING]
    agreement = f"{SHARE(row['agreement'])} (kappa {RATIO(row['kappa'])})"
    words = f"reported and derived best response agree in {agreement}"
    return [_part(words, "response_concordance", row, row["agreement"])]


def _reconstruction(tables: Tables, study: Study) -> list[Part]:
    rows = tables["reconstruction_quality"]
    if rows.empty:
        return [Part("no control was reconstructed from a figure", True, 0, "reconstruction_quality")]
    kept = int(rows["verdict"].astype("string").eq("accepted").sum())
    words = f"{kept} of {len(rows)} measures of reconstructed curves are within their limits"
    return [Part(words, True, kept, "reconstruction_quality")]


def _rules(prefix: str, column: str, words: str) -> Callable[[Tables, Study], list[Part]]:
    """Medians where an event is ignored, censored or counted, and the patients who have it (`scan_follow_up`)."""

    def answer(tables: Tables, study: Study) -> list[Part]:
        analyses = tuple(f"{prefix}_{way}" for way in ("ignored", "censored", "event"))
        row, counted = _first(tables["scan_follow_up"], group_by="all"), LACKING
        if row is not None and pd.notna(row[column]):
            share = f"{COUNT(row[column])} of {COUNT(row['n'])} patients"
            counted = _part(f"{share} {words}", "scan_follow_up", row, row[column])
        return [*_medians(tables, study, analyses, spare=1), counted]

    return answer


PATIENTS = ("progression_before_treatment", "line", "tumour_type", "grade", "performance")
OBJECTIONS: dict[str, Callable[[Tables, Study], list[Part]]] = {
    "Immortal time": _immortal_time,
    "Censoring rule": lambda t, s: _medians(t, s, ("fda", "censored_as_events", "censored_event_free")),
    "Missed scans": _rules("missed_scans", "n_stopped", "missed a planned scan"),
    "New therapy": _rules("new_therapy", "n_switched", "began a new therapy before the event"),
    "Scan interval": _scan_interval,
    "Criterion": _criterion,
    "Era": _era,
    "Selection": lambda t, s: _compare_items(t, s, PATIENTS),
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
