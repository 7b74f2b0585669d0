"""Estimated glomerular filtration rate from creatinine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CREATININE_UMOL_L_PER_MG_DL = 88.42


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
