"""Chapter safety: worst grades and their shift from baseline."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.rows import has_rows, pick_rows
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.figures.worst_grades import phase_words, plot_grade_shift, plot_worst_grades

SAFETY_INPUTS = ("safety_grades", "safety_rates")


def draw_safety(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `worst_grades_<phase>` of each phase and `grade_shift` over the whole time."""
    grades, rates = tables.get("safety_grades"), tables.get("safety_rates")
    if not has_rows(grades):
        return {}
    style = figure_style(study)
    plots: dict[str, object] = {}
    phases = list(dict.fromkeys(grades["phase"].astype(str)))
    for phase in phases:
        rows = pick_rows(grades, phase=phase)
        if rows["worst_grade"].notna().any():
            own = pick_rows(rates, phase=phase, group_by="all") if has_rows(rates) else _no_rates()
            title = f"Laboratory toxicity {phase_words(phase)}"
            plots[f"worst_grades_{phase}"] = plot_worst_grades(rows, own, style, title)
    shown = "any" if "any" in phases else phases[0]
    rows = pick_rows(grades, phase=shown).dropna(subset=["baseline_grade", "worst_grade"])
    if has_rows(rows):
        title = f"Shift of laboratory grades {phase_words(shown)}"
        plots["grade_shift"] = plot_grade_shift(rows, style, title)
    return plots


def _no_rates() -> pd.DataFrame:
    return pd.DataFrame(columns=["analyte", "grade_at_least", "proportion"])
