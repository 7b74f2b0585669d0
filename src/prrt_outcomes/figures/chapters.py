"""Which figures each chapter holds, and from which tables: one chapter a stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from prrt_outcomes.figures.survival_figures import SURVIVAL_INPUTS, draw_survival

if TYPE_CHECKING:
    import pandas as pd

CHAPTERS: dict[str, tuple[tuple[str, ...], Callable]] = {
    "survival": (SURVIVAL_INPUTS, draw_survival),
}
CHAPTER_INPUTS: dict[str, tuple[str, ...]] = {name: inputs for name, (inputs, _) in CHAPTERS.items()}


def draw_chapter(chapter: str, tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw all figures of a chapter that its tables have rows for.

    Parameters
    ----------
    chapter : one of `CHAPTER_INPUTS`
    tables : the tables named there; an empty or missing one leaves its figures out
    study : the study, for style, stamp, titles and confidence level

    Returns
    -------
    dict
        plots by name, which is also the file name; empty where the stage was skipped.
    """
    from prrt_outcomes.figures.rows import has_rows

    inputs, draw = CHAPTERS[chapter]
    return draw({name: tables[name] for name in inputs if has_rows(tables.get(name))}, study)
