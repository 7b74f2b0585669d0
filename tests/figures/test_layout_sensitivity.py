"""Nothing overlaps and nothing is cut: forests of subgroups and controls, states, depth."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.figures.control_plots import (
    plot_control_forest,
    plot_medians,
    plot_weighted_curves,
)
from prrt_outcomes.figures.controls_figures import plot_overlap
from prrt_outcomes.figures.cox_forest import plot_subgroups
from prrt_outcomes.figures.patient_chart import Course, plot_patient
from prrt_outcomes.figures.responders_figures import plot_depth, plot_states
from prrt_outcomes.figures.survival_figures import plot_turnbull

RATIO = {"hazard_ratio": 0.8, "hazard_ratio_low": 0.01, "hazard_ratio_high": 90.0, "status": "ok"}
CHOICES = ("as analysed", "from 12 months", "without progressive_at_baseline", "every 12 weeks, earliest")


def make_choices():
    kinds = ("main", "start", "leave_one_out", "scan_grid")
    rows = [
        {"control": "before_prrt", "endpoint": "pfs", "kind": kind, "item": item, "weights": "att"}
        | {"n": 400, "n_control": 160, "ess": 335.0, "ess_control": 119.2, "method": "cox"}
        | {"value": 0.5 + 0.1 * i, "low": 0.001, "high": 40.0, "status": "ok"}
        for i, (kind, item) in enumerate(zip(kinds, CHOICES, strict=True))
    ]
    return pd.DataFrame(rows)


def make_controls():
    rows = make_choices().drop(columns=["kind", "item"]).assign(estimate="hazard_ratio")
    rows["assumption"] = [
        None,
        "constant hazard through the published median",
        "bootstrap, weights refitted",
        "a0 = 0.5",
    ]
    return rows


def test_subgroups_have_room(style, groups, look):
    group_by, levels = groups
    rows = [
        RATIO | {"subgroup": name, "subgroup_level": level, "term": "sex", "level": "male", "reference": "female"}
        | {"n": 40, "events": 20, "interaction_p_value": 0.03}
        for name in (group_by, "grade") for level in levels
    ]  # fmt: skip
    rows[0] |= {"hazard_ratio": np.nan, "status": "too_few"}
    assert look(plot_subgroups(pd.DataFrame(rows), style, "Progression-free survival: subgroups")) == []


def test_bounds_of_an_interval_censored_curve_have_room(style, survival_tables, look):
    curve, _, _ = survival_tables("all", ["all"])
    intervals = pd.DataFrame(
        {"time_low_months": [1.0, 9.0, 70.0], "time_high_months": [4.0, 12.0, np.nan]}
        | {"survival": [0.8, 0.3, 0.0]}
    )
    assert look(plot_turnbull(intervals, curve, style, "Progression-free survival", "Months")) == []


def test_states_have_room(style, look):
    times = np.linspace(0, 80, 50)
    shares = {"without_response": np.exp(-times / 20), "in_response": 0.2 * (1 - np.exp(-times / 10))}
    shares["after_event"] = 1 - sum(shares.values())
    states = pd.concat(
        [pd.DataFrame({"state": s, "time_months": times, "probability": p}) for s, p in shares.items()]
    )
    means = pd.DataFrame({"state": list(shares), "horizon_months": 60.0, "expected_months": 24.0})
    means = means.assign(expected_low=20.0, expected_high=30.0, status="ok")
    assert look(plot_states(states, means, style, "Progression-free survival", "Months")) == []


def test_depths_have_room(style, look):
    change = np.linspace(-0.9, 0.6, 40)
    depth = pd.DataFrame({"change": change, "hazard_ratio": np.exp(change), "p_value": 0.01})
    depth = depth.assign(
        hazard_ratio_low=np.exp(change - 2), hazard_ratio_high=np.exp(change + 2), p_value_nonlinear=0.5
    )
    assert look(plot_depth(depth, style, "Progression-free survival")) == []


def test_an_outcome_that_treatment_cannot_change_is_no_extreme_of_the_effect(style, monkeypatch):
    choices = make_choices()
    row = choices.loc[0].to_dict() | {"kind": "negative_control", "item": "injury", "value": 3.0}
    monkeypatch.setattr("prrt_outcomes.figures.control_plots.plot_forest", lambda forest, _: forest)
    both = pd.concat([choices, pd.DataFrame([row])], ignore_index=True)
    drawn = plot_control_forest(make_controls(), both, "before_prrt", style, "History").records
    assert drawn == plot_control_forest(make_controls(), choices, "before_prrt", style, "History").records


def test_quoted_estimates_with_their_extremes_have_room(style, look):
    assert look(plot_control_forest(make_controls(), make_choices(), "before_prrt", style, "History")) == []


def test_medians_of_the_library_have_room(style, look):
    row = {"low": 5.0, "high": np.nan, "status": "ok", "n": 1486, "tumour_group": "gep"}
    arms = [
        ("cohort", "cohort", "this"),
        ("control", "placebo", "A trial of a long name"),
        ("prrt", "prrt", "B"),
    ]
    medians = pd.DataFrame(
        [row | {"series": s, "role": r, "study": t, "treatment": "177Lu-DOTATATE, upfront chemotherapy"}
         | {"median_months": m} for s, r, t in arms for m in (12.0, 24.0, np.nan)]
    )  # fmt: skip
    summary = pd.DataFrame([row | {"role": "prrt", "tumour_group": "all", "k": 14, "median_months": 27.0}])
    assert look(plot_medians(medians, summary, style, "The cohort among published series")) == []


def test_propensity_scores_and_weighted_curves_have_room(style, survival_tables, look):
    curve, _, _ = survival_tables("x", ["cohort", "control"])
    kinds = ("none", "att", "overlap", "ate", "maic")
    curves = pd.concat([curve.assign(weights=k) for k in kinds], ignore_index=True)
    at_risk = curves[curves["time_months"] % 12 == 0]
    sizes = dict.fromkeys(kinds[1:], "effective\n123 / 45")
    plot = plot_weighted_curves(curves, at_risk, style, "PFS: cohort and before PRRT", "Months", sizes)
    assert look(plot) == []
    counted = next(layer._data for layer in plot.layers if type(layer.geom).__name__ == "geom_text")
    drawn = counted[["time_months", "n_at_risk"]].drop_duplicates()
    assert len(drawn.groupby("time_months")) > 1
    assert set(drawn["n_at_risk"]) <= set(at_risk["n_at_risk"])
    edges = np.arange(0, 1, 0.1)
    bins = [
        pd.DataFrame({"score_low": edges, "score_high": edges + 0.1, "share": 0.1, "share_weighted": 0.12})
        .assign(group=side, weights=k)
        for side in ("cohort", "control") for k in kinds[1:4]
    ]  # fmt: skip
    assert look(plot_overlap(pd.concat(bins), style, "Propensity scores: cohort and before PRRT")) == []


@pytest.mark.parametrize("scans", [1, 40])
def test_charts_of_patients_have_room(style, scans, look):
    months = np.linspace(3.0, 120.0, scans)
    sums = pd.DataFrame({"time_months": months, "value": np.linspace(80.0, 200.0, scans)})
    sums = sums.assign(
        response="NON-CR/NON-PD", response_threshold=70.0, progression_threshold=120.0, baseline_sum=100.0
    )
    marks = pd.DataFrame({"item": ["cycle", "therapy"], "time_months": [0.0, 130.0]})
    lesions = sums.assign(lesion_id="T1")
    plot = plot_patient(Course(sums, lesions, marks, "mm2"), style, "SWOG with minor response, reader local")
    assert look(plot) == []
