"""Chapter treatment: whether the regimen was kept, as shares of cycles and patients with exact intervals."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill

import pandas as pd

from prrt_outcomes.figures.figure import Figure, pick_rows
from prrt_outcomes.figures.theme import (
    FEW_COLOURS,
    GRID,
    INK,
    SHARES,
    TEXT_X,
    FigureStyle,
    dress,
    figure_style,
    share_columns,
)
from prrt_outcomes.wording.numbers import format_interval, format_level, format_percent
from prrt_outcomes.wording.terms import spell_name

TREATMENT_INPUTS = ("treatment_delivery",)
QUANTITIES = ("_gbq", "_weeks", "cycles_per_patient")
ITEM_WORDS = {
    "cycle_interval_kept": "Interval between cycles within the window",
    "cycle_interval_weeks": "Interval between cycles, weeks",
    "long_acting_window_kept": "Long-acting analogue paused long enough",
    "long_acting_window_unknown": "Long-acting analogue: not known",
    "short_acting_window_kept": "Short-acting analogue paused long enough",
    "short_acting_window_unknown": "Short-acting analogue: not known",
    "amino_acids_given": "Amino acids given with the cycle", "amino_acids_unknown": "Amino acids: not known",
    "several_radionuclides": "More than one radionuclide", "retreatment": "Retreated later",
    "cycles_per_patient": "Cycles a patient", "cumulative_activity_gbq": "Cumulative activity, GBq",
    "activity_per_cycle_gbq": "Activity a cycle, GBq",
}  # fmt: skip


def draw_treatment(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `delivery`: cycles, windows and amino acids; and `eligibility`: conditions not met."""
    delivery, style = pick_rows(tables["treatment_delivery"], group_by="all"), figure_style(study)
    items = delivery["item"].astype(str)
    shares = ~items.str.endswith(QUANTITIES) & delivery["value"].notna()
    eligible = items.str.startswith("eligibility_")
    refused = eligible & items.str.endswith("_not_met")
    wanted = (
        ("delivery", shares & ~eligible, "Delivery of treatment",
         "Share of cycles and patients in whom the regimen was kept, with exact intervals."),
        ("eligibility", shares & refused, "Conditions of eligibility that were not met",
         "Share of patients who did not meet a condition of the guidance at baseline, with exact intervals."),
    )  # fmt: skip
    return [
        Figure(name, plot_delivery(delivery[rows], style, title), caption, TREATMENT_INPUTS)
        for name, rows, title, caption in wanted
        if rows.any()
    ]


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
    """Whether an item is a share of cycles or patients (else a quantity with quartiles)."""
    return not item.endswith(QUANTITIES)


def plot_delivery(delivery: pd.DataFrame, style: FigureStyle, title: str):
    """Draw every share of the whole cohort as a point with its interval.

    `delivery`: rows of `treatment_delivery` that are shares and belong to the whole cohort.
    """
    import plotnine as p9

    columns = [SHARES, ""]
    items = list(delivery["item"].astype(str))
    labels = [fill(name_item(item), 40) for item in items]
    rows = delivery.assign(item=items, column=pd.Categorical([SHARES] * len(items), columns))
    texts = rows.assign(
        value=TEXT_X,
        column=pd.Categorical([""] * len(items), columns),
        label=[
            f"{format_interval(r['value'], r['low'], r['high'], format_percent, status=r['status'])}, "
            f"{r['n']:.0f}/{r['total']:.0f}"
            for r in rows.to_dict("records")
        ],
    )
    ends = pd.concat([rows.head(1).assign(value=end) for end in (0.0, 1.0)])
    lines = sum(label.count("\n") + 1.5 for label in labels)
    return (
        p9.ggplot(rows, p9.aes("value", "item"))
        + p9.geom_blank(ends)
        + p9.geom_segment(p9.aes(x="low", xend="high", yend="item"), color=FEW_COLOURS[0], size=style.line)
        + p9.geom_point(color=FEW_COLOURS[0], size=1.9 * style.scale, stroke=0)
        + p9.geom_text(texts, p9.aes(label="label"), size=style.small, color=INK)
        + p9.scale_y_discrete(limits=items[::-1], labels=labels[::-1])
        + dress(
            style,
            lines * style.row_in + 1.0 * style.scale,
            title=title,
            subtitle="Share of cycles or patients for whom it is known, with exact "
            f"{format_level(style.level)} intervals",
            panel_grid_major_y=p9.element_line(color=GRID, size=0.3),
        )
        + share_columns([3.2, 1.6])
    )
