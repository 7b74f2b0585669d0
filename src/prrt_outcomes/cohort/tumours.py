"""Tumour groups: tumour types taken together where single types are too few."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prrt_outcomes.tables.schema import load_schema

if TYPE_CHECKING:
    import pandas as pd

GROUP_OF_TYPE = {
    "gep_pancreas": "gep",
    "gep_small_intestine": "gep",
    "gep_large_intestine": "gep",
    "gep_stomach_duodenum": "gep",
    "gep_other": "gep",
    "gep_unknown_primary": "gep",
    "lung": "lung",
    "paraganglioma": "neuroectodermal",
    "phaeochromocytoma": "neuroectodermal",
    "other": "other",
}


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
    import pandas as pd

    levels = load_schema("analysis_set").field("tumour_group").codes
    kind = pd.CategoricalDtype(list(levels), ordered=True)
    if "tumour_type" in patients:
        derived = patients["tumour_type"].astype("string").map(GROUP_OF_TYPE)
    else:
        derived = pd.Series(pd.NA, index=patients.index, dtype="string")
    if "tumour_group" in patients:
        derived = patients["tumour_group"].astype("string").fillna(derived.astype("string"))
    return patients.assign(tumour_group=derived.astype(kind))
