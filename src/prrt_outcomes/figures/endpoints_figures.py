"""Chapter patients and endpoints: the flow of patients, and the bounds that scans set."""

from collections.abc import Iterator, Mapping

import pandas as pd
import plotnine as p9

from prrt_outcomes.figures.figure import Figure, iterate_groupings, make_figure, pick_rows
from prrt_outcomes.figures.survival_figures import grouped_endpoints, plot_turnbull, time_title
from prrt_outcomes.figures.theme import (
    INK,
    QUIET,
    FigureStyle,
    dress,
    figure_style,
    scale_x,
    scale_y,
    wrap,
)
from prrt_outcomes.wording import terms
from prrt_outcomes.wording.numbers import format_count

ENDPOINTS_INPUTS = (
    "attrition", "interval_censored_curve", "km_curve",
)  # fmt: skip


def draw_endpoints(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `attrition_flow` and `interval_censored_*`."""
    draws = (_draw_flow, _draw_interval_censored)
    return [figure for draw in draws for figure in draw(tables, study)]


def _draw_flow(tables, study) -> Iterator[Figure]:
    flow = pick_flow(tables["attrition"], study.endpoints[0].name)
    flow = flow.assign(step=[terms.name_step(step, study) for step in flow["step"].astype(str)])
    if list_flow(flow):
        plot = plot_attrition_flow(flow, figure_style(study), "Flow of patients")
        yield make_figure("attrition_flow", plot)


def _draw_interval_censored(tables, study) -> Iterator[Figure]:
    whole = pick_rows(tables["interval_censored_curve"], group_by="all").dropna(subset="time_low_months")
    for (endpoint,), rows in iterate_groupings(whole, "endpoint"):
        curve = pick_rows(tables["km_curve"], endpoint=endpoint, group_by="all")
        if len(curve):
            title = terms.name_endpoint(endpoint, terms.endpoint_titles(study))
            time = time_title(endpoint, study)
            plot = plot_turnbull(rows, curve, figure_style(study), title, time)
            earliest = bool(rows["time_low_months"].eq(0).any())
            words = {"endpoint": endpoint, "title": title}
            leading = endpoint in grouped_endpoints(study)
            yield make_figure("interval_censored", plot, leading=leading, more=earliest, **words)


MOST_STEPS = 12
BEFORE_ANALYSIS = ("cohort", "treatment", "response", "radionuclides", "endpoints")


def pick_flow(attrition: pd.DataFrame, primary: str) -> pd.DataFrame:
    """Losses on the way to the analysis of one endpoint; those of the other analyses are in the table only."""
    step = attrition["step"].astype(str)
    stage = step.str.split(":").str[0]
    of_one = step.str.match(r"(?:endpoints|survival): \w+(?: |,|$)") & ~step.str.match("endpoints: reported")
    own = step.str.match(rf"(?:endpoints|survival): {primary}(?: |,|$)")
    return attrition[(stage.isin(BEFORE_ANALYSIS) & ~of_one) | own]


def list_flow(attrition: pd.DataFrame) -> list[tuple[str, int, int, list[tuple[str, int]]]]:
    """Steps that lost patients, in order."""
    lost = attrition[attrition["unit"].astype(str).eq("patients") & attrition["n_lost"].fillna(0).gt(0)]
    steps = []
    for step, part in lost.groupby(["step"], sort=False, observed=True):
        reasons = list(zip(part["reason"].astype(str), part["n_lost"].astype(int), strict=True))
        before, after = int(part["n_before"].iloc[0]), int(part["n_after"].iloc[-1])
        steps.append((str(step[0]), before, after, reasons))
    return steps


def plot_attrition_flow(attrition: pd.DataFrame, style: FigureStyle, title: str):
    """Draw a box a step that lost patients, with its reasons beside it.

    At most 12 steps are drawn, the first ones; all are in the table. A step that does not continue the one before it
    (another table, another analysis) starts from its own count and is joined by no arrow.
    """
    everything = list_flow(attrition)
    more = f"; the first {MOST_STEPS} of {len(everything)} steps" if len(everything) > MOST_STEPS else ""
    boxes, down = _lay_flow(everything[:MOST_STEPS], style.letters())
    lines = float(-boxes["low"].min())
    arrows = pd.DataFrame(
        [{"x": 46.0, "xend": 52.0, "y": y, "yend": y} for y in boxes.loc[boxes["side"].eq("main"), "middle"]]
        + [{"x": 23.0, "xend": 23.0, "y": a, "yend": b} for a, b in down]
    )
    return (
        p9.ggplot(boxes)
        + p9.geom_rect(
            p9.aes(xmin="left", xmax="right", ymin="low", ymax="high", fill="side"), color=QUIET, size=0.35
        )
        + p9.geom_text(p9.aes("left + 1.5", "middle", label="label"), ha="left", size=style.small, color=INK)
        + p9.geom_segment(
            arrows,
            p9.aes("x", "y", xend="xend", yend="yend"),
            color=INK,
            size=0.35,
            arrow=p9.arrow(length=0.05, type="closed", angle=22),
        )
        + p9.scale_fill_manual(values={"main": "#FFFFFF", "reasons": "#F5F7F9"})
        + scale_x(limits=(-0.5, 120.5), expand=(0, 0), breaks=[])
        + scale_y(expand=(0, 0.4), breaks=[])
        + dress(
            style,
            lines * style.row_in * 1.12 + 0.9 * style.scale,
            legend_position="none",
            title=title,
            subtitle=f"Steps that lost patients, with reasons{more}",
            axis_line=p9.element_blank(),
        )
    )


def _lay_flow(steps, letters: float) -> tuple[pd.DataFrame, list[tuple[float, float]]]:
    """Boxes from the top down, in lines of text, and where an arrow leads from one step to the next."""
    boxes, arrows = [], []
    at, previous = 0.0, None
    for step, before, after, reasons in steps:
        main = wrap(step, letters * 0.38)
        main += "\n" + wrap(
            f"{format_count(before)} patients before, {format_count(after)} after", letters * 0.38
        )
        side = "\n".join(
            wrap(f"{format_count(n)}: {terms.name_codes(reason)}", letters * 0.55) for reason, n in reasons
        )
        height = max(main.count("\n"), side.count("\n")) + 2.0
        if previous == before:
            arrows.append((at + 1.4, at))
        for label, name, left, right in ((main, "main", 0.0, 46.0), (side, "reasons", 52.0, 120.0)):
            boxes.append({"side": name, "label": label, "left": left, "right": right})
            boxes[-1] |= {"low": at - height, "high": at, "middle": at - height / 2}
        at -= height + 1.4
        previous = after
    return pd.DataFrame(boxes), arrows
