"""One row a coefficient: the common form of every regression's answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from prrt_outcomes.statistics.models.design import Design


def format_coefficient_table(
    design: Design,
    event: np.ndarray,
    coefficients: np.ndarray,
    std_errors: np.ndarray,
    statuses: np.ndarray,
    confidence: float,
    *,
    ratio: str = "hazard_ratio",
) -> pd.DataFrame:
    """Coefficients with ratio, Wald interval and two-sided p-value.

    Returns
    -------
    DataFrame
        one row a coefficient: term, level, reference, n, n_events, coefficient, std_error, `ratio`, lower,
        upper, z, p_value, status. `n` and `n_events` count the rows of the level (all rows for a number).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
    matrix = design.matrix
    half = ndtri(0.5 + confidence / 2) * std_errors
    z = np.divide(coefficients, std_errors, out=np.full(len(coefficients), np.nan), where=std_errors > 0)
    of_level = [
        matrix[:, j] == 1 if column.level else np.ones(len(matrix), bool)
        for j, column in enumerate(design.columns)
    ]
    return pd.DataFrame(
        {
            "term": pd.array([c.term for c in design.columns], dtype="string"),
            "level": pd.array([c.level for c in design.columns], dtype="string"),
            "reference": pd.array([c.reference for c in design.columns], dtype="string"),
            "n": [int(rows.sum()) for rows in of_level],
            "n_events": [int(event[rows].sum()) for rows in of_level],
            "coefficient": coefficients,
            "std_error": std_errors,
            ratio: compute_ratio(coefficients),
            "lower": compute_ratio(coefficients - half),
            "upper": compute_ratio(coefficients + half),
            "z": z,
            "p_value": 2 * ndtr(-np.abs(z)),
            "status": pd.array([str(s) for s in statuses], dtype="string"),
        }
    )


def compute_ratio(logarithm: np.ndarray) -> np.ndarray:
    """Ratios from their natural logarithms; one too large to be a number is empty, never infinite."""
    with np.errstate(over="ignore"):
        ratios = np.exp(logarithm)
    return np.where(np.isfinite(ratios), ratios, np.nan)
