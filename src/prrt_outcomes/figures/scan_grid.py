"""Days between scans by group: unequal grids make one group's progression look later."""

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
    key_width_in,
    month_ticks,
    title_height_in,
)
from prrt_outcomes.figures.theme import QUIET, WARNING, FigureStyle, pick_colours
from prrt_outcomes.wording.numbers import format_number, format_p_value
from prrt_outcomes.wording.terms import name_code

MOST_SCANS = 8
LEAST_INTERVALS = 5


def plot_scan_intervals(intervals: pd.DataFrame, test: pd.DataFrame, style: FigureStyle, title: str):
    """Draw median and quartiles of the days before each scan, one point a group.

    Parameters
    ----------
    intervals : rows of `scan_intervals` of one grouping
    test : the row of `scan_interval_test` of that grouping, or none
    style, title : sizes and what is shown

    Notes
    -----
    Scans with fewer than 5 intervals of a group and those after the eighth stand in the table only.
    """
    import plotnine as p9

    rows = _shown(intervals)
    group_by = str(rows["group_by"].iloc[0])
    groups = list(dict.fromkeys(rows["group"].astype(str)))
    colours = pick_colours(groups)
    labels = [name_code(group_by, g) for g in groups]
    subtitle = verdict_words(test)
    right = key_width_in([*labels, "Planned interval"], style)
    left, bottom = 0.55 * style.scale, 0.42 * style.scale + foot_in(style)
    head = title_height_in(style, subtitle, style.width_in) + 0.12
    width = style.width_in - left - right
    height = max(2.3 * style.scale, (len(groups) + 2) * style.row_in * 2.2)
    sheet = Canvas(style, style.width_in, bottom + height + head)
    highest = float(rows["upper_quartile_days"].max())
    ticks = [t for t in month_ticks(highest / 10, height, style) if t * 10 <= highest * 1.1]
    last = int(rows["number"].max())
    panel = Panel(left, bottom, width, height, 0.4, last + 0.6, 0.0, highest * 1.1)
    flagged = subtitle.startswith("Intervals differ")
    draw_title(sheet, title, subtitle, WARNING if flagged else QUIET)
    draw_y_axis(sheet, panel, [10 * t for t in ticks], [format_number(10 * t, 0) for t in ticks])
    draw_x_axis(sheet, panel, list(range(1, last + 1)), "Number of the scan after the first cycle")
    entries = [(label, colours[g], "solid") for g, label in zip(groups, labels, strict=True)]
    planned = rows["planned_days"].dropna()
    if len(planned):
        y = float(panel.py(planned.iloc[0]))
        sheet.add_line(left, y, left + width, y, colour=QUIET, dash="dashed")
        entries.append(("Planned interval", QUIET, "dashed"))
    draw_key(sheet, left + width + 0.18 * style.scale, bottom + height - 0.05, entries,
             width_in=right - 0.2 * style.scale)  # fmt: skip
    shift = {g: (i - (len(groups) - 1) / 2) * 0.7 / max(len(groups), 1) for i, g in enumerate(groups)}
    names = rows["group"].astype(str)
    points = pd.DataFrame(
        {
            "x": panel.px(rows["number"].to_numpy(float) + names.map(shift).to_numpy(float)),
            "y": panel.py(rows["median_days"].to_numpy(float)),
            "low": panel.py(rows["lower_quartile_days"].to_numpy(float)),
            "high": panel.py(np.minimum(rows["upper_quartile_days"].to_numpy(float), highest * 1.1)),
            "colour": names.map(colours).to_numpy(),
        }
    )
    return sheet.plot(
        p9.geom_segment(
            points, p9.aes(x="x", xend="x", y="low", yend="high", color="colour"), size=style.line
        ),
        p9.geom_point(points, p9.aes("x", "y", color="colour"), size=1.8 * style.scale, stroke=0),
    )


def has_intervals(intervals: pd.DataFrame | None) -> bool:
    """Tell whether there is a scan with enough intervals to be drawn."""
    return intervals is not None and len(intervals) > 0 and len(_shown(intervals)) > 0


def _shown(intervals: pd.DataFrame) -> pd.DataFrame:
    rows = intervals[intervals["scan"].astype(str).ne("all")]
    rows = rows.assign(number=rows["scan"].astype(int))
    return rows[rows["number"].le(MOST_SCANS) & rows["n"].ge(LEAST_INTERVALS)]


def verdict_words(test: pd.DataFrame) -> str:
    """Result of the test in words; a difference is flagged."""
    if test is None or test.empty or pd.isna(test["p_value"].iloc[0]):
        return "Median and quartiles of the days before each scan"
    row = test.iloc[0]
    words = (
        f"largest difference of medians {format_number(row['difference_days'], 0)} days, Kruskal-Wallis "
        f"{format_p_value(row['p_value'], name='p')}"
    )
    if str(row["verdict"]) == "differ":
        return f"Intervals differ between the groups, so their progression is dated unequally: {words}"
    return f"Median and quartiles of the days before each scan; similar between the groups: {words}"
