"""Occupation of the states without response, in response, progressed and after the event; months in each."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prrt_outcomes.responders.states import StateHistory, derive_state_rows
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows

STATES, AFTER_EVENT = ("without_response", "in_response", "progressed"), "after_event"


def estimate_occupation(rows: pd.DataFrame, weights: NDArray, n_states: int) -> tuple[NDArray, NDArray]:
    """Aalen-Johansen estimate of a model of illness and death in which patients move to later states only.

    `rows`: as `derive_state_rows`; any event code above 0 leads to the last state; `weights`: (R, n) how often each
    patient counts; `n_states`: states without the last.
    Returns the (k,) distinct times, from 0, and the (R, k, n_states + 1) probabilities. Everybody starts in the first
    state. The probabilities are the product over distinct times of I + dA, dA the increments of the transitions.
    Andersen, Borgan, Gill and Keiding 1993, section IV.4.
    """
    time, at_risk, moves = _lay_out(rows, n_states)
    weights = weights.astype(np.float64, copy=False)  # products of whole numbers are not left to BLAS
    there = [weights @ matrix for matrix in at_risk]
    rates = {
        move: np.divide(weights @ matrix, base, out=np.zeros(base.shape), where=base > 0)
        for move, matrix in moves.items()
        for base in [there[move[0]]]
    }
    probability = np.zeros((len(weights), len(time) + 1, n_states + 1))
    probability[:, 0, 0] = 1.0
    for k in range(len(time)):
        probability[:, k + 1] = probability[:, k]
        for (old, new), rate in rates.items():
            moved = probability[:, k, old] * rate[:, k]
            probability[:, k + 1, old] -= moved
            probability[:, k + 1, new] += moved
    return np.concatenate(([0.0], time)), probability


def compute_expected_months(time: NDArray, probability: NDArray, horizon_months: float) -> NDArray:
    """Months expected in each state up to a horizon: areas under the occupation probabilities; shape (R, states)."""
    edges = np.minimum(np.append(time, max(horizon_months, time[-1])), horizon_months)
    return np.einsum("rks,k->rs", probability, np.maximum(np.diff(edges), 0.0))


def _lay_out(
    rows: pd.DataFrame, n_states: int
) -> tuple[NDArray, list[NDArray], dict[tuple[int, int], NDArray]]:
    """Distinct times at which a state ends, and (n, k) for each patient and time who is at risk and who moves.

    The matrices at risk are one a state; the moves are by old and new state, the event the last.
    """
    patient, state = rows["patient"].to_numpy(), rows["state"].to_numpy()
    time, last = np.unique(rows["stop"], return_inverse=True)
    first = np.searchsorted(time, rows["start"], side="right")
    shape = (int(patient.max()) + 1, len(time) + 1)

    def add(chosen: NDArray, column: NDArray) -> NDArray:
        cells = patient[chosen] * shape[1] + column[chosen]
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    at_risk = [
        np.cumsum(add(state == code, first) - add(state == code, last + 1), axis=1)[:, :-1]
        for code in range(n_states)
    ]
    following = np.where(np.append(patient[1:] == patient[:-1], False), np.append(state[1:], 0), -1)
    following = np.where(rows["event"] > 0, n_states, following)
    pairs = [(old, new) for old in range(n_states) for new in range(old + 1, n_states + 1)]
    moves = {(old, new): add((state == old) & (following == new), last)[:, :-1] for old, new in pairs}
    return time, at_risk, moves


def summarise_states(
    rows: EndpointRows, history: StateHistory, weights: NDArray | None, settings: AnalysisSettings
) -> dict[str, pd.DataFrame]:
    """State occupation over time, and months expected in each state with their bootstrap interval.

    `history`: of two states, or of three with progression, in the order of STATES; `settings`: rmst_months is the
    horizon; confidence.level.
    Returns result tables `responder_states` and `responder_state_means` but for endpoint and criterion; none with
    late entry.
    """
    if rows.entry_months is not None:
        return {}
    state_rows = derive_state_rows(history.changes, rows)
    names, n_states = (*STATES[: len(history.states)], AFTER_EVENT), len(history.states)
    time, probability = estimate_occupation(state_rows, np.ones((1, len(rows.time_months))), n_states)
    states = [
        pd.DataFrame({"time_months": time, "probability": probability[0, :, k], "state": state})
        for k, state in enumerate(names)
    ]
    horizon = float(settings.rmst_months)
    reached = horizon <= rows.time_months.max()
    expected, low, high = np.full((3, len(names)), np.nan)
    if reached:
        expected = compute_expected_months(time, probability, horizon)[0]
    if weights is not None and reached:
        replicates = compute_expected_months(*estimate_occupation(state_rows, weights, n_states), horizon)
        tail = (1 - settings.confidence.level) / 2
        low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    means = pd.DataFrame(
        {"state": names, "expected_months": expected, "expected_low": low, "expected_high": high}
    )
    replicates = 0 if weights is None else len(weights)  # type: ignore[assignment]
    means = means.assign(horizon_months=horizon, replicates=replicates, status="ok" if reached else "too_few")
    return {"responder_states": pd.concat(states, ignore_index=True), "responder_state_means": means}
