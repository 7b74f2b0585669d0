"""Styles and widths: what the files measure, and colours that can be told apart in grey."""

import itertools
import re
import struct
import warnings

import pandas as pd
import plotnine as p9
import pytest
from matplotlib.colors import to_rgb
from pydantic import ValidationError

from prrt_outcomes.figures.figure import Figure
from prrt_outcomes.figures.response_figures import _fill_responses
from prrt_outcomes.figures.save import find_wide_font, save_figures
from prrt_outcomes.figures.theme import (
    COLOURS,
    LINETYPES,
    STYLES,
    dress,
    figure_style,
    label_percent,
    pick_linetypes,
    scale_y,
    wrap,
)
from prrt_outcomes.study.model import FigureSettings, Study

PAPER = [name for name in STYLES if name != "slides"]


def make_study(**figures) -> Study:
    tables = {"patients": "p.csv", "reported_outcomes": "o.csv"}
    return Study.model_validate({"study": "s", "tables": tables, "figures": figures})


def compute_lightness(colour: str) -> float:
    """L* of CIELAB."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


@pytest.mark.parametrize("name", STYLES)
def test_colours_of_few_groups_differ_in_grey(name):
    light = [compute_lightness(colour) for colour in STYLES[name]["few"]]
    assert len(light) == 5
    assert min(abs(a - b) for a, b in itertools.combinations(light, 2)) >= 8
    assert abs(light[0] - light[1]) >= 20
    assert max(light) < 85


def test_progression_differs_from_response_in_grey():
    light = {code: compute_lightness(colour) for code, colour in COLOURS["responses"].items()}
    assert light["PD"] - light["PR"] > 20


def test_two_groups_have_two_line_types():
    assert len(set(pick_linetypes(["a", "b", "c", "d"]).values())) == len(LINETYPES)


def draw(study: Study, folder, dpi=100):
    style = figure_style(study)
    words = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]})
    plot = p9.ggplot(words, p9.aes("x", "y")) + p9.geom_line() + dress(style, 20.0, title="Title")
    formats = ("pdf", "svg", "png")
    return save_figures([Figure("one", plot, "One.")], folder, formats, dpi, study.figures.style)


@pytest.mark.parametrize(
    ("style", "width", "mm"),
    [("house", "single", 89), ("house", "double", 183), ("manuscript", "double", 183), ("nejm", "single", 85),
     ("lancet", "middle", 120), ("jnm", "double", 170), ("house", 140.5, 140.5)],
)  # fmt: skip
def test_files_are_as_wide_as_the_study_asks_and_at_most_a_page_high(tmp_path, style, width, mm):
    pdf, svg, png = draw(make_study(style=style, width=width), tmp_path)
    box = re.search(rb"/MediaBox \[ 0 0 ([0-9.]+) ([0-9.]+) \]", pdf.read_bytes())
    sizes = [[float(side) / 72 * 25.4 for side in box.groups()]]
    tag = re.search("<svg [^>]*>", svg.read_text()).group()
    sides = [re.search(f' {side}="([0-9.]+)pt"', tag).group(1) for side in ("width", "height")]
    sizes.append([float(side) / 72 * 25.4 for side in sides])
    sizes.append([dots / 100 * 25.4 for dots in struct.unpack(">II", png.read_bytes()[16:24])])
    for found, tolerance in zip(sizes, (0.02, 0.02, 0.3), strict=True):
        assert found[0] == pytest.approx(mm, abs=tolerance)
        assert found[1] <= 247.3


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("width", ["single", "middle", "double"])
def test_text_has_at_least_six_points(name, width):
    style = figure_style(make_study(style=name, width=width))
    assert min(style.text, style.small) >= 6


def test_an_unknown_style_or_width_is_refused():
    for wrong in ({"style": "bmj"}, {"width": "triple"}, {"width": 30}):
        with pytest.raises(ValidationError):
            FigureSettings.model_validate(wrong)


def test_the_font_of_the_style_is_that_of_the_files(tmp_path):
    _, svg, _ = draw(make_study(style="lancet"), tmp_path)
    assert "DejaVu Serif" in svg.read_text()


@pytest.mark.parametrize("name", STYLES)
def test_the_font_of_a_style_has_all_signs_of_nuclides(name, tmp_path):
    study = make_study(style=name)
    nuclides = pd.DataFrame(
        {"x": ["¹⁷⁷Lu", "⁹⁰Y", "²²⁵Ac", "¹⁶¹Tb", "⁴⁸Sc"], "y": [-0.1, 0.0, 0.1, 0.2, 0.3]}
    )
    title = "m² ³ ≥ ≤ ± × · – −"
    plot = p9.ggplot(nuclides, p9.aes("x", "y")) + p9.geom_point() + scale_y(labels=label_percent)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph")
        shown = plot + dress(figure_style(study), 40.0, title=title)
        save_figures([Figure("one", shown, "One.")], tmp_path, ("pdf", "svg", "png"), 100, name)


def test_shares_below_0_have_a_true_minus():
    assert label_percent([-0.1, 0.5]) == ["\u221210%", "50%"]


def test_the_legend_of_responses_has_no_codes():
    codes = pd.Series(pd.Categorical(["PR", "NON-CR/NON-PD"]))
    (scale,) = _fill_responses(codes)
    assert list(scale.labels) == ["non-CR/non-PD", "PR"]


def test_wide_letters_count_as_what_they_are():
    assert wrap("膵臓の神経内分泌腫瘍膵臓の神経内分泌腫瘍", 20).count("\n") == 1
    assert wrap("Pancreas", 20) == "Pancreas"


def test_wide_letters_have_a_font_or_a_warning_names_what_is_missing(monkeypatch):
    import matplotlib.pyplot as plt

    from prrt_outcomes.figures import save

    sheet = plt.figure()
    words = sheet.text(0.5, 0.5, "膵臓")
    monkeypatch.setattr(save, "_list_wide_fonts", lambda: ())
    with pytest.warns(UserWarning, match="fonts-noto-cjk"):
        assert find_wide_font(sheet) == ""
    monkeypatch.setattr(save, "_list_wide_fonts", lambda: ("Some CJK",))
    assert find_wide_font(sheet) == "Some CJK"
    assert words.get_fontfamily()[-1] == "Some CJK"
    plt.close(sheet)
