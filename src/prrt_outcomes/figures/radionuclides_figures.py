"""Chapter radionuclides: absorbed fraction by diameter, and change of lesions by radionuclide and diameter."""

from collections.abc import Mapping

import pandas as pd
import plotnine as p9

from prrt_outcomes.figures import theme
from prrt_outcomes.figures.figure import Figure, make_figure
from prrt_outcomes.wording.numbers import format_level
from prrt_outcomes.wording.terms import list_codes, name_code

RADIONUCLIDES_INPUTS = ("absorbed_fraction", "lesion_change", "lesion_change_curve")
TICKS_MM = (1, 2, 5, 10, 15, 20, 30, 50, 70, 100, 200)


def draw_radionuclides(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `absorbed_fraction`, and `lesion_change` of the lesions where there are any."""
    style, figures = theme.figure_style(study), []
    fractions, means, curves = (tables[name] for name in RADIONUCLIDES_INPUTS)
    if len(fractions):
        figures.append(make_figure("absorbed_fraction", plot_absorbed_fraction(fractions, style)))
    means = means[means["size_class"].ne("all") & means["mean_change"].notna()]
    if len(means):
        figures.append(make_figure("lesion_change", plot_lesion_change(means, curves, style)))
    return figures


def plot_absorbed_fraction(fractions: pd.DataFrame, style: theme.FigureStyle):
    """Draw the absorbed fraction between straight and tortuous tracks, of the beta emitters that patients may have."""
    beta = fractions[fractions["particle"].eq("beta")]
    beta = beta[beta["radionuclide"].isin(list_codes("radionuclide"))]
    plot = _plot(beta, "fraction", style) + theme.scale_y(limits=(0, 1), labels=theme.label_percent)
    plot += p9.geom_ribbon(p9.aes(ymin="fraction", ymax="fraction_tortuous"), alpha=0.18, color="none")
    words: dict = {"title": "Absorbed fraction of beta energy by diameter", "y": "Absorbed fraction"}
    return (
        plot
        + p9.geom_line(size=style.line)
        + theme.dress(style, 3.2 * style.scale, x="Diameter, mm", **words)
    )


def plot_lesion_change(means: pd.DataFrame, curves: pd.DataFrame, style: theme.FigureStyle):
    """Draw mean changes of size classes with intervals, and beside them the expected change by diameter with bands."""
    drawn = means.rename(columns={"median_diameter_mm": "diameter_mm", "mean_change": "change"})
    plot = _plot(drawn, "change", style) + theme.scale_y(labels=theme.label_percent)
    plot += p9.geom_hline(yintercept=0, linetype="dashed", color=theme.QUIET, size=0.35)
    reach, beside = p9.aes(ymin="low", ymax="high"), p9.position_dodge(width=0.012)
    for _, own in curves.assign(radionuclide=curves["radionuclide"].astype(str)).groupby(
        "contrast", observed=True
    ):
        plot = (
            plot + p9.geom_ribbon(own, reach, alpha=0.18, color="none") + p9.geom_line(own, size=style.line)
        )
    plot = (
        plot
        + p9.geom_linerange(reach, size=style.line * 0.6, position=beside)
        + p9.geom_point(size=2.2 * style.scale, stroke=0, position=beside)
    )
    words: dict = {
        "title": "Change of lesions by radionuclide and diameter",
        "y": "Change of the longest diameter",
    }
    words["subtitle"] = f"Bars and bands: {format_level(style.level)} intervals; below 0: shrinkage"
    return plot + theme.dress(style, 3.4 * style.scale, x="Longest diameter at baseline, mm", **words)


def _plot(rows: pd.DataFrame, y: str, style: theme.FigureStyle):
    """A quantity by diameter on a logarithmic axis, with the colour of each radionuclide as in all other figures."""
    rows = rows.assign(radionuclide=rows["radionuclide"].astype(str))
    found = [code for code in list_codes("radionuclide") if code in set(rows["radionuclide"])]
    colours = theme.color_groups("radionuclide", found, style).values()
    scales = theme.key_scales({c: name_code("radionuclide", c) for c in found}, color=colours, fill=colours)
    ticks = p9.scale_x_log10(breaks=TICKS_MM, labels=lambda breaks: [f"{b:g}" for b in breaks])
    return (
        p9.ggplot(rows, p9.aes("diameter_mm", y, color="radionuclide", fill="radionuclide")) + ticks + scales
    )
