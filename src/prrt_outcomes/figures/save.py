"""Draws each figure once and writes it in every format, byte for byte the same every time."""

import json
import re
import warnings
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from fontTools import subset
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.text import Text
from PIL import Image
from plotnine.exceptions import PlotnineError

from prrt_outcomes.figures.figure import INDEX, Figure
from prrt_outcomes.figures.theme import STYLES, is_wide

FIXED: dict[Any, object] = {
    "svg.hashsalt": "prrt-outcomes",
    "svg.fonttype": "none",  # text stays text, which a journal can edit and a reader can search
    "pdf.fonttype": 42,  # TrueType, as journals ask
    "path.simplify": True,
    "axes.unicode_minus": True,
}
# Tables of a font for setting text, of which a pdf has no use: to cut them to its letters took most of its time.
subset.Options._drop_tables_default += ["GDEF", "GPOS", "GSUB", "kern"]
RUNS = 3  # compression of zlib that looks for runs of one value: faster here, and a tenth shorter
NO_DATE = {"pdf": {"CreationDate": None, "ModDate": None}, "svg": {"Date": None}, "png": {}, "tiff": {}}
PIXELS = ("png", "tiff")
WIDE_FONTS = re.compile(r"CJK|SourceHan|WenQuanYi|wqy|msgothic|msyh|PingFang|Hiragino|malgun", re.IGNORECASE)


def save_figures(
    figures: Iterable[Figure],
    folder: Path | str,
    formats: Iterable[str],
    dpi: int,
    style: str = "house",
    *,
    skipped: list[str] | None = None,
) -> list[Path]:
    """Write figures as `<folder>/<name>.<format>` and their captions as `<folder>/figures.json`; return the paths.

    Each figure is let go when it is drawn. Figures of an earlier run that are no longer drawn are removed. No date and
    no random identifier enters a file, and no font of the machine but one for Chinese, Japanese and Korean letters.
    `style` names the font of all text. A figure with too little left to draw is left
    out where there is a list `skipped`, which takes its name.
    """
    matplotlib.use("agg")
    fixed = _fix(style)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    entries: list[dict] = []
    with ThreadPoolExecutor(1) as pool:
        compressing: list[Future] = []
        for figure in figures:
            if len(compressing) > 1:  # no more than two sheets of pixels wait in memory
                compressing.pop(0).result()
            try:
                with plt.rc_context(fixed):
                    paths += _save_figure(
                        figure.plot, folder, figure.name, tuple(formats), dpi, pool, compressing
                    )
            except (PlotnineError, ValueError):  # no rows, or no room for what is left of them
                if skipped is None:
                    raise
                skipped.append(figure.name)
                continue
            entries.append(figure.describe())
        for unfinished in compressing:
            unfinished.result()
    keep = set(paths)
    for kind in NO_DATE:
        for old in folder.glob(f"*.{kind}"):
            if old not in keep:
                old.unlink()
    index = json.dumps(entries, indent=1, ensure_ascii=False)
    (folder / INDEX).write_text(index + "\n", encoding="utf-8")
    return paths


def draw_svg(plot) -> str:
    """Text of a plot as svg, for a page that holds it."""
    matplotlib.use("agg")
    page = BytesIO()
    with plt.rc_context(_fix("house")):
        figure = plot.draw()
        try:
            find_wide_font(figure)
            _write_vector(figure, page, "svg")
        finally:
            plt.close(figure)
    return page.getvalue().decode("utf-8")


def _fix(style: str) -> dict[Any, object]:
    """Settings of matplotlib under which a style is drawn."""
    return FIXED | {"font.family": STYLES[style]["font"]}


def find_wide_font(figure) -> str:
    """Give text with Chinese, Japanese or Korean letters a font of the machine that has them, behind that of the style.

    Returns its family, empty where none is needed; where there is none a warning names what is missing.
    """
    wide = [text for text in figure.findobj(Text) if any(map(is_wide, text.get_text()))]
    if not wide:
        return ""
    font = _list_wide_fonts()
    if not font:
        words = wide[0].get_text().replace("\n", " ")
        message = "no font for Chinese, Japanese or Korean letters; expected one such as Noto Sans CJK (fonts-noto-cjk)"
        warnings.warn(f"{words!r} is not drawn: {message}", stacklevel=2)
    for text in wide:
        text.set_fontfamily([*text.get_fontfamily(), *font])
    return "".join(font)


@cache
def _list_wide_fonts() -> tuple[str, ...]:
    """Family of the first font of the machine for these letters, sans serif before others."""
    paths = sorted(path for path in font_manager.findSystemFonts() if WIDE_FONTS.search(Path(path).name))
    for path in sorted(paths, key=lambda path: ("Sans" not in path, "Regular" not in path)):
        font_manager.fontManager.addfont(path)
        return (font_manager.FontProperties(fname=path).get_name(),)
    return ()


def _save_figure(plot, folder: Path, name: str, formats: tuple[str, ...], dpi: int, pool, compressing: list):
    """Write the vector formats now; compress pixels beside the drawing of the next figure."""
    figure = plot.draw()
    try:
        # such a font is seldom TrueType: its outlines are embedded
        outlines = {"pdf.fonttype": 3} if find_wide_font(figure) else {}
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine("none")  # else it runs again before each format
        paths = [folder / f"{name}.{kind}" for kind in formats]
        for path in paths:
            if (kind := path.suffix[1:]) not in PIXELS:
                with plt.rc_context(outlines):
                    _write_vector(figure, path, kind)
        drawn = [path for path in paths if path.suffix[1:] in PIXELS]
        if drawn:
            figure.set_dpi(dpi)
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            compressing.append(pool.submit(_write_pixels, canvas, drawn, dpi))
    finally:
        plt.close(figure)
    return paths


def _write_vector(figure, path: Path | BinaryIO, kind: str) -> None:
    """Write pdf or svg by its canvas: `savefig` would draw everything a second time to find its size."""
    if kind == "pdf":
        FigureCanvasPdf(figure).print_pdf(path, metadata=NO_DATE[kind])
    else:
        page = BytesIO()
        FigureCanvasSVG(figure).print_svg(page, metadata=NO_DATE[kind])
        family = f"'{matplotlib.rcParams['font.family'][0]}'"
        text = page.getvalue().replace(family.encode(), f"{family}, Verdana, Arial, sans-serif".encode())
        if isinstance(path, Path):
            path.write_bytes(text)
        else:
            path.write(text)


def _write_pixels(canvas, paths: list[Path], dpi: int) -> None:
    """Write pixels as a png of 256 colours without alpha, half as long as one of all colours, and as a tiff of all."""
    pixels = canvas.buffer_rgba()
    image = Image.frombytes("RGB", pixels.shape[1::-1], pixels, "raw", "RGBX", 0, 1)
    for path in paths:
        if path.suffix == ".png":
            _reduce_colours(image).save(
                path, format="png", dpi=(dpi, dpi), compress_level=1, compress_type=RUNS
            )
        else:
            image.save(path, format="tiff", dpi=(dpi, dpi), compression="tiff_lzw")


def _reduce_colours(image):
    """Image of the 256 most frequent colours, each of them exact; the image itself where it holds too many."""
    sample = image.resize((-(-image.width // 4), -(-image.height // 4)), Image.Resampling.NEAREST)
    counts = sample.getcolors(1 << 14)
    if counts is None:
        return image
    frequent = [colour for _, colour in sorted(counts, reverse=True)[:256]]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in frequent for part in colour])
    reduced = image.quantize(palette=palette, dither=Image.Dither.NONE)
    # Colours are looked up to 6 bits: a place that several share goes to the most frequent.
    strip = Image.fromarray(np.array([frequent], dtype=np.uint8))
    places = np.asarray(strip.quantize(palette=palette, dither=Image.Dither.NONE))[0]
    exact = frequent.copy()
    for colour, place in reversed(list(zip(frequent, places, strict=True))):
        exact[place] = colour
    reduced.putpalette([part for colour in exact for part in colour])
    return reduced
