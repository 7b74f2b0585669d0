"""Love plot: standardised mean differences of the covariates before and after weighting."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key,
    draw_title,
    draw_x_axis,
    foot_in,
    key_width_in,
    title_height_in,
)
from prrt_outcomes.figures.theme import FEW_COLOURS, GRID, QUIET, FigureStyle
from prrt_outcomes.wording.terms import name_code, name_column, name_term

GOOD = 0.1
SHAPES = {"none": "o", "att": "s", "overlap": "D", "ate": "^", "maic": "v"}
COLOURS = dict(zip(SHAPES, (QUIET, *FEW_COLOURS), strict=False))


def plot_love(balance: pd.DataFrame, style: FigureStyle, title: str):
    """Draw the difference of every covariate, one mark a weighting.

    Parameters
    ----------
    balance : rows of `control_balance` of one control: covariate, weights, smd
    style : sizes
    title : the control

    Notes
    -----
    Dotted lines at 0.1 on both sides: what lies between counts as balanced.
    """
    import plotnine as p9

    frame = balance.assign(covariate=balance["covariate"].astype(str), weights=balance["weights"].astype(str))
    names = list(dict.fromkeys(frame["covariate"]))
    labels = {n: wrap_text(_covariate_words(n), 2.0 * style.scale, style.small) for n in names}
    weights = [w for w in SHAPES if w in set(frame["weights"])]
    names_in = max(measure_text_in(x, style.small) for x in labels.values()) + 0.3
    right = key_width_in([name_term(w) for w in weights], style, 1.5)
    heights = [style.row_in * 1.4 + extra_height_in(x, style.small) for x in labels.values()]
    subtitle = "Standardised mean difference, cohort minus control; between the dotted lines (0.1) counts as balanced"
    head = title_height_in(style, subtitle, style.width_in) + 0.12
    bottom = 0.42 * style.scale + foot_in(style)
    least = len(weights) * style.row_in * 2.4
    stretch = max(1.0, least / sum(heights))
    heights = [h * stretch for h in heights]
    sheet = Canvas(style, style.width_in, bottom + sum(heights) + head)
    largest = float(frame["smd"].abs().max()) if frame["smd"].notna().any() else 0.5
    reach = max(0.25, largest * 1.08)
    panel = Panel(names_in, bottom, style.width_in - names_in - right, sum(heights), -reach, reach)
    draw_title(sheet, title, subtitle)
    step = next(s for s in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 1e3) if reach / s <= 4.2)
    count = int(reach / step)
    draw_x_axis(sheet, panel, [i * step for i in range(-count, count + 1)], "Standardised mean difference",
                labels=[f"{i * step:g}".replace("-", "\u2212") for i in range(-count, count + 1)])  # fmt: skip
    top = bottom + sum(heights)
    for value, dash in ((0.0, "solid"), (GOOD, "dotted"), (-GOOD, "dotted")):
        sheet.add_line(panel.px(value), bottom, panel.px(value), top, colour=QUIET, dash=dash)
    at, places = top, {}
    for name, height in zip(names, heights, strict=True):
        places[name] = at - height / 2
        sheet.add_line(panel.left, places[name], panel.left + panel.width, places[name], colour=GRID)
        sheet.add_text(panel.left - 0.12, places[name], labels[name], ha="right", size=style.small)
        at -= height
    drawn = frame.dropna(subset=["smd"])
    points = pd.DataFrame(
        {
            "x": panel.px(drawn["smd"].to_numpy(float)),
            "y": drawn["covariate"].map(places).to_numpy(float),
            "shape": drawn["weights"].map(SHAPES).fillna("o").to_numpy(),
            "colour": drawn["weights"].map(COLOURS).fillna(QUIET).to_numpy(),
        }
    )
    key = _draw_marks(sheet, panel.left + panel.width + 0.2, top - 0.06, weights, right)
    aes = p9.aes("x", "y", fill="colour", shape="shape")
    both = pd.concat([points, key], ignore_index=True)
    return sheet.plot(p9.geom_point(both, aes, color="white", size=2.5 * style.scale, stroke=0.2))


def _covariate_words(name: str) -> str:
    """`tumour_group=lung` or `tumour_group:lung` as `Tumour group: Lung`."""
    for mark in ("=", ":"):
        if mark in name:
            column, level = name.split(mark, 1)
            return f"{name_column(column)}: {name_code(column, level)}"
    return name_column(name)


def _draw_marks(sheet, left, top, weights, right) -> pd.DataFrame:
    style = sheet.style
    at, rows = top, []
    for name in weights:
        draw_key(sheet, left, at, [(name_term(name), "#FFFFFF", "solid")], width_in=right - 0.25)
        rows.append({"x": left + 0.08 * style.scale, "y": at, "shape": SHAPES[name], "colour": COLOURS[name]})
        at -= style.row_in * 1.15 + extra_height_in(
            wrap_text(name_term(name), right - 0.25 - 0.24 * style.scale, style.small), style.small
        )
    return pd.DataFrame(rows, columns=["x", "y", "shape", "colour"])
