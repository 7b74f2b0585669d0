"""Worst laboratory grade of each analyte, and the shift from baseline."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.figures.canvas import Canvas, measure_text_in, wrap_text
from prrt_outcomes.figures.panel import Panel, draw_key_row, draw_title, draw_x_axis, foot_in, title_height_in
from prrt_outcomes.figures.theme import GRADE_COLOURS, GRID, QUIET, FigureStyle
from prrt_outcomes.wording.numbers import format_percent
from prrt_outcomes.wording.terms import name_code, spell_name


def plot_worst_grades(grades: pd.DataFrame, rates: pd.DataFrame, style: FigureStyle, title: str):
    """Draw the share of patients with each worst grade, one bar an analyte.

    Parameters
    ----------
    grades : rows of `safety_grades` of one phase; the counts of all baseline grades are laid end to end
    rates : rows of `safety_rates` of the phase and the whole cohort; that of grade 3 or worse is printed
    style : sizes
    title : what is shown
    """
    import plotnine as p9

    names = list_analytes(grades.dropna(subset=["worst_grade"]))
    counted = grades.dropna(subset=["worst_grade"]).assign(analyte=grades["analyte"].astype(str))
    severe = {
        str(r["analyte"]): format_percent(r["proportion"])
        for r in rates.to_dict("records")
        if r["grade_at_least"] == 3
    }
    totals = counted.groupby("analyte", sort=False)["total"].first()
    labels = [
        wrap_text(
            f"{name_code('analyte', n)} (n\u00a0=\u00a0{totals[n]:.0f})", 2.0 * style.scale, style.small
        )
        for n in names
    ]
    names_in = max(measure_text_in(x, style.small) for x in labels) + 0.2
    row_in = style.row_in * 2.0
    subtitle = "Patients by worst CTCAE grade after the first cycle (%)"
    codes = sorted({int(g) for g in counted["worst_grade"]})
    head = title_height_in(style, subtitle, style.width_in) + 0.42 * style.scale
    bottom = 0.3 * style.scale + foot_in(style)
    right = 0.75 * style.scale
    sheet = Canvas(style, style.width_in, bottom + row_in * len(names) + head)
    panel = Panel(names_in, bottom, style.width_in - names_in - right, row_in * len(names), 0.0, 1.0)
    draw_title(sheet, title, subtitle)
    entries = [(f"Grade {c}", GRADE_COLOURS[c], "solid") for c in codes]
    draw_key_row(sheet, 0.12, sheet.height_in - head + 0.28 * style.scale, entries, style.width_in - 0.2)
    draw_x_axis(sheet, panel, (0.0, 0.25, 0.5, 0.75, 1.0), labels=("0", "25", "50", "75", "100"))
    top = bottom + row_in * len(names)
    sheet.add_text(
        panel.left + panel.width + 0.1, top + 0.1, "Grade \u2265 3", size=style.small, colour=QUIET
    )
    bars = []
    for i, (name, label) in enumerate(zip(names, labels, strict=True)):
        y = top - (i + 0.5) * row_in
        sheet.add_text(panel.left - 0.1, y, label, ha="right", size=style.small)
        own = counted[counted["analyte"] == name].sort_values("worst_grade", kind="stable")
        ends = own["n"].cumsum().to_numpy(float) / float(totals[name])
        starts = ends - own["n"].to_numpy(float) / float(totals[name])
        sheet.add_text(panel.left + panel.width + 0.1, y, severe.get(name, ""), size=style.small)
        bars.append(
            pd.DataFrame(
                {
                    "analyte": name,
                    "xmin": panel.px(starts),
                    "xmax": panel.px(ends),
                    "ymin": y - 0.36 * row_in,
                    "ymax": y + 0.36 * row_in,
                    "colour": own["worst_grade"].astype(int).map(GRADE_COLOURS).to_numpy(),
                }
            )
        )
    aes = p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour")
    return sheet.plot(p9.geom_rect(pd.concat(bars, ignore_index=True), aes, color=None))


def plot_grade_shift(grades: pd.DataFrame, style: FigureStyle, title: str):
    """Draw baseline grade against worst grade, one small grid an analyte, counts in the cells.

    Parameters
    ----------
    grades : rows of `safety_grades` of one phase
    style : sizes
    title : what is shown
    """
    import plotnine as p9

    known = grades.dropna(subset=["baseline_grade", "worst_grade"])
    names = list_analytes(known)
    known = known.assign(analyte=known["analyte"].astype(str))
    subtitle = (
        "Patients by grade at baseline (across) and worst grade afterwards (up); above the diagonal: worse"
    )
    columns = min(4, len(names))
    lines = -(-len(names) // columns)
    scale = style.scale
    head = title_height_in(style, subtitle, style.width_in) + 0.1
    step_x = (style.width_in - 0.2) / columns
    side = min(step_x - 0.4 * scale, 1.35 * scale)
    step_y = side + 0.72 * scale
    sheet = Canvas(style, style.width_in, head + lines * step_y + foot_in(style))
    draw_title(sheet, title, subtitle)
    cells = []
    for i, name in enumerate(names):
        row, column = divmod(i, columns)
        left = 0.1 + column * step_x + 0.3 * scale
        bottom = sheet.height_in - head - (row + 1) * step_y + 0.3 * scale
        panel = Panel(left, bottom, side, side, -0.5, 4.5, -0.5, 4.5)
        words = wrap_text(name_code("analyte", name), step_x - 0.1, style.small, "bold")
        sheet.add_text(
            left - 0.2 * scale, bottom + side + 0.06, words, va="bottom", size=style.small, weight="bold"
        )
        for grade in range(5):
            sheet.add_text(
                panel.px(grade), bottom - 0.04, str(grade), ha="center", va="top", size=style.small - 1
            )
            sheet.add_text(left - 0.05, panel.py(grade), str(grade), ha="right", size=style.small - 1)
        own = known[known["analyte"] == name]
        x, y = own["baseline_grade"].to_numpy(float), own["worst_grade"].to_numpy(float).clip(max=4)
        for across, up, n in zip(x, y, own["n"], strict=True):
            colour = "white" if up >= 3 else "#1A1A1A"
            sheet.add_text(
                panel.px(across), panel.py(up), f"{n:.0f}", ha="center", size=style.small - 1, colour=colour
            )
        cells.append(_empty_grid(panel))
        cells.append(
            pd.DataFrame(
                {
                    "xmin": panel.px(x - 0.5),
                    "xmax": panel.px(x + 0.5),
                    "ymin": panel.py(y - 0.5),
                    "ymax": panel.py(y + 0.5),
                    "colour": [GRADE_COLOURS[int(g)] for g in y],
                }
            )
        )
    aes = p9.aes(xmin="xmin", xmax="xmax", ymin="ymin", ymax="ymax", fill="colour")
    return sheet.plot(p9.geom_rect(pd.concat(cells, ignore_index=True), aes, color=GRID, size=0.3))


def _empty_grid(panel: Panel) -> pd.DataFrame:
    grid = [(x, y) for x in range(5) for y in range(5)]
    return pd.DataFrame(
        {
            "xmin": [panel.px(x - 0.5) for x, _ in grid],
            "xmax": [panel.px(x + 0.5) for x, _ in grid],
            "ymin": [panel.py(y - 0.5) for _, y in grid],
            "ymax": [panel.py(y + 0.5) for _, y in grid],
            "colour": ["#FFFFFF" if x != y else "#F4F4F4" for x, y in grid],
        }
    )


def list_analytes(grades: pd.DataFrame) -> list[str]:
    """Analytes that have rows, in the order of the schema where the column knows it."""
    present = set(grades["analyte"].astype(str))
    if isinstance(grades["analyte"].dtype, pd.CategoricalDtype):
        return [str(c) for c in grades["analyte"].cat.categories if str(c) in present]
    return list(dict.fromkeys(grades["analyte"].astype(str)))


def phase_words(phase: str) -> str:
    """`during treatment`, `late`, `at any time`."""
    return {"treatment": "during treatment", "late": "late", "any": "at any time"}.get(
        phase, spell_name(phase).lower()
    )
