"""Methods in words, with their citations, as far as a run used them."""

from pathlib import Path

import yaml

from prrt_outcomes.wording.numbers import format_level
from prrt_outcomes.wording.terms import inside_sentence, name_column, name_term

KIDNEYS: str = yaml.safe_load(Path(__file__).with_name("kidneys.yaml").read_text("utf-8"))["methods"]
CITATIONS: dict[str, str] = yaml.safe_load(Path(__file__).with_name("citations.yaml").read_text("utf-8"))
RADIONUCLIDES: dict = yaml.safe_load(Path(__file__).with_name("radionuclides.yaml").read_text("utf-8"))


def methods_treatment(study) -> tuple[str, ...]:
    """How treatment periods and windows are counted."""
    weeks = study.treatment.retreatment_gap_weeks
    return (
        f"A treatment period is a run of cycles; a gap of more than {weeks:g} weeks starts a new one. Shares are of "
        f"cycles with exact intervals ({CITATIONS['clopper_pearson']}); quantities are medians with quartiles.",
    )


def methods_response(study) -> tuple[str, ...]:
    """How response was assessed."""
    settings = study.response
    named = (c for c in settings.criteria if c not in settings.markers)
    criteria = "; ".join(
        f"{name_term(c)} ({CITATIONS[c]})" if c in CITATIONS else name_term(c) for c in named
    )
    return (
        f"Response was assessed by {criteria}. The baseline scan lies at most {settings.baseline_days} days before the "
        f"first cycle; stable disease lasts at least {settings.minimum_stable_days} days; a response is confirmed by "
        f"a second one at least {settings.confirmation_days} days later. The rates quoted are {settings.primary_rate}.",
        "Every treated patient is in the denominator: a patient without an evaluable scan after baseline counts as "
        f"not evaluable. Intervals are exact ({CITATIONS['clopper_pearson']}).",
    )


def methods_radionuclides(study) -> tuple[str, ...]:
    """How absorbed fractions were computed, and how the change of lesions was compared."""
    return tuple(text.format(**CITATIONS) for text in RADIONUCLIDES["methods"])


def methods_endpoints(study) -> tuple[str, ...]:
    """What each endpoint counts as an event and where it is censored."""
    words = {"event": "an event", "competing": "a competing event", "censor": "censored", "ignore": "ignored"}
    lines, scans = [], {"assessments", "lesions"} & {*study.tables}
    for e in study.endpoints:
        if e.origin == "reported":
            lines.append(f"{e.title}: event and time as the registry reports them.")
            continue
        origin = e.origin if isinstance(e.origin, str) else e.origin.column
        progression = words.get(e.progression, "counted on the next therapy only")
        lines.append(
            f"{e.title or name_term(e.name)}: from the {origin.replace('_', ' ')}; progression is {progression}, death "
            f"is {words[e.death]}, a new anticancer therapy is {words[e.new_therapy]}; without an event censored at "
            f"the {(e.end if scans else 'last_contact').replace('_', ' ')}."
        )
    if "reported_outcomes" in study.tables and "follow_up" not in study.tables:
        return ("Times to event were taken as the registry reports them; dates were not available.",)
    return (f"Endpoints are defined as estimands ({CITATIONS['estimand']}). A month is 30.4375 days.", *lines)


def methods_survival(study) -> tuple[str, ...]:
    """How curves, tests and models were made."""
    confidence = study.analysis.confidence
    names = ", ".join(inside_sentence(name_column(name)) for name in study.analysis.covariates)
    model = f"Covariates of the multivariable model: {names}" if names else "There is no multivariable model"
    return (
        f"Survival is by Kaplan-Meier ({CITATIONS['kaplan_meier']}) with {format_level(confidence.level)} intervals on "
        f"the {confidence.type} scale; follow-up by the reverse method ({CITATIONS['follow_up']}). Groups are compared "
        "by the log-rank test; pairs are adjusted after Holm.",
        f"Cox models ({CITATIONS['cox']}) handle ties after Efron ({CITATIONS['efron']}) with Wald intervals. "
        f"{model}. Proportional hazards are tested on scaled Schoenfeld "
        f"residuals ({CITATIONS['ph_test']}).",
        f"With competing events, cumulative incidence is by Aalen-Johansen, compared by Gray's test "
        f"({CITATIONS['gray']}).",
    )


def methods_responders(study) -> tuple[str, ...]:
    """Why the naive comparison never stands alone."""
    months = ", ".join(f"{m:g}" for m in study.analysis.landmark_months)
    return (
        f"Guarantee-time bias: {CITATIONS['guarantee']}. Landmarks at {months} months. Mantel-Byar test: "
        f"{CITATIONS['mantel_byar']}. Simon-Makuch curves: {CITATIONS['simon_makuch']}. Tumour growth rate at 3 months "
        f"(fast from 0.8% a month on) is compared from the day of its scan on ({CITATIONS['growth']}).",
    )


def methods_controls(study) -> tuple[str, ...]:
    """How history was compared."""
    return (
        "A published arm is compared by observed over expected events up to its last published point, with the "
        "uncertainty of the published curve drawn from its intervals, and by the one-sample log-rank test, which takes "
        f"the curve as known ({CITATIONS['wu']}), a published curve after reconstruction of its patients "
        f"({CITATIONS['guyot']}), individual controls after weighting ({CITATIONS['maic']} for MAIC). E-value: "
        f"{CITATIONS['e_value']}. Bias of an unmeasured confounder: {CITATIONS['bias']}.",
    )


def methods_safety(study) -> tuple[str, ...]:
    """How laboratory values were graded and adverse events counted."""
    equation = study.safety.egfr_equation.replace("ckd_epi_", "CKD-EPI ")
    return (
        f"Laboratory values were graded by CTCAE ({CITATIONS['ctcae']}). A value without a limit of the laboratory is "
        "of grade 0 or 1 unless a threshold without limit holds, creatinine by its rise from baseline alone. Renal "
        f"function is by {equation} ({CITATIONS[study.safety.egfr_equation]}). Baseline is the last sample at most "
        f"{study.safety.baseline_days} days before the first cycle; samples later than "
        f"{study.safety.late_after_days} days after the last cycle are late. A grade is treatment-emergent where it is "
        "above that of the baseline. Creatinine has the higher of its grades over upper limit and over baseline.",
        "The nadir of a cycle is the lowest value after its day and up to the day of the next cycle, after the last "
        f"cycle within {study.safety.late_after_days} days. A nadir of grade 2 or worse, and worse than the baseline, "
        "recovers at the first later sample of grade 0 or 1, at which the label resumes treatment "
        f"({CITATIONS['lutathera']}), or of the grade of the baseline; others are censored at their last sample before "
        f"the next cycle. Times to recovery are Kaplan-Meier medians ({CITATIONS['kaplan_meier']}).",
        "Adverse events count from the day of the first cycle on, each patient once by term and by group of terms, "
        "with exact (Clopper-Pearson) intervals of shares. Rates are patients with a first event per 100 patient-years "
        "at risk, which end at that event, with exact Poisson intervals (Garwood 1936).",
        "Myelodysplastic syndrome and acute leukaemia: cumulative incidence from the first cycle (Aalen-Johansen) with "
        f"death as a competing event; by cumulative activity from month {study.safety.activity_landmark_months:g} on.",
        KIDNEYS.format(acute=study.safety.egfr_acute_months),
    )


def methods_appraisal(study) -> tuple[str, ...]:
    """How comparisons were described and judged."""
    return (
        f"Comparisons are described as estimands ({CITATIONS['estimand']}). Risk of bias is judged by the domains of "
        f"ROBINS-I ({CITATIONS['robins_i']}). Items of reporting: STROBE for cohort studies ({CITATIONS['strobe']}), "
        f"RECORD ({CITATIONS['record']}). Tests of one family are adjusted by Holm ({CITATIONS['holm']}).",
    )
