"""The last laboratory value before the first cycle, in one unit."""

from __future__ import annotations

import numpy as np
import pandas as pd

COUNTS = ("leukocytes", "neutrophils", "platelets")
COUNT_FACTORS = {
    "10^9/l": 1.0,
    "10*9/l": 1.0,
    "10e9/l": 1.0,
    "x10^9/l": 1.0,
    "x10e9/l": 1.0,
    "g/l": 1.0,
    "gpt/l": 1.0,
    "/nl": 1.0,
    "10^3/ul": 1.0,
    "10*3/ul": 1.0,
    "k/ul": 1.0,
    "10^3/mm3": 1.0,
    "/ul": 1e-3,
    "/mm3": 1e-3,
    "10^6/l": 1e-3,
}
CREATININE_MG_DL_FACTORS = {"mg/dl": 1.0, "umol/l": 1 / 88.42, "mg/l": 0.1, "mmol/l": 1000 / 88.42}
EGFR_FACTORS = {"ml/min": 1.0, "ml/min/1.73m2": 1.0, "ml/min/1.73m^2": 1.0, "ml/min/173m2": 1.0, "ml/s": 60.0}


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
    rows = rows.assign(column=rows["analyte"].astype("string"), unit_key=_unit_key(rows["unit"]))
    rows = rows.assign(value=_convert_values(rows))
    creatinine = rows["column"] == "creatinine"
    computed = compute_egfr_ckd_epi_2021(
        rows["value"], rows["age_years"].astype("float64"), rows["sex"].astype("string")
    )
    rows = rows.assign(
        value=rows["value"].mask(creatinine, computed),
        column=rows["column"].mask(creatinine, "egfr"),
        computed=creatinine,
    )
    rows = rows[rows["value"].notna() & rows["column"].isin([*COUNTS, "egfr"])]
    rows = rows.sort_values("computed", ascending=False, kind="stable")
    return rows.groupby(["patient_id", "column"], sort=True)["value"].last().reset_index()


def compute_egfr_ckd_epi_2021(creatinine_mg_dl: pd.Series, age_years: pd.Series, sex: pd.Series) -> pd.Series:
    """Glomerular filtration rate by the race-free CKD-EPI equation, in mL/min/1.73 m2.

    Empty where creatinine, age or sex (female, male) is unknown, or creatinine is not above 0.

    References
    ----------
    Inker 2021, N Engl J Med 385:1737, table 2.
    """
    female = sex == "female"
    known = sex.isin(["female", "male"]) & (creatinine_mg_dl > 0)
    ratio = creatinine_mg_dl.where(creatinine_mg_dl > 0) / np.where(female.fillna(False), 0.7, 0.9)
    alpha = np.where(female.fillna(False), -0.241, -0.302)
    rate = 142 * np.minimum(ratio, 1) ** alpha * np.maximum(ratio, 1) ** -1.2 * 0.9938**age_years
    rate = rate * np.where(female.fillna(False), 1.012, 1.0)
    return rate.where(known.fillna(False)).astype("float64")


def _unit_key(unit: pd.Series) -> pd.Series:
    """One spelling of a unit: lower case, no blanks, micro as u."""
    text = unit.astype("string").str.lower()
    for old, new in ((" ", ""), ("µ", "u"), ("μ", "u"), ("³", "3"), ("²", "2"), ("⁹", "^9"), ("\u00d7", "x")):
        text = text.str.replace(old, new, regex=False)
    return text


def _convert_values(rows: pd.DataFrame) -> pd.Series:
    """Values in the unit of their analyte; empty where the unit is not known."""
    key = rows["unit_key"]
    factor = np.select(
        [rows["column"].isin(COUNTS), rows["column"] == "creatinine", rows["column"] == "egfr"],
        [key.map(COUNT_FACTORS), key.map(CREATININE_MG_DL_FACTORS), key.map(EGFR_FACTORS)],
        np.nan,
    )
    return rows["value"] * factor.astype("float64")
