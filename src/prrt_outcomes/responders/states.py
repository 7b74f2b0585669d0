"""Which response state a patient is in at each moment: known on its day, never looked up from the future."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.responders.sequences import ScanSequences, compute_effective_codes
from prrt_outcomes.response.codes import NE, PD, RESPONSES
from prrt_outcomes.units import convert_days_to_months

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prrt_outcomes.study.response import ResponseSettings

RESPONDER, NON_RESPONDER, UNCLASSIFIED = "responder", "non_responder", "unclassified"
BINARY = (NON_RESPONDER, RESPONDER)


@dataclass(frozen=True)
class StateHistory:
    """Changes of state of the patients of one endpoint.

    Attributes
    ----------
    states : names; the first is the state everybody starts in
    patient : position of the patient of each change
    month : time of the change since the origin
    state : position in `states` that is entered
    final : (n,) state of the best response of all, whenever it came (what a naive comparison looks up)
    """

    states: tuple[str, ...]
    patient: np.ndarray
    month: np.ndarray
    state: np.ndarray
    final: np.ndarray


def derive_binary_history(
    sequences: ScanSequences, patients: Sequence[str], codes: Sequence[str], settings: ResponseSettings
) -> StateHistory:
    """Responder from the first scan in the group on; the state is absorbing.

    Parameters
    ----------
    sequences : scans of one criterion and reader
    patients : patients of the endpoint, in order
    codes : responses that make a responder, such as CR and PR
    settings : primary_rate confirmed or unconfirmed, and the rules of confirmation

    Returns
    -------
    StateHistory with states ``non_responder`` and ``responder``; patients without a scan never respond.
    """
    effective = compute_effective_codes(sequences, settings)
    inside = np.isin(effective, [RESPONSES.index(code) for code in codes])
    responds = inside.any(axis=1)
    first = inside.argmax(axis=1)
    day = sequences.day[np.arange(len(first)), first]
    patient = _place(sequences.patient_id, patients)
    used = responds & (patient >= 0)
    final = np.zeros(len(patients), dtype=int)
    final[patient[used]] = 1
    months = convert_days_to_months(day[used])
    return StateHistory(BINARY, patient[used], months, np.ones(int(used.sum()), dtype=int), final)


def derive_group_history(
    sequences: ScanSequences,
    patients: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    settings: ResponseSettings,
) -> StateHistory:
    """Group of the best response so far; progression leads to the group that holds PD.

    Parameters
    ----------
    groups : group to best responses; with one group a response (CR, PR, ...) categories are followed

    Returns
    -------
    StateHistory; the first state is ``unclassified`` (no evaluable scan yet, or a response in no group)
    """
    states = (UNCLASSIFIED, *groups)
    group_of = np.zeros(len(RESPONSES) + 1, dtype=int)
    for position, codes in enumerate(groups.values(), start=1):
        group_of[[RESPONSES.index(code) for code in codes]] = position
    effective = compute_effective_codes(sequences, settings)
    evaluable = (effective >= 0) & (effective != NE)
    ranked = np.where(evaluable & (effective != PD), effective, NE)
    best = np.minimum.accumulate(ranked, axis=1)
    current = np.where(effective == PD, PD, best)
    state = np.where(effective >= 0, group_of[current], -1)
    previous = np.column_stack([np.zeros(len(state), dtype=int), state[:, :-1]])
    row, column = np.nonzero((state >= 0) & (state != previous))
    patient = _place(sequences.patient_id, patients)
    used = patient[row] >= 0
    row, column = row[used], column[used]
    months = convert_days_to_months(sequences.day[row, column])
    ranks = np.where(evaluable, effective, NE).min(axis=1)
    final = np.zeros(len(patients), dtype=int)
    final[patient[patient >= 0]] = np.where(ranks < NE, group_of[ranks], 0)[patient >= 0]
    return StateHistory(states, patient[row], months, state[row, column], final)


def _place(of: np.ndarray, among: Sequence[str]) -> np.ndarray:
    import pandas as pd

    return pd.Index(among).get_indexer(pd.Index(of))


def compute_state_at(history: StateHistory, month: float, tolerance: float = 1e-8) -> np.ndarray:
    """State of each patient at a time; a change on the very day counts. Shape (n,)."""
    state = np.zeros(len(history.final), dtype=int)
    known = history.month <= month + tolerance * max(1.0, month)
    state[history.patient[known]] = history.state[known]
    return state


@dataclass(frozen=True)
class StateRows:
    """Counting-process rows (start, stop], in months; `event` closes the last row of a patient.

    Attributes
    ----------
    patient : position of the patient of each row
    start, stop, event : (start, stop] and 0, 1 or 2
    state : position in `states`
    """

    patient: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    event: np.ndarray
    state: np.ndarray
    states: tuple[str, ...]


def derive_state_rows(
    history: StateHistory, time_months: np.ndarray, event: np.ndarray, entry_months: np.ndarray | None
) -> StateRows:
    """Split each patient's time at the changes of state.

    A change at or before the entry is the state of entry; a change at or after the end changes nothing: a
    response seen on the day of the event came too late to be at risk as a responder.

    Parameters
    ----------
    history : changes of the same patients
    time_months, event, entry_months : (n,) end, code and start of observation

    Returns
    -------
    StateRows sorted by patient and start; each patient's rows are without gap from entry to end.
    """
    import pandas as pd

    n = len(time_months)
    entry = np.zeros(n) if entry_months is None else entry_months
    start = np.concatenate([entry, history.month])
    rows = pd.DataFrame(
        {
            "patient": np.concatenate([np.arange(n), history.patient]),
            "start": start,
            "state": np.concatenate([np.zeros(n, dtype=int), history.state]),
            "order": np.concatenate([np.full(n, -1), np.arange(len(history.month))]),
        }
    )
    early = rows["start"] <= entry[rows["patient"]]
    rows.loc[early, "start"] = entry[rows.loc[early, "patient"]]
    rows = rows.loc[rows["start"] < time_months[rows["patient"]]]
    rows = rows.sort_values(["patient", "start", "order"]).drop_duplicates(["patient", "start"], keep="last")
    following = rows.groupby("patient")["start"].shift(-1)
    patient = rows["patient"].to_numpy()
    stop = following.fillna(pd.Series(time_months[patient], index=rows.index)).to_numpy()
    code = np.where(following.isna(), event[patient], 0)
    return StateRows(
        patient,
        rows["start"].to_numpy(),
        stop,
        code.astype("int64"),
        rows["state"].to_numpy(),
        history.states,
    )
