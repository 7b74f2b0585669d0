"""Delta adjustment: patients of ours who were censored early have another hazard afterwards than those observed."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prrt_outcomes.cohort.grouping import derive_covariates
from prrt_outcomes.controls.control_results import Comparison
from prrt_outcomes.controls.imputed import pool_rows
from prrt_outcomes.controls.sensitivity import sensitivity_row
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_hazards
from prrt_outcomes.statistics.model_rows import derive_design_matrix, derive_model_rows
from prrt_outcomes.statistics.weights import draw_weights
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.units import convert_days_to_months

AT_ONCE = 1e6
DELTAS = {
    1.0: "hazard unchanged after early censoring",
    2.0: "hazard doubled after early censoring",
    5.0: "hazard times 5 after early censoring",
    AT_ONCE: "event right after early censoring",
}


def vary_censoring(comparison: Comparison) -> Iterator[dict]:
    """The primary comparison with the time after an early censoring of the cohort imputed under other hazards.

    Rows of `control_sensitivity`, one a factor of the hazard after the censoring, from 1 (censoring at random) to the
    event at once. The control stays as it is. Pooled by Rubin's rules. Sources: Jackson 2014, Statistics in Medicine
    33:4681; Lipkovich 2016, Pharmaceutical Statistics 15:216.
    """
    controls, settings = comparison.study.controls, comparison.settings
    first = next((c for c in controls if c.primary), controls[0])
    sets, ends = settings.multiple_imputation_sets, find_ends(comparison)
    eligible = int((ends > comparison.cohort.time_months).sum())
    if comparison.control.id != first.id or sets < 2 or not eligible:
        return
    names = getattr(comparison.control, "covariates", ())
    for delta, words in DELTAS.items():
        how: dict = {"sets": sets, "seed": settings.bootstrap.seed}
        imputed = impute_after_censoring(comparison.cohort, ends, names, delta, **how)
        row = pool_rows([comparison.estimate(cohort) for cohort in imputed], sets, settings)
        note = f"{eligible} of our patients were censored before the cut-off; {sets} imputed sets"
        yield sensitivity_row("censoring", words, row, note)


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
    set. Draws are those of the seed whatever delta, so that a larger one never brings an event later.
    """
    known = derive_covariates(cohort.frame, covariates).dropna(axis="columns", how="all")
    frame = known.assign(constant=0.0).reset_index(drop=True)
    for name in known:
        number = pd.api.types.is_numeric_dtype(frame[name])
        frame[name] = frame[name].fillna(frame[name].median() if number else frame[name].mode().iloc[0])
    design, rows = derive_design_matrix(frame), derive_model_rows(cohort.cause_specific)
    times = np.unique(cohort.time_months[cohort.event == 1])
    open_ = ends > cohort.time_months
    before = np.searchsorted(times, cohort.time_months[open_], side="right")
    generator, found = np.random.default_rng(seed), []
    for counts in draw_weights(len(ends), sets, seed=seed):
        parts = bootstrap_cox_hazards(design, rows, counts, design.matrix[open_], times)
        for relative, hazard in zip(*parts, strict=True):
            spent = np.append(0.0, hazard)[before]
            target = spent + generator.exponential(size=len(before)) / (delta * relative)
            when = np.append(times, np.inf)[np.searchsorted(hazard, target)]
            time, event = cohort.time_months.copy(), cohort.event.copy()
            time[open_], event[open_] = np.minimum(when, ends[open_]), when <= ends[open_]
            found.append(replace(cohort, time_months=time, event=event))
    return found
