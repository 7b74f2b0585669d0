"""All responder analyses of one endpoint under one criterion, table by table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import choose_references, derive_covariates
from prrt_outcomes.responders.bias import compute_guarantee_time_bias, simulate_null_claims
from prrt_outcomes.responders.comparisons import Comparison, compare_by_all_methods
from prrt_outcomes.responders.curves import summarise_responder_curves
from prrt_outcomes.responders.depth import summarise_depth
from prrt_outcomes.responders.illness_death import (
    STATES,
    bootstrap_expected_months,
    compute_expected_months,
    fit_state_occupation,
)
from prrt_outcomes.responders.landmark_curve import summarise_landmark_curve
from prrt_outcomes.responders.predictors import summarise_predictors
from prrt_outcomes.responders.states import NON_RESPONDER, RESPONDER, derive_state_rows
from prrt_outcomes.responders.weighting import compare_weighted_landmark
from prrt_outcomes.statistics.resampling import draw_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prrt_outcomes.responders.histories import CriterionHistories
    from prrt_outcomes.responders.states import StateHistory
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

NULL_SIMULATIONS = 200
STABLE = "stable"


def analyse_responders(
    rows: EndpointRows, histories: CriterionHistories, study: Study, *, primary: bool
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Compare response groups of one endpoint by every method.

    Parameters
    ----------
    rows : times of one endpoint
    histories : response states of the same patients under one criterion
    study : section `analysis`
    primary : whether the criterion is the study's primary one; the others get the comparisons only

    Yields
    ------
    Name of a result table and its rows, but for the columns endpoint and criterion
    """
    settings = study.analysis
    names = tuple(name for name in settings.covariates if name in rows.frame.columns)
    covariates = derive_covariates(rows.frame, names) if names else None
    references = {} if covariates is None else choose_references(covariates, settings.reference)
    shared = (rows, covariates, references, settings.confidence.level)
    main = Comparison(RESPONDER, NON_RESPONDER, histories.binary, *shared)
    comparisons = [main, *_against_reference(histories.groups, shared)]
    if primary:
        comparisons += _against_reference(histories.categories, shared)
    found = [row for c in comparisons for row in compare_by_all_methods(c, settings.landmark_months)]
    if settings.weight_landmarks:
        weighted = [(m, compare_weighted_landmark(main, float(m))) for m in settings.landmark_months]
        found += [w.row for _, w in weighted if w is not None]
        for month, w in weighted:
            if w is not None:
                yield "responder_balance", w.balance.assign(landmark_months=float(month))
    yield (
        "responders",
        pd.DataFrame(found).assign(weighted=lambda f: f.get("weighted", False)).fillna({"weighted": False}),
    )
    if not primary:
        return
    level = settings.confidence.level
    scale = (level, settings.confidence.type)
    curves = summarise_responder_curves(rows, histories.binary, settings.landmark_months, *scale)
    yield "responder_curves", curves
    landmarks = summarise_landmark_curve(main)
    if landmarks is not None:
        yield "responder_landmarks", landmarks.assign(comparison=main.name)
    weights = _draw(rows, study)
    yield "responder_bias", _measure_bias(rows, histories.binary, weights, study)
    yield from _describe_states(rows, histories.binary, weights, study)
    if covariates is not None:
        predictors = summarise_predictors(
            rows, histories.binary, histories.groups, covariates, references, level
        )
        if predictors is not None:
            yield "responder_predictors", predictors
    depth = summarise_depth(rows, histories.depth, level)
    if depth is not None:
        yield "responder_depth", depth


def _against_reference(history: StateHistory, shared: tuple) -> list[Comparison]:
    """Every state against the reference: stable disease, SD among categories, else the first."""
    states = history.states[1:]
    reference = next((name for name in (STABLE, "SD") if name in states), states[0])
    present = set(history.final.tolist()) | set(history.state.tolist())
    return [
        Comparison(state, reference, history, *shared)
        for position, state in enumerate(states, start=1)
        if state != reference and position in present
    ]


def _draw(rows: EndpointRows, study: Study) -> np.ndarray | None:
    """Bootstrap weights of patients within centre, or None where the study asks for no replicates."""
    bootstrap = study.analysis.bootstrap
    if not bootstrap.replicates:
        return None
    centre = rows.frame["centre_id"].astype("string").fillna("unknown").to_numpy()
    drawn = draw_weights(len(centre), bootstrap.replicates, seed=bootstrap.seed, stratum=centre)
    return np.concatenate(list(drawn))


def _measure_bias(
    rows: EndpointRows, history: StateHistory, weights: np.ndarray | None, study: Study
) -> pd.DataFrame:
    bias = compute_guarantee_time_bias(rows, history, weights, study.analysis.confidence.level)
    claims = simulate_null_claims(
        rows, history, simulations=NULL_SIMULATIONS, seed=study.analysis.bootstrap.seed
    )
    return pd.DataFrame(
        [
            {
                "comparison": f"{RESPONDER}:{NON_RESPONDER}",
                "naive_log_hazard_ratio": bias.naive,
                "time_dependent_log_hazard_ratio": bias.time_dependent,
                "bias": bias.bias,
                "bias_low": bias.low,
                "bias_high": bias.high,
                "replicates": bias.n_replicates,
                "null_simulations": 0 if claims is None else claims.n_simulations,
                "null_naive_hazard_ratio": np.nan if claims is None else claims.naive_hazard_ratio,
                "null_naive_rejected": np.nan if claims is None else claims.naive_rejected,
                "null_mantel_byar_rejected": np.nan if claims is None else claims.mantel_byar_rejected,
                "status": bias.status,
            }
        ]
    )


def _describe_states(
    rows: EndpointRows, history: StateHistory, weights: np.ndarray | None, study: Study
) -> Iterator[tuple[str, pd.DataFrame]]:
    """State occupation over time, and months expected in each state with their bootstrap interval."""
    if rows.entry_months is not None:
        return
    state_rows = derive_state_rows(history, rows.time_months, rows.event, None)
    occupation = fit_state_occupation(state_rows)
    yield (
        "responder_states",
        pd.concat(
            [
                pd.DataFrame(
                    {"time_months": occupation.time, "probability": occupation.probability[:, k]}
                ).assign(state=state)
                for k, state in enumerate(STATES)
            ],
            ignore_index=True,
        ),
    )
    horizon = float(study.analysis.rmst_months)
    reached = horizon <= rows.time_months.max()
    expected = compute_expected_months(occupation, horizon) if reached else np.full(3, np.nan)
    low, high = np.full(3, np.nan), np.full(3, np.nan)
    if weights is not None and reached:
        replicates = bootstrap_expected_months(state_rows, weights, horizon)
        tail = (1 - study.analysis.confidence.level) / 2
        low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    yield (
        "responder_state_means",
        pd.DataFrame(
            {
                "state": STATES,
                "horizon_months": horizon,
                "expected_months": expected,
                "expected_low": low,
                "expected_high": high,
                "replicates": 0 if weights is None else len(weights),
                "status": "ok" if reached else "too_few",
            }
        ),
    )
