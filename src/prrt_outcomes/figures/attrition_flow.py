"""Flow of patients: who came in, who left at which step and why."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, wrap_text
from prrt_outcomes.figures.panel import draw_title, foot_in, title_height_in
from prrt_outcomes.figures.theme import INK, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import format_count
from prrt_outcomes.wording.terms import spell_name

MOST_STEPS = 12


BEFORE_ANALYSIS = ("cohort", "treatment", "response", "radionuclides", "endpoints")


def pick_flow(attrition: pd.DataFrame, primary: str) -> pd.DataFrame:
    """Losses on the way to the analysis of one endpoint; those of the other analyses stand in the table only.

    Parameters
    ----------
    attrition : result table `attrition`
    primary : name of the primary endpoint
    """
    step = attrition["step"].astype(str)
    stage = step.str.split(":").str[0]
    own = step.str.match(rf"survival: {primary}(?: |,|$)")
    return attrition[stage.isin(BEFORE_ANALYSIS) | own]


def list_flow(attrition: pd.DataFrame) -> list[tuple[str, int, int, list[tuple[str, int]]]]:
    """Steps that lost patients, in order.

    Parameters
    ----------
    attrition : result table `attrition`

    Returns
    -------
    list of (step, patients before, patients after, reasons with their losses); steps of one name and one count before
    stand together.
    """
    lost = attrition[attrition["unit"].astype(str).eq("patients") & attrition["n_lost"].fillna(0).gt(0)]
    steps = []
    for step, part in lost.groupby(["step"], sort=False, observed=True):
        reasons = [(str(r.reason), int(r.n_lost)) for r in part.itertuples()]
        before, after = int(part["n_before"].iloc[0]), int(part["n_after"].iloc[-1])
        steps.append((str(step[0]), before, after, reasons))
    return steps


def plot_attrition_flow(attrition: pd.DataFrame, style: FigureStyle, title: str):
    """Draw a box a step that lost patients, with its reasons beside it.

    Parameters
    ----------
    attrition : result table `attrition`; rows of unit `patients` that lost somebody are drawn
    style : sizes
    title : what is shown

    Notes
    -----
    At most 12 steps are drawn, the first ones; all stand in the table. A step that does not go on from the one
    before it (another table, another analysis) starts from its own count and is joined by no arrow.
    """
    import plotnine as p9

    everything = list_flow(attrition)
    steps = everything[:MOST_STEPS]
    scale, small = style.scale, style.small
    more = f"; the first {MOST_STEPS} of {len(everything)} steps" if len(everything) > MOST_STEPS else ""
    subtitle = f"Steps that lost patients, with reasons{more}"
    left_in, gap = 2.9 * scale, 0.45 * scale
    right_in = style.width_in - left_in - gap - 0.3
    blocks = []
    for step, before, after, reasons in steps:
        main = wrap_text(f"{_step_words(step)}", left_in - 0.2, small, "bold")
        counts = f"{format_count(before)} patients in, {format_count(after)} on"
        side = "\n".join(
            wrap_text(f"{format_count(n)}: {reason}", right_in - 0.2, small) for reason, n in reasons
        )
        height = (
            0.12 * scale
            + 1.2 * style.row_in
            + max(style.row_in + extra_height_in(main, small), extra_height_in(side, small))
        )
        blocks.append((main, counts, side, height, before, after))
    head = title_height_in(style, subtitle, style.width_in) + 0.1
    joint = 0.2 * scale
    total = sum(b[3] for b in blocks) + joint * (len(blocks) - 1)
    sheet = Canvas(style, style.width_in, head + total + foot_in(style) + 0.12)
    draw_title(sheet, title, subtitle)
    boxes, arrows, at, previous = [], [], sheet.height_in - head, None
    for main, counts, side, height, before, after in blocks:
        middle = at - height / 2
        boxes.append(
            {"xmin": 0.1, "xmax": 0.1 + left_in, "ymin": at - height, "ymax": at, "colour": "#FFFFFF"}
        )
        start = 0.1 + left_in + gap
        boxes.append(
            {"xmin": start, "xmax": start + right_in, "ymin": at - height, "ymax": at, "colour": "#F5F7F9"}
        )
        arrows.append({"x": 0.1 + left_in, "y": middle, "xend": start, "yend": middle})
        if previous == before:
            centre = 0.1 + left_in / 2
            arrows.append({"x": centre, "y": at + joint, "xend": centre, "yend": at})
        sheet.add_text(0.2, at - 0.07 * scale, main, va="top", size=small, weight="bold")
        sheet.add_text(0.2, at - height + 0.07 * scale, counts, va="bottom", size=small, colour=QUIET)
        sheet.add_text(start + 0.1, middle, side, size=small)
        at -= height + joint
        previous = after
    layers = [
        p9.geom_rect(
            pd.DataFrame(boxes),
            p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour"),
            color=QUIET,
            size=0.35,
        ),
        p9.geom_segment(
            pd.DataFrame(arrows),
            p9.aes("x", "y", xend="xend", yend="yend"),
            color=INK,
            size=0.35,
            arrow=p9.arrow(length=0.05, type="closed", angle=22),
        ),
    ]
    return sheet.plot(*layers)


def _step_words(step: str) -> str:
    """`survival: pfs by arm` as `Survival: pfs by arm`."""
    return spell_name(step)
