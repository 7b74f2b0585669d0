"""Chapter treatment: whether the regimen was kept, as shares of cycles and patients with exact intervals."""

from collections.abc import Mapping
from textwrap import fill

import pandas as pd
import plotnine as p9

from prrt_outcomes.figures import theme
from prrt_outcomes.figures.figure import Figure, drop_unknown_conditions, pick_rows
from prrt_outcomes.wording.numbers import format_interval, format_level, format_percent
from prrt_outcomes.wording.terms import QUANTITIES, name_item

TREATMENT_INPUTS = ("treatment_delivery",)


def draw_treatment(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `delivery`: cycles, windows and amino acids; and `eligibility`: conditions not met."""
    delivery = drop_unknown_conditions(pick_rows(tables["treatment_delivery"], group_by="all"))
    style = theme.figure_style(study)
    items = delivery["item"].astype(str)
    shares = ~items.str.endswith(QUANTITIES) & delivery["value"].notna()
    eligible = items.str.startswith("eligibility_")
    refused = eligible & items.str.endswith("_not_met")
    wanted = (
        ("delivery", shares & ~eligible, "Delivery of treatment",
         "Share of cycles and patients in whom the regimen was kept, with exact intervals."),
        ("eligibility", shares & refused, "Conditions of eligibility that were not met",
         "Share of all patients, known or not, who did not meet a condition of the study before the first cycle."),
    )  # fmt: skip
    return [
        Figure(name, plot_delivery(delivery[rows], style, title), caption, TREATMENT_INPUTS)
        for name, rows, title, caption in wanted
        if rows.any()
    ]


def plot_delivery(delivery: pd.DataFrame, style: theme.FigureStyle, title: str):
    """Draw every share of the whole cohort in `treatment_delivery` as a point with its interval."""
    columns = [theme.SHARES, ""]
    items = list(delivery["item"].astype(str))
    labels = [fill(name_item(item), 40) for item in items]
    rows = delivery.assign(item=items, column=pd.Categorical([theme.SHARES] * len(items), columns))
    texts = rows.assign(
        value=theme.TEXT_X,
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
        + p9.geom_segment(
            p9.aes(x="low", xend="high", yend="item"), color=theme.FEW_COLOURS[0], size=style.line
        )
        + p9.geom_point(color=theme.FEW_COLOURS[0], size=1.9 * style.scale, stroke=0)
        + p9.geom_text(texts, p9.aes(label="label"), size=style.small, color=theme.INK)
        + p9.scale_y_discrete(limits=items[::-1], labels=labels[::-1])
        + theme.dress(
            style,
            lines * style.row_in + 1.0 * style.scale,
            title=title,
            subtitle=f"Share of cycles or patients, with exact {format_level(style.level)} intervals",
            panel_grid_major_y=p9.element_line(color=theme.GRID, size=0.3),
        )
        + theme.share_columns([3.2, 1.6])
    )
