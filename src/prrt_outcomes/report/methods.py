"""Methods in words, with their citations, as far as a run used them."""

from pathlib import Path

import yaml

from prrt_outcomes.wording.numbers import format_level
from prrt_outcomes.wording.terms import inside_sentence, name_column, name_term

CITATIONS: dict[str, str] = yaml.safe_load(Path(__file__).with_name("citations.yaml").read_text("utf-8"))
METHODS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("methods.yaml").read_text("utf-8"))


def describe_methods(chapter: str, study, more: str = "") -> tuple[str, ...]:
    """Paragraphs on the methods of a chapter, and those called `more`; none where it has no methods of its own."""
    if chapter == "endpoints":
        return _describe_endpoints(study)
    settings, analysis, schedule = study.response, study.analysis, study.safety.egfr_schedule_months
    named = (c for c in settings.criteria if c not in settings.markers)
    names = ", ".join(inside_sentence(name_column(name)) for name in analysis.covariates)
    words = {
        "criteria": "; ".join(
            f"{name_term(c)} ({CITATIONS[c]})" if c in CITATIONS else name_term(c) for c in named
        ),
        "equation": study.safety.egfr_equation.replace("ckd_epi_", "CKD-EPI "),
        "equation_source": CITATIONS[study.safety.egfr_equation],
        "level": format_level(analysis.confidence.level),
        "model": f"Covariates of the multivariable model: {names}"
        if names
        else "There is no multivariable model",
        "schedule": f"month {schedule:g}" if schedule else "the 95th percentile of last values",
        "months": ", ".join(f"{m:g}" for m in analysis.landmark_months),
    }
    texts = [*METHODS.get(chapter, ()), *METHODS.get(more, ())]
    return tuple(text.format(study=study, **words, **CITATIONS) for text in texts)


def _describe_endpoints(study) -> tuple[str, ...]:
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
