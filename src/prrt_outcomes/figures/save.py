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
    "pdf.fonttype": 42,
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
        waiting: list[Future] = []
        for name, plot in plots.items():
            for place in waiting:
                place.result()
            written, waiting = _save_figure(plot, folder, name, tuple(formats), dpi, pool)
            paths += written
        for place in waiting:
            place.result()
    keep = set(paths)
    for kind in NO_DATE:
        for old in folder.glob(f"*.{kind}"):
            if old not in keep:
                old.unlink()
    return paths


def _save_figure(plot, folder: Path, name: str, formats: tuple[str, ...], dpi: int, pool: ThreadPoolExecutor):
    """Write the vector formats now; compress the png beside the drawing of the next figure."""
    import matplotlib.pyplot as plt

    paths, waiting = [], []
    with plt.rc_context(FIXED):
        figure = plot.draw()
        try:
            for kind in sorted(formats, key=lambda f: f == "png"):
                path = folder / f"{name}.{kind}"
                paths.append(path)
                if kind == "png":
                    waiting.append(pool.submit(_write_png, _draw_pixels(figure, dpi), path, dpi))
                else:
                    figure.savefig(path, format=kind, dpi=72, metadata=NO_DATE[kind])
        finally:
            plt.close(figure)
    return paths, waiting


def _draw_pixels(figure, dpi: int):
    """Pixels of a figure, without transparency."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def _write_png(pixels, path: Path, dpi: int) -> None:
    """Light compression: the highest costs three times as much for a tenth of the size."""
    from PIL import Image

    Image.fromarray(pixels).save(path, format="png", dpi=(dpi, dpi), compress_level=2)
