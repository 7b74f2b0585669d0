"""Published arms: as control (one-sample tests, reweighting, borrowing, power), and the cohort median among theirs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri, stdtrit

from prrt_outcomes.cohort.grouping import compute_group
from prrt_outcomes.controls.borrowing import count_pieces_published, tabulate_borrowing
from prrt_outcomes.controls.control_results import (
    Comparison,
    ControlResults,
    comparison_row,
)
from prrt_outcomes.controls.library import (
    PublishedArm,
    convert_arm_to_control,
    list_subgroup_arms,
    load_library,
    name_tumour_types,
)
from prrt_outcomes.controls.rating import rate_published, tabulate_power_published
from prrt_outcomes.controls.reference_curves import (
    compare_with_published,
    cut_follow_up,
    derive_reference_curves,
    estimate_control_events,
    rate_ratio_row,
)
from prrt_outcomes.controls.sensitivity import (
    FEWEST,
    sensitivity_row,
    tabulate_bias_sensitivity,
    vary_choices,
)
from prrt_outcomes.controls.two_samples import COHORT, CONTROL
from prrt_outcomes.controls.weighted_comparison import tabulate_reference_curves
from prrt_outcomes.controls.weighting import derive_targets, summarise_replicates
from prrt_outcomes.statistics.curve_summaries import compute_quantile
from prrt_outcomes.statistics.kaplan_meier import compute_normal_quantile
from prrt_outcomes.statistics.maic import MaicResult, bootstrap_maic, fit_maic
from prrt_outcomes.statistics.weights import compute_effective_sample_size, draw_weights
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.curves import fit_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows

WEAK = "weak evidence: {}; read it with its comparability table"
NOT_BALANCED = "the patients of a published arm are not known one by one, so nothing can be balanced"
PARTLY_BALANCED = "only what the published baseline table names is balanced"
SERIES = "prrt"
WHOLE = "all"
PUBLISHED_LEVEL = 0.95
FEWEST_TO_PREDICT = 5


@dataclass(frozen=True)
class PublishedComparison(Comparison):
    """A published arm as control; `arm` is its name in the library, empty where the study writes it out."""

    control: PublishedControl
    arm: str = ""

    def compare(self) -> ControlResults:
        """One-sample tests, rate ratios, borrowing, E-values and power; with a baseline table also reweighted."""
        control, cohort, level = self.control, self.cohort, self.level
        references = derive_reference_curves(control)
        rows = compare_with_published(cohort, control, level)
        balance = pd.DataFrame()
        if control.baseline:
            more, balance = compare_reweighted(cohort, control, self.settings)
            rows += more
        events, _ = estimate_control_events(control)
        counts = count_pieces_published(cohort, references[0], events)
        sizes = {"n": len(cohort.time_months), "n_control": control.n}
        borrowed, grid = tabulate_borrowing(counts, sizes, "none", level)
        medians = dict.fromkeys(("none", "maic"), control.median_months or np.nan)
        bias = tabulate_bias_sensitivity(rows, float((cohort.event == 1).mean()), medians)
        curves, at_risk = tabulate_reference_curves(cohort, references, self.settings, control.n)
        power = [tabulate_power_published(cohort, curve, events, level) for curve in references]
        rating = rate_published(WEAK.format(PARTLY_BALANCED if len(balance) else NOT_BALANCED))
        tables = {
            "control_balance": balance,
            "control_borrowing": grid,
            "control_power": pd.concat(power),
            "control_curves_fitted": curves,
            "control_fitted_at_risk": at_risk,
            "control_verdicts": pd.DataFrame([rating]),
        }
        return ControlResults([*rows, *borrowed, *bias], tables)

    def estimate(self, cohort: EndpointRows, start: float = 0.0) -> dict:
        """Row of `controls` with the rate ratio against the fullest reference curve."""
        if not len(cohort.time_months):
            return comparison_row("rate_ratio", "hazard_ratio", status="too_few", n_control=self.control.n)
        return compare_with_published(cohort, self.control, self.level)[1]

    def vary(self) -> list[dict]:
        """The rate ratio under other choices; with a library arm also against the same arm by tumour type."""
        return vary_choices(self, self._vary_horizon(), self._vary_tumour_types())

    def _vary_horizon(self) -> Iterator[dict]:
        """The comparison up to the last published point, so that no hazard is extended beyond what was seen."""
        last = max([self.control.median_months or 0.0, *(m.months for m in self.control.milestones)])
        cut = cut_follow_up(self.cohort, last)
        if len(cut.time_months):
            note = "our follow-up is cut at the last published point, nothing is extended"
            yield sensitivity_row("horizon", f"up to {last:g} months", self.estimate(cut), note)

    def _vary_tumour_types(self) -> Iterator[dict]:
        """Our patients of the control's tumour types, also against each arm of the library that has some alone."""
        control = self.control
        words = f"our patients with {control.tumour_types}"
        yield from self._choose_tumour_types("tumour types of the control", f"only {words}")
        for arm in list_subgroup_arms(self.arm, control.endpoint):
            subgroup = convert_arm_to_control(control, arm)
            if subgroup is not None:
                title = f"{arm.study}, {arm.treatment}: {arm.tumour_types}"
                note = f"arm {arm.arm}, our patients with {arm.tumour_types}"
                yield from replace(self, control=subgroup)._choose_tumour_types(title, note)

    def _choose_tumour_types(self, item: str, note: str) -> Iterator[dict]:
        """The comparison with those of our patients who have the tumour types that the control had."""
        types = name_tumour_types(self.control.tumour_types)
        inside = compute_group(self.cohort.frame, "tumour_type").astype(str).isin(types).to_numpy()
        if types and not inside.all() and inside.sum() >= FEWEST:
            yield sensitivity_row("tumour_type", item, self.estimate(self.cohort.select(inside)), note)


def compare_reweighted(
    cohort: EndpointRows, control: PublishedControl, settings: AnalysisSettings
) -> tuple[list[dict], pd.DataFrame]:
    """Compare the cohort, weighted to a published baseline table (MAIC), with a published curve.

    Gives rows of `controls` (for each reference curve weighted observed over expected events, with the robust
    variance, a Taylor series with weights taken as known, and with the bootstrap that refits the weights; both carry
    the uncertainty of the published arm) and `control_balance` but for the column control.
    """
    covariates, targets = derive_targets(control.baseline, cohort.frame)
    shared: dict = {"weights": "maic", "n": len(cohort.time_months), "n_control": control.n}
    try:
        found = fit_maic(covariates, targets)
    except ValueError as error:
        row = comparison_row("rate_ratio", "hazard_ratio", status="not_estimable", note=str(error), **shared)
        return [row], pd.DataFrame()
    used = np.isfinite(found.weights)
    kept, covariates = cohort.select(used), covariates.loc[used].reset_index(drop=True)
    weights, event = found.weights[used], (kept.event == 1).astype(float)
    shared |= {"n": int(used.sum()), "ess": compute_effective_sample_size(weights), "ess_control": control.n}
    if not used.all():
        shared["note"] = f"{int((~used).sum())} patients with a covariate missing are left out"
    events, basis = estimate_control_events(control)
    level, rows = settings.confidence.level, []
    for reference in derive_reference_curves(control):
        hazard = reference.curve.compute_cumulative_hazard
        expected = hazard(kept.time_months) - hazard(kept.entry)
        observed, total, variance = float(weights @ event), float(weights @ expected), np.nan
        if observed and events and total > 0:
            influence = weights * (event / observed - expected / total)
            variance = influence @ influence + 1 / events
        numbers = {"observed": observed, "expected": total, "assumption": f"{reference.assumption}; {basis}"}
        point = rate_ratio_row(variance, level, **shared, **numbers)
        rows.append(point)
        if np.isfinite(point["value"]):
            logs = _resample(kept, (covariates, targets), event, expected, events, settings)
            rows.append(summarise_replicates(logs, level, point))
    return rows, _tabulate_balance(found)


def _resample(
    cohort: EndpointRows,
    fitted: tuple[pd.DataFrame, list],
    event,
    expected,
    events: float,
    settings: AnalysisSettings,
) -> np.ndarray:
    """Log ratios of the replicates: patients within centre, weights refitted, the arm's events as a gamma variable."""
    boot, found = settings.bootstrap, []
    generator = np.random.default_rng(boot.seed)
    centre = cohort.frame["centre_id"].astype("string").fillna("").to_numpy(dtype=object)
    for counts in draw_weights(len(event), boot.replicates, seed=boot.seed, stratum=centre):
        weights = bootstrap_maic(*fitted, counts) * counts
        observed, total = weights @ event, weights @ expected
        control = generator.gamma(events, 1 / events, len(counts))
        ratio = np.divide(observed, total * control, out=np.full(len(counts), np.nan), where=total > 0)
        found.append(np.log(ratio, out=np.full(len(counts), np.nan), where=ratio > 0))
    return np.concatenate(found)


def _tabulate_balance(found: MaicResult) -> pd.DataFrame:
    """Rows of `control_balance` before and after weighting; a published table has no variance for an SMD."""
    table = found.balance
    level = table["level"].where(table["level"] == "", "=" + table["level"])
    statistic = table["statistic"].replace({"mean": "", "share": ""}).str.replace("_", " ")
    name = table["covariate"] + level + statistic.where(statistic == "", ", " + statistic)
    shared = {"covariate": name, "mean_control": table["target"], "smd": np.nan, "status": "not_estimable"}
    parts = [
        pd.DataFrame(shared | {"weights": label, "mean": table[column]})
        for label, column in (("none", "before"), ("maic", "after"))
    ]
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class RandomEffects:
    """Random-effects summary of k studies on a log scale.

    `predict_low` to `predict_high` is where a new study lies; nan with fewer than 5 studies, where it says nothing.
    """

    k: int
    estimate: float
    std_error: float
    tau_squared: float
    i_squared: float
    predict_low: float
    predict_high: float


def fit_random_effects(
    estimates: ArrayLike, std_errors: ArrayLike, confidence: float = 0.95
) -> RandomEffects:
    """Pool estimates with a variance between studies by the method of moments.

    Raises ValueError without a study, or for standard errors of 0 or less. Source: DerSimonian and Laird 1986,
    Controlled Clinical Trials 7:177; prediction interval: Higgins 2009, JRSS A 172:137 (t, k - 2 degrees of freedom).
    """
    y, se = np.asarray(estimates, dtype=float), np.asarray(std_errors, dtype=float)
    if not len(y) or not (np.isfinite(y).all() and np.isfinite(se).all() and (se > 0).all()):
        raise ValueError("expected at least one study, finite estimates and standard errors above 0")
    w = 1 / se**2
    k = len(y)
    q = float(w @ (y - w @ y / w.sum()) ** 2)
    spread = w.sum() - (w @ w) / w.sum()
    tau = max(0.0, (q - (k - 1)) / spread) if k > 1 else 0.0
    w = 1 / (se**2 + tau)
    pooled, error = float(w @ y / w.sum()), float(1 / np.sqrt(w.sum()))
    share = max(0.0, (q - (k - 1)) / q) if k > 1 and q > 0 else 0.0
    low = high = math.nan
    if k >= FEWEST_TO_PREDICT:
        half = float(stdtrit(k - 2, 0.5 + confidence / 2)) * math.sqrt(tau + error**2)
        low, high = pooled - half, pooled + half
    return RandomEffects(k, pooled, error, tau, share, low, high)


def compute_log_error(arm: PublishedArm) -> tuple[float, str]:
    """Standard error of the log median, and where it comes from; nan where nothing tells it."""
    low, high, n = arm.median_low, arm.median_high, arm.n
    if low and high and high > low:
        return float(np.log(high / low) / (2 * ndtri(0.5 + PUBLISHED_LEVEL / 2))), "published interval"
    if arm.events:
        return 1 / math.sqrt(arm.events), "published events, exponential"
    if n:
        return 1 / math.sqrt(n / 2), "half of the patients as events, exponential"
    return math.nan, ""


def list_medians(study: Study, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of `control_medians`: every library arm with the study's endpoints, our cohort whole and by tumour group.

    Of arms whose source populations overlap, the largest with a median stands in the summary; `in_summary` and `note`
    say so. Tables: endpoints, analysis_set.
    """
    endpoints = [d.name for d in study.endpoints]
    rows = [_arm_row(arm) for arm in load_library() if arm.endpoint in endpoints]
    _choose_series(rows, ("endpoint", "role"), "in_summary")
    _choose_series(rows, ("endpoint", "role", "tumour_group"), "in_group_summary")
    ours = [row for name in endpoints for row in _cohort_rows(study, tables, name)]
    covered = {row["endpoint"] for row in ours}
    return pd.DataFrame([*ours, *(row for row in rows if row["endpoint"] in covered)])


def _arm_row(arm: PublishedArm) -> dict:
    known = arm.median_months is not None
    error, basis = compute_log_error(arm) if known else (math.nan, "")
    absent = "not_reached" if arm.median_status == "not_reached" else "not_estimable"
    names = ("endpoint", "role", "arm", "study", "treatment", "citation", "source_population", "n")
    return {name: getattr(arm, name) for name in names} | {
        "series": SERIES if arm.role == "prrt" else CONTROL,
        "tumour_group": arm.tumour_group or "unknown",
        "median_months": arm.median_months,
        "low": arm.median_low,
        "high": arm.median_high,
        "log_std_error": error,
        "basis": basis,
        "in_summary": False,
        "in_group_summary": False,
        "status": "ok" if known else absent,
        "note": "" if known else "not in a summary: no median, which makes the summary too short",
    }


def name_populations(text: str) -> frozenset[str]:
    """Populations that a source covers: its own name and those it says it holds."""
    return frozenset(re.findall(r"[a-z0-9_]+", text.lower())) - {"may", "include", "and"}


def _choose_series(rows: list[dict], keys: tuple[str, ...], flag: str) -> None:
    """Flag, largest first, the arms of a group whose populations do not overlap with one that is flagged."""
    taken: dict[tuple, set[str]] = {}
    for row in sorted(rows, key=lambda r: (-(r["n"] or 0), r["arm"])):
        if not np.isfinite(row["log_std_error"]):
            continue
        place = taken.setdefault(tuple(row[key] for key in keys), set())
        populations = name_populations(row["source_population"])
        overlap = populations & place
        if overlap:
            row["note"] = f"shares its source with a larger series ({', '.join(sorted(overlap))})"
            continue
        place |= populations
        row[flag] = True


def _cohort_rows(study: Study, tables: dict[str, pd.DataFrame], endpoint: str) -> list[dict]:
    rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], endpoint)
    if rows is None:
        return []
    group = rows.frame["tumour_group"].astype("string").fillna("unknown").to_numpy(dtype=object)
    shared: dict = {"endpoint": endpoint, "treatment": "this cohort", "basis": "Kaplan-Meier"}
    shared |= dict.fromkeys(("series", "role"), COHORT)
    shared |= dict.fromkeys(("arm", "study", "source_population"), study.study)
    shared |= {"citation": "", "note": "", "in_summary": False, "in_group_summary": False}
    found = []
    for name in (WHOLE, *sorted(set(group) - {"unknown"})):
        inside = (group == name) | (name == WHOLE)
        median = compute_quantile(fit_curve(rows.select(inside), study.analysis), 0.5)
        numbers = {"median_months": median.time, "low": median.lower, "high": median.upper}
        own = {"tumour_group": name, "n": int(inside.sum()), "status": median.status}
        found.append(shared | own | numbers)
    return found


def summarise_medians(medians: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Pool the medians of each role, all together and by tumour group, and place our cohort among them.

    Rows of `control_meta`, one an endpoint, role and tumour group with at least two series in the summary.
    `cohort_percentile` is the share of these arms with a smaller median than ours of the same tumour group (of all
    for `all`); empty where ours is not reached.
    """
    found = []
    ours = medians[medians["series"] == COHORT].set_index(["endpoint", "tumour_group"])["median_months"]
    arms = medians[medians["series"] != COHORT]
    for (endpoint, role), rows in arms.groupby(["endpoint", "role"], sort=False):
        for group in (WHOLE, *dict.fromkeys(rows["tumour_group"])):
            own = rows if group == WHOLE else rows[rows["tumour_group"] == group]
            flag = "in_summary" if group == WHOLE else "in_group_summary"
            part = own[own[flag].astype(bool)]
            if len(part) < 2:
                continue
            cohort = float(ours.get((endpoint, group), math.nan))
            key = {"endpoint": endpoint, "role": role, "tumour_group": group}
            silent = int((own["status"] == "not_reached").sum())
            found.append(key | {"n_not_reached": silent} | _pool(part, cohort, confidence))
    return pd.DataFrame(found)


def _pool(part: pd.DataFrame, cohort: float, confidence: float) -> dict:
    """Columns of `control_meta` from the arms of a summary and the median of our cohort."""
    medians = part["median_months"].astype(float)
    pooled = fit_random_effects(np.log(medians), part["log_std_error"], confidence)
    half = compute_normal_quantile(confidence) * pooled.std_error
    logs = {"median_months": pooled.estimate, "low": pooled.estimate - half, "high": pooled.estimate + half}
    logs |= {"predict_low": pooled.predict_low, "predict_high": pooled.predict_high}
    return {name: math.exp(value) for name, value in logs.items()} | {
        "k": pooled.k,
        "n": int(part["n"].sum()),
        "tau_squared": pooled.tau_squared,
        "i_squared": pooled.i_squared,
        "cohort_median_months": cohort,
        "cohort_percentile": float((medians < cohort).mean()) if np.isfinite(cohort) else math.nan,
        "status": "ok",
    }
