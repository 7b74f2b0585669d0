"""Quality of a comparison: power, effective size, balance and overlap."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr

from prrt_outcomes.controls.observed_expected import ReferenceCurve
from prrt_outcomes.controls.two_samples import TwoSamples, Weighting
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile, fit_reverse_kaplan_meier
from prrt_outcomes.survival.endpoint_rows import EndpointRows

Power = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Hazard ratios to the power to show each, and the events that it brings."""
HAZARD_RATIOS = (0.5, 0.6, 0.7, 0.8, 0.9)
WANTED_POWER = 0.8
TIME_STEPS = 2000
SMALLEST_SIZE = 30
SMALLEST_SHARE = 0.5
LARGEST_SMD = 0.1
LARGEST_OUTSIDE = 0.05
EXTRAPOLATING = ("att", "ate")
WITHOUT_FAULT = "covariates are balanced and the effective sizes hold"
MEASURES = ("ess", "ess_control", "ess_share", "largest_smd", "outside_share")
SOUND, POOR, NO_COMPARISON = "sound", "poor", "no_comparison"


def tabulate_power_published(
    rows: EndpointRows, reference: ReferenceCurve, control_events: float, confidence: float
) -> pd.DataFrame:
    """Power of the one-sample log-rank test and of observed over expected events against a published curve.

    Rows of `control_power` but for control and endpoint; our censoring is taken as it was, and `rows` are followed no
    longer than the curve. Of each patient count whether there is an event (mean p) and the hazard that the reference
    had in the time at risk (mean v = p / h when the hazard is h times the reference's). (O - E) / sqrt(E) and
    log(O / E) are smooth functions of the two means, so their distribution under h is normal by the delta method (as
    Wu 2015, Pharmaceutical Statistics 14:26); log(O / E) has 1 / `control_events` more variance, which are the
    effective events of the published curve. Empty where the reference expects no event.
    """
    n, z = len(rows.time_months), compute_normal_quantile(confidence)
    theirs = 1 / max(control_events, 1e-12)
    censoring = fit_reverse_kaplan_meier(SurvivalData(rows.time_months, rows.event))
    edges = np.linspace(0, float(rows.time_months.max()), TIME_STEPS + 1)
    middle = (edges[:-1] + edges[1:]) / 2
    before = np.searchsorted(censoring.time, middle, side="right")
    observed = np.append(1.0, censoring.survival)[before]
    hazard, at_middle = (reference.curve.compute_cumulative_hazard(times) for times in (edges, middle))

    def compute_moments(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, Callable]:
        """Both means, and the variance of a function of them with these slopes."""
        seen = observed * -np.diff(np.exp(-ratio[:, None] * hazard))
        p, m = seen.sum(axis=1), seen @ at_middle
        v = p / ratio
        return p, v, lambda a, b: a**2 * p * (1 - p) + 2 * a * b * (m - p * v) + b**2 * (2 * m / ratio - v**2)

    def one_sample(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p, v, spread = compute_moments(ratio)
        error = np.sqrt(spread(1 / np.sqrt(v), -(p + v) / (2 * v**1.5)))
        return ndtr((-z - np.sqrt(n) * (p - v) / np.sqrt(v)) / error), n * p

    def with_control(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p, v, spread = compute_moments(ratio)
        true, assumed = np.sqrt(spread(1 / p, -1 / v) / n + theirs), np.sqrt(1 / (n * p) + theirs)
        return ndtr((-np.log(ratio) - z * assumed) / true), n * p

    powers = {"one_sample_logrank": one_sample, "rate_ratio": with_control}
    parts = [_tabulate_power(power).assign(method=method) for method, power in powers.items()]
    return pd.concat(parts, ignore_index=True).assign(assumption=reference.assumption, n=n)


def tabulate_power_two_samples(samples: TwoSamples, confidence: float) -> pd.DataFrame:
    """Power of the Cox model with the events that there were (Schoenfeld 1981, Biometrika 68:316)."""
    events, share = float(samples.event.sum()), float(samples.in_cohort.mean())
    z = compute_normal_quantile(confidence)

    def schoenfeld(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        power = ndtr(-np.log(ratio) * np.sqrt(events * share * (1 - share)) - z)
        return power, np.full(len(ratio), events)

    power = _tabulate_power(schoenfeld)
    return power.assign(method="cox", assumption="events as observed in both", n=len(samples.event))


def _tabulate_power(compute_power: Power) -> pd.DataFrame:
    """Power at the ratios of the grid, and the ratio nearest to 1 (above 0.01) that is shown with the wanted power."""
    tried = np.geomspace(0.01, 0.999, 400)
    with np.errstate(divide="ignore", invalid="ignore"):
        power, _ = compute_power(tried)
        enough, shown = np.flatnonzero(power >= WANTED_POWER), np.nan
        if len(enough):
            around = [min(enough[-1] + 1, len(tried) - 1), enough[-1]]
            shown = np.exp(np.interp(WANTED_POWER, power[around], np.log(tried[around])))
        ratios = np.array([*HAZARD_RATIOS, shown])
        power, events = compute_power(ratios)
    known = np.isfinite(power)
    table = pd.DataFrame({"item": "grid", "hazard_ratio": ratios, "power": power})
    table.loc[len(ratios) - 1, ["item", "power"]] = "detectable", WANTED_POWER
    return table.assign(events=np.where(known, events, np.nan), status=np.where(known, "ok", "too_few"))


def rate_weighting(weighting: Weighting, balance: pd.DataFrame | None, doubts: Sequence[str] = ()) -> dict:
    """Row of `control_verdicts` but for control and endpoint, of one weighting and its rows of `control_balance`.

    ``poor`` where a side has an effective size under 30 or under half of its patients, a standardised difference
    above 0.1, or, with weights whose target is the whole cohort (ATT, ATE), more than 5 % of it outside the scores of
    the control, or where there are `doubts` about the data of the control; the words say which. The unweighted
    comparison is rated by the same limits.
    """
    if not weighting.is_usable:
        reason = f"no comparison with these weights: {weighting.note or weighting.status}"
        return rate_published(reason, verdict=NO_COMPARISON) | {"weights": weighting.label}
    sizes = list(weighting.effective_sizes.values())
    shares = [size / n for size, n in zip(sizes, weighting.samples.sizes.values(), strict=True)]
    largest, worst, outside = np.nan, "", np.nan
    if balance is not None and balance["smd"].notna().any():
        size = balance["smd"].abs()
        largest, worst = float(size.max()), balance["covariate"].iloc[int(size.argmax())]
    if weighting.score is not None:
        ours, theirs = (weighting.score[side] for _, side in weighting.samples.sides())
        outside = float(((ours < theirs.min()) | (ours > theirs.max())).mean())
    far = outside > LARGEST_OUTSIDE and weighting.label in EXTRAPOLATING
    unseen = balance is None and weighting.label == "none"
    checks = [
        (min(sizes) < SMALLEST_SIZE, f"only {min(sizes):.0f} effective patients on one side"),
        (min(shares) < SMALLEST_SHARE, f"weights leave {min(shares):.0%} of the information of one side"),
        (largest > LARGEST_SMD, f"{worst} stays unbalanced (standardised difference {largest:.2f})"),
        (far, f"{outside:.0%} of the cohort have a propensity score that no control has"),
        (unseen, "no covariate is compared, so nothing shows that the two sides are alike"),
    ]
    faults = [*doubts, *(words for is_fault, words in checks if is_fault)]
    numbers = (*sizes, min(shares), largest, outside)
    row = {"weights": weighting.label} | dict(zip(MEASURES, numbers, strict=True))
    words = f"weak evidence: {'; '.join(faults)}" if faults else WITHOUT_FAULT
    return row | {"verdict": POOR if faults else SOUND, "words": words}


def rate_published(words: str, *, verdict: str = POOR) -> dict:
    """Row of a control whose patients are not known one by one: nothing can be balanced, and `words` says what."""
    return {"weights": "none", "verdict": verdict, "words": words} | dict.fromkeys(MEASURES, np.nan)
