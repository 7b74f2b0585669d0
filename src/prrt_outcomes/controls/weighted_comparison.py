"""Two samples compared unweighted and with every weighting, also imputed; balance, borrowing, power and rating."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.controls import two_samples
from prrt_outcomes.controls.borrowing import count_pieces, tabulate_borrowing
from prrt_outcomes.controls.control_results import (
    ControlResults,
    comparison_row,
    join_frames,
    read_difference,
)
from prrt_outcomes.controls.observed_expected import ReferenceCurve
from prrt_outcomes.controls.rating import rate_weighting, tabulate_power_two_samples
from prrt_outcomes.controls.sensitivity import tabulate_bias_sensitivity
from prrt_outcomes.controls.two_samples import TwoSamples, compare_hazards
from prrt_outcomes.controls.weighting import ESTIMANDS, MATCHED, bootstrap_weightings, fit_weighting
from prrt_outcomes.statistics.cox import compute_ratio
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.imputation import pool_estimates
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier
from prrt_outcomes.statistics.risk_table import flag_at_risk
from prrt_outcomes.statistics.standardisation import METHOD, fit_standardised_survival
from prrt_outcomes.statistics.weights import compute_balance, compute_effective_sample_size
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import PatientsControl
from prrt_outcomes.survival.cox_models import impute_covariates
from prrt_outcomes.survival.curves import choose_ticks, fit_curve, tabulate_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows

INFLUENCE = "interval from the influence function"
NOT_BORROWED = ("ate", MATCHED)
FEWEST = 10
BINS = 20
REFERENCE_STEPS = 200


def compare_weightings(
    weightings: Sequence[two_samples.Weighting],
    settings: AnalysisSettings,
    *,
    given: Sequence[dict] = (),
    published_means: Mapping[str, float] | None = None,
    doubts: Sequence[str] = (),
) -> ControlResults:
    """Compare two samples with every weighting, unweighted first; add borrowing, power, curves, overlap and ratings.

    `given` are further rows of `controls`; balance is held against `published_means` of a control whose patients have
    no covariates; every rating has the `doubts` about the data of the control.
    """
    level, samples = settings.confidence.level, weightings[0].samples
    usable = [weighting for weighting in weightings if weighting.is_usable]
    points = [row for w in weightings for row in compare_weighted(w, settings)]
    rows = [*points, *bootstrap_weightings(weightings, settings, points), *given]
    balance = {
        w.label: tabulate_balance(w, published_means) for w in usable if len(w.samples.covariates.columns)
    }
    curves, at_risk = zip(*(tabulate_weighted_curves(w, settings) for w in usable), strict=True)
    borrowed = [
        tabulate_borrowing(count_pieces(w.samples, w.weights), w.samples.sizes, w.label, level)
        for w in usable
        if w.label not in NOT_BORROWED
    ]
    medians = {row["weights"]: row["value"] for row in rows if row["estimate"] == "median_control"}
    extra = [row for more, _ in borrowed for row in more]
    extra += tabulate_bias_sensitivity(rows, float(samples.event.mean()), medians)
    tables = {
        "control_balance": join_frames(balance.values()),
        "control_borrowing": join_frames(grid for _, grid in borrowed),
        "control_power": tabulate_power_two_samples(samples, level),
        "control_curves_fitted": join_frames(curves),
        "control_fitted_at_risk": join_frames(at_risk),
        "control_overlap": join_frames(tabulate_overlap(w) for w in usable),
        "control_verdicts": pd.DataFrame(
            [rate_weighting(w, balance.get(w.label), doubts) for w in weightings]
        ),
    }
    return ControlResults([*rows, *extra], tables)


def compare_weighted(weighting: two_samples.Weighting, settings: AnalysisSettings) -> list[dict]:
    """Rows of `controls` of one weighting with robust intervals, and what is doubly robust."""
    if not weighting.is_usable:
        return [_row_without_weights(weighting)]
    rows = [row | {"note": weighting.note} for row in two_samples.compare_two_samples(weighting, settings)]
    return rows + compare_standardised(weighting, settings)


def _row_without_weights(weighting: two_samples.Weighting) -> dict:
    """Row of `controls` of a weighting that has no solution."""
    return comparison_row(
        "cox", "hazard_ratio", weights=weighting.label, status=weighting.status, note=weighting.note
    )


def compare_standardised(weighting: two_samples.Weighting, settings: AnalysisSettings) -> list[dict]:
    """Doubly robust survival difference at the milestones; needs scores, and everybody there from the start."""
    samples = weighting.samples
    if weighting.label not in ESTIMANDS or weighting.score is None or samples.entry_months is not None:
        return []
    estimand, level = ESTIMANDS[weighting.label], settings.confidence.level
    data = samples.data, samples.in_cohort, samples.covariates, weighting.score
    found = fit_standardised_survival(*data, settings.milestones_months, estimand=estimand, confidence=level)
    shared: dict = {"weights": weighting.label, "assumption": f"{METHOD}; {INFLUENCE}"} | samples.sizes
    return [
        comparison_row(
            "standardised", "survival_difference", horizon_months=row.time, **read_difference(row), **shared
        )
        for row in found.itertuples()
    ]


def tabulate_balance(
    weighting: two_samples.Weighting, published_means: Mapping[str, float] | None = None
) -> pd.DataFrame:
    """Rows of `control_balance` of one weighting; published means have no variance, so no standardised difference."""
    samples = weighting.samples
    found = compute_balance(samples.in_cohort, samples.covariates, weighting.weights)
    suffix = "" if weighting.weights is None else "_weighted"
    columns = {"mean": "mean_cohort", "mean_control": "mean_control", "smd": "smd"}
    table = pd.DataFrame({name: found[f"{own}{suffix}"] for name, own in columns.items()}).assign(
        covariate=found["covariate"], weights=weighting.label, status=found["status"]
    )
    if published_means is None:
        return table
    means = table["covariate"].map(published_means).astype(float)
    return table.assign(mean_control=means, smd=np.nan, status="not_estimable")


def estimate_hazard_ratio(
    samples: two_samples.TwoSamples | None, control: PatientsControl | None, settings: AnalysisSettings
) -> dict:
    """Cox row of two samples by the first weighting that the control asks for; unweighted for None."""
    label = control.weights[0] if control is not None and control.weights else "none"
    if samples is None or min(samples.sizes.values()) < FEWEST:
        return comparison_row("cox", "hazard_ratio", weights=label, status="too_few")
    weighting = two_samples.Weighting("none", samples)
    if control is not None and control.weights:
        weighting, _ = fit_weighting(samples, control, label)
    if not weighting.is_usable:
        return _row_without_weights(weighting)
    samples = weighting.samples
    sizes = samples.sizes | ({} if weighting.weights is None else weighting.effective_sizes)
    shared: dict = {"weights": label, "observed": float(samples.event[samples.in_cohort].sum())}
    return two_samples.compare_hazards(weighting, settings, shared | sizes)


def tabulate_weighted_curves(
    weighting: two_samples.Weighting, settings: AnalysisSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves of both sides (`control_curves_fitted`) and numbers at risk (`control_fitted_at_risk`).

    Both lack control and endpoint. A row of a curve at 0 and at each distinct time; patients, sums of weights and
    effective sizes just before each tick.
    """
    samples = weighting.samples
    curves = two_samples.fit_both_curves(weighting, settings)
    ticks = choose_ticks(float(samples.time_months.max()))
    parts, counts = [], []
    for side, members in samples.sides():
        labels = {"weights": weighting.label, "group": side}
        parts.append(_tabulate(curves[side]).assign(**labels))
        counts.append(_count_at_ticks(weighting.select(members).data, ticks).assign(**labels))
    return pd.concat(parts, ignore_index=True), pd.concat(counts, ignore_index=True)


def tabulate_reference_curves(
    rows: EndpointRows, references: list[ReferenceCurve], settings: AnalysisSettings, n_control: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curve of our patients, and the reference curves of a published arm beside it; as `tabulate_weighted_curves`.

    `assumption` tells the reference curves apart; each ends at its last published point, and they have no numbers at
    risk but their size at 0.
    """
    end = float(rows.time_months.max())
    parts = [_tabulate(fit_curve(rows, settings)).assign(group=two_samples.COHORT)]
    for reference in references:
        # Cuts are on the grid, so that the kinks of the curve are drawn where they are.
        times = np.union1d(np.linspace(0, reference.end, REFERENCE_STEPS + 1), reference.curve.cuts)
        columns = {"time_months": times, "n_at_risk": np.where(times == 0, float(n_control), np.nan)}
        columns["survival"] = reference.curve.compute_survival(times)
        parts.append(pd.DataFrame(columns).assign(assumption=reference.assumption, group=two_samples.CONTROL))
    counts = _count_at_ticks(rows.data, choose_ticks(end)).assign(weights="none", group=two_samples.COHORT)
    return pd.concat(parts, ignore_index=True).assign(weights="none"), counts


def tabulate_overlap(weighting: two_samples.Weighting) -> pd.DataFrame:
    """Propensity scores of both sides in bins of one twentieth: `control_overlap` but for control and endpoint."""
    samples, weights, parts = weighting.samples, weighting.weights_or_ones, []
    if weighting.score is None:
        return pd.DataFrame()
    edges = np.linspace(0, 1, BINS + 1)
    for side, members in samples.sides():
        counts, _ = np.histogram(weighting.score[members], bins=edges)
        weighted, _ = np.histogram(weighting.score[members], bins=edges, weights=weights[members])
        columns = {"score_low": edges[:-1], "score_high": edges[1:], "n": counts}
        columns |= {"share": counts / members.sum(), "share_weighted": weighted / weights[members].sum()}
        parts.append(pd.DataFrame(columns).assign(weights=weighting.label, group=side))
    return pd.concat(parts, ignore_index=True)


def _tabulate(curve: KaplanMeier) -> pd.DataFrame:
    limits = ["survival_low", "survival_high"]
    table = tabulate_curve(curve, curve.at_risk[0])[["time_months", "n_at_risk", "survival", *limits]]
    table.loc[0, limits] = np.nan
    return table.assign(assumption="")


def _count_at_ticks(rows: SurvivalData, ticks: np.ndarray) -> pd.DataFrame:
    """Patients, weights and effective patients at risk just before each tick."""
    inside, _ = flag_at_risk(rows, ticks)
    weighted = inside * (1.0 if rows.weights is None else rows.weights)
    table = pd.DataFrame({"time_months": ticks, "n_at_risk": inside.sum(axis=1)})
    size = compute_effective_sample_size(weighted)
    return table.assign(weighted_at_risk=weighted.sum(axis=1), effective_at_risk=size)


def compare_imputed(samples: TwoSamples, control: PatientsControl, settings: AnalysisSettings) -> list[dict]:
    """Rows of `controls` of every weighting, pooled over imputed covariates; none where none is missing.

    Covariates are imputed from each other, the side, and the outcome (event and cumulative hazard); weights are fitted
    in each set anew. Hazard ratios (on the log scale) and doubly robust survival differences are pooled by Rubin's
    rules with the robust variance of each set. A weighting without a solution in a set has no row.
    """
    completed = impute_covariates(samples.covariates, [samples.data], settings, samples.in_cohort)
    rows = []
    for label in control.weights if completed else ():
        fitted = [fit_weighting(replace(samples, covariates=frame), control, label)[0] for frame in completed]
        if all(weighting.is_usable for weighting in fitted):
            found = [
                [
                    compare_hazards(w, settings, {"weights": label} | w.samples.sizes),
                    *compare_standardised(w, settings),
                ]
                for w in fitted
            ]
            rows += [
                pool_rows(list(same), len(completed), float(samples.event.sum()), settings)
                for same in zip(*found, strict=True)
            ]
    return rows


def pool_rows(same: list[dict], sets: int, events: float, settings: AnalysisSettings) -> dict:
    """Row of `controls` of one estimate of all sets by Rubin's rules; not estimable where a set has none.

    Complete data have the degrees of freedom of the `events` for a ratio, of the patients for a difference, minus 1.
    """
    first = same[0]
    shared = {name: first[name] for name in ("weights", "n", "n_control", "horizon_months")}
    shared["assumption"] = f"multiple imputation, {sets} sets"
    values, errors = (np.array([row[name] for row in same], dtype=float) for name in ("value", "std_error"))
    if not (np.isfinite(values).all() and np.isfinite(errors).all()):
        return comparison_row(first["method"], first["estimate"], status="not_estimable", **shared)
    is_ratio = first["estimate"] in ("hazard_ratio", "smr")
    pooled = pool_estimates(
        (np.log(values) if is_ratio else values)[:, None],
        errors[:, None] ** 2,
        complete_degrees_of_freedom=(events if is_ratio else float(first["n"] + first["n_control"])) - 1,
        confidence=settings.confidence.level,
    ).iloc[0]
    ends = pooled[["estimate", "lower", "upper"]].to_numpy(dtype=float)
    value, low, high = (compute_ratio(ends) if is_ratio else ends).tolist()
    numbers = {"value": value, "low": low, "high": high}
    numbers |= {"std_error": float(pooled["std_error"]), "p_value": float(pooled["p_value"])}
    return comparison_row(first["method"], first["estimate"], **numbers, **shared)
