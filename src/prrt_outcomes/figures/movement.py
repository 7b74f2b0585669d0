"""How patients move between categories when another criterion, or the reported response, is used."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas
from prrt_outcomes.figures.panel import Panel, draw_title, foot_in, title_height_in
from prrt_outcomes.figures.theme import GRID, QUIET, RESPONSE_COLOURS, FigureStyle
from prrt_outcomes.wording.numbers import format_interval, format_number, format_percent

AGREE, MOVED, NOBODY = "#9CC5E3", "#F5B28A", "#FFFFFF"
CODES = tuple(RESPONSE_COLOURS)


def plot_movement(pairs: pd.DataFrame, names: tuple[str, str], style: FigureStyle):
    """Draw a tile a pair of categories with its patients; the diagonal is agreement.

    Parameters
    ----------
    pairs : rows of `response_concordance` of one pair of criteria
    names : titles of the two criteria: rows, columns
    style : sizes
    """
    import plotnine as p9

    filled = pairs[pairs["n"].fillna(0).gt(0)]
    seen = set(filled["response_a"].astype(str)) | set(filled["response_b"].astype(str))
    codes = [c for c in CODES if c in seen] + sorted(seen - set(CODES))
    first = pairs.iloc[0]
    subtitle = f"Same category in {format_percent(first['agreement'])} of {first['n_pairs']:.0f} patients"
    kappa = format_interval(
        first["kappa"], first["kappa_low"], first["kappa_high"], lambda v: format_number(v, 2)
    )
    subtitle += f"; Cohen's kappa {kappa}. Blue: same category; orange: moved"
    side = 0.42 * style.scale
    wide = 0.92 * style.scale if "NON-CR/NON-PD" in codes else 0.62 * style.scale
    left, size = 1.35 * style.scale, len(codes)
    wide = min(wide, (style.width_in - left - 0.1) / (size + 1))
    head = title_height_in(style, subtitle, style.width_in) + 2.1 * style.row_in
    bottom = 0.12 + foot_in(style)
    sheet = Canvas(style, style.width_in, head + size * side + 0.1 + style.row_in + bottom)
    draw_title(sheet, f"{names[0]} against {names[1]}: best response", subtitle)
    panel = Panel(
        left, bottom + style.row_in, wide * (size + 1), side * size, 0.0, size + 1.0, 0.0, float(size)
    )
    top = panel.bottom + panel.height
    sheet.add_text(panel.px(size / 2), top + 1.75 * style.row_in, names[1], ha="center", size=style.small,
                   weight="bold")  # fmt: skip
    sheet.add_text(0.1, top + 0.6 * style.row_in, names[0], size=style.small, weight="bold")
    small = style.small - 0.5
    for i, code in enumerate(codes):
        sheet.add_text(panel.px(i + 0.5), top + 0.6 * style.row_in, code, ha="center", size=small)
        sheet.add_text(left - 0.1, panel.py(size - i - 0.5), code, ha="right", size=small)
        total = filled.loc[filled["response_a"].astype(str).eq(code), "n"].sum()
        sheet.add_text(panel.px(size + 0.5), panel.py(size - i - 0.5), f"{total:.0f}", ha="center", size=small,
                       colour=QUIET)  # fmt: skip
        total = filled.loc[filled["response_b"].astype(str).eq(code), "n"].sum()
        sheet.add_text(panel.px(i + 0.5), panel.bottom - 0.55 * style.row_in, f"{total:.0f}", ha="center",
                       size=small, colour=QUIET)  # fmt: skip
    tiles = list_tiles(filled, codes)
    for row in tiles[tiles["n"].gt(0)].itertuples():
        sheet.add_text(panel.px(row.x + 0.5), panel.py(row.y + 0.5), f"{row.n:.0f}", ha="center")
    drawn = pd.DataFrame(
        {
            "xmin": panel.px(tiles["x"]),
            "xmax": panel.px(tiles["x"] + 1.0),
            "ymin": panel.py(tiles["y"]),
            "ymax": panel.py(tiles["y"] + 1.0),
            "colour": tiles["colour"],
        }
    )
    aes = p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour")
    return sheet.plot(p9.geom_rect(drawn, aes, color=GRID, size=0.4))


def list_tiles(pairs: pd.DataFrame, codes: list[str]) -> pd.DataFrame:
    """One tile a pair of categories: x from the left, y from below, n, colour."""
    found = pairs.assign(a=pairs["response_a"].astype(str), b=pairs["response_b"].astype(str)).set_index(
        ["a", "b"]
    )["n"]
    rows = []
    for i, a in enumerate(codes):
        for j, b in enumerate(codes):
            n = float(found.get((a, b), 0.0))
            colour = NOBODY if n == 0 else AGREE if a == b else MOVED
            rows.append({"x": float(j), "y": float(len(codes) - 1 - i), "n": n, "colour": colour})
    return pd.DataFrame(rows)
