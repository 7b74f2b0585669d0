"""Words for the codes of statistics, and the way to the words of the data schema for all others."""

import re
from collections import Counter
from functools import cache

from prrt_outcomes.controls.library import title_control
from prrt_outcomes.study.base import spell_name
from prrt_outcomes.study.endpoints import PRESETS
from prrt_outcomes.tables.schema import Field, load_schema
from prrt_outcomes.wording.numbers import is_missing

# What is not here is its name as words (`spell_name`).
TERMS = {name: str(preset["title"]) for name, preset in PRESETS.items()} | {
    "all": "All patients",
    "responder": "Responders",
    "non_responder": "Non-responders",
    "objective": "Objective response (CR + PR)",
    "objective_with_mr": "Objective response with MR",
    "multivariable_stratified": "Multivariable, stratified",
    "multivariable_clustered": "Multivariable, variance by centre",
    "multivariable_imputed": "Multivariable, imputed",
    "multivariable_firth": "Multivariable, Firth",
    "univariable_firth": "Univariable, Firth",
    "logrank": "Log-rank",
    "tarone_ware": "Tarone-Ware",
    "maxcombo": "MaxCombo",
    "naive": "Naive (biased)",
    "mantel_byar": "Mantel-Byar",
    "time_dependent_cox": "Time-dependent Cox",
    "simon_makuch": "Simon-Makuch",
    "one_sample_logrank": "One-sample log-rank, curve as fixed",
    "cox": "Cox model",
    "kaplan_meier": "Kaplan-Meier",
    "rmst": "Restricted mean",
    "rmst_difference": "Difference of restricted means",
    "median_control": "Median of the control",
    "power_prior": "Discounted control",
    "calibrated": "Calibrated on published arms",
    "rate_ratio": "Published curve with its uncertainty",
    "e_value": "E-value",
    "adjusted_ratio": "Ratio without the unmeasured confounder",
    "none": "Unweighted",
    "att": "Weighted to the cohort (ATT)",
    "overlap": "Overlap weights",
    "ate": "Weighted to both (ATE)",
    "maic": "Matching-adjusted (MAIC)",
    "smr": "Observed over expected",
    "recist_1_1": "RECIST 1.1",
    "recist_1_0": "RECIST 1.0",
    "recist_mr": "RECIST 1.1 with minor response",
    "swog": "SWOG",
    "swog_mr": "SWOG with minor response",
    "who": "WHO",
    "competing": "Competing event",
    "true": "Yes",
    "false": "No",
    "primary": "As defined",
    "any_progression": "Clinical and biochemical progression count too",
    "lost_as_event": "Loss to follow-up counted as an event",
    "lost_event_free": "Lost patients free of the event to the cut-off",
    "new_therapy_ignored": "New therapy disregarded",
    "new_therapy_censored": "Censored at new therapy",
    "new_therapy_event": "New therapy counted as an event",
    "missed_scans_ignored": "Missed scans disregarded",
    "missed_scans_censored": "Censored before two missed scans",
    "missed_scans_event": "Event after missed scans dated at the first",
    "fda": "Censored at new therapy and before missed scans (FDA)",
    "scan_stop_censored": "Censored where scans stop",
    "scan_stop_weighted": "Censored where scans stop, weighted by inverse probability",
    "partial_dates_first": "Partial dates: first possible day",
    "partial_dates_middle": "Partial dates: middle day",
    "partial_dates_last": "Partial dates: last possible day",
    "censored_as_events": "Every censored patient counted as an event",
    "early_censored_as_events": "Patients censored early counted as events",
    "censored_event_free": "Censored patients free of the event to the cut-off",
    "interval_censored": "Interval-censored (Turnbull): the interval that holds the median, no CI",
    "after_event": "After the event",
    "progressed": "After progression, before the event",
    "response": "Objective response",
    "event_before_first_scan": "Event before the first scan",
    "ssa": "Somatostatin analogue",
}
NAMES = ("Cox", "Fine", "Firth", "Kaplan", "Karnofsky", "Ki-67", "Krenning", "Mantel", "Simon", "Tarone")
CLAIMED = {
    "objective": "Objective response",
    "objective_with_mr": "Objective or minor response",
    "complete": "Complete response",
    "partial": "Partial response",
    "minor": "Minor response",
    "stable": "Stable disease",
    "stable_or_minor": "Stable disease or minor response",
}
CODES = re.compile(r"\b(?:pfs|os|ttp|[a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b")
COHORT_TABLES = ("analysis_set", "patients", "safety_grades", "response_rates", "treatment_periods", "cycles")


@cache
def _find_fields(column: str) -> tuple[Field, ...]:
    """Fields of this name in the tables that groupings and covariates come from."""
    return tuple(
        field for table in COHORT_TABLES for field in load_schema(table).fields if field.name == column
    )


def name_column(column: str) -> str:
    """Title of a grouping or covariate: that of the schema, else the name as words."""
    fields = _find_fields(column)
    return fields[0].title if fields else TERMS.get(column, spell_name(column))


def name_code(column: str, code: str, *, inside: bool = False) -> str:
    """Words for a level of a grouping or covariate: those of the schema, else the code as it stands.

    `inside` a sentence our words begin small; a value of the data never changes.
    """
    labels = (field.label(code) for field in _find_fields(column))
    label = next((label for label in labels if label != code), None)
    if code in ("all", "unknown") or (label is None and code.lower() in ("true", "false")):
        label = name_term(code.lower())
    return code if label is None else inside_sentence(label) if inside else label


def list_codes(column: str) -> tuple[str, ...]:
    """Levels that the data schema lists for a grouping or covariate, in its order; empty where it lists none."""
    return next((field.codes for field in _find_fields(column) if field.codes), ())


def name_term(code: object) -> str:
    """Words for a statistics term, an endpoint preset, a criterion or a method."""
    text = "" if is_missing(code) else str(code)
    for ending in ("_as_reported", " as reported"):
        if text.endswith(ending):
            return f"{name_term(text.removesuffix(ending))} as reported"
    return TERMS.get(text) or spell_name(text)


def name_codes(text: str) -> str:
    """Write words where a text holds codes: `gep_pancreas 40%, pfs` as `pancreas 40%, progression-free survival`.

    A value of the data that the schema does not know (`source is not registry_1995`) stays as it is.
    """

    def name(found: re.Match) -> str:
        code = found.group()
        label = name_code("tumour_type", code)
        if code not in TERMS and label == code and text[: found.start()].endswith((" is not ", " or ")):
            return code
        return inside_sentence(TERMS.get(code) or (label if label != code else name_column(code)))

    return CODES.sub(name, text)


def name_step(step: str, study) -> str:
    """`survival: pfs by arm` as `Survival: progression-free survival by arm`, with the study's own titles."""
    stage, _, rest = step.partition(": ")
    endpoints = {name: inside_sentence(title) for name, title in endpoint_titles(study).items()}
    titles = control_titles(study) if stage == "controls" else endpoints
    parts = re.split("(, | by )", rest)
    words = "".join(
        titles.get(p) or (inside_sentence(TERMS[p]) if p in TERMS else name_codes(p)) for p in parts
    )
    return f"{spell_name(stage)}: {words}" if rest else step


def inside_sentence(name: str) -> str:
    """A label inside a sentence: small first letter, unless it is an abbreviation or a name (`RECIST 1.1`, `Cox`)."""
    return (
        name
        if name.startswith(NAMES) or len(name) < 2 or not name[1].islower()
        else name[0].lower() + name[1:]
    )


def name_endpoint(endpoint: str, titles: dict[str, str] | None = None) -> str:
    """Title of an endpoint: that of the study, else of the preset."""
    return (titles or {}).get(endpoint) or name_term(endpoint)


def endpoint_titles(study) -> dict[str, str]:
    """Titles of the study's endpoints by name."""
    return {e.name: e.title or name_term(e.name) for e in study.endpoints}


def control_titles(study) -> dict[str, str]:
    """Titles of the study's controls by id; endpoint and patients, else a number, tell apart those of one title."""
    titles, endpoints = {c.id: title_control(c) for c in study.controls}, endpoint_titles(study)
    count = Counter(titles.values())
    for c in study.controls:
        if count[titles[c.id]] > 1:
            levels = [name_code(column, level) for column, values in c.within.items() for level in values]
            titles[c.id] += f" ({', '.join([name_endpoint(c.endpoint, endpoints), *levels])})"
    alike = [[name for name in titles if titles[name] == title] for title in dict.fromkeys(titles.values())]
    numbers = {name: f" {i}" for names in alike if len(names) > 1 for i, name in enumerate(names, start=1)}
    return {name: title + numbers.get(name, "") for name, title in titles.items()}


def claim_titles(study) -> dict[str, str]:
    """Titles of the study's claims by id; else quantity and group in words."""
    titles = {}
    for c in study.claims:
        median = c.quantity.removeprefix("median_").removesuffix("_months")
        words = CLAIMED.get(c.quantity) or spell_name(c.quantity)
        if median != c.quantity:
            words = f"Median {inside_sentence(name_term(median))}, months"
        group = "" if c.group == "all" else f": {inside_sentence(name_term(c.group))}"
        titles[c.id] = c.title or words + group
    return titles


PHASES = {"treatment": "during treatment", "late": "late", "any": "at any time"}
QUANTITIES = ("_gbq", "_weeks", "cycles_per_patient")
ITEM_WORDS = {
    "cycle_interval_kept": "Interval between cycles within the window",
    "cycle_interval_weeks": "Interval between cycles, weeks",
    "long_acting_window_kept": "Long-acting analogue paused long enough",
    "long_acting_window_unknown": "Long-acting analogue: not known",
    "short_acting_window_kept": "Short-acting analogue paused long enough",
    "short_acting_window_unknown": "Short-acting analogue: not known",
    "amino_acids_given": "Amino acids given with the cycle", "amino_acids_unknown": "Amino acids: not known",
    "several_radionuclides": "More than one radionuclide", "retreatment": "Retreated later",
    "cycles_per_patient": "Cycles a patient", "cumulative_activity_gbq": "Cumulative activity, GBq",
    "activity_per_cycle_gbq": "Activity a cycle, GBq",
}  # fmt: skip


def phase_words(phase: str) -> str:
    """`during treatment`, `late`, `at any time`."""
    return PHASES.get(phase, spell_name(phase).lower())


def name_item(item: str) -> str:
    """Words for an item of `treatment_delivery`."""
    if item in ITEM_WORDS:
        return ITEM_WORDS[item]
    if item.startswith("eligibility_"):
        for state in ("not_met", "met", "unknown"):
            if item.endswith(f"_{state}"):
                condition = item.removeprefix("eligibility_").removesuffix(f"_{state}")
                return f"{spell_name(condition)}: {state.replace('_', ' ')}"
    return spell_name(item)


def is_share(item: str) -> bool:
    """Whether an item is a share of cycles or patients (else a quantity with quartiles)."""
    return not item.endswith(QUANTITIES)
