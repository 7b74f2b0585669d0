"""Proportions and their differences with intervals, and agreement beyond chance (Cohen's kappa)."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, ndtri

NAN = float("nan")


@dataclass(frozen=True)
class ProportionDifference:
    """First minus second proportion with its interval; nan and ``too_few`` where a denominator is 0.

    `p_value` is that of the score test of no difference (Miettinen-Nurminen), nan for Newcombe.
    """

    difference: float
    lower: float
    upper: float
    p_value: float
    status: str


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa.

    agreement : share of pairs that agree
    kappa, lower, upper : estimate and its large-sample interval, cut to -1..1
    status : ``ok``; ``too_few`` where there are no pairs, or both raters use one category only
    """

    agreement: float
    kappa: float
    lower: float
    upper: float
    status: str


def _check_counts(events: int, n: int, confidence: float) -> None:
    if events != int(events) or n != int(n) or not 0 <= events <= n:
        raise ValueError(f"expected whole numbers with 0 <= events <= n, not {events} of {n}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")


def compute_clopper_pearson(
    events: ArrayLike, n: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute exact intervals of many proportions at once.

    The same numbers as statsmodels' ``proportion_confint``, whose import costs a second in steps that need
    nothing else of it.

    Returns lower and upper limits, shape as the counts, nan where n is 0.
    ValueError for counts that are no counts.
    Source: Clopper and Pearson 1934, Biometrika 26:404.
    """
    k, total = np.broadcast_arrays(np.asarray(events, dtype=float), np.asarray(n, dtype=float))
    if (k < 0).any() or (k > total).any() or not 0 < confidence < 1:
        raise ValueError("expected 0 <= events <= n and confidence between 0 and 1")
    tail = (1.0 - confidence) / 2.0
    some, spared = np.maximum(k, 1.0), np.maximum(total - k, 1.0)
    lower = np.where(k > 0, betaincinv(some, total - k + 1.0, tail), 0.0)
    upper = np.where(k < total, betaincinv(k + 1.0, spared, 1.0 - tail), 1.0)
    return np.where(total > 0, lower, NAN), np.where(total > 0, upper, NAN)


def compute_proportion_difference(
    events_first: int,
    n_first: int,
    events_second: int,
    n_second: int,
    method: Literal["newcombe", "miettinen_nurminen"] = "newcombe",
    confidence: float = 0.95,
) -> ProportionDifference:
    """Compute the difference of two independent proportions, first minus second.

    method : ``newcombe`` (hybrid of Wilson intervals, his method 10, by statsmodels) or
        ``miettinen_nurminen`` (score; ours, since that of statsmodels fails in small samples)
    ValueError for counts that are no counts, unknown method.
    Source: Newcombe 1998, Statistics in Medicine 17:873; Miettinen and Nurminen 1985, Statistics in Medicine
    4:213.
    """
    _check_counts(events_first, n_first, confidence)
    _check_counts(events_second, n_second, confidence)
    if method not in ("newcombe", "miettinen_nurminen"):
        raise ValueError(f"method must be newcombe or miettinen_nurminen, not {method!r}")
    if n_first == 0 or n_second == 0:
        return ProportionDifference(NAN, NAN, NAN, NAN, "too_few")
    counts = (events_first, n_first, events_second, n_second)
    d = events_first / n_first - events_second / n_second
    if method == "newcombe":
        from statsmodels.stats.proportion import confint_proportions_2indep

        limits = confint_proportions_2indep(*counts, method="newcomb", compare="diff", alpha=1 - confidence)
        low, high = np.clip(limits, -1, 1).tolist()
        return ProportionDifference(d, low, high, NAN, "ok")
    z = _score(counts, 0.0)
    p_value = float(2.0 * ndtr(-abs(z))) if np.isfinite(z) else 1.0
    quantile = float(ndtri(0.5 + confidence / 2.0))

    def crossing(outer: float) -> float:
        """Where the score statistic crosses the normal quantile between the estimate and an outer difference."""
        inner = d
        for _ in range(60):
            middle = (inner + outer) / 2.0
            if abs(_score(counts, middle)) < quantile:
                inner = middle
            else:
                outer = middle
        return inner

    edge = 1.0 - 1e-15
    lower = -1.0 if d <= -1.0 else crossing(-edge)
    return ProportionDifference(d, lower, 1.0 if d >= 1.0 else crossing(edge), p_value, "ok")


def _score(counts: tuple[int, int, int, int], delta: float) -> float:
    """Return the score statistic of p1 - p2 = delta, its variance at the constrained estimates."""
    x1, n1, x2, n2 = counts
    observed = x1 / n1 - x2 / n2 - delta
    p1, p2 = _constrained(counts, delta)
    n = n1 + n2
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * n / (n - 1)
    if variance <= 0:
        return 0.0 if abs(observed) < 1e-12 else float(np.copysign(np.inf, observed))
    return float(observed / np.sqrt(variance))


def _constrained(counts: tuple[int, int, int, int], delta: float) -> tuple[float, float]:
    """Return the maximum-likelihood proportions with p1 - p2 = delta: the root of a cubic in p2."""
    x1, n1, x2, n2 = counts
    n, x = n1 + n2, x1 + x2
    second = (n1 + 2 * n2) * delta - n - x
    first = (n2 * delta - n - 2 * x2) * delta + x
    constant = x2 * delta * (1 - delta)
    v = (second / (3 * n)) ** 3 - second * first / (6 * n**2) + constant / (2 * n)
    root = max((second / (3 * n)) ** 2 - first / (3 * n), 0.0)
    u = np.copysign(np.sqrt(root), v)
    ratio = 0.0 if u == 0 else float(np.clip(v / u**3, -1.0, 1.0))
    angle = (np.pi + np.arccos(ratio)) / 3
    p2 = float(2 * u * np.cos(angle) - second / (3 * n))
    p2 = min(max(p2, 0.0, -delta), 1.0, 1.0 - delta)
    return min(max(p2 + delta, 0.0), 1.0), p2


def compute_kappa(table: ArrayLike, confidence: float = 0.95) -> Kappa:
    """Compute the agreement of two raters beyond chance (statsmodels).

    table : counts, categories of the first rater by those of the second in the same order
    Source: Cohen 1960; standard error of Fleiss, Cohen and Everitt 1969, Psychological Bulletin 72:323.
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    counts = np.asarray(table)
    n = int(counts.sum())
    if n == 0:
        return Kappa(NAN, NAN, NAN, NAN, "too_few")
    agreement = float(np.trace(counts / n))
    if (counts.sum(axis=0) @ counts.sum(axis=1)) == n**2:
        return Kappa(agreement, NAN, NAN, NAN, "too_few")
    with np.errstate(divide="ignore", invalid="ignore"):  # its test statistic, which is not used
        found = cohens_kappa(counts)
    kappa = float(found.kappa)
    # Rounding makes the variance of full agreement negative.
    half = float(ndtri(0.5 + confidence / 2.0)) * float(np.sqrt(max(found.var_kappa, 0.0)))
    return Kappa(agreement, kappa, max(kappa - half, -1.0), min(kappa + half, 1.0), "ok")
