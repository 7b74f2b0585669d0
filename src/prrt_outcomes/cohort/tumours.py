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
    """Add `tumour_group` (gep, lung, neuroectodermal, other) behind the columns of patients; same rows."""
    import pandas as pd

    levels = list(load_schema("analysis_set").field("tumour_group").codes)
    group = patients["tumour_type"].astype("string").map(GROUP_OF_TYPE)
    return patients.assign(tumour_group=group.astype(pd.CategoricalDtype(levels, ordered=True)))
