"""Figures of a chapter as they lie on disk, made part of the page."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

from prrt_outcomes.figures.figure import INDEX

LARGEST_SVG = 700_000
SHORTER = (("DejaVuSans-Bold-", "b"), ("DejaVuSans-", "d"), ("xlink:href", "href"))
IDLE = re.compile(r' id="(?:figure|axes|patch|text|line2d|matplotlib|[A-Z][a-zA-Z]*Collection)_[\w.]+"')
NUMBER = re.compile(r"scale\([^)]*\)|(?<![\w.#])-?\d+\.\d{3,}")


def list_figures(folder: Path) -> list[dict]:
    """Figures of a chapter in the order of the page, with their captions, as `save_figures` wrote them."""
    index = folder / INDEX
    return json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []


def inline_figure(folder: Path, name: str) -> tuple[str, str]:
    """Read a figure for the page.

    Returns
    -------
    image : a data address, the svg where it is not too large, else the png; empty where only a pdf was drawn
    file : name of the file in the folder that the page links to
    """
    svg, png, pdf = (folder / f"{name}.{kind}" for kind in ("svg", "png", "pdf"))
    best = pdf if pdf.is_file() else svg if svg.is_file() else png
    if svg.is_file():
        text = shorten_svg(svg.read_text(encoding="utf-8"))
        if len(text) <= LARGEST_SVG or not png.is_file():
            return _data_address("image/svg+xml", text.encode()), best.name
    if png.is_file():
        return _data_address("image/png", png.read_bytes()), best.name
    return "", best.name


def shorten_svg(text: str) -> str:
    """Round coordinates to a hundredth of a point and drop what only a person reading the file needs."""
    text = text[text.index("<svg") :] if "<svg" in text else text
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for long, short in SHORTER:
        text = text.replace(long, short)
    text = IDLE.sub("", text)
    text = NUMBER.sub(_round_coordinate, text)
    return re.sub(r"\s*\n\s*", "\n", text)


def _round_coordinate(found: re.Match) -> str:
    """Two decimals; the scale of letters keeps all."""
    text = found.group()
    return text if text.startswith("scale") else f"{float(text):.2f}".rstrip("0").rstrip(".")


def _data_address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
