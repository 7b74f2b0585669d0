"""Delta adjustment: patients of ours censored before the cut-off have another hazard afterwards than those observed."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.control_results import Comparison
from prrt_outcomes.controls.sensitivity import sensitivity_row
from prrt_outcomes.controls.weighted_comparison import pool_rows
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_hazards
from prrt_outcomes.statistics.model_rows import derive_design_matrix, derive_model_rows
from prrt_outcomes.statistics.weights import draw_weights
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.units import convert_days_to_months

DELTAS = {
    1.0: "hazard unchanged after censoring",
    2.0: "hazard doubled after censoring",
    5.0: "hazard 5 times as high after censoring",
}
SMALLEST = 1e-12


def vary_censoring(comparison: Comparison) -> Iterator[dict]:
    """The primary comparison with another outcome of those of the cohort who were censored before the cut-off.

    Rows of `control_sensitivity`, one a factor of the hazard after the censoring, from 1 (censoring at random), pooled
    by Rubin's rules, and one with the event at the censoring. The control stays as it is. Sources: Jackson 2014,
    Statistics in Medicine 33:4681; Lipkovich 2016, Pharmaceutical Statistics 15:216.
    """
    controls, settings, cohort = comparison.study.controls, comparison.settings, comparison.cohort
    first = next((c for c in controls if c.primary), controls[0])
    sets, ends = settings.multiple_imputation_sets, find_ends(comparison)
    if comparison.control.id != first.id or sets < 2:
        return
    worst = comparison.estimate(replace(cohort, event=np.where(ends > cohort.time_months, 1, cohort.event)))
    changed = worst["observed"] - comparison.estimate(cohort)["observed"]
    if not changed > 0:
        return
    who = f"{changed:.0f} of our patients who are compared were censored before the cut-off"
    names = getattr(comparison.control, "covariates", ())
    for delta, words in DELTAS.items():
        how: dict = {"sets": sets, "seed": settings.bootstrap.seed}
        imputed = impute_after_censoring(cohort, ends, names, delta, **how)
        same = [comparison.estimate(one) for one in imputed]
        events = float(np.mean([one["observed"] for one in same])) + comparison.control_events
        row = pool_rows(same, sets, events, settings)
        note = (
            f"{who}; {sets} imputed sets; after the last event the hazard of the last quarter of event times"
        )
        yield sensitivity_row("censoring", words, row, note)
    yield sensitivity_row("censoring", "event at the censoring", worst, f"{who}; each has the event then")


def find_ends(comparison: Comparison) -> NDArray:
    """Months to the data cut-off for our censored patients, at most the longest time of all; own time for others.

    The cut-off is that of the study, else the last date of the endpoint; without dates the longest time of all.
    """
    cohort, study = comparison.cohort, comparison.study
    rows = comparison.tables["endpoints"].query("endpoint == @cohort.endpoint")
    own = rows.set_index("patient_id").reindex(cohort.frame["patient_id"])
    cutoff = own[["end_date", "last_contact_date"]].max().max()
    if study.data_cutoff is not None and comparison.definition.data_cutoff != "ignore":
        cutoff = pd.Timestamp(study.data_cutoff)
    days = (cutoff - pd.to_datetime(own["origin_date"])).dt.days.to_numpy(dtype=float)
    longest = cohort.time_months.max()
    possible = np.fmin(np.where(np.isfinite(days), convert_days_to_months(days), longest), longest)
    return np.where(cohort.event == 0, np.maximum(possible, cohort.time_months), cohort.time_months)


def impute_after_censoring(
    cohort: EndpointRows, ends: NDArray, covariates: tuple[str, ...], delta: float, *, sets: int, seed: int
) -> list[EndpointRows]:
    """Draw what became of censored patients up to their `ends`, months: one cohort a set.

    A patient censored at c survives to t with exp(-delta (H(t) - H(c))). H is predicted from a Cox model with the
    `covariates`, whose missing values are the median or the most frequent, fitted to a bootstrap of the cohort in each
    set. After the last event it rises by the events over the person-time of the last quarter of event times. Draws are
    those of the seed whatever delta, so that a larger one never brings an event later.
    """
    known = derive_covariates(cohort.frame, covariates).dropna(axis="columns", how="all")
    frame = known.assign(constant=0.0).reset_index(drop=True)
    for name in known:
        number = pd.api.types.is_numeric_dtype(frame[name])
        frame[name] = frame[name].fillna(frame[name].median() if number else frame[name].mode().iloc[0])
    design, rows = derive_design_matrix(frame), derive_model_rows(cohort.cause_specific)
    observed, open_ = cohort.time_months, ends > cohort.time_months
    times = np.unique(observed[cohort.event == 1])
    grid = np.append(0.0, times)
    late = grid[len(times) * 3 // 4]
    late_events = (cohort.event == 1) & (observed > late)
    late_months = np.maximum(observed - np.maximum(cohort.entry, late), 0.0)
    before = np.searchsorted(times, observed[open_], side="right")
    beyond = np.maximum(observed[open_] - grid[-1], 0.0)
    generator, found = np.random.default_rng(seed), []
    for counts in draw_weights(len(ends), sets, seed=seed):
        parts = bootstrap_cox_hazards(design, rows, counts, design.matrix, times)
        for weights, relative, baseline in zip(counts, *parts, strict=True):
            exposed = (weights * relative) @ late_months
            rate = max((weights @ late_events) / max(exposed, SMALLEST), SMALLEST)
            hazard = np.append(0.0, baseline)
            spent = hazard[before] + rate * beyond
            target = spent + generator.exponential(size=len(before)) / (delta * relative[open_])
            when = np.append(grid, np.inf)[np.searchsorted(hazard, target)]
            when = np.where(np.isinf(when), grid[-1] + (target - hazard[-1]) / rate, when)
            time, event = observed.copy(), cohort.event.copy()
            time[open_], event[open_] = np.minimum(when, ends[open_]), when <= ends[open_]
            found.append(replace(cohort, time_months=time, event=event))
    return found
