"""Whether the regimen was kept: shares of cycles and patients with exact intervals."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.panel import Panel, draw_title, draw_x_axis, foot_in, title_height_in
from prrt_outcomes.figures.theme import FEW_COLOURS, GRID, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import format_interval, format_level, format_percent
from prrt_outcomes.wording.terms import spell_name

QUANTITIES = ("_gbq", "_weeks", "cycles_per_patient")
ITEM_WORDS = {
    "cycle_interval_kept": "Interval between cycles within the window",
    "cycle_interval_weeks": "Interval between cycles, weeks",
    "long_acting_window_kept": "Long-acting analogue paused long enough",
    "long_acting_window_unknown": "Long-acting analogue: not known",
    "short_acting_window_kept": "Short-acting analogue paused long enough",
    "short_acting_window_unknown": "Short-acting analogue: not known",
    "amino_acids_given": "Amino acids given with the cycle",
    "amino_acids_unknown": "Amino acids: not known",
    "several_radionuclides": "More than one radionuclide",
    "retreatment": "Retreated later",
    "cycles_per_patient": "Cycles a patient",
    "cumulative_activity_gbq": "Cumulative activity, GBq",
    "activity_per_cycle_gbq": "Activity a cycle, GBq",
}


def name_item(item: str) -> str:
    """Words for an item of `treatment_delivery`."""
    if item in ITEM_WORDS:
        return ITEM_WORDS[item]
    if item.startswith("eligibility_"):
        for state in ("not_met", "met", "unknown"):
            if item.endswith(f"_{state}"):
                condition = item.removeprefix("eligibility_").removesuffix(f"_{state}")
                return f"{spell_name(condition)}: {state.replace('_', ' ')}"
    return spell_name(item)


def is_share(item: str) -> bool:
    """Tell whether an item is a share of cycles or patients (else a quantity with quartiles)."""
    return not item.endswith(QUANTITIES)


def plot_delivery(delivery: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95):
    """Draw every share of the whole cohort as a point with its interval.

    Parameters
    ----------
    delivery : rows of `treatment_delivery` that are shares and belong to the whole cohort
    style : sizes
    title : what is shown
    level : confidence level
    """
    import plotnine as p9

    rows = delivery.to_dict("records")
    labels = [wrap_text(name_item(str(r["item"])), 2.6 * style.scale, style.small) for r in rows]
    texts = [
        f"{format_interval(r['value'], r['low'], r['high'], format_percent, status=r['status'])}, "
        f"{r['n']:.0f}/{r['total']:.0f}"
        for r in rows
    ]
    names_in = max(measure_text_in(x, style.small) for x in labels) + 0.25
    text_in = max(measure_text_in(x, style.small) for x in texts) + 0.25
    heights = [style.row_in * 1.4 + extra_height_in(x, style.small) for x in labels]
    subtitle = (
        f"Share of cycles or patients for whom it is known (%), with exact {format_level(level)} intervals"
    )
    head = title_height_in(style, subtitle, style.width_in) + 0.1
    bottom = 0.3 * style.scale + foot_in(style)
    sheet = Canvas(style, style.width_in, bottom + sum(heights) + head)
    panel = Panel(names_in, bottom, style.width_in - names_in - text_in, sum(heights), 0.0, 1.0)
    draw_title(sheet, title, subtitle)
    draw_x_axis(sheet, panel, (0.0, 0.25, 0.5, 0.75, 1.0), labels=("0", "25", "50", "75", "100"))
    at, places = bottom + sum(heights), []
    for label, text, height in zip(labels, texts, heights, strict=True):
        y = at - height / 2
        sheet.add_line(panel.left, y, panel.left + panel.width, y, colour=GRID)
        sheet.add_text(panel.left - 0.1, y, label, ha="right", size=style.small)
        sheet.add_text(panel.left + panel.width + 0.12, y, text, size=style.small, colour=QUIET)
        places.append(y)
        at -= height
    frame = pd.DataFrame(
        {
            "x": panel.px(delivery["value"].to_numpy(float)),
            "x_low": panel.px(delivery["low"].to_numpy(float)),
            "x_high": panel.px(delivery["high"].to_numpy(float)),
            "y": places,
        }
    ).dropna()
    bars = p9.aes(x="x_low", xend="x_high", y="y", yend="y")
    return sheet.plot(
        p9.geom_segment(frame, bars, color=FEW_COLOURS[0], size=style.line),
        p9.geom_point(frame, p9.aes("x", "y"), color=FEW_COLOURS[0], size=1.9 * style.scale, stroke=0),
    )
