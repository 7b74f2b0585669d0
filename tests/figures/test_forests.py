"""Forests: rows, counts, tests of terms, arrows, and further pages."""

import matplotlib.pyplot as plt
import numpy as np

from prrt_outcomes.figures.control_plots import MEDIAN_AXIS, RATIO_AXIS
from prrt_outcomes.figures.cox_forest import list_rows, plot_cox_forest
from prrt_outcomes.figures.forest import Forest, list_estimates, plot_forest, split_records
from prrt_outcomes.figures.theme import FigureStyle

STYLE = FigureStyle("manuscript", 8.0, 7.0, 0.7, 7.2, 0.155, False)


def layer_of(plot, name: str):
    return next(layer._data for layer in plot.layers if type(layer.geom).__name__ == name)


def texts_of(plot) -> list[str]:
    return layer_of(plot, "geom_text")["label"].tolist()


def test_a_forest_lists_the_reference_first_under_its_term(cox_table):
    rows = list_rows(cox_table("sex_at_birth", ["x", "y", "z"]))
    assert rows["level"].tolist() == ["", "", "female", "male", "", "x", "y", "z"]
    assert rows["heading"].tolist() == [False, True, False, False, True, False, False, False]


def test_a_forest_places_ratios_on_a_logarithmic_axis_and_says_what_cannot_be_estimated(cox_table):
    table = cox_table("arm", ["a", "b", "c"])
    (plot,) = plot_cox_forest(table[table["model"].eq("univariable")], STYLE, "PFS")
    first = plot.data.sort_values("y", ascending=False)
    np.testing.assert_allclose(first["x"], np.log([0.5, 0.9, 1.7]))
    lost = [words for words in texts_of(plot) if words.startswith("not estimable")]
    assert lost == ["not estimable (all\nevents in one group)"]


def test_a_forest_counts_levels_tests_terms_and_draws_no_small_level(cox_table):
    table = cox_table("arm", ["a", "b", "c"]).assign(term_p_value=0.012)
    table = table[table["model"].eq("multivariable")]
    table.loc[table["level"].eq("c"), "events"] = 4
    (plot,) = plot_cox_forest(table, STYLE, "PFS")
    labels = layer_of(plot, "geom_text").sort_values("y", ascending=False).astype({"column": str})
    rows = labels.groupby("y", sort=False)
    shown = [dict(zip(own["column"], own["label"], strict=True)) for _, own in rows]
    named = {row["names"].strip(): row for row in shown}
    assert (named["Female"]["counts"], named["Female"]["text"]) == ("30/50", "reference")
    assert named["Male"]["counts"] == "60/101"
    assert (named["Sex"]["p"], named["Age, per year"]["p"]) == ("0.012", "0.012")
    assert "p" not in named["Male"]
    assert (named["c"]["counts"], named["c"]["text"]) == ("4/103", "fewer than 5 events")
    assert len(plot.data) == 2


def test_a_forest_of_one_row_has_room_for_its_title_and_heads():
    record = {"name": "alone", "value": 1.0, "low": 0.5, "high": 2.0, "status": "ok"}
    (plot,) = plot_forest(Forest([record], RATIO_AXIS, "One ratio"), STYLE)
    figure = plot.draw()
    figure.get_layout_engine().execute(figure)
    assert all(axes.get_position().height > 0 for axes in figure.axes)
    plt.close(figure)


def test_limits_beyond_the_axis_and_missing_ones_are_arrows():
    records = [
        {"name": "wide", "value": 1.0, "low": 0.01, "high": 90.0, "status": "ok"},
        {"name": "inside", "value": 1.0, "low": 0.5, "high": 2.0, "status": "ok"},
    ]
    drawn = list_estimates(Forest(records, RATIO_AXIS, "Ratios"))
    assert drawn[["cut_low", "cut_high"]].to_numpy().tolist() == [[True, True], [False, False]]
    (plot,) = plot_forest(Forest(records, RATIO_AXIS, "Ratios"), STYLE)
    heads = [layer.geom.aes_params["shape"] for layer in plot.layers if layer.geom.aes_params.get("shape")]
    assert heads == ["<", ">"]
    months = [
        {"name": "not reached", "median_months": 20.0, "low": 12.0, "high": None, "status": "ok"},
        {"name": "unknown", "median_months": 20.0, "low": None, "high": None, "status": "ok"},
    ]
    drawn = list_estimates(Forest(months, MEDIAN_AXIS, "Medians"))
    assert drawn["cut_high"].tolist() == [True, False]
    assert drawn["xmax"].iloc[0] > drawn["x"].iloc[0]


def test_ticks_of_ratios_are_ratios_whatever_the_axis():
    records = [{"name": "wide", "value": 0.5, "low": 0.3, "high": 90.0, "status": "ok"}]
    (plot,) = plot_forest(Forest(records, RATIO_AXIS, "Ratios"), STYLE)
    scale = next(s for s in plot.scales if "x" in s.aesthetics)
    ticks = scale.breaks((-1.43, 3.13))
    assert [round(float(np.exp(t)), 2) for t in ticks] == [1.0, 5.0, 20.0]
    assert scale.labels(ticks) == ["1", "5", "20"]


def test_a_long_forest_continues_on_further_pages_with_its_headings():
    records = [{"name": "A", "heading": True}, *({"name": f"a{i}"} for i in range(3))]
    records += [{"name": "B", "heading": True}, *({"name": f"b{i}"} for i in range(9))]
    parts = split_records(records, [1.0] * len(records), 6.0)
    assert [[r["name"] for r in part] for part in parts] == [
        ["A", "a0", "a1", "a2", "B", "b0"],
        ["B (continued)", "b1", "b2", "b3", "b4", "b5"],
        ["B (continued)", "b6", "b7", "b8"],
    ]
    values = [{"name": f"Series {i}", "median_months": 5.0 + i, "status": "ok"} for i in range(150)]
    plots = plot_forest(Forest(values, MEDIAN_AXIS, "Medians"), STYLE)
    assert len(plots) == 4
    assert sum(len(plot.data) for plot in plots) == 150
    assert all(plot.theme.getp("figure_size")[1] * 25.4 <= 247.01 for plot in plots)
    assert [plot.labels.title for plot in plots] == [f"Medians ({i} of 4)" for i in (1, 2, 3, 4)]
