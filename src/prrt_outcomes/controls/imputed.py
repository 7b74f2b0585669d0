"""Weighted comparisons with missing covariates imputed several times, beside the complete cases."""

from dataclasses import replace

import numpy as np

from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.two_samples import TwoSamples, compare_hazards
from prrt_outcomes.controls.weighted_comparison import compare_standardised
from prrt_outcomes.controls.weighting import fit_weighting
from prrt_outcomes.statistics.cox import compute_ratio
from prrt_outcomes.statistics.imputation import pool_estimates
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import PatientsControl
from prrt_outcomes.survival.imputed import impute_covariates

NUMBERS = ("value", "std_error")


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
    values, errors = (np.array([row[name] for row in same], dtype=float) for name in NUMBERS)
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
