"""How strong a bias must be to undo a comparison: E-values and tipping points as rows of `controls`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prrt_outcomes.controls.comparison_rows import comparison_row
from prrt_outcomes.statistics.evalue import compute_e_value

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMON_SHARE = 0.15
RATIO_METHODS = ("rate_ratio", "cox")


def tabulate_doubt(
    rows: Sequence[dict], *, event_share: float, control_median: float = math.nan
) -> list[dict]:
    """E-value and tipping point of every hazard ratio.

    Parameters
    ----------
    rows : of `controls`, in the order of the table
    event_share : share of patients with an event; above 15 % the hazard ratio becomes a risk ratio by the common
        approximation
    control_median : median of the control, months; nan where there is none

    Returns
    -------
    Rows of `controls`: estimate ``e_value`` (value: of the estimate, low: of the bound of its interval nearer to
    1), ``tipping_factor`` (what the control's hazard must be multiplied by until the interval reaches 1: below 1
    the history must have been better, above 1 worse; 1 where the interval holds 1 already) and
    ``tipping_median`` (the control's median that goes with it).
    """
    found = []
    for row in rows:
        if row["method"] not in RATIO_METHODS or row["estimate"] != "hazard_ratio" or row["status"] != "ok":
            continue
        low, value, high = row["low"], row["value"], row["high"]
        if not all(math.isfinite(x) and x > 0 for x in (low, value, high)) or not low <= value <= high:
            continue
        shared = {key: row[key] for key in ("weights", "n", "n_control", "ess", "ess_control")}
        basis = "; ".join(part for part in (row["method"].replace("_", " "), row["assumption"]) if part)
        shared["assumption"] = basis
        e = compute_e_value(value, low, high, common_outcome=event_share > COMMON_SHARE)
        found.append(comparison_row("e_value", "e_value", value=e.e_value, low=e.e_value_bound, **shared))
        factor = compute_tipping_factor(low, high)
        note = _describe_factor(factor)
        found.append(comparison_row("tipping_point", "tipping_factor", value=factor, note=note, **shared))
        if math.isfinite(control_median):
            median = control_median / factor
            found.append(comparison_row("tipping_point", "tipping_median", value=median, **shared))
    return found


def compute_tipping_factor(low: float, high: float) -> float:
    """What the control's hazard must be multiplied by for the interval of the ratio to reach 1."""
    if high < 1:
        return high
    return low if low > 1 else 1.0


def _describe_factor(factor: float) -> str:
    if factor < 1:
        return f"the control's hazard would have to be {1 - factor:.0%} lower for the result to be lost"
    if factor > 1:
        return f"the control's hazard would have to be {factor - 1:.0%} higher for the result to be lost"
    return "the interval holds 1 already: there is no result to lose"
