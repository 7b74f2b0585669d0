"""Chapter radionuclides: absorbed fraction by diameter, and change of lesions by radionuclide and diameter."""

from collections.abc import Mapping

import pandas as pd
import plotnine as p9

from prrt_outcomes.figures import theme
from prrt_outcomes.figures.figure import Figure, pick_rows
from prrt_outcomes.wording.numbers import format_level
from prrt_outcomes.wording.terms import list_codes, name_code

RADIONUCLIDES_INPUTS = ("absorbed_fraction", "lesion_change", "lesion_change_curve")
TICKS_MM = (1, 2, 5, 10, 15, 20, 30, 50, 70, 100, 200)


def draw_radionuclides(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `absorbed_fraction`, and `lesion_change` of the lesions where there are any."""
    style, figures = theme.figure_style(study), []
    fractions, means, curves = (tables[name].copy() for name in RADIONUCLIDES_INPUTS)
    if len(fractions):
        caption = (
            "Fraction of the emitted beta energy that a sphere of uniform activity absorbs, by its diameter, from "
            "straight tracks (line) to tortuous tracks (upper edge of the band). Logarithmic axis."
        )
        plot = plot_absorbed_fraction(fractions, style)
        figures.append(Figure("absorbed_fraction", plot, caption, RADIONUCLIDES_INPUTS[:1]))
    means = means[means["size_class"].ne("all") & means["mean_change"].notna()]
    if len(means):
        caption = (
            "Change of the longest diameter of target lesions, from baseline to the scan nearest to 12 months after "
            "the first cycle. Points: means of lesions under 20 mm, from 20 mm on and from 50 mm on, at their median "
            "diameter. Lines: expected change, adjusted for organ and baseline covariates. Logarithmic axis."
        )
        plot = plot_lesion_change(means, curves, style)
        figures.append(Figure("lesion_change", plot, caption, RADIONUCLIDES_INPUTS[1:]))
    return figures


def plot_absorbed_fraction(fractions: pd.DataFrame, style: theme.FigureStyle):
    """Draw the absorbed fraction between straight and tortuous tracks, of the beta emitters that patients may have."""
    beta = pick_rows(fractions, particle="beta")
    beta = beta[beta["radionuclide"].isin(list_codes("radionuclide"))]
    return (
        _plot(beta, "fraction")
        + p9.geom_ribbon(p9.aes(ymin="fraction", ymax="fraction_tortuous"), alpha=0.18, color="none")
        + p9.geom_line(size=style.line)
        + theme.scale_y(limits=(0, 1), labels=theme.label_percent)
        + theme.dress(
            style,
            3.2 * style.scale,
            title="Absorbed fraction of beta energy by diameter",
            x="Diameter of the sphere, mm",
            y="Absorbed fraction",
        )
    )


def plot_lesion_change(means: pd.DataFrame, curves: pd.DataFrame, style: theme.FigureStyle):
    """Draw mean changes of size classes with intervals, and beside them the expected change by diameter with bands."""
    drawn = means.rename(columns={"median_diameter_mm": "diameter_mm", "mean_change": "change"})
    plot = _plot(drawn, "change") + p9.geom_hline(
        yintercept=0, linetype="dashed", color=theme.QUIET, size=0.35
    )
    for contrast in curves["contrast"].unique():
        own = curves[curves["contrast"].eq(contrast)].assign(radionuclide=curves["radionuclide"].astype(str))
        plot += p9.geom_ribbon(own, p9.aes(ymin="low", ymax="high"), alpha=0.18, color="none")
        plot += p9.geom_line(own, size=style.line)
    subtitle = f"Bars and bands: {format_level(style.level)} intervals; below 0: shrinkage"
    return (
        plot
        + p9.geom_linerange(p9.aes(ymin="low", ymax="high"), size=style.line * 0.6)
        + p9.geom_point(size=2.2 * style.scale, stroke=0)
        + theme.scale_y(labels=theme.label_percent)
        + theme.dress(
            style,
            3.4 * style.scale,
            title="Change of lesions by radionuclide and diameter",
            subtitle=subtitle,
            x="Longest diameter at baseline, mm",
            y="Change of the longest diameter",
        )
    )


def _plot(rows: pd.DataFrame, y: str):
    """A quantity by diameter on a logarithmic axis, with the colour of each radionuclide as in all other figures."""
    found = set(rows["radionuclide"].astype(str))
    words = {c: name_code("radionuclide", c) for c in list_codes("radionuclide") if c in found}
    colours = theme.color_groups("radionuclide", list(words)).values()
    rows = rows.assign(radionuclide=rows["radionuclide"].astype(str))
    ticks = p9.scale_x_log10(breaks=TICKS_MM, labels=lambda breaks: [f"{b:g}" for b in breaks])
    plot = p9.ggplot(rows, p9.aes("diameter_mm", y, color="radionuclide", fill="radionuclide")) + ticks
    return plot + theme.key_scales(words, color=colours, fill=colours)
