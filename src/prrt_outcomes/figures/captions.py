"""What each figure shows, by its name: caption, alternative text and the tables its dots stand in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prrt_outcomes.figures.figure import Figure
from prrt_outcomes.figures.worst_grades import phase_words
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_column,
    name_endpoint,
    name_term,
)

PATTERNS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"delivery",
        "Share of cycles and patients in whom the regimen was kept, with exact intervals.",
        ("treatment_delivery",),
    ),
    (
        r"eligibility",
        "Share of patients who did not meet a condition of the guidance at baseline, with exact intervals.",
        ("treatment_delivery",),
    ),
    (
        r"attrition_flow",
        "Flow of patients to the analysis of the primary endpoint: steps that lost patients, and why.",
        ("attrition",),
    ),
    (
        r"estimands_(?P<endpoint>{endpoints})",
        "{endpoint} under every definition of the run: median of all patients, and hazard ratio of the largest "
        "contrast of the first grouping.",
        ("estimand_comparison",),
    ),
    (
        r"sensitivity_(?P<endpoint>{endpoints})",
        "{endpoint}: sensitivity analyses. What would the result be if those who were lost had fared worst, or best?",
        ("sensitivity",),
    ),
    (
        r"interval_censored_(?P<endpoint>{endpoints})",
        "{endpoint}: what scans can tell of the time of progression (Turnbull), with the Kaplan-Meier curve.",
        ("interval_censored_curve", "km_curve"),
    ),
    (
        r"scan_intervals_(?P<column>.+)",
        "Days between scans by {column}: a group that is scanned more rarely seems to progress later.",
        ("scan_intervals", "scan_interval_test"),
    ),
    (
        r"worst_grades_(?P<phase>.+)",
        "Worst CTCAE grade of each laboratory value, {phase}.",
        ("safety_grades", "safety_rates"),
    ),
    (
        r"grade_shift",
        "Grade at baseline against the worst grade afterwards; numbers are patients.",
        ("safety_grades",),
    ),
    (
        r"forest",
        "The cohort against every control on one logarithmic axis: the estimate that is quoted and the worst cases of "
        "all others; below 1 favours the cohort.",
        ("controls", "control_sensitivity"),
    ),
    (
        r"estimates_(?P<control>.+)",
        "Every estimate against {control}, and what the quoted one becomes under other choices.",
        ("controls", "control_sensitivity", "control_verdicts"),
    ),
    (
        r"curve_(?P<control>.+)",
        "The cohort beside {control}: what was published of the control is drawn as it was published.",
        ("km_curve", "control_reconstruction"),
    ),
    (
        r"weighted_(?P<control>.+)",
        "Cohort and {control} by each weighting, with weighted numbers at risk.",
        ("control_curves_fitted", "control_fitted_at_risk"),
    ),
    (
        r"overlap_(?P<control>.+)",
        "Propensity scores of the cohort and {control} before and after weighting.",
        ("control_overlap",),
    ),
    (
        r"love_(?P<control>.+)",
        "Balance of covariates against {control}, before and after weighting.",
        ("control_balance",),
    ),
    (
        r"medians_(?P<endpoint>{endpoints})",
        "{endpoint}: median of the cohort among the published series of the library.",
        ("control_medians", "control_meta"),
    ),
)


def caption_plots(plots: Mapping[str, object], study) -> list[Figure]:
    """Figures of plots that carry no words of their own, in the order of the page."""
    titles = endpoint_titles(study)
    figures = []
    for name in sorted(plots, key=lambda n: order_figure(n, titles)):
        caption, alternative_text, tables = describe_figure(name, titles)
        figures.append(Figure(name, plots[name], caption, tables, alternative_text, is_leading(name, study)))
    return figures


def describe_figure(name: str, titles: Mapping[str, str]) -> tuple[str, str, tuple[str, ...]]:
    """Caption, alternative text and tables of a figure.

    Parameters
    ----------
    name : file name without its format, as `draw_chapter` gives it
    titles : endpoints of the study by name
    """
    endpoints = "|".join(sorted(map(re.escape, titles), key=len, reverse=True)) or "[a-z0-9_]+"
    for pattern, caption, tables in PATTERNS:
        found = re.fullmatch(pattern.replace("{endpoints}", endpoints), name)
        if found:
            words = {key: _spell(key, value, titles) for key, value in found.groupdict().items()}
            text = caption.format(**words)
            return text, f"Figure: {text.split('. ')[0].rstrip('.')}.", tables
    text = name_term(name) + "."
    return text, f"Figure: {text}", ()


def order_figure(name: str, titles: Mapping[str, str]) -> tuple[int, int, str]:
    """Place of a figure in its chapter: by endpoint as the study lists them, then by kind, then by name."""
    endpoints = "|".join(sorted(map(re.escape, titles), key=len, reverse=True)) or "[a-z0-9_]+"
    for place, (pattern, _, _) in enumerate(PATTERNS):
        found = re.fullmatch(pattern.replace("{endpoints}", endpoints), name)
        if found:
            endpoint = found.groupdict().get("endpoint", "")
            return (list(titles).index(endpoint) if endpoint in titles else 0, place, name)
    return (len(titles), len(PATTERNS), name)


OF_PRIMARY = ("medians", "estimands", "sensitivity")


def is_leading(name: str, study) -> bool:
    """Tell whether a figure stands on the page itself; the others are linked.

    The page shows whole-cohort curves of every endpoint, groups of the primary endpoint and of overall survival, what
    doubts the primary endpoint, the primary criterion and control, and laboratory grades over the whole time.
    """
    titles = {e.name: e.title for e in study.endpoints}
    primary = study.endpoints[0].name
    endpoints = "|".join(sorted(map(re.escape, titles), key=len, reverse=True))
    found = re.fullmatch(rf"([a-z_]+?)_({endpoints})(?:_(.+))?", name)
    if found:
        kind, endpoint, column = found.groups()
        if kind in OF_PRIMARY:
            return endpoint == primary
        return column == "all" or (kind != "cumulative_incidence" and endpoint in (primary, "os"))
    if name.startswith("estimates_"):
        control = next((c.id for c in study.controls if c.primary), "")
        return name == f"estimates_{control}"
    return name not in ("worst_grades_treatment", "worst_grades_late")


def _spell(key: str, value: str, titles: Mapping[str, str]) -> str:
    if key == "endpoint":
        return name_endpoint(value, dict(titles))
    if key == "column":
        return inside_sentence(name_column(value))
    if key == "phase":
        return phase_words(value)
    return name_term(value)
