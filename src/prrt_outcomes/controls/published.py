"""A published arm as control: observed over expected, reweighting, discounts and power."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.controls.borrowing import count_pieces_published, tabulate_borrowing
from prrt_outcomes.controls.control_results import Comparison, ControlResults, comparison_row
from prrt_outcomes.controls.library import convert_arm_to_control, find_arm, list_subgroup_arms
from prrt_outcomes.controls.observed_expected import (
    ALL,
    FITTING,
    MEDIAN_ALONE,
    UNCERTAIN,
    ReferenceCurve,
    compare_with_published,
    count_effective_events,
    cut_follow_up,
    derive_reference_curves,
    draw_expected,
    find_fitting,
    observed_expected_row,
)
from prrt_outcomes.controls.published_arms import calibrate, find_agreement
from prrt_outcomes.controls.rating import rate_published, tabulate_power_published
from prrt_outcomes.controls.sensitivity import (
    FEWEST,
    sensitivity_row,
    tabulate_bias_sensitivity,
    vary_choices,
)
from prrt_outcomes.controls.two_samples import count_loss
from prrt_outcomes.controls.weighted_comparison import tabulate_reference_curves
from prrt_outcomes.controls.weighting import derive_targets, summarise_replicates
from prrt_outcomes.statistics.maic import MaicResult, bootstrap_maic, fit_maic
from prrt_outcomes.statistics.weights import compute_effective_sample_size, draw_weights
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows

WEAK = "weak evidence: {}; read it with its comparability table"
NOT_BALANCED = "the patients of a published arm are not known one by one, so nothing can be balanced"
NOT_STATED = "the arm does not state tumour types, grade or progression at entry, so all are compared"
PARTLY_BALANCED = "only what the published baseline table names is balanced"


@dataclass(frozen=True)
class PublishedComparison(Comparison):
    """A published arm as control; `arm` is its name in the library, empty where the study writes it out.

    `cohort` are our patients whom the arm could have had (`population` ``fitting``), or all where they are too few;
    `everybody` are all that the study compares with it.
    """

    control: PublishedControl
    arm: str
    everybody: EndpointRows
    population: str

    @property
    def end(self) -> float:
        """Last published point, months."""
        return derive_reference_curves(self.control)[0].end

    def compare(self) -> ControlResults:
        """One-sample tests, observed over expected, discounts, E-values and power; with a baseline table reweighted."""
        control, level = self.control, self.level
        references = derive_reference_curves(control)
        reference = references[0]
        cut = cut_follow_up(self.cohort, reference.end)
        rows = compare_with_published(self.cohort, control, level, self.population)
        arm = find_arm(self.arm, control.endpoint)
        agreement = find_agreement(control.endpoint, arm.role if arm else "")
        if agreement is not None and rows[1]["status"] == "ok":
            rows.insert(2, calibrate(rows[1], agreement, level))
        tables: dict[str, pd.DataFrame] = {}
        if control.baseline and len(cut.time_months):
            more, tables["control_balance"] = compare_reweighted(cut, reference, control, self.settings)
            rows += [row | {"population": self.population} for row in more]
        if len(cut.time_months):
            counts = count_pieces_published(cut, reference)
            sizes = {"n": len(cut.time_months), "n_control": control.n}
            discounted, tables["control_borrowing"] = tabulate_borrowing(counts, sizes, "none", level)
            rows += [row | {"population": self.population, "estimate": "smr"} for row in discounted]
            tables["control_power"] = self._tabulate_power(references)
        medians = dict.fromkeys(("none", "maic"), control.median_months or np.nan)
        bias = tabulate_bias_sensitivity(rows, float((cut.event == 1).mean()), medians)
        if len(self.cohort.time_months) < len(self.everybody.time_months):
            bias += compare_with_published(self.everybody, control, level, ALL)
        curves, at_risk = tabulate_reference_curves(self.cohort, references, self.settings, control.n)
        rating = rate_published(self._describe_worth(reference, "control_balance" in tables))
        tables |= {"control_curves_fitted": curves, "control_fitted_at_risk": at_risk}
        tables["control_verdicts"] = pd.DataFrame([rating])
        return ControlResults([*rows, *bias], tables, self._count_unfit())

    def _count_unfit(self) -> list[dict]:
        """Rows of `attrition`: our patients who do not fit the arm, one thing after the other."""
        losses, left = [], np.ones(len(self.everybody.time_months), dtype=bool)
        inside = find_fitting(self.everybody.frame, self.control) if self.population == FITTING else {}
        for column, fits in inside.items():
            step, reason = f"controls: {self.control.id}", f"{column} does not fit the published arm"
            losses.append(count_loss("endpoints", step, reason, fits[left]))
            left &= fits
        return losses

    def _tabulate_power(self, references: list[ReferenceCurve]) -> pd.DataFrame:
        """Rows of `control_power` against each reference curve, in the window of each."""
        parts = []
        for reference in references:
            cut = cut_follow_up(self.cohort, reference.end)
            if len(cut.time_months):
                events = count_effective_events(draw_expected(reference, cut))
                parts.append(tabulate_power_published(cut, reference, events, self.level))
        return pd.concat(parts)

    def _describe_worth(self, reference: ReferenceCurve, balanced: bool) -> str:
        """Why the evidence of a published arm is weak, in words."""
        n, everybody = len(self.cohort.time_months), len(self.everybody.time_months)
        reasons = [PARTLY_BALANCED if balanced else NOT_BALANCED]
        stated = find_fitting(self.everybody.frame, self.control)
        if not stated:
            reasons.append(NOT_STATED)
        elif self.population == ALL:
            reasons.append(f"fewer than {FEWEST} of our patients fit the arm, so all are compared")
        elif n < everybody:
            reasons.append(f"{n} of {everybody} patients fit the arm")
        last = "the published median" if reference.assumption == MEDIAN_ALONE else "the last published point"
        reasons.append(f"compared up to {reference.end:g} months, {last}")
        return WEAK.format("; ".join(reasons))

    def estimate(self, cohort: EndpointRows, start: float = 0.0) -> dict:
        """Row of `controls` with observed over expected events of those who fit, against the fullest curve."""
        fits = cohort.frame["patient_id"].isin(self.cohort.frame["patient_id"])
        return self._estimate(cohort.select(fits.to_numpy(dtype=bool)))

    def _estimate(self, cohort: EndpointRows) -> dict:
        if not len(cohort.time_months):
            return comparison_row("rate_ratio", "smr", status="too_few", n_control=self.control.n)
        return compare_with_published(cohort, self.control, self.level)[1]

    def vary(self) -> list[dict]:
        """Observed over expected under other choices; with a library arm also against the same arm by tumour type."""
        return vary_choices(self, self._vary_population(), self._vary_subgroups())

    def _vary_population(self) -> Iterator[dict]:
        """All our patients, and those who fit the arm by one thing alone."""
        if len(self.cohort.time_months) < len(self.everybody.time_months):
            note = "also patients whom the arm would not have had"
            yield sensitivity_row("population", "all our patients", self._estimate(self.everybody), note)
        inside = find_fitting(self.everybody.frame, self.control)
        for column, fits in inside.items():
            if len(inside) > 1 and not fits.all() and fits.sum() >= FEWEST:
                item = f"fitting by {column.replace('_', ' ')} alone"
                yield sensitivity_row("population", item, self._estimate(self.everybody.select(fits)))

    def _vary_subgroups(self) -> Iterator[dict]:
        """Our patients against each arm of the library that is this arm by tumour type."""
        for arm in list_subgroup_arms(self.arm, self.control.endpoint):
            subgroup = convert_arm_to_control(self.control, arm)
            if subgroup is None:
                continue
            own = fit_published(self.tables, self.study, subgroup, self.everybody, self.arm)
            if own.population == FITTING:
                title = f"{arm.study}, {arm.treatment}: {arm.tumour_types}"
                note = f"arm {arm.arm}, our patients who fit it"
                yield sensitivity_row("tumour_type", title, own.estimate(own.cohort), note)


def fit_published(
    tables: dict[str, pd.DataFrame],
    study: Study,
    control: PublishedControl,
    everybody: EndpointRows,
    arm: str = "",
) -> PublishedComparison:
    """Compare a published arm with those of our patients who fit it; with all where fewer than 10 do."""
    fits, stated = np.ones(len(everybody.time_months), dtype=bool), find_fitting(everybody.frame, control)
    for inside in stated.values():
        fits &= inside
    some = fits.sum() >= FEWEST and not fits.all()
    cohort = everybody.select(fits) if some else everybody
    population = FITTING if stated and (some or fits.all()) else ALL
    return PublishedComparison(tables, study, control, cohort, arm, everybody, population)


def compare_reweighted(
    cohort: EndpointRows, reference: ReferenceCurve, control: PublishedControl, settings: AnalysisSettings
) -> tuple[list[dict], pd.DataFrame]:
    """Compare the cohort, weighted to a published baseline table (MAIC), with a published curve.

    Gives rows of `controls` (weighted observed over expected events: with the robust variance, a Taylor series with
    weights taken as known, and with the bootstrap that refits the weights; both carry the uncertainty of the published
    curve) and `control_balance` but for the column control. `cohort` is followed no longer than the curve.
    """
    covariates, targets = derive_targets(control.baseline, cohort.frame)
    shared: dict = {"weights": "maic", "n": len(cohort.time_months), "n_control": control.n}
    shared["horizon_months"] = reference.end
    try:
        found = fit_maic(covariates, targets)
    except ValueError as error:
        row = comparison_row("rate_ratio", "smr", status="not_estimable", note=str(error), **shared)
        return [row], pd.DataFrame()
    used = np.isfinite(found.weights)
    kept, covariates = cohort.select(used), covariates.loc[used].reset_index(drop=True)
    weights, event = found.weights[used], (kept.event == 1).astype(float)
    shared |= {"n": int(used.sum()), "ess": compute_effective_sample_size(weights), "ess_control": control.n}
    if not used.all():
        shared["note"] = f"{int((~used).sum())} patients with a covariate missing are left out"
    hazard = reference.curve.compute_cumulative_hazard
    expected = hazard(kept.time_months) - hazard(kept.entry)
    observed, total = float(weights @ event), float(weights @ expected)
    numbers = {"observed": observed, "expected": total}
    drawn = draw_expected(reference, kept, weights)
    words = UNCERTAIN.format(reference.assumption, count_effective_events(drawn))
    spread = 0.0
    if observed and total > 0:
        influence = weights * (event / observed - expected / total)
        spread = float(np.sqrt(influence @ influence))
    own = np.exp(np.random.default_rng(settings.bootstrap.seed).normal(0, spread, len(drawn)))
    level = settings.confidence.level
    point = observed_expected_row(observed * own / drawn, level, assumption=words, **shared, **numbers)
    if not np.isfinite(point["value"]):
        return [point], _tabulate_balance(found)
    logs = _resample(kept, (covariates, targets), event, reference, settings)
    return [point, summarise_replicates(logs, level, point)], _tabulate_balance(found)


def _resample(
    cohort: EndpointRows,
    fitted: tuple[pd.DataFrame, list],
    event: np.ndarray,
    reference: ReferenceCurve,
    settings: AnalysisSettings,
) -> np.ndarray:
    """Log ratios of the replicates: patients within centre, weights refitted, and the published curve drawn anew."""
    boot, found = settings.bootstrap, []
    generator = np.random.default_rng(boot.seed)
    centre = cohort.frame["centre_id"].astype("string").fillna("").to_numpy(dtype=object)
    for counts in draw_weights(len(event), boot.replicates, seed=boot.seed, stratum=centre):
        weights = bootstrap_maic(*fitted, counts) * counts
        total = draw_expected(reference, cohort, weights, generator)
        ratio = np.divide(weights @ event, total, out=np.full(len(counts), np.nan), where=total > 0)
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
