"""One row of result table `controls`: what every method writes in the same columns."""

from __future__ import annotations

import math

import numpy as np

COLUMNS = (
    "method",
    "weights",
    "n",
    "n_control",
    "ess",
    "ess_control",
    "observed",
    "expected",
    "statistic",
    "estimate",
    "horizon_months",
    "assumption",
    "value",
    "low",
    "high",
    "std_error",
    "p_value",
    "status",
    "note",
)


def comparison_row(
    method: str, estimate: str, *, weights: str = "none", status: str = "ok", **numbers
) -> dict:
    """Fill a row of `controls`; what is not given, or not finite, is empty.

    Parameters
    ----------
    method, estimate, weights, status : codes of the result table
    numbers : other columns of `COLUMNS`

    Raises
    ------
    ValueError
        for a name that is no column.
    """
    unknown = sorted(set(numbers) - set(COLUMNS))
    if unknown:
        raise ValueError(f"no columns of controls: {', '.join(unknown)}")
    row = dict.fromkeys(COLUMNS, np.nan) | {"assumption": "", "note": ""}
    row |= {"method": method, "estimate": estimate, "weights": weights, "status": status}
    for name, value in numbers.items():
        row[name] = value if isinstance(value, str) or math.isfinite(value) else np.nan
    return row
