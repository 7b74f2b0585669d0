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
from prrt_outcomes.figures.save import _write_png, save_figures
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


def test_colours_are_kept_exactly(tmp_path):
    pixels = np.full((20, 30, 4), 255, np.uint8)
    pixels[3, 4, :3] = (10, 20, 30)
    pixels[5:15, :, :3] = np.arange(300)[:, None].reshape(10, 30, 1) % 256
    pixels[5:15, :, 1] = np.arange(300).reshape(10, 30) // 2
    _write_png(SimpleNamespace(buffer_rgba=lambda: pixels), tmp_path / "sheet.png", 72)
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(image), pixels[..., :3])
