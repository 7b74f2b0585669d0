"""All comparisons with history on one axis: methods, weights and their worst cases."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.forest import draw_ratio_axis
from prrt_outcomes.figures.panel import draw_title, foot_in, title_height_in
from prrt_outcomes.figures.theme import FEW_COLOURS, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import (
    describe_status,
    format_level,
    format_number,
    format_p_value,
    format_range,
    format_ratio,
    is_missing,
)
from prrt_outcomes.wording.terms import name_term

RATIOS = ("hazard_ratio", "smr", "rate_ratio", "odds_ratio")
RANGE = (0.05, 20.0)


def plot_control_forest(
    controls: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95, primary: str = ""
):
    """Draw every ratio of the cohort against each control with its interval.

    Parameters
    ----------
    controls : rows of `controls` that are ratios (hazard ratio, observed over expected); below 1 favours the cohort
    style : sizes
    title : what is shown
    level : confidence level
    primary : id of the primary control, marked; the others are exploratory

    Notes
    -----
    A row without an estimate says why. An interval that leaves the axis is cut there.
    """
    import plotnine as p9

    rows = list_comparisons(controls, primary)
    scale, small = style.scale, style.small
    names_in = min(2.9 * scale, max(measure_text_in(n, small, "bold") for n in rows["name"]) + 0.25)
    texts = rows.loc[rows["value"].notna(), "text"].tolist()
    text_in = min(1.6 * scale, max([measure_text_in(t, small) for t in [*texts, "Ratio (97.5% CI)"]]))
    ess_in, p_in = 0.95 * scale, 0.5 * scale
    width = style.width_in - names_in - text_in - ess_in - p_in - 0.45
    rows["label"] = [
        wrap_text(n, names_in - 0.1 - i, small, "bold" if h else "normal")
        for n, h, i in zip(rows["name"], rows["heading"], rows["indent"] * scale, strict=True)
    ]
    heights = np.array([style.row_in * 1.3 + extra_height_in(x, small) for x in rows["label"]])
    subtitle = "Ratio of the hazard, or of observed to expected events; below 1 favours the cohort"
    head = title_height_in(style, subtitle, style.width_in) + 0.3 * scale
    bottom = 0.5 * scale + foot_in(style)
    sheet = Canvas(style, style.width_in, bottom + heights.sum() + head)
    draw_title(sheet, title, subtitle)
    rows["y"] = bottom + heights.sum() - np.cumsum(heights) + heights / 2
    low, high = _range(rows)
    left = 0.1 + names_in

    def place(ratio):
        return left + width * np.log(ratio / low) / np.log(high / low)

    _draw_columns(sheet, rows, left + width, text_in, ess_in, p_in, bottom + heights.sum() + 0.12, level)
    sheet.add_line(left, bottom - 0.03, left + width, bottom - 0.03)
    draw_ratio_axis(sheet, place, low, high, bottom - 0.03)
    sheet.add_line(place(1), bottom - 0.03, place(1), bottom + heights.sum(), colour=QUIET, dash="dashed")
    sheet.add_text(
        place(1) - 0.08, bottom - 0.36 * scale, "cohort better", ha="right", size=small - 0.5, colour=QUIET
    )
    sheet.add_text(place(1) + 0.08, bottom - 0.36 * scale, "control better", size=small - 0.5, colour=QUIET)
    drawn = rows[rows["value"].notna() & rows["value"].gt(0)].copy()
    drawn["x"] = place(drawn["value"].clip(low, high))
    drawn["x_low"] = place(drawn["low"].fillna(drawn["value"]).clip(low, high))
    drawn["x_high"] = place(drawn["high"].fillna(drawn["value"]).clip(low, high))
    drawn["colour"] = np.where(drawn["is_primary"], FEW_COLOURS[1], FEW_COLOURS[0])
    layers = [
        p9.geom_segment(
            drawn, p9.aes(x="x_low", xend="x_high", y="y", yend="y", color="colour"), size=style.line * 0.8
        ),
        p9.geom_point(drawn, p9.aes("x", "y", color="colour"), shape="s", size=1.9 * scale, stroke=0),
    ]
    return sheet.plot(*layers)


def list_comparisons(controls: pd.DataFrame, primary: str) -> pd.DataFrame:
    """Rows of the forest: a heading a control and endpoint, then one row a method and weights."""
    rows = []
    ratios = controls[controls["estimate"].astype("string").isin(RATIOS)]
    for (control, endpoint), part in ratios.groupby(["control", "endpoint"], sort=False, observed=True):
        is_primary = str(control) == primary
        note = " (primary)" if is_primary else " (exploratory)" if primary else ""
        rows.append({"name": f"{name_term(control)}, {name_term(endpoint).lower()}{note}", "heading": True})
        for row in part.to_dict("records"):
            missing = pd.isna(row["value"])
            reach = format_range(row["low"], row["high"], format_ratio)
            why = describe_status(row["status"]) or "not estimable"
            rows.append(
                {
                    "name": _method_words(row),
                    "heading": False,
                    "value": row["value"],
                    "low": row["low"],
                    "high": row["high"],
                    "text": why if missing else f"{format_ratio(row['value'])} ({reach})" if reach else
                    format_ratio(row["value"]),
                    "ess": _sizes(row),
                    "p": format_p_value(row["p_value"]),
                    "is_primary": is_primary,
                }
            )  # fmt: skip
    frame = pd.DataFrame(
        rows, columns=["name", "heading", "value", "low", "high", "text", "ess", "p", "is_primary"]
    )
    frame["indent"] = np.where(frame["heading"], 0.0, 0.12)
    frame["is_primary"] = frame["is_primary"].eq(True)
    words = frame[["text", "ess", "p"]].astype("object")
    frame[["text", "ess", "p"]] = words.where(words.notna(), "")
    return frame.astype({"value": "float64", "low": "float64", "high": "float64"})


def _method_words(row: dict) -> str:
    words = name_term(row["method"])
    weights = "" if is_missing(row["weights"]) or str(row["weights"]) == "none" else name_term(row["weights"])
    assumption = "" if is_missing(row["assumption"]) else str(row["assumption"]).replace("_", " ")
    extra = ", ".join(w for w in (weights, assumption) if w)
    return f"{words}: {extra[:1].lower() + extra[1:] if extra[1:2].islower() else extra}" if extra else words


def _sizes(row: dict) -> str:
    """Patients, effective where weighted, of cohort and control."""
    ours = row["n"] if is_missing(row["ess"]) else row["ess"]
    theirs = row["n_control"] if is_missing(row["ess_control"]) else row["ess_control"]
    parts = [format_number(v, 0) for v in (ours, theirs)]
    return " / ".join(p or "\u2013" for p in parts) if any(parts) else ""


def _range(rows: pd.DataFrame) -> tuple[float, float]:
    known = pd.concat([rows["low"], rows["high"], rows["value"]])
    known = known[known.gt(0) & np.isfinite(known)]
    low = min(0.5, known.min()) if len(known) else 0.5
    high = max(2.0, known.max()) if len(known) else 2.0
    return max(low / 1.1, RANGE[0]), min(high * 1.1, RANGE[1])


def _draw_columns(sheet, rows, right, text_in, ess_in, p_in, head_at, level) -> None:
    style = sheet.style
    text_at, ess_at = right + 0.12, right + 0.12 + text_in + ess_in
    p_at = ess_at + p_in
    sheet.add_text(text_at, head_at, f"Ratio ({format_level(level)} CI)", size=style.small, colour=QUIET)
    sheet.add_text(ess_at, head_at, "n / control", ha="right", size=style.small, colour=QUIET)
    sheet.add_text(p_at, head_at, "p", ha="right", size=style.small, colour=QUIET)
    for row in rows.to_dict("records"):
        weight = "bold" if row["heading"] else "normal"
        sheet.add_text(
            0.1 + row["indent"] * style.scale, row["y"], row["label"], size=style.small, weight=weight
        )
        text = row["text"] if measure_text_in(row["text"], style.small) <= text_in + 0.02 else "not estimable"
        sheet.add_text(text_at, row["y"], text, size=style.small)
        sheet.add_text(ess_at, row["y"], row["ess"], ha="right", size=style.small)
        sheet.add_text(p_at, row["y"], row["p"], ha="right", size=style.small)
