"""The last laboratory value before the first cycle, in one unit."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.laboratory import compute_egfr_ckd_epi_2021, convert_units_to_si

COUNTS = ("leukocytes", "neutrophils", "platelets")


def derive_baseline_labs(base: pd.DataFrame, labs: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Last value of each analyte on or before the first cycle and at most `window_days` earlier.

    Parameters
    ----------
    base : one row a treated patient: patient_id, first_cycle, age_years, sex
    labs : table `labs`
    window_days : oldest value that counts, in days

    Returns
    -------
    DataFrame
        one row a patient and analyte that is known: patient_id, column (leukocytes, neutrophils, platelets in
        10^9/L; egfr in mL/min, from creatinine where it is not reported), value. Unknown units are left out.
    """
    rows = labs.merge(base[["patient_id", "first_cycle", "age_years", "sex"]], on="patient_id")
    age_days = (rows["first_cycle"] - rows["sample_date"]).dt.days
    rows = rows[age_days.between(0, window_days)].sort_values(["sample_date", "sequence"], kind="stable")
    rows = rows.assign(
        column=rows["analyte"].astype("string"),
        value=rows["value"] * convert_units_to_si(rows["analyte"], rows["unit"]),
    )
    creatinine = rows["column"] == "creatinine"
    sex = rows["sex"].astype("string")
    rate = compute_egfr_ckd_epi_2021(
        rows["value"], rows["age_years"].astype("float64"), sex.eq("female").fillna(False)
    )
    computed = pd.Series(rate, index=rows.index).where(sex.isin(["female", "male"]))
    rows = rows.assign(
        value=rows["value"].mask(creatinine, computed),
        column=rows["column"].mask(creatinine, "egfr"),
        computed=creatinine,
    )
    rows = rows[rows["value"].notna() & rows["column"].isin([*COUNTS, "egfr"])]
    rows = rows.sort_values("computed", ascending=False, kind="stable")
    return rows.groupby(["patient_id", "column"], sort=True)["value"].last().reset_index()
