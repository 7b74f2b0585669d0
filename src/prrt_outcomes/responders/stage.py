"""Responders: the naive comparison beside those without guarantee-time bias."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row, stage_frame
from prrt_outcomes.cohort.grouping import fix_references
from prrt_outcomes.responders.bias import (
    NULL_SIMULATIONS,
    compare_weighted_landmark,
    compute_guarantee_time_bias,
    simulate_null_claims,
    summarise_landmark_curve,
)
from prrt_outcomes.responders.comparisons import (
    Comparison,
    compare_by_all_methods,
    summarise_responder_curves,
)
from prrt_outcomes.responders.depth import summarise_depth, summarise_predictors
from prrt_outcomes.responders.growth import compare_growth, count_growth_losses, select_growth
from prrt_outcomes.responders.illness_death import summarise_states
from prrt_outcomes.responders.states import (
    NON_RESPONDER,
    ORIGINS_BEFORE_RESPONSE,
    RESPONDER,
    CriterionHistories,
    StateHistory,
    compute_landmark_limit,
    compute_state_at,
    derive_histories,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.weights import draw_weights
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.cox_models import impute_covariates
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.tables.frames import derive_skipped_tables, stack_tables

INPUTS = ("endpoints", "analysis_set", "responses", "response_depth", "treatment_periods")
OUTPUTS = (
    "responders", "responder_curves", "responder_bias", "responder_landmarks", "responder_states",
    "responder_state_means", "responder_predictors", "responder_depth", "responder_balance", "tumour_growth",
)  # fmt: skip
SETTINGS = ("analysis", "endpoints", "response")
STABLE = "stable"


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare response groups for every endpoint that starts before response, under every criterion.

    Returns `responders` (every method in every comparison), the other tables of OUTPUTS for the primary criterion,
    `attrition`, `stages`.
    """
    if tables["responses"].empty or tables["treatment_periods"].empty:
        reason = "there are no responses by scan, so who responds when is not known"
        return derive_skipped_tables("responders", OUTPUTS, reason)
    study = fix_references(study, tables["analysis_set"])
    made: dict[str, list[pd.DataFrame]] = {name: [] for name in OUTPUTS}
    losses: list[dict] = []
    markers = study.response.markers
    names = [d.name for d in study.endpoints if d.origin in ORIGINS_BEFORE_RESPONSE]
    known = [select_endpoint_rows(tables["endpoints"], tables["analysis_set"], name) for name in names]
    for position, criterion in enumerate(c for c in study.response.criterion_names if c not in markers):
        for rows in (rows for rows in known if rows is not None):
            histories = derive_histories(tables, rows, criterion, study)
            for name, table in _analyse_responders(rows, histories, study, primary=position == 0):
                if table is not None:
                    made[name].append(table.assign(endpoint=rows.endpoint, criterion=criterion))
            losses += _count_losses(rows, histories, study, criterion)
            if position == 0:
                growth = select_growth(tables, rows, criterion)
                found = compare_growth(rows, growth, study.analysis.confidence.level)
                made["tumour_growth"].append(found.assign(endpoint=rows.endpoint, criterion=criterion))
                losses += count_growth_losses(rows, growth, found, criterion)
    results = {name: stack_tables(name, parts) for name, parts in made.items()}
    if results["responders"].empty:
        reason = "no endpoint that starts before response has times"
        return derive_skipped_tables("responders", OUTPUTS, reason)
    curves = results["responder_curves"].drop(columns="criterion", errors="ignore")
    accounts = {"attrition": attrition_frame(losses), "stages": stage_frame("responders", "done")}
    return results | {"responder_curves": curves} | accounts


def _analyse_responders(
    rows: EndpointRows, histories: CriterionHistories, study: Study, *, primary: bool
) -> Iterator[tuple[str, pd.DataFrame | None]]:
    """Compare response groups of one endpoint by every method."""
    settings = study.analysis
    covariates = rows.derive_covariates(settings.covariates)
    level = settings.confidence.level
    shared = (rows, covariates if len(covariates.columns) else None, level)
    imputed: tuple[pd.DataFrame, ...] = ()
    if primary:  # the endpoint and the first response are in the imputation model
        onset = histories.binary.onset
        response = SurvivalData(np.minimum(onset, rows.time_months), onset < rows.time_months)
        imputed = tuple(impute_covariates(covariates, [rows.data, response], settings))
    main = Comparison(RESPONDER, NON_RESPONDER, histories.binary, *shared, imputed)
    comparisons = [main, *_against_reference(histories.groups, shared)]
    if primary:
        comparisons += _against_reference(histories.categories, shared)
    found = [row for c in comparisons for row in compare_by_all_methods(c, settings.landmark_months)]
    for month in map(float, settings.landmark_months if settings.weight_landmarks else ()):
        weighted = compare_weighted_landmark(main, month)
        if weighted is not None:
            found.append(weighted[0])
            sets = [compare_weighted_landmark(replace(main, covariates=frame), month) for frame in imputed]
            fits = [one[0] for one in sets if one is not None]
            if fits and len(fits) == len(imputed):
                found.append(weighted[0] | main.pool(fits) | {"statistic": np.nan, "ess": np.nan})
            yield "responder_balance", weighted[1]
    yield "responders", pd.DataFrame(found)
    if not primary:
        return
    yield "responder_curves", summarise_responder_curves(rows, histories.binary, settings)
    yield "responder_landmarks", summarise_landmark_curve(main)
    weights, boot = None, settings.bootstrap
    if boot.replicates:  # patients within centre
        centre = rows.frame["centre_id"].astype("string").fillna("unknown").to_numpy()
        drawn = draw_weights(len(centre), boot.replicates, seed=boot.seed, stratum=centre)
        weights = np.concatenate(list(drawn))
    bias = compute_guarantee_time_bias(rows, histories.binary, weights, level)
    claims = simulate_null_claims(rows, histories.binary, simulations=NULL_SIMULATIONS, seed=boot.seed)
    yield "responder_bias", pd.DataFrame([{"comparison": main.name} | bias | claims])
    ends = next(one.progression == "event" for one in study.endpoints if one.name == rows.endpoint)
    course = histories.binary if ends else histories.course
    yield from summarise_states(rows, course, weights, settings).items()
    onsets = histories.binary.onset, histories.groups.onset
    yield "responder_predictors", summarise_predictors(rows, onsets, covariates, imputed, settings)
    yield "responder_depth", summarise_depth(rows, histories.depth, level)


def _against_reference(history: StateHistory, shared: tuple) -> list[Comparison]:
    """Every state against the reference: stable disease, SD among categories, else the first."""
    states = history.states[1:]
    reference = next((name for name in (STABLE, "SD") if name in states), states[0])
    present = {*history.final, *history.changes["state"]}
    return [
        Comparison(state, reference, history, *shared)
        for position, state in enumerate(states, start=1)
        if state != reference and position in present
    ]


def _count_losses(
    rows: EndpointRows, histories: CriterionHistories, study: Study, criterion: str
) -> list[dict]:
    """Patients who had left before each landmark, and those without an evaluable scan by then."""
    n = len(rows.time_months)
    losses = []
    for month in study.analysis.landmark_months:
        step = f"responders: {rows.endpoint}, {criterion}, landmark {month:g} months"
        gone = rows.time_months <= compute_landmark_limit(month)
        left = n - int(gone.sum())
        unknown = int((~gone & (compute_state_at(histories.groups, month) == 0)).sum())
        ended = "observation ended by the landmark"
        reason = "no evaluable scan by the landmark (counted as non-responder, in no response group)"
        losses.append(attrition_row("endpoints", "patients", step, ended, n, n - left))
        losses.append(attrition_row("endpoints", "patients", step, reason, left, unknown))
    return losses
