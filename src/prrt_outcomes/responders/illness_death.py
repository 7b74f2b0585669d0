"""Occupation of the states without response, in response and after the event; months expected in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.responders.states import StateRows, derive_state_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prrt_outcomes.responders.states import StateHistory
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

STATES = ("without_response", "in_response", "after_event")


def estimate_occupation(rows: StateRows, weights: NDArray) -> tuple[NDArray, NDArray]:
    """Aalen-Johansen estimate of the illness-death model of response and event.

    `rows`: counting-process rows of two states, 0 without and 1 in response; any event code above 0 ends;
    `weights`: (R, n) how often each patient counts.
    Returns the (k,) distinct times, from 0, and the (R, k, 3) probabilities in the order of STATES.
    Everybody starts without response. The probabilities are the product over distinct times of I + dA, dA the
    increments of the three transitions (response, event without, event in response). Andersen, Borgan, Gill and
    Keiding 1993, section IV.4.
    """
    time, counts = _lay_out(rows)
    return np.concatenate(([0.0], time)), _occupy(counts, weights)


def compute_expected_months(time: NDArray, probability: NDArray, horizon_months: float) -> NDArray:
    """Months expected in each state up to a horizon: areas under the occupation probabilities; shape (R, 3)."""
    edges = np.minimum(np.append(time, max(horizon_months, time[-1])), horizon_months)
    return np.einsum("rks,k->rs", probability, np.maximum(np.diff(edges), 0.0))


def _lay_out(rows: StateRows) -> tuple[NDArray, dict[str, NDArray]]:
    """Distinct times at which a state ends, and for each patient and time who is at risk and who moves.

    Matrices (n, k): at risk without and in response, response, event without and in response.
    """
    time = np.unique(rows.stop)
    n = int(rows.patient.max()) + 1
    counts = {name: np.zeros((n, len(time))) for name in ("y0", "y1", "respond", "end0", "end1")}
    first, last = np.searchsorted(time, rows.start, side="right"), np.searchsorted(time, rows.stop)
    for state, name in ((0, "y0"), (1, "y1")):
        own = rows.state == state
        edges = np.zeros((n, len(time) + 1))
        np.add.at(edges, (rows.patient[own], first[own]), 1.0)
        np.add.at(edges, (rows.patient[own], last[own] + 1), -1.0)
        counts[name] = np.cumsum(edges, axis=1)[:, :-1]
        ended = own & (rows.event > 0)
        np.add.at(counts[f"end{state}"], (rows.patient[ended], last[ended]), 1.0)
    follows = np.append((rows.patient[1:] == rows.patient[:-1]) & (rows.state[1:] == 1), False)
    moves = follows & (rows.state == 0)
    np.add.at(counts["respond"], (rows.patient[moves], last[moves]), 1.0)
    return time, counts


def _occupy(counts: dict[str, NDArray], weights: NDArray) -> NDArray:
    """Occupation probabilities (R, k + 1, 3) under each row of weights."""
    sums = {name: weights @ matrix for name, matrix in counts.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = {
            "respond": np.where(sums["y0"] > 0, sums["respond"] / sums["y0"], 0.0),
            "end0": np.where(sums["y0"] > 0, sums["end0"] / sums["y0"], 0.0),
            "end1": np.where(sums["y1"] > 0, sums["end1"] / sums["y1"], 0.0),
        }
    steps = rates["respond"].shape[1]
    probability = np.zeros((len(weights), steps + 1, 3))
    probability[:, 0, 0] = 1.0
    without, inside = np.ones(len(weights)), np.zeros(len(weights))
    for k in range(steps):
        moved = without * rates["respond"][:, k]
        without = without - moved - without * rates["end0"][:, k]
        inside = inside * (1 - rates["end1"][:, k]) + moved
        probability[:, k + 1, 0], probability[:, k + 1, 1] = without, inside
    probability[:, 1:, 2] = 1 - probability[:, 1:, 0] - probability[:, 1:, 1]
    return probability


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
    state_rows = derive_state_rows(history, rows.time_months, rows.event, None)
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
