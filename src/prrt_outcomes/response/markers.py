"""A laboratory value as a criterion: the value is the one lesion, the sample the scan, the laboratory the reader."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.response.readers import LABORATORY
from prrt_outcomes.tables.frames import conform_table, empty_table


def derive_marker_tables(tables: dict[str, pd.DataFrame], analyte: str) -> dict[str, pd.DataFrame]:
    """Lay the samples of an analyte out as lesion rows, so that the one engine can read them.

    Parameters
    ----------
    tables : typed frames; `labs` holds the samples

    Returns
    -------
    The same tables with `lesions` made of the samples (value in `longest_mm`, upper limit of the laboratory in
    `perpendicular_mm`: at or under it the value is normal) and no assessments.

    Notes
    -----
    Of several samples of a day the last counts. Where the unit of a patient's samples changes, all of his
    values are read as multiples of their upper limits; a sample without limit is then not evaluated.
    """
    labs = tables["labs"]
    own = labs[(labs["analyte"].astype("string") == analyte) & labs["value"].notna()]
    own = own.sort_values(["patient_id", "sample_date", "sequence"], kind="stable")
    own = own.drop_duplicates(["patient_id", "sample_date"], keep="last")
    unit = own["unit"].astype("string").str.strip().str.lower()
    changes = unit.groupby(own["patient_id"].astype("string")).transform("nunique").gt(1).to_numpy(dtype=bool)
    limit = own["upper_limit"].to_numpy(dtype=float)
    limit = np.where(limit > 0, limit, np.nan)
    value = np.where(changes, own["value"].to_numpy(dtype=float) / limit, own["value"].to_numpy(dtype=float))
    lesions = pd.DataFrame(
        {
            "patient_id": own["patient_id"],
            "assessment_date": own["sample_date"],
            "lesion_id": analyte,
            "reader": LABORATORY,
            "role": "target",
            "lymph_node": False,
            "longest_mm": value,
            "perpendicular_mm": np.where(changes, 1.0, limit),
            "state": np.where(np.isnan(value), "not_evaluated", "measured"),
        }
    )
    return tables | {"lesions": conform_table("lesions", lesions), "assessments": empty_table("assessments")}
