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
    "egfr": "mL/min/1.73 m2",
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


# Factor; exponents below and from kappa on (0.7 mg/dL in women, 0.9 in men); factors a year of age and in women.
CKD_EPI = {
    "ckd_epi_2021": (142.0, (-0.241, -0.302), -1.200, 0.9938, 1.012),
    "ckd_epi_2009": (141.0, (-0.329, -0.411), -1.209, 0.993, 1.018),
}


def compute_egfr(
    creatinine_umol_l: ArrayLike, age_years: ArrayLike, sex: ArrayLike, equation: str = "ckd_epi_2021"
) -> np.ndarray:
    """Estimated glomerular filtration rate by a CKD-EPI creatinine equation.

    creatinine_umol_l : standardised serum creatinine in µmol/L, above 0
    age_years : age at the sample; the equations hold from 18 years on
    sex : ``female`` or ``male``
    equation : ``ckd_epi_2021``, which knows no race, or ``ckd_epi_2009``, without its term for black race
    Returns an array in mL/min/1.73 m2; missing where sex is not known, creatinine or age missing or not above 0.
    Sources: Inker LA et al. N Engl J Med 2021;385:1737-49, table 2; Levey AS et al. Ann Intern Med 2009;150:604-12.

    >>> compute_egfr([88.42], [50.0], ["female"]).round(1)
    array([68.6])
    """
    factor, exponents, above, by_year, of_women = CKD_EPI[equation]
    creatinine, age = (pd.Series(v).to_numpy(float, na_value=np.nan) for v in (creatinine_umol_l, age_years))
    is_female, is_male = (pd.Series(sex).isin([code]).to_numpy() for code in ("female", "male"))
    usable = (creatinine > 0) & (age > 0) & (is_female | is_male)
    kappa = np.where(is_female, 0.7, 0.9)
    ratio = np.where(usable, creatinine / CREATININE_UMOL_L_PER_MG_DL / kappa, 1.0)
    below = np.where(is_female, *exponents)
    rate = factor * np.minimum(ratio, 1.0) ** below * np.maximum(ratio, 1.0) ** above
    rate = rate * by_year ** np.where(usable, age, 0.0) * np.where(is_female, of_women, 1.0)
    return np.where(usable, rate, np.nan)
