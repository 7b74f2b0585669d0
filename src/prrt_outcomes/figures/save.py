"""Draws each figure once and writes it in every format, byte for byte the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from prrt_outcomes.figures.theme import FONT

FIXED = {
    "font.family": FONT,
    "svg.hashsalt": "prrt-outcomes",
    "svg.fonttype": "path",
    "pdf.fonttype": 3,  # TrueType (42) costs three times as much: the whole font is read and subset for each figure
    "path.simplify": True,
    "axes.unicode_minus": True,
}
NO_DATE = {"pdf": {"CreationDate": None, "ModDate": None}, "svg": {"Date": None}, "png": {}}


def save_figures(
    plots: Mapping[str, object], folder: Path | str, formats: Iterable[str], dpi: int
) -> list[Path]:
    """Write plots as `<folder>/<name>.<format>`.

    Parameters
    ----------
    plots : plotnine plots, or their compositions, by name
    folder : made where it is missing; figures of an earlier run that are no longer drawn are removed
    formats : of `pdf`, `svg`, `png`
    dpi : dots an inch of a png

    Returns
    -------
    list of Path
        the files written, in the order of the plots.

    Notes
    -----
    No date, no random identifier and no font of the machine enters a file.
    """
    import matplotlib

    matplotlib.use("agg")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    with ThreadPoolExecutor(1) as pool:
        compressing: list[Future] = []
        for name, plot in plots.items():
            if len(compressing) > 1:  # no more than two sheets of pixels wait in memory
                compressing.pop(0).result()
            paths += _save_figure(plot, folder, name, tuple(formats), dpi, pool, compressing)
        for unfinished in compressing:
            unfinished.result()
    keep = set(paths)
    for kind in NO_DATE:
        for old in folder.glob(f"*.{kind}"):
            if old not in keep:
                old.unlink()
    return paths


def _save_figure(plot, folder: Path, name: str, formats: tuple[str, ...], dpi: int, pool, compressing: list):
    """Write the vector formats now; compress the png beside the drawing of the next figure."""
    import matplotlib.pyplot as plt

    paths = []
    with plt.rc_context(FIXED):
        figure = plot.draw()
        try:
            for kind in sorted(formats, key=lambda f: f == "png"):
                path = folder / f"{name}.{kind}"
                paths.append(path)
                if kind == "png":
                    compressing.append(pool.submit(_write_png, _draw_pixels(figure, dpi), path, dpi))
                else:
                    figure.savefig(path, format=kind, dpi=72, metadata=NO_DATE[kind])
        finally:
            plt.close(figure)
    return paths


def _draw_pixels(figure, dpi: int):
    """Canvas of a figure with its pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def _write_png(canvas, path: Path, dpi: int) -> None:
    """Light compression: the highest costs three times as much for a tenth of the size."""
    from PIL import Image

    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba(), "raw", "RGBA", 0, 1)
    image.convert("RGB").save(path, format="png", dpi=(dpi, dpi), compress_level=2)
