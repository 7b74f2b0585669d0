"""Occupation of the states without response, in response and after the event; months expected in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.responders.states import derive_state_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prrt_outcomes.responders.states import StateHistory
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

STATES = ("without_response", "in_response", "after_event")


def estimate_occupation(rows: pd.DataFrame, weights: NDArray) -> tuple[NDArray, NDArray]:
    """Aalen-Johansen estimate of the illness-death model of response and event.

    `rows`: as `derive_state_rows`, of two states, 0 without and 1 in response; any event code above 0 ends;
    `weights`: (R, n) how often each patient counts.
    Returns the (k,) distinct times, from 0, and the (R, k, 3) probabilities in the order of STATES.
    Everybody starts without response. The probabilities are the product over distinct times of I + dA, dA the
    increments of the three transitions (response, event without, event in response). Andersen, Borgan, Gill and
    Keiding 1993, section IV.4.
    """
    time, counts = _lay_out(rows)
    sums = {name: weights @ matrix for name, matrix in counts.items()}

    def rate(moves: str, at_risk: str) -> NDArray:
        there = sums[at_risk] > 0
        return np.divide(sums[moves], sums[at_risk], out=np.zeros(there.shape), where=there)

    respond, end, end_in_response = rate("respond", "y0"), rate("end0", "y0"), rate("end1", "y1")
    probability = np.zeros((len(weights), len(time) + 1, 3))
    probability[:, 0, 0] = 1.0
    for k in range(len(time)):
        without, inside = probability[:, k, 0], probability[:, k, 1]
        moved = without * respond[:, k]
        probability[:, k + 1, 0] = without - moved - without * end[:, k]
        probability[:, k + 1, 1] = inside * (1 - end_in_response[:, k]) + moved
    probability[:, 1:, 2] = 1 - probability[:, 1:, 0] - probability[:, 1:, 1]
    return np.concatenate(([0.0], time)), probability


def compute_expected_months(time: NDArray, probability: NDArray, horizon_months: float) -> NDArray:
    """Months expected in each state up to a horizon: areas under the occupation probabilities; shape (R, 3)."""
    edges = np.minimum(np.append(time, max(horizon_months, time[-1])), horizon_months)
    return np.einsum("rks,k->rs", probability, np.maximum(np.diff(edges), 0.0))


def _lay_out(rows: pd.DataFrame) -> tuple[NDArray, dict[str, NDArray]]:
    """Distinct times at which a state ends, and for each patient and time who is at risk and who moves.

    Matrices (n, k): at risk without (y0) and in response (y1), response, event without (end0) and in response (end1).
    """
    patient, state = rows["patient"].to_numpy(), rows["state"].to_numpy()
    time, last = np.unique(rows["stop"], return_inverse=True)
    first = np.searchsorted(time, rows["start"], side="right")
    shape = (int(patient.max()) + 1, len(time) + 1)

    def add(chosen: NDArray, column: NDArray) -> NDArray:
        return np.bincount(
            patient[chosen] * shape[1] + column[chosen], minlength=shape[0] * shape[1]
        ).reshape(shape)

    counts = {}
    for code in (0, 1):
        own = state == code
        counts[f"y{code}"] = np.cumsum(add(own, first) - add(own, last + 1), axis=1)[:, :-1]
        counts[f"end{code}"] = add(own & (rows["event"].to_numpy() > 0), last)[:, :-1]
    responds = np.append((patient[1:] == patient[:-1]) & (state[1:] == 1), False)
    counts["respond"] = add(responds & (state == 0), last)[:, :-1]
    return time, counts


def summarise_states(
    rows: EndpointRows, history: StateHistory, weights: NDArray | None, settings: AnalysisSettings
) -> dict[str, pd.DataFrame]:
    """State occupation over time, and months expected in each state with their bootstrap interval.

    `settings`: rmst_months is the horizon; confidence.level.
    Returns result tables `responder_states` and `responder_state_means` but for endpoint and criterion; none with
    late entry.
    """
    if rows.entry_months is not None:
        return {}
    state_rows = derive_state_rows(history.changes, rows)
    time, probability = estimate_occupation(state_rows, np.ones((1, len(rows.time_months))))
    states = [
        pd.DataFrame({"time_months": time, "probability": probability[0, :, k], "state": state})
        for k, state in enumerate(STATES)
    ]
    horizon = float(settings.rmst_months)
    reached = horizon <= rows.time_months.max()
    expected = compute_expected_months(time, probability, horizon)[0] if reached else np.full(3, np.nan)
    low, high = np.full(3, np.nan), np.full(3, np.nan)
    if weights is not None and reached:
        replicates = compute_expected_months(*estimate_occupation(state_rows, weights), horizon)
        tail = (1 - settings.confidence.level) / 2
        low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    means = pd.DataFrame(
        {
            "state": STATES,
            "horizon_months": horizon,
            "expected_months": expected,
            "expected_low": low,
            "expected_high": high,
            "replicates": 0 if weights is None else len(weights),
            "status": "ok" if reached else "too_few",
        }
    )
    return {"responder_states": pd.concat(states, ignore_index=True), "responder_state_means": means}
