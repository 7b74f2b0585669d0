"""Quality of a comparison: power, effective size, balance, overlap; and published figures held against the cohort."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtr

from prrt_outcomes.controls.observed_expected import ReferenceCurve
from prrt_outcomes.controls.two_samples import TwoSamples, Weighting
from prrt_outcomes.endpoints.patient_dates import derive_observation
from prrt_outcomes.response.codes import COMPOSITES
from prrt_outcomes.statistics.curve_summaries import Quantile, compute_quantile
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile, fit_reverse_kaplan_meier
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.controls import Claim
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.curves import fit_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.survival.myeloid import derive_neoplasm_rows, tabulate_incidence
from prrt_outcomes.units import convert_days_to_months

RESPONSES = COMPOSITES | {
    "stable_or_minor": ("MR", "SD", "NON-CR/NON-PD"),
    "progression": ("PD",),
    "complete": ("CR",),
    "partial": ("PR",),
    "minor": ("MR",),
    "stable": ("SD", "NON-CR/NON-PD"),
}
MEDIANS = {"median_pfs_months": "pfs", "median_os_months": "os", "median_ttp_months": "ttp"}
COMPATIBLE, LOWER, HIGHER, NOT_ESTIMABLE = "compatible", "lower", "higher", "not_estimable"
WHOLE = "all"
OBSERVED = ("n", "observed", "low", "high", "status", "note")
Tables = dict[str, pd.DataFrame]
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
    largest, worst = _find_largest_smd(balance)
    outside = _measure_outside(weighting)
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


def compare_claim(published: float, relation: str, low: float, high: float) -> str:
    """Hold a published value, or bound, against an interval: compatible, lower, higher or not_estimable.

    With `relation` below or above the publication says less, or more, than the value. A missing `high` is unbounded,
    a missing `low` tells nothing. ``compatible``: the interval holds a value that the publication allows.
    """
    if not math.isfinite(low):
        return NOT_ESTIMABLE
    top = high if math.isfinite(high) else math.inf
    if top < published:
        return COMPATIBLE if relation == "below" else LOWER
    if low > published:
        return COMPATIBLE if relation == "above" else HIGHER
    return COMPATIBLE


def tabulate_claims(tables: Tables, study: Study) -> pd.DataFrame:
    """Rows of `claims`, one a claim of the study, from endpoints and analysis_set.

    Shares are of all patients with a best response, NE included (exact interval); the best response is that of the
    primary criterion, confirmed or not as `response.primary_rate` says. An incidence is of all treated patients, or of
    those with a radionuclide at the first cycle, death competing. Medians of a response group count from the
    first cycle, so they carry guarantee time, and say so.
    """
    people = tables["analysis_set"]
    rows = []
    for claim in study.claims:
        members = people
        if claim.group != WHOLE:
            column = "response_group" if claim.months is None else "radionuclide"
            members = people[people[column].eq(claim.group).fillna(False)]
        if claim.months is not None:
            found = _observe_incidence(tables, members, claim, study)
        elif claim.quantity in RESPONSES:
            found = _observe_share(members, claim, study)
        else:
            found = _observe_median(tables, members, claim, study)
        said = {key: getattr(claim, key) for key in ("source", "published", "quantity", "group", "relation")}
        verdict = compare_claim(claim.published, claim.relation, found["low"], found["high"])
        rows.append({"claim": claim.id, "verdict": verdict} | said | found)
    return pd.DataFrame(rows)


def _observe_share(members: pd.DataFrame, claim: Claim, study: Study) -> dict:
    best = members["best_response"].dropna().astype(str)
    hits = best.isin(RESPONSES[claim.quantity])
    low, high = compute_clopper_pearson(hits.sum(), len(best), study.analysis.confidence.level)
    note = "best responses are grouped by response, so a share within a group is no finding"
    numbers = (len(best), hits.mean(), float(low), float(high), "ok" if len(best) else "too_few")
    return dict(zip(OBSERVED, (*numbers, "" if claim.group == WHOLE else note), strict=True))


def _observe_incidence(tables: Tables, members: pd.DataFrame, claim: Claim, study: Study) -> dict:
    dates = derive_observation(tables, study)
    kind = claim.quantity.removesuffix("_incidence")
    rows = derive_neoplasm_rows(dates, tables["analysis_set"], study).get(kind)
    inside = np.zeros(1) if rows is None else rows.frame["patient_id"].isin(members["patient_id"]).to_numpy()
    if rows is None or not inside.any():
        return dict(
            zip(OBSERVED, (0, math.nan, math.nan, math.nan, "too_few", "no patient has a time"), strict=True)
        )
    row = tabulate_incidence(rows.select(inside), [float(claim.months or 0)], study.analysis).iloc[0]
    note = (
        f"at {claim.months:g} months from the first cycle, death competing: {row['events']} events until then"
    )
    return {key: row.get(key, note) for key in OBSERVED} | {"observed": row["cumulative_incidence"]}


def _observe_median(tables: Tables, members: pd.DataFrame, claim: Claim, study: Study) -> dict:
    rows = _select_members(tables, MEDIANS[claim.quantity], members)
    if rows is None:
        note = "no patient of the group has a time for this endpoint"
        return dict(zip(OBSERVED, (0, math.nan, math.nan, math.nan, "too_few", note), strict=True))
    median = _fit_median(rows, study)
    note = "" if claim.group == WHOLE else _explain_group(tables, members, rows, claim, study)
    numbers = (len(rows.time_months), median.time, median.lower, median.upper, median.status)
    return dict(zip(OBSERVED, (*numbers, note), strict=True))


def _select_members(tables: Tables, endpoint: str, members: pd.DataFrame) -> EndpointRows | None:
    rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], endpoint)
    if rows is None:
        return None
    inside = rows.frame["patient_id"].isin(members["patient_id"]).to_numpy()
    return rows.select(inside) if inside.any() else None


def _fit_median(rows: EndpointRows, study: Study) -> Quantile:
    return compute_quantile(fit_curve(rows, study.analysis), 0.5)


def _explain_group(
    tables: Tables, members: pd.DataFrame, rows: EndpointRows, claim: Claim, study: Study
) -> str:
    """What a median by best response hides: the guaranteed time, what is left of it, and overall survival."""
    endpoint = MEDIANS[claim.quantity]
    words = [
        "the group is known only at its best response, so time before it is guaranteed (guarantee-time bias)"
    ]
    reached = pd.to_datetime(rows.frame["best_response_date"]) - pd.to_datetime(rows.frame["first_cycle"])
    wait = convert_days_to_months(reached.dt.days.to_numpy(dtype=float))
    known = np.isfinite(wait) & (wait >= 0)
    if known.any():
        words.append(f"median time to the best response {np.median(wait[known]):.1f} months")
        left = known & (rows.time_months > wait)
        if left.any() and endpoint != "os":
            rest = rows.select(left)
            shifted = EndpointRows(endpoint, rest.time_months - wait[left], rest.event, None, rest.frame)
            after = _fit_median(shifted, study)
            if math.isfinite(after.time):
                words.append(f"median from the best response on {after.time:.1f} months")
    if endpoint != "os" and "os" in {d.name for d in study.endpoints}:
        survival = _select_members(tables, "os", members)
        if survival is not None:
            median = _fit_median(survival, study)
            shown = f"{median.time:.1f} months" if math.isfinite(median.time) else "not reached"
            words.append(f"median overall survival of the group {shown}")
    if claim.published >= 48 and endpoint == "pfs" and claim.relation == "equal":
        words.append(
            "about 5 years in responders, as quoted, is overall survival or counts guarantee time: "
            "progression-free survival with objective response was 26 to 30 months (van Vliet 2013)"
        )
    return "; ".join(words)
