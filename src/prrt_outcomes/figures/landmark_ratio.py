"""The hazard ratio of responders against the landmark, with the naive and the time-dependent one beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key,
    draw_title,
    draw_x_axis,
    draw_y_axis,
    foot_in,
    month_ticks,
    title_height_in,
)
from prrt_outcomes.figures.theme import METHOD_COLOURS, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import format_range, format_ratio
from prrt_outcomes.wording.terms import name_term

RATIOS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
OTHERS = ("naive", "time_dependent_cox")


def plot_landmark_ratio(
    ratios: pd.DataFrame, style: FigureStyle, title: str, continuous: pd.DataFrame | None = None
):
    """Draw hazard ratio against landmark on a logarithmic axis.

    Parameters
    ----------
    ratios : rows of `responders` of one endpoint and comparison, unadjusted: every landmark, naive, time-dependent
    style : sizes
    title : name of the endpoint
    continuous : rows of `responder_landmarks` of the same: the ratio at every landmark, drawn as a band where its
        standard error is below 0.5

    Raises
    ------
    ValueError
        when there is a naive ratio but no landmark and no time-dependent one.
    """
    import plotnine as p9

    known = ratios.dropna(subset=["hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"]).copy()
    known["method"] = known["method"].astype(str)
    marks = known[known["method"].eq("landmark")].sort_values("landmark_months")
    others = known[known["method"].isin(OTHERS)].drop_duplicates("method")
    if set(known["method"]) <= {"naive"}:
        raise ValueError("the naive ratio is drawn only beside landmark or time-dependent ratios")
    subtitle = (
        "Hazard ratio of responders against all others still at risk, by the landmark that tells them apart"
    )
    curve = _known_landmarks(continuous)
    low = float(min(0.5, max(known["hazard_ratio_low"].min(), RATIOS[0])))
    high = float(max(2.0, min(known["hazard_ratio_high"].max(), RATIOS[-1])))
    right = 1.75 * style.scale
    left, bottom = 0.5 * style.scale, 0.42 * style.scale + foot_in(style)
    head = title_height_in(style, subtitle, style.width_in) + 0.12
    height, width = 2.6 * style.scale, style.width_in - left - right
    sheet = Canvas(style, style.width_in, bottom + height + head)
    span = max(
        [1.0, *marks["landmark_months"], *curve["landmark_months"]] if len(marks) or len(curve) else [12.0]
    )
    panel = Panel(
        left, bottom, width, height, -0.06 * span, span * 1.28, np.log(low) - 0.1, np.log(high) + 0.1
    )
    draw_title(sheet, f"{title}: responders against others", subtitle)
    ticks = [r for r in RATIOS if low * 0.9 <= r <= high * 1.1]
    draw_y_axis(sheet, panel, [np.log(t) for t in ticks], [f"{t:g}" for t in ticks])
    shown = [t for t in month_ticks(span, width / 1.34, style) if t <= span]
    draw_x_axis(sheet, panel, shown, "Landmark, months")
    sheet.add_line(left, panel.py(0.0), left + width, panel.py(0.0), colour=QUIET, dash="dashed")
    frames = [marks.assign(x=panel.px(marks["landmark_months"]))]
    for i, method in enumerate(OTHERS):
        part = others[others["method"].eq(method)]
        frames.append(part.assign(x=panel.px(span * (1.12 + 0.1 * i))))
    points = pd.concat(frames, ignore_index=True)
    points["y"] = panel.py(np.log(points["hazard_ratio"].clip(low, high)))
    points["ymin"] = panel.py(np.log(points["hazard_ratio_low"].clip(low, high)))
    points["ymax"] = panel.py(np.log(points["hazard_ratio_high"].clip(low, high)))
    points["colour"] = points["method"].map(METHOD_COLOURS)
    points["shape"] = np.where(points["method"].eq("naive"), "D", "o")
    entries = []
    for method in ("landmark", *OTHERS):
        if method in set(points["method"]):
            entries.append((_key_text(method, others), METHOD_COLOURS[method], "solid"))
    draw_key(sheet, left + width + 0.12, bottom + height - 0.06, entries, width_in=right - 0.15)
    line = points[points["method"].eq("landmark")]
    layers = [
        p9.geom_segment(
            points, p9.aes(x="x", xend="x", y="ymin", yend="ymax", color="colour"), size=style.line * 0.7
        ),
        p9.geom_point(
            points,
            p9.aes("x", "y", fill="colour", shape="shape"),
            color="white",
            size=2.4 * style.scale,
            stroke=0.2,
        ),
    ]
    if len(curve) > 1:
        layers = _band(curve, panel, (low, high), style) + layers
    elif len(line) > 1:
        layers.insert(
            0, p9.geom_line(line, p9.aes("x", "y", color="colour"), size=style.line * 0.5, alpha=0.6)
        )
    return sheet.plot(*layers)


def _known_landmarks(continuous: pd.DataFrame | None) -> pd.DataFrame:
    """Landmarks that say something: with an estimate whose standard error is below 0.5, in order."""
    if continuous is None or continuous.empty:
        return pd.DataFrame({"landmark_months": pd.Series(dtype=float)})
    known = continuous[continuous["hazard_ratio"].notna() & continuous["std_error"].lt(0.5)]
    return known.sort_values("landmark_months", kind="stable")


def _band(curve: pd.DataFrame, panel: Panel, limits: tuple[float, float], style: FigureStyle) -> list:
    import plotnine as p9

    drawn = pd.DataFrame({"x": panel.px(curve["landmark_months"])})
    for name in ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"):
        drawn[name] = panel.py(np.log(curve[name].clip(*limits)))
    colour = METHOD_COLOURS["landmark"]
    band = p9.aes("x", ymin="hazard_ratio_low", ymax="hazard_ratio_high")
    return [
        p9.geom_ribbon(drawn, band, fill=colour, alpha=0.13),
        p9.geom_line(drawn, p9.aes("x", "hazard_ratio"), color=colour, size=style.line * 0.8),
    ]


def _key_text(method: str, others: pd.DataFrame) -> str:
    row = others[others["method"].eq(method)]
    if row.empty:
        return "Landmark"
    first = row.iloc[0]
    reach = format_range(first["hazard_ratio_low"], first["hazard_ratio_high"], format_ratio)
    return f"{name_term(method)}: {format_ratio(first['hazard_ratio'])} ({reach})"
