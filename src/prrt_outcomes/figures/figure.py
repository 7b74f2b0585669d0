"""A figure: the plot, what a page says about it, and the rows of a table that it shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from prrt_outcomes.tables.frames import pick_rows as pick_rows
from prrt_outcomes.wording.terms import inside_sentence, name_column

CAPTIONS: dict[str, dict] = yaml.safe_load(Path(__file__).with_name("captions.yaml").read_text("utf-8"))
INDEX = "figures.json"  # what `save_figures` writes beside the pictures, and the report reads


@dataclass(frozen=True)
class Figure:
    """A plot with its words, and the result tables that hold the values drawn.

    `plot` is a plotnine.ggplot, to which layers, scales and themes may be added. The page shows a `leading` figure and
    links to the others.
    """

    name: str
    plot: object
    caption: str
    tables: tuple[str, ...] = ()
    leading: bool = True

    def describe(self) -> dict[str, object]:
        """Everything but the plot, as `figures.json` holds it."""
        first = self.caption.split(". ")[0].rstrip(".")
        return {
            "name": self.name,
            "caption": self.caption,
            "alternative_text": f"Figure: {first}.",
            "tables": list(self.tables),
            "leading": self.leading,
        }


def make_figure(kind: str, plot, *, leading: bool = True, more: bool = False, **words: Any) -> Figure:
    """A plot with name, caption and tables of its kind in `captions.yaml`; `words` fill them, `more` adds one."""
    own = CAPTIONS[kind]
    if "group_by" in words:
        words["by"] = inside_sentence(name_column(str(words["group_by"])))
    caption = f"{own['caption']} {own['more']}" if more else own["caption"]
    tables = tuple(own.get("tables", ()))
    return Figure(own["name"].format(**words), plot, caption.format(**words), tables, leading)


def make_parts(kind: str, plots: Sequence, *, leading: bool = True, **words: Any) -> Iterator[Figure]:
    """The figure of each plot; of several the first leads, the others have a number behind the name."""
    for place, plot in enumerate(plots, 1):
        figure = make_figure(kind, plot, leading=leading and place == 1, **words)
        if len(plots) > 1:
            name = figure.name if place == 1 else f"{figure.name}_{place}"
            figure = replace(figure, name=name, caption=f"{figure.caption} Part {place} of {len(plots)}.")
        yield figure


def iterate_groupings(table: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Parts of a table by the text of some columns, in order of appearance."""
    text = table[list(columns)].astype("string").fillna("")
    for key in text.drop_duplicates().itertuples(index=False, name=None):
        yield key, table[(text == list(key)).all(axis=1)]


def is_proportional(periods: pd.DataFrame, alpha: float) -> bool:
    """Whether neither test rejects hazard ratios of a grouping that are constant over time."""
    return not periods[["equality_p_adjusted", "proportional_p_value"]].astype(float).lt(alpha).any(axis=None)
