"""The result tables of one control, and rows of table `controls`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable

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


@dataclass(frozen=True)
class ControlResults:
    """Rows of result tables of one control.

    Attributes
    ----------
    rows : of `controls`
    tables : other result tables by name, but for the columns control and endpoint
    losses : rows of `attrition`
    reason : why a comparison is not there; empty where all are
    """

    rows: list[dict] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    losses: list[dict] = field(default_factory=list)
    reason: str = ""


def stack(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join frames, empty ones left out."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
