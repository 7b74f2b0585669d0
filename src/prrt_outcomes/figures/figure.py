"""A figure: the plot, and what a page says about it."""

from __future__ import annotations

from dataclasses import dataclass

INDEX = "figures.json"  # what `save_figures` writes beside the pictures, and the report reads


@dataclass(frozen=True)
class Figure:
    """A plot with its words.

    `name`: file name without format.
    `plot`: plotnine.ggplot; layers, scales and themes may be added to it.
    `caption`: what is shown, and how to read it.
    `tables`: result tables that hold the values drawn.
    `alternative_text`: read in place of the picture; the first sentence of the caption where it is left out.
    `leading`: whether the figure is on the page itself; the page links to the others.
    """

    name: str
    plot: object
    caption: str
    tables: tuple[str, ...] = ()
    alternative_text: str = ""
    leading: bool = True

    def describe(self) -> dict[str, object]:
        """Everything but the plot, as `figures.json` holds it."""
        first = self.caption.split(". ")[0].rstrip(".")
        return {
            "name": self.name,
            "caption": self.caption,
            "alternative_text": self.alternative_text or f"Figure: {first}.",
            "tables": list(self.tables),
            "leading": self.leading,
        }
