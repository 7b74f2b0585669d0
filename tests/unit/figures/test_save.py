"""Files of figures: every format, the same bytes each time, nothing left of an earlier run."""

import json
import struct
from types import SimpleNamespace

import numpy as np
import pandas as pd
import plotnine as p9
import pytest
from PIL import Image

from prrt_outcomes.figures.figure import Figure
from prrt_outcomes.figures.save import _write_pixels, save_figures
from prrt_outcomes.figures.theme import FigureStyle, theme_prrt

STYLE = FigureStyle("manuscript", 8.0, 7.0, 0.7, 7.2, 0.155, True)


def make_plots():
    """A plot keeps the figure it was drawn on, so each drawing has its own."""
    words = pd.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0], "label": ["Überleben & <b>", "5 %"]})
    plot = p9.ggplot(words, p9.aes("x", "y", label="label")) + p9.geom_line() + p9.geom_text()
    return [Figure("one", plot + theme_prrt(STYLE, 1.5, 3.0), "One figure. Two sentences.", ("cox",))]


@pytest.fixture
def plots():
    return make_plots()


def test_figures_are_the_same_bytes_each_time(tmp_path):
    formats = ("pdf", "svg", "png")
    first = save_figures(make_plots(), tmp_path / "a", formats, 150)
    second = save_figures(make_plots(), tmp_path / "b", formats, 150)
    assert [p.name for p in first] == ["one.pdf", "one.svg", "one.png"]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_a_png_has_the_dots_that_were_asked_for(plots, tmp_path):
    (path,) = save_figures(plots, tmp_path, ("png",), 200)
    assert struct.unpack(">II", path.read_bytes()[16:24]) == (600, 300)


def test_a_tiff_holds_the_same_dots_with_their_density(plots, tmp_path):
    png, tiff = save_figures(plots, tmp_path, ("png", "tiff"), 200)
    with Image.open(png) as one, Image.open(tiff) as other:
        assert one.size == other.size == (600, 300)
        assert other.info["dpi"] == (200, 200)


def test_text_is_text_in_svg_and_a_truetype_font_in_pdf(plots, tmp_path):
    pdf, svg = save_figures(plots, tmp_path, ("pdf", "svg"), 72)
    assert "<text" in svg.read_text()
    assert "sans-serif" in svg.read_text()
    assert b"/Type3" not in pdf.read_bytes()
    assert b"/CIDFontType2" in pdf.read_bytes()


def test_figures_of_an_earlier_run_are_removed_and_other_files_stay(plots, tmp_path):
    (tmp_path / "old.svg").write_text("<svg/>")
    (tmp_path / "notes.txt").write_text("mine")
    save_figures(plots, tmp_path, ("svg",), 72)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures.json", "notes.txt", "one.svg"]


def test_captions_are_written_beside_the_pictures(plots, tmp_path):
    save_figures(plots, tmp_path, ("svg",), 72)
    (entry,) = json.loads((tmp_path / "figures.json").read_text())
    assert entry["caption"] == "One figure. Two sentences."
    assert entry["alternative_text"] == "Figure: One figure."
    assert (entry["tables"], entry["leading"]) == (["cox"], True)


def test_files_hold_no_date(plots, tmp_path):
    pdf, svg = save_figures(plots, tmp_path, ("pdf", "svg"), 72)
    assert b"CreationDate" not in pdf.read_bytes()
    assert "dc:date" not in svg.read_text(encoding="utf-8")


def write_and_read(pixels, path):
    _write_pixels(SimpleNamespace(buffer_rgba=lambda: pixels), [path], 72)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_most_frequent_colours_are_kept_exactly(tmp_path):
    pixels = np.full((80, 80, 4), 255, np.uint8)
    colours = np.array([[0, 114, 178], [213, 94, 0], [8, 48, 107], [236, 242, 248], [26, 26, 26]])
    pixels[:40, :, :3] = colours[np.arange(80) // 16]
    read = write_and_read(pixels, tmp_path / "sheet.png")
    np.testing.assert_array_equal(read, pixels[..., :3])


def test_a_picture_of_too_many_colours_keeps_them_all(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (600, 600, 4)).astype(np.uint8)
    read = write_and_read(pixels, tmp_path / "sheet.png")
    np.testing.assert_array_equal(read, pixels[..., :3])
