"""What is drawn is what stands in the table."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.figures.curves import count_at_risk, step_band, thin_ticks
from prrt_outcomes.figures.endpoints_figures import list_flow, pick_flow
from prrt_outcomes.figures.quality_of_life_figures import draw_quality_of_life
from prrt_outcomes.figures.responders_figures import list_parts, plot_landmark_ratio, plot_responder_curves
from prrt_outcomes.figures.response_figures import pick_swimmers, plot_waterfall
from prrt_outcomes.figures.safety_figures import plot_egfr_course
from prrt_outcomes.figures.survival_figures import describe_comparison, plot_survival_curve
from prrt_outcomes.figures.theme import FigureStyle, color_groups, pick_linetypes
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import empty_table

STYLE = FigureStyle("manuscript", 8.0, 7.0, 0.7, 7.2, 0.155, False)
MARKED = FigureStyle("manuscript", 8.0, 7.0, 0.7, 7.2, 0.155, True)
NO_TESTS = empty_table("logrank")


def texts_of(plot) -> list[str]:
    return layer_of(plot, "geom_text")["label"].tolist()


def layer_of(plot, name: str) -> pd.DataFrame:
    return next(layer._data for layer in plot.layers if type(layer.geom).__name__ == name)


def test_a_curve_has_a_step_for_every_row_of_the_table(survival_tables):
    curve, at_risk, summary = survival_tables("sex", ["female", "male"])
    plot = plot_survival_curve(curve, at_risk, summary, NO_TESTS, STYLE, "Overall survival", "Months")
    drawn = layer_of(plot, "geom_step")
    columns = ["group", "time_months", "survival"]
    drawn = drawn[columns].astype({"group": str})
    pd.testing.assert_frame_equal(
        drawn.reset_index(drop=True), curve[columns].reset_index(drop=True), check_dtype=False
    )


def test_curves_that_begin_late_say_so(survival_tables):
    curve, at_risk, summary = survival_tables("sex", ["female", "male"])
    late = summary.assign(conditional_from_months=[0.0, 4.5])
    plot = plot_survival_curve(curve, at_risk, late, NO_TESTS, STYLE, "Overall survival", "Months")
    assert plot.labels.subtitle == "Conditional on no event in the first 4.5 months"


def test_the_words_above_one_curve_give_a_median_only_where_there_is_one(survival_tables):
    curve, at_risk, summary = survival_tables("all", ["all"])
    for change, words in (
        ({"status": "competing_censored"}, " events; competing events are censored here"),
        ({"median_months": None, "median_status": "not_reached"}, " events; median not reached"),
    ):
        own = summary.assign(**change)
        plot = plot_survival_curve(curve, at_risk, own, NO_TESTS, STYLE, "Overall survival", "Months")
        assert words in plot.labels.subtitle
        assert "months" not in plot.labels.subtitle


def test_numbers_at_risk_stand_at_their_ticks(survival_tables):
    curve, at_risk, summary = survival_tables("all", ["all"])
    plot = plot_survival_curve(curve, at_risk, summary, NO_TESTS, STYLE, "Overall survival", "Months")
    texts = layer_of(plot, "geom_text")
    assert texts["time_months"].tolist() == [0, 12, 24, 36, 48, 60, 72]
    assert texts["label"].tolist() == ["100", "50", "25", "12", "6", "3", "2"]


def test_censored_patients_have_ticks(survival_tables):
    curve, at_risk, summary = survival_tables("all", ["all"])
    plot = plot_survival_curve(curve, at_risk, summary, NO_TESTS, STYLE, "Overall survival", "Months")
    assert layer_of(plot, "geom_point")["time_months"].tolist() == [0, 9, 18, 27, 36, 45, 54, 63, 72]


def test_the_axis_ends_where_few_are_left():
    ticks = pd.DataFrame(
        {"time_months": [0.0, 12, 24, 36, 48, 60, 72], "n_at_risk": [200, 100, 50, 20, 5, 4, 1]}
    )
    ticks = ticks.assign(group="all")
    curve = pd.DataFrame(
        {"group_by": "all", "group": "all", "time_months": [0.0, 30.0, 70.0], "n_censored": 0}
        | {"survival": [1, 0.5, 0.1]}
        | {"survival_low": np.nan, "survival_high": np.nan}
    )
    summary = pd.DataFrame({"group": ["all"], "n": [200], "events": [90], "median_months": [30.0]})
    summary = summary.assign(median_low=20.0, median_high=np.nan, median_status="ok")
    plot = plot_survival_curve(curve, ticks, summary, NO_TESTS, STYLE, "Overall survival", "Months")
    assert layer_of(plot, "geom_step")["time_months"].tolist() == [0, 30, 48]


def test_a_band_is_a_staircase_and_ends_where_the_limits_end():
    curve = pd.DataFrame(
        {
            "group": "a",
            "time_months": [0.0, 2.0, 5.0, 6.0],
            "survival_low": [1.0, 0.6, 0.3, np.nan],
            "survival_high": [1.0, 0.9, 0.8, np.nan],
        }
    )
    band = step_band(curve)
    assert band["time_months"].tolist() == [0, 2, 2, 5, 5]
    assert band["survival_low"].tolist() == [1.0, 1.0, 0.6, 0.6, 0.3]


def test_synthetic_data_are_stamped_and_real_data_are_not(survival_tables):
    tables = survival_tables("all", ["all"])
    marked = plot_survival_curve(*tables, NO_TESTS, MARKED, "Overall survival", "Months")
    real = plot_survival_curve(*tables, NO_TESTS, STYLE, "Overall survival", "Months")
    assert marked.labels.caption == "Synthetic data: simulated patients"
    assert getattr(real.labels, "caption", None) is None


def test_medians_and_tests_are_printed_as_the_tables_have_them(survival_tables):
    curve, at_risk, summary = survival_tables("sex", ["female", "male"])
    tests = pd.DataFrame({"test": ["logrank"], "group": [None], "strata": [None], "p_value": [0.0004]})
    plot = plot_survival_curve(curve, at_risk, summary, tests, STYLE, "Overall survival", "Months")
    labels = next(s for s in plot.scales if "color" in s.aesthetics).labels
    assert labels == ["Female\n60/100, 12.0 (9.6\u201314.4)", "Male\n60/100, 24.0 (19.2\u2013NR)"]
    assert plot.labels.subtitle == "Log-rank test: p < 0.001"


def test_a_theme_and_a_scale_may_be_added(survival_tables):
    import matplotlib.pyplot as plt
    import plotnine as p9

    curve, at_risk, summary = survival_tables("sex", ["female", "male"])
    plot = plot_survival_curve(curve, at_risk, summary, NO_TESTS, STYLE, "Overall survival", "Months")
    with pytest.warns(p9.exceptions.PlotnineWarning, match="replace the existing scale"):
        changed = plot + p9.theme_bw() + p9.scale_color_manual(values=["#111111", "#22AA22"])
    drawn = changed.draw()
    assert {"#111111FF", "#22AA22FF"} <= {line.get_color() for line in drawn.axes[0].lines}
    plt.close(drawn)


def test_ticks_are_thinned_to_what_fits():
    assert thin_ticks([float(t) for t in range(0, 240, 12)]) == [float(t) for t in range(0, 240, 24)]


def test_no_two_of_twelve_groups_look_alike():
    groups = [f"g{i}" for i in range(12)]
    colours = color_groups("another_grouping", groups, STYLE)
    assert len(set(colours.values())) == 12
    assert len({(colours[g], pick_linetypes(groups)[g]) for g in groups}) == 12


def compare():
    tests = pd.DataFrame(
        {
            "group_by": ["sex"],
            "test": ["logrank"],
            "group": [None],
            "strata": [None],
            "df": [1],
            "p_value": [0.0004],
        }
    )
    cox = pd.DataFrame(
        {"model": ["univariable"], "term": ["sex"], "level": ["male"], "reference": ["female"],
         "hazard_ratio": [0.543], "hazard_ratio_low": [0.402], "hazard_ratio_high": [0.734],
         "p_value": [0.0004], "status": ["ok"],
         "n": [90], "events": [60], "n_reference": [80], "events_reference": [50]}
    )  # fmt: skip
    return tests, cox


def test_the_ratio_in_the_plot_is_that_of_the_table(survival_tables):
    tests, cox = compare()
    note = describe_comparison(tests, cox, 0.95)
    assert note.split("\n") == [
        "Hazard ratio 0.54 (95%\u00a0CI\u00a00.40\u20130.73)", "male against female", "log-rank test p < 0.001",
    ]  # fmt: skip
    plot = plot_survival_curve(
        *survival_tables("sex", ["female", "male"]), tests, STYLE, "Overall survival", "Months", note=note
    )
    (inside,) = [
        layer._data["label"].item()
        for layer in plot.layers
        if type(layer.geom).__name__ == "geom_text" and len(layer._data) == 1
    ]
    assert inside == note
    assert getattr(plot.labels, "subtitle", None) is None


def test_more_than_two_groups_have_the_test_alone_and_untested_ones_nothing():
    tests, cox = compare()
    assert describe_comparison(tests.assign(df=2), cox, 0.95) == "Log-rank test p < 0.001"
    assert describe_comparison(tests.assign(p_value=np.nan), cox, 0.95) == ""


def test_counts_at_risk_stand_with_the_events_before(survival_tables):
    curve, at_risk, summary = survival_tables("sex", ["female", "male"])
    at_risk = at_risk.assign(n_events_before=1234)
    plot = plot_survival_curve(curve, at_risk, summary, NO_TESTS, STYLE, "Overall survival", "Months")
    assert texts_of(plot)[0] == "100 (1\u2009234)"


def test_waterfall_bars_are_the_changes_from_worst_to_best():
    changes = pd.DataFrame(
        {"patient_id": ["a", "b", "c"], "best_change": [-0.5, 0.2, 0.0], "best_response": "SD"}
    )
    plot = plot_waterfall(changes, {"PR": -0.3}, STYLE, "RECIST 1.1")
    bars = plot.data
    assert bars["patient_id"].tolist() == ["b", "c", "a"]
    np.testing.assert_allclose(bars["change"], [0.2, 0.0, -0.5])
    assert layer_of(plot, "geom_segment")["value"].tolist() == [-0.3]


def test_swimmers_are_sampled_evenly_and_always_the_same():
    courses = pd.DataFrame({"patient_id": [f"p{i:03d}" for i in range(400)], "end_months": np.arange(400.0)})
    picked = pick_swimmers(courses)
    assert len(picked) == 50
    assert picked["end_months"].tolist() == [float(t) for t in range(399, -1, -8)]
    pd.testing.assert_frame_equal(picked, pick_swimmers(courses.sample(frac=1, random_state=1)))


def test_numbers_at_risk_are_those_just_before_the_tick():
    part = pd.DataFrame(
        {"group": "responder", "time_months": [0.0, 5.0, 6.0, 13.0], "n_at_risk": [9, 9, 8, 3]}
    )
    assert count_at_risk(part, [0.0, 6.0, 12.0, 24.0])["n_at_risk"].tolist() == [9, 8, 3, 0]


def test_the_naive_comparison_is_never_drawn_alone(survival_tables):
    curve, _, _ = survival_tables("x", ["responder", "non_responder"])
    naive = curve.assign(method="naive", landmark_months=np.nan)
    ratios = pd.DataFrame(
        {"method": ["naive"], "landmark_months": [np.nan], "hazard_ratio": [0.4], "p_value": [0.01]}
    )
    ratios = ratios.assign(hazard_ratio_low=0.3, hazard_ratio_high=0.6, excluded=0)
    with pytest.raises(ValueError, match="only beside"):
        plot_responder_curves(naive, ratios, STYLE, "PFS", "Months")
    with pytest.raises(ValueError, match="only beside"):
        plot_landmark_ratio(ratios, empty_table("responder_landmarks"), STYLE, "PFS")


def test_of_simon_makuch_the_first_landmark_is_drawn(survival_tables):
    curve, _, _ = survival_tables("x", ["responder"])
    curves = pd.concat([curve.assign(method="simon_makuch", landmark_months=m) for m in (12.0, 0.0, 6.0)])
    assert list_parts(curves) == [("simon_makuch", 6.0)]


def test_the_flow_holds_the_losses_on_the_way_to_the_primary_endpoint():
    rows = [
        ("cohort: keys", "patients", 10, 2),
        ("response: baseline", "rows", 8, 1),
        ("survival: pfs by sex", "patients", 8, 1),
        ("survival: pfs_fda by sex", "patients", 8, 1),
        ("survival: os, multivariable model", "patients", 8, 1),
        ("endpoints: origin", "patients", 8, 0),
    ]
    flow = pd.DataFrame(rows, columns=["step", "unit", "n_before", "n_lost"]).assign(reason="x")
    flow["n_after"] = flow["n_before"] - flow["n_lost"]
    assert [step for step, *_ in list_flow(pick_flow(flow, "pfs"))] == [
        "cohort: keys",
        "survival: pfs by sex",
    ]


def test_a_waterfall_without_thresholds_has_none():
    changes = pd.DataFrame({"patient_id": ["a"], "best_change": [-0.5], "best_response": "PR"})
    plot = plot_waterfall(changes, {}, STYLE, "Own criterion")
    assert {type(layer.geom).__name__ for layer in plot.layers} == {"geom_col", "geom_hline"}


def test_the_course_of_egfr_is_drawn_as_the_table_has_it():
    course = pd.DataFrame(
        {"group": ["177Lu"] * 2 + ["90Y"] * 2, "time_months": [0.0, 6.0] * 2, "mean": [90.0, 88, 85, 80],
         "low": [88.0, 86, 83, 78], "high": [92.0, 90, 87, 82], "fitted": [89.5, 88.1, 84.8, 80.2]}
    )  # fmt: skip
    plot = plot_egfr_course(course, STYLE)
    pd.testing.assert_frame_equal(plot.data.astype({"group": str}), course)
    assert [type(layer.geom).__name__ for layer in plot.layers] == [
        "geom_linerange",
        "geom_point",
        "geom_line",
    ]
    assert plot.layers[2].mapping["y"] == "fitted"


def test_scores_are_drawn_by_radionuclide_first_and_groupings_of_many_levels_are_not():
    groups = [
        ("all", "all"),
        ("radionuclide", "177Lu"),
        ("radionuclide", "90Y"),
        *(("sex", f"g{i}") for i in range(6)),
    ]
    named = [
        {"instrument": "QLQ-C30", "scale": scale, "group_by": by, "group": group, "status": "ok", "n": 20}
        for scale in ("Pain", "Fatigue") for by, group in groups
    ]  # fmt: skip
    change = {
        "better": "low",
        "visit": "month 3",
        "planned_months": 3.0,
        "mean_change": 4.0,
        "low": 2.0,
        "high": 6.0,
    }
    curve = {"definition": "definitive", "death": "competing", "n_at_risk": 9, "low": 0.1, "high": 0.3}
    tables = {
        "questionnaire_change": pd.DataFrame([row | change for row in named]),
        "deterioration": pd.DataFrame(
            [
                row | curve | {"time_months": t, "probability": t / 30}
                for row in named
                for t in (0.0, 3.0, 4.5, 6.0)
            ]
        ),
    }
    files = {"patients": "p.csv", "reported_outcomes": "r.csv", "questionnaires": "q.csv"}
    chosen = {"scales": ["Fatigue", "Pain"], "visits_months": [3, 6]}
    figures = list(draw_quality_of_life(tables, Study(study="s", tables=files, questionnaires=chosen)))
    kinds = ("questionnaire_change", "deterioration")
    assert [f.name for f in figures] == [f"{kind}_{by}" for kind in kinds for by in ("radionuclide", "all")]
    assert [f.leading for f in figures] == [True, False, True, False]
    means = figures[0].plot.data
    assert list(means["panel"].cat.categories) == ["Fatigue\nlower is better", "Pain\nlower is better"]
    assert means[["group", "mean_change", "low", "high"]].to_numpy().tolist() == [
        [group, 4.0, 2.0, 6.0] for group in ("177Lu", "90Y") * 2
    ]
    steps = layer_of(figures[2].plot, "geom_step")
    assert steps["survival"].tolist() == pytest.approx([0, 0.1, 0.15, 0.2] * 4)
    assert set(layer_of(figures[2].plot, "geom_text")["time_months"]) == {0.0, 3.0, 6.0}
    for figure in figures:
        figure.plot.draw()
