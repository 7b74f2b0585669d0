"""Best response by group: one bar of 100 per cent a group, rates with intervals beside it."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, extra_height_in, measure_text_in, wrap_text
from prrt_outcomes.figures.panel import Panel, draw_key_row, draw_title, draw_x_axis, foot_in, title_height_in
from prrt_outcomes.figures.theme import QUIET, RESPONSE_COLOURS, FigureStyle
from prrt_outcomes.wording.numbers import format_interval, format_level, format_percent
from prrt_outcomes.wording.terms import name_code

DARK = ("CR", "PR", "PD")
RATES = (("objective", "Objective"), ("disease_control", "Disease control"))


def plot_response_bars(rates: pd.DataFrame, style: FigureStyle, title: str, level: float = 0.95):
    """Draw the shares of best responses of each group.

    Parameters
    ----------
    rates : rows of `response_rates` of one criterion, one grouping and one of confirmed or not; the rows `all` may
        stand among them and are drawn first
    style : sizes
    title : criterion and whether confirmed
    level : confidence level of the rates at the right

    Notes
    -----
    A share under 5 per cent has no number in its bar; it stands in the table.
    """
    import plotnine as p9

    frame = rates.assign(group=rates["group"].astype(str), category=rates["category"].astype(str))
    order = frame[["group_by", "group"]].astype(str).drop_duplicates(ignore_index=True)
    order = order.loc[(order["group"] != "all").sort_values(kind="stable").index]
    found = {(r["group"], r["category"]): r for r in frame.to_dict("records")}
    widest = 1.7 * style.scale
    rows = []
    for column, group in order.itertuples(index=False, name=None):
        total = next(r["total"] for r in found.values() if r["group"] == group)
        words = wrap_text(f"{name_code(column, group)} (n\u00a0=\u00a0{total:.0f})", widest, style.small)
        rows.append((group, words))
    texts = {(group, code): _rate_text(found.get((group, code))) for group, _ in rows for code, _ in RATES}
    heads = {
        code: wrap_text(f"{name}, {format_level(level)} CI", 1.0 * style.scale, style.small)
        for code, name in RATES
    }
    columns = {
        code: max(
            [measure_text_in(texts[group, code], style.small) for group, _ in rows]
            + [measure_text_in(heads[code], style.small)]
        )
        + 0.16
        for code, _ in RATES
    }
    names_in = max(measure_text_in(words, style.small) for _, words in rows) + 0.2
    heights = [
        max(2.0 * style.row_in, style.row_in + extra_height_in(w, style.small) + 0.06) for _, w in rows
    ]
    subtitle = "Share of all treated patients (%)"
    codes = [c for c in RESPONSE_COLOURS if c in set(frame.loc[frame["n"].fillna(0).gt(0), "category"])]
    bottom = 0.3 * style.scale + foot_in(style)
    top = title_height_in(style, subtitle, style.width_in) + 0.62 * style.scale
    sheet = Canvas(style, style.width_in, bottom + sum(heights) + top)
    width = style.width_in - names_in - sum(columns.values()) - 0.2
    panel = Panel(names_in, bottom, width, sum(heights), 0.0, 1.0)
    draw_title(sheet, title, subtitle)
    key_at = sheet.height_in - title_height_in(style, subtitle, style.width_in) - 0.12
    draw_key_row(
        sheet, 0.12, key_at, [(c, RESPONSE_COLOURS[c], "solid") for c in codes], style.width_in - 0.2
    )
    bars = _place_bars(rows, heights, found, codes, panel, bottom + sum(heights))
    for bar in bars.to_dict("records"):
        if bar["share"] >= 0.05:
            sheet.add_text(
                (bar["xmin"] + bar["xmax"]) / 2,
                bar["y"],
                f"{100 * bar['share']:.0f}",
                ha="center",
                size=style.small,
                colour="white" if bar["code"] in DARK else "#1A1A1A",
            )
    at = bottom + sum(heights)
    place, starts = names_in + width + 0.12, {}
    for code, _ in RATES:
        starts[code] = place
        sheet.add_text(place, at + 0.18 * style.scale, heads[code], size=style.small, colour=QUIET)
        place += columns[code]
    for (group, words), height in zip(rows, heights, strict=True):
        sheet.add_text(names_in - 0.1, at - height / 2, words, ha="right", size=style.small)
        for code, _ in RATES:
            sheet.add_text(starts[code], at - height / 2, texts[group, code], size=style.small)
        at -= height
    draw_x_axis(sheet, panel, (0.0, 0.25, 0.5, 0.75, 1.0), labels=("0", "25", "50", "75", "100"))
    layer = p9.geom_rect(
        bars,
        p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour"),
        color="white",
        size=0.25,
    )
    return sheet.plot(layer)


def _rate_text(row: dict | None) -> str:
    if row is None:
        return ""
    return format_interval(row["proportion"], row["proportion_low"], row["proportion_high"], format_percent)


def _place_bars(rows, heights, found, codes, panel, top) -> pd.DataFrame:
    """Rectangles in inches: shares of a group side by side."""
    bars, at = [], top
    for (group, _), height in zip(rows, heights, strict=True):
        start = 0.0
        for code in codes:
            row = found.get((group, code))
            share = 0.0 if row is None or pd.isna(row["proportion"]) else float(row["proportion"])
            if share > 0:
                bars.append(
                    {
                        "group": group,
                        "code": code,
                        "share": share,
                        "xmin": panel.px(start),
                        "xmax": panel.px(start + share),
                        "ymin": at - height * 0.86,
                        "ymax": at - height * 0.14,
                        "y": at - height / 2,
                        "colour": RESPONSE_COLOURS[code],
                    }
                )
            start += share
        at -= height
    return pd.DataFrame(
        bars, columns=["group", "code", "share", "xmin", "xmax", "ymin", "ymax", "y", "colour"]
    )
