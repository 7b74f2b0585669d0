"""A published arm as control: one-sample tests, reweighting to its baseline table, borrowing and power."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import compute_group
from prrt_outcomes.controls.borrowing import count_pieces_published, tabulate_borrowing
from prrt_outcomes.controls.control_results import (
    Comparison,
    ControlResults,
    comparison_row,
)
from prrt_outcomes.controls.library import convert_arm_to_control, list_subgroup_arms, name_tumour_types
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
from prrt_outcomes.controls.weighted_comparison import tabulate_reference_curves
from prrt_outcomes.controls.weighting import derive_targets, summarise_replicates
from prrt_outcomes.statistics.maic import MaicResult, bootstrap_maic, fit_maic
from prrt_outcomes.statistics.weights import compute_effective_sample_size, draw_weights
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows

WEAK = "weak evidence: {}; read it with its comparability table"
NOT_BALANCED = "the patients of a published arm are not known one by one, so nothing can be balanced"
PARTLY_BALANCED = "only what the published baseline table names is balanced"


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
