"""Inverse probability of censoring weights for observation that can stop after each visit."""

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.model_rows import derive_design_matrix
from prrt_outcomes.statistics.propensity import bootstrap_propensity


def fit_stopping_weights(
    visits: pd.DataFrame, timing: pd.DataFrame, covariates: pd.DataFrame
) -> np.ndarray | None:
    """Fit stabilised weights of the time after each visit by pooled logistic regression.

    visits : one row a visit, by patient and time: patient; stopped, whether observation ends with it; known, whether
        that can be told of it (the models are fitted to these visits)
    timing : functions of time of the same rows, all that the numerator knows
    covariates : baseline and time-varying covariates of the same rows, as known at the visit; complete
    Returns the weight (v,) of the patient from each visit to the next: the product over the visits so far of the
    probability of going on given `timing` over that given `timing` and `covariates`; a visit after which observation
    stops leaves it as it was. None where the covariates tell without error after which visits observation stops.
    Without a stop, all weights are 1. A level in which nobody or everybody stops is taken together with the reference
    level. The weights are not truncated.
    ValueError for a missing covariate.

    Robins and Finkelstein 2000, Biometrics 56:779; Hernan, Brumback and Robins 2000, Epidemiology 11:561.
    """
    if timing.isna().to_numpy().any() or covariates.isna().to_numpy().any():
        raise ValueError("a covariate of a visit is missing; expected a value at every visit")
    stopped, known = visits["stopped"].to_numpy(dtype=bool), visits["known"].to_numpy(dtype=bool)
    if not (stopped & known).any():
        return np.ones(len(visits))
    marginal, conditional = (
        _fit_probability(parts, stopped, known) for parts in ([timing], [timing, covariates])
    )
    if np.isnan(conditional).any() or np.isnan(marginal).any():
        return None
    factor = pd.Series(np.where(stopped, 1.0, (1 - marginal) / (1 - conditional)))
    return factor.groupby(visits["patient"].to_numpy()).cumprod().to_numpy()


def _fit_probability(parts: list[pd.DataFrame], stopped: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Probability of stopping at every visit, from a model of the known ones; nan without a maximum."""
    matrix = np.column_stack([derive_design_matrix(part).matrix for part in parts])
    seen, outcome = matrix[known], stopped[known]
    low, high = seen == seen.min(axis=0), seen == seen.max(axis=0)
    both = np.array([(part & outcome[:, None]).any(axis=0) & (part & ~outcome[:, None]).any(axis=0)
                     for part in (low, high)]).all(axis=0)  # fmt: skip
    kept = (low != high).any(axis=0) & (both | ~(low | high).all(axis=0))
    if not kept.any():
        return np.full(len(matrix), outcome.mean())
    return bootstrap_propensity(stopped, pd.DataFrame(matrix[:, kept]), known[None, :].astype(float))[0]
