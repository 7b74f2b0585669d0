"""What a weighted comparison is worth, in words: effective size, balance, overlap, and the way it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.controls.two_samples import Weighting

SMALLEST_SIZE = 30
SMALLEST_SHARE = 0.5
LARGEST_SMD = 0.1
LARGEST_OUTSIDE = 0.05
EXTRAPOLATING = ("att", "ate")
SOUND, POOR, NO_COMPARISON = "sound", "poor", "no_comparison"


def rate_weighting(weighting: Weighting, balance: pd.DataFrame | None) -> dict:
    """Estimate one weighting.

    Parameters
    ----------
    weighting : patients and weights
    balance : its rows of `control_balance`; None where there are no covariates

    Returns
    -------
    Row of `control_verdicts` but for control and endpoint. ``poor`` where a side has an effective size under 30
    or under half of its patients, a standardised difference above 0.1, or, with weights whose target is the whole
    cohort (ATT, ATE), more than 5 % of it outside the scores of the control; the words say which. The unweighted
    comparison is rated by the same limits.
    """
    if not weighting.is_usable:
        reason = f"no comparison with these weights: {weighting.note or weighting.status}"
        return rate_published(reason, verdict=NO_COMPARISON) | {"weights": weighting.label}
    sizes = list(weighting.effective_sizes.values())
    shares = [size / n for size, n in zip(sizes, weighting.samples.sizes.values(), strict=True)]
    largest, worst = _find_largest_smd(balance)
    outside = _measure_outside(weighting)
    faults = []
    if min(sizes) < SMALLEST_SIZE:
        faults.append(f"only {min(sizes):.0f} effective patients on one side")
    if min(shares) < SMALLEST_SHARE:
        faults.append(f"weights leave {min(shares):.0%} of the information of one side")
    if largest > LARGEST_SMD:
        faults.append(f"{worst} stays unbalanced (standardised difference {largest:.2f})")
    if outside > LARGEST_OUTSIDE and weighting.label in EXTRAPOLATING:
        faults.append(f"{outside:.0%} of the cohort have a propensity score that no control has")
    if balance is None and weighting.label == "none":
        faults.append("no covariate is compared, so nothing shows that the two sides are alike")
    good = "covariates are balanced and the effective sizes hold"
    verdict = POOR if faults else SOUND
    words = f"{'weak evidence: ' if faults else ''}{'; '.join(faults) if faults else good}"
    return {
        "weights": weighting.label,
        "ess": sizes[0],
        "ess_control": sizes[1],
        "ess_share": min(shares),
        "largest_smd": largest,
        "outside_share": outside,
        "verdict": verdict,
        "words": words,
    }


def rate_published(words: str, *, verdict: str = POOR) -> dict:
    """Row of a control whose patients are not known one by one: nothing can be balanced, and `words` says what."""
    empty = dict.fromkeys(("ess", "ess_control", "ess_share", "largest_smd", "outside_share"), np.nan)
    return {"weights": "none"} | empty | {"verdict": verdict, "words": words}


def _find_largest_smd(balance: pd.DataFrame | None) -> tuple[float, str]:
    if balance is None or not balance["smd"].notna().any():
        return float("nan"), ""
    size = balance["smd"].abs()
    return float(size.max()), str(balance["covariate"].iloc[int(size.argmax())])


def _measure_outside(weighting: Weighting) -> float:
    """Share of the cohort whose score lies outside the range of the control's; nan without scores."""
    if weighting.score is None:
        return float("nan")
    inside = weighting.samples.in_cohort
    theirs, ours = weighting.score[~inside], weighting.score[inside]
    return float(((ours < theirs.min()) | (ours > theirs.max())).mean())
