"""Laboratory values: the SI unit of each analyte, factors by spelling of a unit, and kidney function."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

CREATININE_UMOL_L_PER_MG_DL = 88.42

_THOUSANDS = "10^9/l 10e9/l x10^9/l x10e9/l 10*9/l g/l gpt/l 10^3/ul 10*3/ul x10^3/ul k/ul 10^3/mm3 /nl 1/nl"
_CELLS = dict.fromkeys(_THOUSANDS.split(), 1.0)
_CELLS |= dict.fromkeys(["/ul", "1/ul", "cells/ul", "/mm3", "10^6/l", "10*6/l"], 1e-3)
_ENZYMES = {"u/l": 1.0, "iu/l": 1.0, "ukat/l": 60.0, "nkat/l": 0.06}

# Molar masses: creatinine 113.12, bilirubin 584.66 g/mol; haemoglobin monomer 16,114 g/mol.
SI_FACTORS: dict[str, dict[str, float]] = {
    "creatinine": {
        "umol/l": 1.0,
        "mmol/l": 1000.0,
        "mg/dl": CREATININE_UMOL_L_PER_MG_DL,
        "mg/l": CREATININE_UMOL_L_PER_MG_DL / 10,
    },
    "haemoglobin": {"g/l": 1.0, "g/dl": 10.0, "g%": 10.0, "mmol/l": 16.114},
    "platelets": _CELLS,
    "leukocytes": _CELLS,
    "neutrophils": _CELLS,
    "lymphocytes": _CELLS,
    "alt": _ENZYMES,
    "ast": _ENZYMES,
    "bilirubin": {"umol/l": 1.0, "mg/dl": 17.104, "mg/l": 1.7104},
    "chromogranin_a": {"ug/l": 1.0, "ng/ml": 1.0, "mg/l": 1000.0},
    "egfr": dict.fromkeys(["ml/min/1.73m2", "ml/min/1.73m^2", "ml/min/173m2", "ml/min"], 1.0)
    | {"ml/s/1.73m2": 60.0, "ml/s": 60.0},
}

SPELLINGS = {"[µμ]|mc(?=[gl])": "u", "10³": "10^3", "³": "3", "²": "2", "⁶": "^6", "⁹": "^9", "×": "x"}


def convert_units_to_si(analyte: pd.Series, unit: pd.Series) -> pd.Series:
    """Factor that turns a value into the SI unit of its analyte.

    Parameters
    ----------
    analyte : codes of `labs.analyte`
    unit : units as the laboratory writes them; case, spaces, the sign of micro and raised digits do not matter

    Returns
    -------
    Series of float64 of the same index; missing where the unit is not known for the analyte (a percentage of
    lymphocytes, chromogranin A in nmol/L or U/L have no factor).
    """
    factors = pd.Series(
        {f"{name} {text}": f for name, table in SI_FACTORS.items() for text, f in table.items()}
    )
    codes, texts = pd.factorize(unit)
    spelled = pd.Series(texts, dtype="string").str.lower().str.replace(r"\s", "", regex=True)
    for written, meant in SPELLINGS.items():
        spelled = spelled.str.replace(written, meant, regex=True)
    keys = analyte.astype("string") + " " + spelled.reindex(codes).set_axis(unit.index)
    return keys.map(factors).astype("float64")


def compute_egfr_ckd_epi_2021(
    creatinine_umol_l: ArrayLike, age_years: ArrayLike, female: ArrayLike
) -> np.ndarray:
    """Estimated glomerular filtration rate by the CKD-EPI creatinine equation of 2021, without race.

    Parameters
    ----------
    creatinine_umol_l : standardised serum creatinine in µmol/L, above 0
    age_years : age at the sample; the equation holds from 18 years on
    female : whether the patient is female

    Returns
    -------
    Array in mL/min/1.73 m2; missing where creatinine or age is missing or not above 0.

    References
    ----------
    Inker LA et al. New creatinine- and cystatin C-based equations to estimate GFR without race.
    N Engl J Med 2021;385:1737-49, table 2.

    Examples
    --------
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
