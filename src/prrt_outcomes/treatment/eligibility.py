"""Eligibility at baseline: the thresholds are rows of data, the classifier only reads them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.laboratory import compute_egfr_ckd_epi_2021, convert_units_to_si

CITATION = (
    "Bodei L et al. The joint IAEA, EANM, and SNMMI practical guidance on peptide receptor radionuclide therapy "
    "(PRRNT) in neuroendocrine tumours. Eur J Nucl Med Mol Imaging 2013;40:800-816"
)
COUNTS = ("leukocytes", "neutrophils", "platelets")
STATES = ("met", "not met", "unknown")


@dataclass(frozen=True)
class Threshold:
    """One condition of eligibility."""

    item: str
    column: str  # name of the column of `patients`, or of the analyte
    minimum: float | None  # inclusive, as the next; None for none
    maximum: float | None
    unit: str
    radionuclide: str = ""  # the condition holds for this radionuclide only; empty for all
    citation: str = CITATION


THRESHOLDS = (
    Threshold("receptor_uptake", "krenning_score", 2, None, "score"),
    Threshold("performance", "ecog", None, 2, "score"),
    Threshold("leukocytes", "leukocytes", 3.0, None, "10^9/L"),
    Threshold("neutrophils", "neutrophils", 1.0, None, "10^9/L"),
    Threshold("platelets", "platelets", 75.0, None, "10^9/L", "177Lu"),
    Threshold("platelets", "platelets", 90.0, None, "10^9/L", "90Y"),
    Threshold("renal_function", "egfr", 50.0, None, "mL/min"),
)
KARNOFSKY_BY_ECOG = {90: 0, 70: 1, 50: 2, 30: 3, 0: 4}


def derive_eligibility(
    patients: pd.DataFrame,
    labs: pd.DataFrame,
    first_cycles: pd.DataFrame,
    eligibility_days: int,
    thresholds: tuple[Threshold, ...] = THRESHOLDS,
) -> pd.DataFrame:
    """Whether each treated patient meets each condition.

    labs : table `labs`; values in any unit that is known, others are unknown
    first_cycles : one row a treated patient: patient_id, first_cycle, radionuclide
    eligibility_days : oldest laboratory value that counts, in days before the first cycle
    Returns one row a treated patient and item, and one with item `eligible` (met where all are met, not
    met where one is not met): patient_id, item, value, unit, minimum, maximum, eligibility (met, not met, unknown).
    Bounds are inclusive. ECOG is read from Karnofsky (Oken 1982, Am J Clin Oncol 5:649) where only that is known.
    Renal function is the reported eGFR, else CKD-EPI 2021 from creatinine: a stand-in for creatinine clearance. A
    patient treated with another radionuclide has no platelet threshold: unknown.
    """
    base = first_cycles.merge(patients.drop(columns=["radionuclide"], errors="ignore"), on="patient_id")
    own = base[["patient_id"]]
    values = pd.concat(
        [
            derive_baseline_labs(base, labs, eligibility_days),
            own.assign(column="krenning_score", value=base["krenning_score"].astype("float64")),
            own.assign(column="ecog", value=_ecog(base)),
        ]
    )
    items = pd.DataFrame([vars(threshold) for threshold in thresholds])
    pairs = base[["patient_id", "radionuclide"]].merge(items, how="cross", suffixes=("", "_of_bound"))
    nuclide = pairs["radionuclide"].astype("string").fillna("other")
    holds = (pairs["radionuclide_of_bound"] == "") | (pairs["radionuclide_of_bound"] == nuclide)
    bounds = ["minimum", "maximum"]
    pairs[bounds] = pairs[bounds].where(holds)
    pairs = pairs.loc[holds.sort_values(ascending=False, kind="stable").index]
    states = pairs.drop_duplicates(["patient_id", "item"]).merge(
        values, on=["patient_id", "column"], how="left"
    )
    states["eligibility"] = _compare_with_bounds(states)
    table = pd.concat([states, _summarise_states(states)], ignore_index=True)
    order = pd.CategoricalDtype([*items["item"].unique(), "eligible"], ordered=True)
    table = table.assign(item=table["item"].astype(order)).sort_values(
        ["patient_id", "item"], kind="stable", ignore_index=True
    )
    texts = {"patient_id": "string", "item": "string", "unit": "string"}
    table = table.astype(texts | {"eligibility": pd.CategoricalDtype(list(STATES), ordered=True)})
    return table[["patient_id", "item", "value", "unit", "minimum", "maximum", "eligibility"]]


def _compare_with_bounds(states: pd.DataFrame) -> np.ndarray:
    """Bounds are inclusive; no value or no bound is unknown."""
    value, low, high = (states[name].to_numpy("float64") for name in ("value", "minimum", "maximum"))
    unknown = np.isnan(value) | (np.isnan(low) & np.isnan(high))
    below = value < np.where(np.isnan(low), -np.inf, low)
    above = value > np.where(np.isnan(high), np.inf, high)
    return np.select([unknown, below | above], ["unknown", "not met"], "met")


def _summarise_states(states: pd.DataFrame) -> pd.DataFrame:
    """Met where all items are met, not met where one is not met."""
    by_patient = states["eligibility"].to_numpy()[:, None] == np.array(["not met", "met"])
    by_patient = pd.DataFrame(by_patient, columns=["broken", "met"]).groupby(states["patient_id"].to_numpy())
    broken, complete = by_patient["broken"].any(), by_patient["met"].all()
    state = np.select([broken, complete], ["not met", "met"], "unknown")
    return pd.DataFrame({"patient_id": broken.index, "item": "eligible", "eligibility": state})


def _ecog(base: pd.DataFrame) -> pd.Series:
    """ECOG as registered, else from Karnofsky: 90-100 is 0, 70-80 is 1, 50-60 is 2, 30-40 is 3, below is 4."""
    karnofsky = base["karnofsky"].astype("float64")
    steps = sorted(KARNOFSKY_BY_ECOG)
    place = np.searchsorted(steps, karnofsky.fillna(0).to_numpy(), side="right") - 1
    read = pd.Series([KARNOFSKY_BY_ECOG[steps[i]] for i in place], index=base.index, dtype="float64")
    return base["ecog"].astype("float64").fillna(read.where(karnofsky.notna()))


def derive_baseline_labs(base: pd.DataFrame, labs: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Last value of each analyte on or before the first cycle and at most `window_days` earlier.

    base : one row a treated patient: patient_id, first_cycle, age_years, sex
    window_days : oldest value that counts, in days
    Returns one row a patient and analyte that is known: patient_id, column (leukocytes, neutrophils,
    platelets in 10^9/L; egfr in mL/min, from creatinine where it is not reported), value. Unknown units are left out.
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
