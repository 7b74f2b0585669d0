"""Nothing overlaps and nothing is cut: response, responders, history, safety, treatment and flow."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.figures.control_plots import (
    KnownControl,
    list_marks,
    plot_control_curve,
    plot_control_forest,
)
from prrt_outcomes.figures.controls_figures import plot_love
from prrt_outcomes.figures.endpoints_figures import plot_attrition_flow
from prrt_outcomes.figures.responders_figures import plot_landmark_ratio, plot_responder_curves
from prrt_outcomes.figures.response_figures import plot_response_bars, plot_swimmer, plot_waterfall
from prrt_outcomes.figures.safety_figures import plot_egfr_course, plot_grade_course, plot_organ_doses
from prrt_outcomes.tables.frames import empty_table

CODES = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE")
ANALYTES = ("creatinine", "haemoglobin", "platelets", "lymphocytes", "alt", "egfr", "bilirubin")


def make_rates(group_by, levels):
    shares = dict(zip(CODES, (0.02, 0.2, 0.13, 0.4, 0.05, 0.15, 0.05), strict=True))
    shares |= {"objective": 0.22, "disease_control": 0.8}
    return pd.DataFrame(
        [
            {"group_by": group_by, "group": level, "category": code, "n": 100 * share, "total": 100}
            | {"proportion": share, "proportion_low": 0.8 * share, "proportion_high": min(1, 1.2 * share)}
            for level in levels
            for code, share in shares.items()
        ]
    )


def make_ratios():
    rows = [("naive", np.nan, 0.4), ("time_dependent_cox", np.nan, 0.8)]
    rows += [("landmark", float(m), 0.6 + 0.01 * m) for m in (3, 4, 6, 9, 12, 18, 24)]
    return pd.DataFrame(
        [
            {
                "method": method,
                "landmark_months": month,
                "hazard_ratio": ratio,
                "p_value": 0.03,
                "excluded": 12,
            }
            | {"hazard_ratio_low": 0.6 * ratio, "hazard_ratio_high": 1.5 * ratio}
            for method, month, ratio in rows
        ]
    )


def make_curves(survival_tables):
    parts = []
    for method, month in (("naive", np.nan), ("landmark", 3.0), ("landmark", 12.0), ("simon_makuch", 3.0)):
        curve, _, _ = survival_tables("x", ["responder", "non_responder"])
        parts.append(curve.assign(method=method, landmark_months=month))
    return pd.concat(parts, ignore_index=True)


def make_controls():
    nothing = {"ess": np.nan, "ess_control": np.nan, "assumption": None, "status": "ok", "p_value": 0.01}
    rows = [
        {"control": "netter1_octreotide", "method": "one_sample_logrank", "weights": None, "estimate": "smr"}
        | nothing
        | {
            "value": 0.3,
            "low": 0.2,
            "high": 0.45,
            "assumption": "piecewise exponential through the milestones",
        }
    ]
    for weights in ("none", "att", "overlap", "ate", "maic"):
        rows.append(
            {"control": "before_prrt", "method": "cox", "weights": weights, "estimate": "hazard_ratio"}
            | nothing
            | {"value": 0.6, "low": 0.4, "high": 0.9, "ess": 300.4, "ess_control": 81.2}
        )
    lost = {"value": np.nan, "low": np.nan, "high": np.nan, "status": "too_few"}
    rows.append(rows[-1] | lost)
    return pd.DataFrame(rows).assign(endpoint="pfs", n=400, n_control=180)


def make_course():
    grades = {f"n_grade_{g}": n for g, n in enumerate((200, 100, 50, 20, 5))} | {"n_grade_0_or_1": 5}
    moments = ("baseline", "worst", "last")
    return pd.DataFrame([{"analyte": a, "moment": m, "n": 380} | grades for a in ANALYTES for m in moments])


def test_response_bars_have_room(style, groups, look):
    rates = pd.concat([make_rates("all", ["all"]), make_rates(*groups)])
    assert (
        look(plot_response_bars(rates, style, "RECIST 1.1, best response (unconfirmed), by tumour type"))
        == []
    )


@pytest.mark.parametrize("n", [1, 30, 400])
def test_waterfalls_have_room(style, n, look):
    change = np.linspace(1.8, -1.0, n)
    changes = pd.DataFrame(
        {
            "patient_id": [f"p{i:03d}" for i in range(n)],
            "best_change": change,
            "best_response": np.where(change <= -0.3, "PR", "PD"),
        }
    )
    thresholds = {"PR": -0.5, "MR": -0.25, "PD": 0.5}
    assert look(plot_waterfall(changes, thresholds, style, "SWOG with minor response")) == []


@pytest.mark.parametrize("n", [1, 12, 400])
def test_swimmers_have_room(style, n, look):
    ids = [f"p{i:03d}" for i in range(n)]
    courses = pd.DataFrame({"patient_id": ids, "end_months": np.linspace(2, 80, n), "best_response": "SD"})
    marks = courses.assign(time_months=courses["end_months"], mark="death")
    assert look(plot_swimmer(courses, marks, style, "Course of single patients")) == []


def test_responder_curves_have_room(style, survival_tables, look):
    curves = make_curves(survival_tables)
    plot = plot_responder_curves(
        curves, make_ratios(), style, "Progression-free survival", "Months since the first cycle"
    )
    assert look(plot) == []


def test_landmark_ratios_have_room(style, look):
    landmarks = empty_table("responder_landmarks")
    assert look(plot_landmark_ratio(make_ratios(), landmarks, style, "Progression-free survival")) == []


def test_control_forests_have_room(style, look):
    choices = empty_table("control_sensitivity")
    assert look(plot_control_forest(make_controls(), choices, "before_prrt", style, "History")) == []


def test_love_plots_have_room(style, look):
    names = ("age_years", "sex=male", "tumour_type=gep_unknown_primary", "progressive_at_baseline")
    balance = pd.DataFrame(
        [
            {"covariate": name, "weights": weights, "smd": 0.3 - 0.1 * i}
            for i, weights in enumerate(("none", "att", "overlap", "ate", "maic"))
            for name in names
        ]
    )
    assert look(plot_love(balance, style, "Balance against before prrt")) == []


def test_grades_have_room(style, look):
    rates = pd.DataFrame({"analyte": ANALYTES, "grade_at_least": 3, "proportion": 0.004})
    for shown in (rates, rates.iloc[:0]):
        assert look(plot_grade_course(make_course(), shown, style, "Laboratory toxicity")) == []


@pytest.mark.parametrize(
    "nuclides", [("177Lu", "90Y"), ("177Lu",), ("177Lu", "90Y", "225Ac", "other", "unknown")]
)
@pytest.mark.parametrize("months", [12, 150])
def test_the_course_of_egfr_has_room(style, look, nuclides, months):
    course = pd.DataFrame(
        {
            "group": nuclide,
            "time_months": month,
            "mean": 90 - 5 * i - month / 6,
            "fitted": 89 - 5 * i - month / 6,
        }
        for i, nuclide in enumerate(nuclides)
        for month in range(0, months + 1, 6)
    )
    course = course.assign(low=course["mean"] - 4, high=course["mean"] + 4)
    assert look(plot_egfr_course(course, style)) == []


@pytest.mark.parametrize("nuclides", [("177Lu", "90Y"), ("177Lu",), ("177Lu", "90Y", "225Ac", "other")])
def test_doses_of_organs_have_room(style, look, nuclides):
    rows = [
        {
            "group": nuclide,
            "organ": organ,
            "dose_gy": i * step,
            "n": 40 - i,
            "total": 40,
            "proportion": 1 - i / 40,
        }
        for nuclide in nuclides
        for organ, step in (("kidney", 1.0), ("marrow", 0.1))
        for i in range(41)
    ]
    limits = [
        ("kidney", "absorbed_dose", 23.0),
        ("kidney", "effective_dose", 28.0),
        ("marrow", "absorbed_dose", 2.0),
    ]
    limits = pd.DataFrame(limits, columns=["organ", "quantity", "limit_gy"])
    assert look(plot_organ_doses(pd.DataFrame(rows), limits, style)) == []


def test_flow_has_room(style, look):
    rows = [
        ("cohort: keys", "no cycle", 420, 12),
        ("treatment: first cycle", "first cycle after the cut-off", 408, 3),
        (
            "treatment: first cycle",
            "neither radiopharmaceutical nor activity named: what was given is not known",
            405,
            5,
        ),
        ("response: baseline", "no assessment within 120 days before the first cycle", 400, 31),
    ]
    flow = pd.DataFrame(rows, columns=["step", "reason", "n_before", "n_lost"]).assign(unit="patients")
    flow["n_after"] = flow["n_before"] - flow["n_lost"]
    assert look(plot_attrition_flow(flow, style, "Flow of patients")) == []


def make_published():
    from prrt_outcomes.study.controls import PublishedControl

    return PublishedControl.model_validate(
        {
            "id": "placebo",
            "kind": "published",
            "n": 97,
            "median_months": 4.0,
            "median_low": 3.6,
            "median_high": 7.4,
        }
        | {"milestones": [{"months": 12, "survival": 0.28, "low": 0.19, "high": 0.38}]}
    )


def test_control_curves_have_room_and_draw_what_was_published(style, survival_tables, look):
    ours, _, _ = survival_tables("all", ["all"])
    points = ours[["time_months", "survival"]]
    known = KnownControl("Octreotide 60 mg, NETTER-1", points, points, list_marks(make_published()))
    plot = plot_control_curve(ours, known, style, "Progression-free survival against octreotide", "Months")
    assert look(plot) == []


def test_marks_of_a_published_control_are_its_median_and_milestones():
    marks = list_marks(make_published())
    assert marks["time_months"].tolist() == [12.0, 4.0]
    assert marks["survival"].tolist() == [0.28, 0.5]
    assert marks["time_high"].tolist()[1] == 7.4
    assert marks["survival_low"].tolist()[0] == 0.19
