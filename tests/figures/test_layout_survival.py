"""Nothing overlaps and nothing is cut, with 2, 5 and 9 groups and with long names: survival and forests."""

import pandas as pd
import plotnine as p9

from prrt_outcomes.figures.cox_forest import plot_cox_forest
from prrt_outcomes.figures.survival_figures import plot_cumulative_incidence, plot_survival_curve
from prrt_outcomes.figures.theme import theme_prrt

TESTS = pd.DataFrame(
    {
        "test": ["logrank", "logrank", "gehan"],
        "group": [None, None, None],
        "strata": [None, "sex+centre_id", None],
        "p_value": [0.012, 0.2, 0.5],
    }
)


def test_survival_curves_have_room_for_everything(style, groups, survival_tables, look):
    curve, at_risk, summary = survival_tables(*groups)
    plot = plot_survival_curve(curve, at_risk, summary, TESTS, style, "Progression-free survival", "Months")
    assert look(plot) == []


def test_the_whole_cohort_has_room_for_everything(style, survival_tables, look):
    curve, at_risk, summary = survival_tables("all", ["all"])
    plot = plot_survival_curve(curve, at_risk, summary, TESTS.head(0), style, "Overall survival", "Months")
    assert look(plot) == []


def test_forests_have_room_for_everything(style, groups, cox_table, look):
    assert look(plot_cox_forest(cox_table(*groups), style, "Progression-free survival")) == []


def test_cumulative_incidences_have_room_for_everything(style, groups, survival_tables, look):
    column, levels = groups
    curve, at_risk, _ = survival_tables(column, levels)
    incidence = curve.assign(
        cumulative_incidence=1 - curve["survival"],
        low=1 - curve["survival_high"],
        high=1 - curve["survival_low"],
    ).drop(columns=["survival", "survival_low", "survival_high"])
    title = "Time to progression: cumulative incidence of progression"
    plot = plot_cumulative_incidence(incidence, at_risk, style, title, "Months", column, 0.03)
    assert look(plot) == []


def test_overlap_and_clipping_are_found(style, look):
    words = pd.DataFrame({"x": [1.0, 1.05, 3.9], "y": [1.0, 1.0, 0.5]})
    words["label"] = ["first", "second", "a text that is much too long for the sheet that it is drawn on" * 3]
    plot = p9.ggplot(words, p9.aes("x", "y", label="label")) + p9.geom_text() + p9.lims(x=(0, 4), y=(0, 2))
    found = look(plot + theme_prrt(style, 2.0, 4.0))
    assert "'first' overlaps 'second'" in found
    assert any("leaves the sheet" in fault for fault in found)
    assert any("is cut by its panel" in fault for fault in found)
