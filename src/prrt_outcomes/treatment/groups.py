"""Radionuclide of a radiopharmaceutical, a grouping known at the start of treatment."""

from __future__ import annotations

import pandas as pd

RADIONUCLIDE_LEVELS = ("177Lu", "90Y", "other")


def compute_radionuclide(radiopharmaceutical: pd.Series) -> pd.Series:
    """Radionuclide of a radiopharmaceutical by its name: 177Lu, 90Y or other; empty stays empty."""
    text = radiopharmaceutical.astype("string")
    nuclide = text.str.extract(r"^(177Lu|90Y)", expand=False).fillna("other").where(text.notna())
    return nuclide.astype(pd.CategoricalDtype(list(RADIONUCLIDE_LEVELS), ordered=True))
