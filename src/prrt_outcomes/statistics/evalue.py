"""E-value: how strong an unmeasured confounder must be to explain an association away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MEASURES = ("hazard_ratio", "risk_ratio")


@dataclass(frozen=True)
class EValue:
    """E-value of an estimate and of the bound of its interval nearer to 1.

    Attributes
    ----------
    risk_ratio : the estimate on the risk-ratio scale
    e_value : 1 where the estimate is 1
    e_value_bound : 1 where the interval holds 1; nan where no interval was given
    """

    risk_ratio: float
    e_value: float
    e_value_bound: float


def compute_e_value(
    estimate: float,
    lower: float | None = None,
    upper: float | None = None,
    *,
    measure: str = "hazard_ratio",
    common_outcome: bool = True,
) -> EValue:
    """Compute the E-value of a hazard ratio or risk ratio.

    Parameters
    ----------
    estimate, lower, upper : the ratio and its interval
    measure : ``hazard_ratio`` or ``risk_ratio``
    common_outcome : of a hazard ratio: more than 15 % have the event by the end of follow-up. The ratio is
        then turned into a risk ratio by (1 - 0.5^sqrt(HR)) / (1 - 0.5^sqrt(1/HR)), else taken as one.

    Returns
    -------
    EValue

    Raises
    ------
    ValueError
        for ratios of 0 or less, an interval without the estimate, or an unknown measure.

    Notes
    -----
    RR + sqrt(RR (RR - 1)), of 1/RR below 1. Source: VanderWeele and Ding 2017, Ann Intern Med 167:268.

    Examples
    --------
    >>> round(compute_e_value(0.56, 0.46, 0.69).e_value, 4)
    2.3495
    """
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r}: expected one of {', '.join(MEASURES)}")
    numbers = [x for x in (lower, estimate, upper) if x is not None]
    if not all(np.isfinite(x) and x > 0 for x in numbers):
        raise ValueError(f"ratios must be finite and above 0; found {numbers}")
    if numbers != sorted(numbers):
        raise ValueError(f"the estimate {estimate} is not inside its interval {lower} to {upper}")
    ratio = _as_risk_ratio(estimate, measure, common_outcome)
    nearer = lower if estimate > 1 else upper
    if nearer is None:
        bound = np.nan
    elif (nearer <= 1) == (estimate > 1) or estimate == 1:
        bound = 1.0
    else:
        bound = _e_value(_as_risk_ratio(nearer, measure, common_outcome))
    return EValue(ratio, _e_value(ratio), bound)


def _as_risk_ratio(ratio: float, measure: str, common_outcome: bool) -> float:
    """Risk ratio of a ratio."""
    if measure == "hazard_ratio" and common_outcome:
        return float((1 - 0.5 ** np.sqrt(ratio)) / (1 - 0.5 ** np.sqrt(1 / ratio)))
    return float(ratio)


def _e_value(risk_ratio: float) -> float:
    """E-value of a risk ratio."""
    away = max(risk_ratio, 1 / risk_ratio)
    return float(away + np.sqrt(away * (away - 1)))
