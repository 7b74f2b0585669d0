"""Laboratory values: the SI unit of each analyte, factors to it, and kidney function."""

import re

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from prrt_outcomes.units import find_factor, spell_unit

CREATININE_UMOL_L_PER_MG_DL = 88.42

# Molar masses in g/mol, haemoglobin that of the monomer.
MOLAR_MASSES = {
    "creatinine": 1e4 / CREATININE_UMOL_L_PER_MG_DL,
    "haemoglobin": 16_114.0,
    "bilirubin": 1e4 / 17.104,
}
CELLS = ("platelets", "leukocytes", "neutrophils", "lymphocytes")
SI_UNITS = {
    "creatinine": "umol/L",
    "haemoglobin": "g/L",
    **dict.fromkeys(CELLS, "10^9/L"),
    "alt": "U/L",
    "ast": "U/L",
    "bilirubin": "umol/L",
    "chromogranin_a": "ug/L",
    "egfr": "mL/min",
}
# Counts have units of their own, in which G is not gram and K not kelvin.
COUNTS = {r"^g(pt|iga)?/l$": "10^9/L", r"^(k|tsd\.?|thou(sand)?)/(?=ul|mm)": "10^3/"}
# The units of nearly all laboratories, for which pint need not be loaded; a test holds them against it.
USUAL_FACTORS = {
    ("creatinine", "mg/dL"): CREATININE_UMOL_L_PER_MG_DL,
    ("bilirubin", "mg/dL"): 17.104,
    ("haemoglobin", "g/dL"): 10.0,
    ("haemoglobin", "mmol/L"): 16.114,
    ("chromogranin_a", "ng/mL"): 1.0,
} | {(cells, "10^3/uL"): 1.0 for cells in CELLS}


def convert_units_to_si(analyte: pd.Series, unit: pd.Series) -> pd.Series:
    """Factor that turns a value into the SI unit of its analyte.

    analyte : codes of `labs.analyte`
    unit : units as the laboratory writes them (`prrt_outcomes.units.find_factor`)
    Returns a series of float64 of the same index; missing where the unit is not known for the analyte (a percentage of
    lymphocytes, chromogranin A in nmol/L or U/L have no factor).
    """
    rows, analytes = pd.factorize(analyte)
    columns, units = pd.factorize(unit)
    factors = np.full((len(analytes) + 1, len(units) + 1), np.nan)
    known = (rows >= 0) & (columns >= 0)
    for pair in np.unique(rows[known] * len(units) + columns[known]).tolist():
        row, column = divmod(pair, len(units))
        factors[row, column] = find_si_factor(str(analytes[row]), str(units[column]))
    return pd.Series(factors[rows, columns], index=analyte.index)


def find_si_factor(analyte: str, unit: str) -> float:
    """Factor of a unit to the SI unit of an analyte; not a number where it is not known."""
    spelled = spell_unit(unit)
    if (analyte, spelled) in USUAL_FACTORS:
        return USUAL_FACTORS[analyte, spelled]
    if analyte not in SI_UNITS:
        return np.nan
    if analyte in CELLS:
        for written, meant in COUNTS.items():
            spelled = re.sub(written, meant, spelled, flags=re.IGNORECASE)
    factor = find_factor(spelled, SI_UNITS[analyte], MOLAR_MASSES.get(analyte))
    return np.nan if factor is None else factor


def compute_egfr_ckd_epi_2021(
    creatinine_umol_l: ArrayLike, age_years: ArrayLike, female: ArrayLike
) -> np.ndarray:
    """Estimated glomerular filtration rate by the CKD-EPI creatinine equation of 2021, without race.

    creatinine_umol_l : standardised serum creatinine in µmol/L, above 0
    age_years : age at the sample; the equation holds from 18 years on
    female : whether the patient is female
    Returns an array in mL/min/1.73 m2; missing where creatinine or age is missing or not above 0.
    Source: Inker LA et al. New creatinine- and cystatin C-based equations to estimate GFR without race.
    N Engl J Med 2021;385:1737-49, table 2.

    >>> compute_egfr_ckd_epi_2021([88.42], [50.0], [True]).round(1)
    array([68.6])
    """
    creatinine = np.asarray(creatinine_umol_l, dtype=float) / CREATININE_UMOL_L_PER_MG_DL
    age = np.asarray(age_years, dtype=float)
    is_female = np.asarray(female, dtype=bool)
    kappa = np.where(is_female, 0.7, 0.9)
    alpha = np.where(is_female, -0.241, -0.302)
    usable = (creatinine > 0) & (age > 0)
    ratio = np.where(usable, creatinine, kappa) / kappa
    rate = 142.0 * np.minimum(ratio, 1.0) ** alpha * np.maximum(ratio, 1.0) ** -1.200
    rate = rate * 0.9938 ** np.where(usable, age, 0.0) * np.where(is_female, 1.012, 1.0)
    return np.where(usable, rate, np.nan)
