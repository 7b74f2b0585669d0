"""Groupings known at the start of treatment: tumour group, radionuclide."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.cohort.tumours import GROUP_OF_TYPE

TUMOUR_GROUP_LEVELS = ("gep", "lung", "neuroectodermal", "other")
RADIONUCLIDE_LEVELS = ("177Lu", "90Y", "other")


def derive_tumour_group(patients: pd.DataFrame) -> pd.DataFrame:
    """Add `tumour_group` where it is absent or empty: tumour types taken together.

    Parameters
    ----------
    patients : table `patients` with `tumour_type`

    Returns
    -------
    DataFrame
        the same rows with `tumour_group` (category gep < lung < neuroectodermal < other); a group that stands
        there already is kept, an empty tumour type stays empty.
    """
    kind = pd.CategoricalDtype(TUMOUR_GROUP_LEVELS, ordered=True)
    if "tumour_type" in patients:
        derived = patients["tumour_type"].astype("string").map(GROUP_OF_TYPE)
    else:
        derived = pd.Series(pd.NA, index=patients.index, dtype="string")
    if "tumour_group" in patients:
        derived = patients["tumour_group"].astype("string").fillna(derived.astype("string"))
    return patients.assign(tumour_group=derived.astype(kind))


def compute_radionuclide(radiopharmaceutical: pd.Series) -> pd.Series:
    """Radionuclide of a radiopharmaceutical by its name: 177Lu, 90Y or other; empty stays empty."""
    text = radiopharmaceutical.astype("string")
    nuclide = text.str.extract(r"^(177Lu|90Y)", expand=False).fillna("other").where(text.notna())
    return nuclide.astype(pd.CategoricalDtype(RADIONUCLIDE_LEVELS, ordered=True))
