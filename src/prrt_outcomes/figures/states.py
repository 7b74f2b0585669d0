"""Where patients are over time: without response, in response, after the event."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import (
    Panel,
    draw_key,
    draw_percent_axis,
    draw_title,
    draw_x_axis,
    foot_in,
    key_width_in,
    month_ticks,
    title_height_in,
)
from prrt_outcomes.figures.theme import FigureStyle
from prrt_outcomes.wording.numbers import format_interval, format_number
from prrt_outcomes.wording.terms import name_term

STATES = {"in_response": "#2171B5", "without_response": "#B9C7D1", "after_event": "#F0E3D8"}


def plot_states(states: pd.DataFrame, means: pd.DataFrame, style: FigureStyle, title: str, time: str):
    """Draw the share of patients in each state, stacked, with the expected months in each beside it.

    Parameters
    ----------
    states : rows of `responder_states` of one endpoint and criterion
    means : the same of `responder_state_means`; may be empty
    style, title, time : sizes, name of the endpoint, title of the time axis
    """
    import plotnine as p9

    wide = states.assign(state=states["state"].astype(str)).pivot_table(
        index="time_months", columns="state", values="probability"
    )
    shown = [s for s in STATES if s in wide.columns]
    horizon = means["horizon_months"].dropna() if len(means) else pd.Series(dtype=float)
    subtitle = "Share of all patients; counted from the first cycle, so nobody is sorted by what came later"
    if len(horizon):
        subtitle += (
            f". Beside: expected months in each state within {format_number(horizon.iloc[0], 0)} months"
        )
    labels = {s: _label(s, means) for s in shown}
    right = key_width_in(list(labels.values()), style)
    left, bottom = 0.5 * style.scale, 0.42 * style.scale + foot_in(style)
    head = title_height_in(style, subtitle, style.width_in) + 0.12
    width, height = style.width_in - left - right, 2.5 * style.scale
    sheet = Canvas(style, style.width_in, bottom + height + head)
    end = float(horizon.iloc[0]) * 1.2 if len(horizon) else float(wide.index.max())
    ticks = month_ticks(max(min(end, float(wide.index.max())), 1.0), width, style)
    panel = Panel(left, bottom, width, height, 0.0, ticks[-1])
    draw_title(sheet, f"{title}: response and what follows (%)", subtitle)
    draw_percent_axis(sheet, panel)
    draw_x_axis(sheet, panel, ticks, time)
    entries = [(labels[s], STATES[s], "solid") for s in reversed(shown)]
    draw_key(sheet, left + width + 0.18 * style.scale, bottom + height - 0.08, entries,
             width_in=right - 0.2 * style.scale, filled=True)  # fmt: skip
    layers = []
    for state, part in stack_states(wide[shown], ticks[-1]).items():
        band = part.assign(x=panel.px(part["time_months"]), a=panel.py(part["low"]), b=panel.py(part["high"]))
        layers.append(p9.geom_ribbon(band, p9.aes("x", ymin="a", ymax="b"), fill=STATES[state]))
    return sheet.plot(*layers, below=False)


def stack_states(wide: pd.DataFrame, last: float) -> dict[str, pd.DataFrame]:
    """Lower and upper edge of each state as staircases: time_months, low, high."""
    inside = wide[wide.index <= last]
    times = inside.index.to_numpy(float)
    held = np.append(times[1:], last)
    tops = inside.cumsum(axis=1)
    found = {}
    for state in inside.columns:
        high = tops[state].to_numpy(float)
        low = high - inside[state].to_numpy(float)
        found[str(state)] = pd.DataFrame(
            {
                "time_months": np.column_stack([times, held]).ravel(),
                "low": np.repeat(low, 2),
                "high": np.repeat(high, 2),
            }
        )
    return found


def _label(state: str, means: pd.DataFrame) -> str:
    rows = means[means["state"].astype(str).eq(state)] if len(means) else means
    if len(rows) == 0:
        return name_term(state)
    row = rows.iloc[0]
    months = format_interval(
        row["expected_months"], row["expected_low"], row["expected_high"], status=row["status"]
    )
    return f"{name_term(state)}: {months}"
