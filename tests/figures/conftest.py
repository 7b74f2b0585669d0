"""Hand-made result tables of any number of groups, and the eye that sees overlap and clipping."""

from __future__ import annotations

import itertools
import math

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("agg")

from prrt_outcomes.figures.theme import FigureStyle

TUMOURS = (
    "gep_pancreas",
    "gep_small_intestine",
    "gep_large_intestine",
    "gep_stomach_duodenum",
    "gep_other",
    "gep_unknown_primary",
    "lung",
    "paraganglioma",
    "phaeochromocytoma",
)
LONG = (
    "Everolimus 10 mg daily with best supportive care, all randomised patients",
    "Placebo, with $100 of costs & <tags>",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk",
)


@pytest.fixture(params=["double", "single", "slides"])
def style(request) -> FigureStyle:
    if request.param == "slides":
        return FigureStyle("slides", 13.0, 11.5, 1.1, 12.0, 0.25, True)
    if request.param == "single":
        return FigureStyle("house", 7.0, 6.0, 0.6, 89 / 25.4, 0.135, True)
    return FigureStyle("house", 8.0, 7.0, 0.7, 183 / 25.4, 0.155, True)


@pytest.fixture(params=[2, 5, 9, "long"])
def groups(request) -> tuple[str, tuple[str, ...]]:
    """A grouping and its levels."""
    if request.param == "long":
        return "arm", LONG
    return "tumour_type", TUMOURS[: request.param]


@pytest.fixture
def survival_tables():
    """Exponential curves in closed form: the k-th group has the median 12 (k + 1) months."""

    def make(group_by: str, levels, endpoint: str = "pfs"):
        times = np.arange(0.0, 73.0, 3.0)
        curves, risks, summaries = [], [], []
        for k, level in enumerate(levels):
            median = 12.0 * (k + 1)
            survival = 0.5 ** (times / median)
            same = {"endpoint": endpoint, "group_by": group_by, "group": level}
            curves.append(
                pd.DataFrame(
                    same
                    | {
                        "time_months": times,
                        "n_at_risk": np.round(100 * survival),
                        "n_event": 1,
                        "n_censored": (np.arange(len(times)) % 3 == 0).astype(int),
                        "survival": survival,
                        "survival_low": np.where(times < 70, 0.9 * survival, np.nan),
                        "survival_high": np.where(times < 70, np.minimum(1, 1.1 * survival), np.nan),
                    }
                )
            )
            ticks = np.arange(0.0, 73.0, 12.0)
            risks.append(
                pd.DataFrame(
                    same | {"time_months": ticks, "n_at_risk": np.round(100 * 0.5 ** (ticks / median))}
                )
            )
            reached = median <= 72
            summaries.append(
                same
                | {
                    "n": 100,
                    "events": 60,
                    "median_months": median if reached else np.nan,
                    "median_low": 0.8 * median,
                    "median_high": np.nan if k % 2 else 1.2 * median,
                    "median_status": "ok" if reached else "not_reached",
                    "follow_up_months": 50.0,
                }
            )
        return (
            pd.concat(curves, ignore_index=True),
            pd.concat(risks, ignore_index=True),
            pd.DataFrame(summaries),
        )

    return make


@pytest.fixture
def cox_table():
    """Two models of an age, a sex and a grouping with one separated level and one huge interval."""

    def make(group_by: str, levels):
        rows = []
        terms = [("age_years", None, None), ("sex", "male", "female")]
        terms += [(group_by, level, levels[0]) for level in levels[1:]]
        for model, (k, (term, level, reference)) in itertools.product(
            ("univariable", "multivariable"), enumerate(terms)
        ):
            lost = k == 2
            beta = math.log(0.5 + 0.4 * k)
            rows.append(
                {
                    "endpoint": "pfs",
                    "model": model,
                    "term": term,
                    "level": level,
                    "reference": reference,
                    "n": 100 + k,
                    "events": 60,
                    "n_reference": np.nan if reference is None else 50,
                    "events_reference": np.nan if reference is None else 30,
                    "n_model": 200 if model == "univariable" else 180,
                    "events_model": 90,
                    "hazard_ratio": np.nan if lost else math.exp(beta),
                    "hazard_ratio_low": np.nan if lost else math.exp(beta - 0.5),
                    "hazard_ratio_high": np.nan if lost else math.exp(beta + (5 if k == 3 else 0.5)),
                    "p_value": np.nan if lost else 0.04,
                    "status": "separation" if lost else "ok",
                }
            )
        return pd.DataFrame(rows)

    return make


@pytest.fixture
def look():
    """Draw figures and return the texts that overlap, leave the sheet or are cut by their panel."""

    def check(plot) -> list[str]:
        import matplotlib.pyplot as plt

        if isinstance(plot, list):
            return [fault for part in plot for fault in check(part)]
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        figure = plot.draw()
        try:
            figure.set_dpi(144)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            renderer = canvas.get_renderer()
            sheet = figure.bbox
            boxes, faults = [], []
            for text in figure.findobj(mpl.text.Text):
                if text.get_visible() and text.get_text().strip():
                    box = text.get_window_extent(renderer)
                    name = text.get_text()
                    if box.x0 < -1 or box.y0 < -1 or box.x1 > sheet.x1 + 1 or box.y1 > sheet.y1 + 1:
                        faults.append(f"{name!r} leaves the sheet")
                    panel = (
                        text.axes.get_window_extent(renderer) if text.axes and text.get_clip_on() else None
                    )
                    if panel and (box.x0 < panel.x0 - 2 or box.x1 > panel.x1 + 2):
                        faults.append(f"{name!r} is cut by its panel")
                    boxes.append((name, box))
            for (a, one), (b, two) in itertools.combinations(boxes, 2):
                wide = min(one.x1, two.x1) - max(one.x0, two.x0)
                high = min(one.y1, two.y1) - max(one.y0, two.y0)
                if wide > 2 and high > 2:
                    faults.append(f"{a!r} overlaps {b!r}")
            return faults
        finally:
            plt.close(figure)

    return check
