"""A discounted control: power prior on piecewise-exponential counts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, kl_div, logsumexp

from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.observed_expected import ReferenceCurve
from prrt_outcomes.controls.two_samples import TwoSamples
from prrt_outcomes.survival.endpoint_rows import EndpointRows

SHOWN_DISCOUNT = 0.5
DISCOUNTS = (0.1, 0.25, 0.5, 0.75, 1.0)
PIECES = 4
GRID_POINTS = 4001
VAGUE_SHAPE = 1e-3


@dataclass(frozen=True)
class PieceCounts:
    """Events and months at risk in pieces of time from `cuts` (months, the first 0) on; shapes (pieces,).

    The control's may be fractions (weighted, or read off a curve).
    """

    cuts: NDArray[np.float64]
    events: NDArray[np.float64]
    months: NDArray[np.float64]
    control_events: NDArray[np.float64]
    control_months: NDArray[np.float64]


def count_pieces(samples: TwoSamples, weights: NDArray | None = None) -> PieceCounts:
    """Events and months of both sides in pieces with about as many events each.

    The (n,) balancing weights of each side are scaled to its effective sample size, so that they add no information.
    """
    scale = np.ones(len(samples.time_months))
    if weights is not None:
        for side in (samples.in_cohort, ~samples.in_cohort):
            own = weights[side]
            scale[side] = own * own.sum() / (own @ own)
    times = samples.time_months[samples.event]
    inner = np.unique(np.quantile(times, np.arange(1, PIECES) / PIECES)) if len(times) else np.zeros(0)
    cuts = np.concatenate(([0.0], inner[inner > 0]))
    counts: list[NDArray] = []
    for _, members in samples.sides():
        own = samples.select(members)
        counts += _count(own, own.event, scale[members], cuts)
    return PieceCounts(cuts, *counts)


def _count(rows: TwoSamples | EndpointRows, event: NDArray, scale: NDArray, cuts: NDArray) -> list[NDArray]:
    """Scaled events and months in each piece, shapes (pieces,)."""
    piece = np.maximum(np.searchsorted(cuts, rows.time_months, side="left") - 1, 0)
    events = np.bincount(piece, weights=scale * event, minlength=len(cuts))
    ends = np.append(cuts[1:], np.inf)
    until, since = (np.clip(time[:, None], cuts, ends) for time in (rows.time_months, rows.entry))
    return [events, scale @ np.maximum(until - since, 0.0)]


def count_pieces_published(rows: EndpointRows, reference: ReferenceCurve) -> PieceCounts:
    """Events and months of the cohort, and those that stand for a published curve: its effective events.

    The control's months are events over hazard. `rows` are followed no longer than the curve.
    """
    cuts, hazards = np.array(reference.curve.cuts), np.array(reference.curve.hazards)
    events, months = _count(rows, rows.event == 1, np.ones(len(rows.event)), cuts)
    theirs = np.where(hazards > 0, reference.events, 0.0)
    their_months = np.divide(theirs, hazards, out=np.zeros(len(cuts)), where=hazards > 0)
    return PieceCounts(cuts, events, months, theirs, their_months)


def fit_power_prior(counts: PieceCounts, discount: float, confidence: float = 0.95) -> dict:
    """Posterior of the hazard ratio, cohort over control, when the control's likelihood counts to a power.

    Columns of `control_borrowing`: median and equal-tailed interval, `std_error` of the logarithm,
    `probability_benefit` that of a ratio below 1, `borrowed_events` those of the control that the posterior uses;
    `status` alone without events on a side.
    Hazards of the control have gamma priors, so they integrate out in closed form for each hazard ratio; the ratio,
    with a flat prior of its logarithm, is a posterior in one dimension. Source: Ibrahim and Chen 2000, Statistical
    Science 15:46.
    """
    d1, d0 = float(counts.events.sum()), float(counts.control_events.sum())
    if not (d1 > 0 and d0 > 0):
        return {"status": "no_events"}
    # The vague gamma part has the overall hazard of the control as its mean.
    shape = discount * counts.control_events + VAGUE_SHAPE
    rate = discount * counts.control_months + VAGUE_SHAPE * float(counts.control_months.sum()) / d0
    centre = np.log(d1 / float(counts.months @ (shape / rate)))
    width = 8 * np.sqrt(1 / d1 + 1 / max(float(shape.sum()), 0.5))
    grid = np.linspace(centre - width, centre + width, GRID_POINTS)
    log_density = d1 * grid - np.log(np.exp(grid)[:, None] * counts.months + rate) @ (counts.events + shape)
    density = np.exp(log_density - logsumexp(log_density))
    cumulative = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2)))
    cumulative /= cumulative[-1]
    tail = (1 - confidence) / 2
    low, middle, high = np.exp(np.interp([tail, 0.5, 1 - tail], cumulative, grid)).tolist()
    mean = float(density @ grid / density.sum())
    spread = float(np.sqrt(density @ (grid - mean) ** 2 / density.sum()))
    benefit = float(np.interp(0.0, grid, cumulative, left=0.0, right=1.0))
    numbers = {"value": middle, "low": low, "high": high, "std_error": spread}
    return numbers | {"probability_benefit": benefit, "borrowed_events": discount * d0, "status": "ok"}


def compute_conflict(counts: PieceCounts) -> float:
    """P-value of prior-data conflict: whether one hazard ratio serves all pieces.

    Likelihood-ratio test of the pieces' own ratios against a common one, chi-square with pieces - 1 degrees of
    freedom; nan with one usable piece. Conflict in the level cannot be told from an effect without concurrent
    controls.
    """
    from scipy.optimize import brentq

    usable = (counts.events + counts.control_events > 0) & (counts.months > 0) & (counts.control_months > 0)
    d1, t1 = counts.events[usable], counts.months[usable]
    d0, t0 = counts.control_events[usable], counts.control_months[usable]
    if usable.sum() < 2 or d1.sum() == 0 or d0.sum() == 0:
        return float("nan")

    def score(log_ratio: float) -> float:
        ratio = np.exp(log_ratio)
        return float(d1.sum() - np.sum((d1 + d0) * ratio * t1 / (ratio * t1 + t0)))

    ratio = float(np.exp(brentq(score, -20, 20)))
    hazard = (d1 + d0) / (ratio * t1 + t0)
    deviance = 2 * np.sum(kl_div(d1, ratio * hazard * t1) + kl_div(d0, hazard * t0))
    return float(chdtrc(usable.sum() - 1, deviance))


def tabulate_borrowing(
    counts: PieceCounts, sizes: dict, label: str, confidence: float
) -> tuple[list[dict], pd.DataFrame]:
    """Posteriors of the hazard ratio with the control discounted to several degrees.

    Without a concurrent control of the study's own nothing is borrowed: the control, worth fewer events than it has,
    is all that there is to compare with. Gives rows of `controls` (a0 = 0.5), with n and n_control from `sizes`, and
    `control_borrowing` but for control and endpoint, the whole grid; `label` is the code of the weighting.
    """
    cuts = "cuts at " + ", ".join(f"{cut:.3g}" for cut in counts.cuts) + " months"
    every: dict = {"method": "power_prior", "weights": label, "pieces": len(counts.cuts), "assumption": cuts}
    every["control_events"] = float(counts.control_events.sum())
    every["conflict_p_value"] = compute_conflict(counts)
    fits = {discount: fit_power_prior(counts, discount, confidence) for discount in DISCOUNTS}
    table = pd.DataFrame([every | {"discount": discount} | found for discount, found in fits.items()])
    names = ("value", "low", "high", "std_error", "status")
    numbers = {name: fits[SHOWN_DISCOUNT].get(name, np.nan) for name in names} | sizes
    words = f"a0 = {SHOWN_DISCOUNT:g}; {cuts}"
    observed = float(counts.events.sum())
    row = comparison_row(
        "power_prior", "hazard_ratio", weights=label, observed=observed, assumption=words, **numbers
    )
    return [row], table
