"""What one control gives, table by table, before the name of the control stands beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from prrt_outcomes.controls.borrowing import (
    DISCOUNTS,
    PRIOR_WEIGHT,
    PieceCounts,
    compute_conflict,
    fit_power_prior,
    fit_robust_mixture,
)
from prrt_outcomes.controls.comparison_rows import comparison_row

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_DISCOUNT = 0.5


@dataclass(frozen=True)
class Findings:
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


def tabulate_borrowing(
    counts: PieceCounts, shared: dict, label: str, confidence: float
) -> tuple[list[dict], pd.DataFrame]:
    """Posteriors of a grid of discounts and of the robust mixture.

    Parameters
    ----------
    counts : events and months in pieces
    shared : n, n_control of the rows of `controls`
    label : code of the weighting

    Returns
    -------
    rows : of `controls`: the power prior at a0 = 0.5 and the robust mixture
    table : `control_borrowing` but for control and endpoint, the whole grid
    """
    cuts = "cuts at " + ", ".join(f"{cut:.3g}" for cut in counts.cuts) + " months"
    conflict = compute_conflict(counts)
    rows, table = [], []
    fits = [("power_prior", a0, fit_power_prior(counts, a0, confidence)) for a0 in DISCOUNTS]
    fits.append(("robust_mixture", PRIOR_WEIGHT, fit_robust_mixture(counts, PRIOR_WEIGHT, confidence)))
    for method, discount, found in fits:
        assumption = f"a0 = {discount:g}" if method == "power_prior" else f"prior weight {discount:g}"
        table.append(
            {
                "method": method,
                "weights": label,
                "discount": discount,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "std_error": found.std_error,
                "probability_benefit": found.probability_benefit,
                "borrowed_events": found.borrowed_events,
                "control_events": float(counts.control_events.sum()),
                "posterior_weight": found.posterior_weight,
                "conflict_p_value": conflict,
                "pieces": len(counts.cuts),
                "assumption": cuts,
                "status": found.status,
            }
        )
        if method == "robust_mixture" or discount == SHOWN_DISCOUNT:
            rows.append(
                comparison_row(
                    method,
                    "hazard_ratio",
                    weights=label,
                    observed=float(counts.events.sum()),
                    assumption=f"{assumption}; {cuts}",
                    value=found.value,
                    low=found.low,
                    high=found.high,
                    std_error=found.std_error,
                    status=found.status,
                    **shared,
                )
            )
    return rows, pd.DataFrame(table)
