"""Which response state a patient is in at each moment: as known on that day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import NE, PD, RESPONSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RESPONDER, NON_RESPONDER, UNCLASSIFIED = "responder", "non_responder", "unclassified"
TOLERANCE = 1e-8
BINARY = (NON_RESPONDER, RESPONDER)


@dataclass(frozen=True)
class StateHistory:
    """Changes of state of the patients of one endpoint.

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


def derive_binary_history(scans: pd.DataFrame, n_patients: int, codes: Sequence[str]) -> StateHistory:
    """Responder from the first scan in the group on; the state is absorbing.

    `scans`: from `derive_scans`: patient, month, code, by patient and month; `codes`: responses that make a
    responder, such as CR and PR.
    Returns StateHistory with states ``non_responder`` and ``responder``; patients without a scan never respond.
    """
    inside = scans["code"].isin([RESPONSES.index(code) for code in codes])
    first = scans.loc[inside].drop_duplicates("patient")
    patient = first["patient"].to_numpy()
    final = np.zeros(n_patients, dtype=int)
    final[patient] = 1
    return StateHistory(BINARY, patient, first["month"].to_numpy(), np.ones(len(first), dtype=int), final)


def derive_group_history(
    scans: pd.DataFrame, n_patients: int, groups: Mapping[str, Sequence[str]]
) -> StateHistory:
    """Group of the best response so far; progression leads to the group that holds PD.

    `groups`: group to best responses; with one group a response (CR, PR, ...) categories are followed.
    Returns StateHistory; the first state is ``unclassified`` (no evaluable scan yet, or a response in no group).
    """
    states = (UNCLASSIFIED, *groups)
    group_of = np.zeros(len(RESPONSES) + 1, dtype=int)
    for position, codes in enumerate(groups.values(), start=1):
        group_of[[RESPONSES.index(code) for code in codes]] = position
    code, patient = scans["code"], scans["patient"]
    best = code.where(~code.isin((NE, PD)), NE).groupby(patient).cummin().where(code != PD, PD)
    state = best.map(lambda one: group_of[one]).astype("int64")
    changed = state != state.groupby(patient).shift(1, fill_value=0)
    final = np.zeros(n_patients, dtype=int)
    rank = code.groupby(patient).min()
    rank = rank[rank < NE]
    final[rank.index.to_numpy()] = group_of[rank.to_numpy()]
    return StateHistory(
        states,
        patient[changed].to_numpy(),
        scans.loc[changed, "month"].to_numpy(),
        state[changed].to_numpy(),
        final,
    )


def compute_landmark_limit(month: float) -> float:
    """A landmark with the tolerance of its day: what lies up to it is on or before the landmark."""
    return month + TOLERANCE * max(1.0, month) if month > 0 else 0.0


def compute_state_at(history: StateHistory, month: float) -> np.ndarray:
    """State of each patient at a time; a change on the very day counts. Shape (n,)."""
    state = np.zeros(len(history.final), dtype=int)
    known = history.month <= month + TOLERANCE * max(1.0, month)
    state[history.patient[known]] = history.state[known]
    return state


@dataclass(frozen=True)
class StateRows:
    """Counting-process rows (start, stop], in months; `event` closes the last row of a patient.

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

    A change at or before the entry is the state of entry; a change at or after the end changes nothing: a response
    seen on the day of the event came too late to be at risk as a responder.
    `history`: changes of the same patients; `time_months`, `event`, `entry_months`: (n,) end, code and start of
    observation.
    Returns StateRows sorted by patient and start; each patient's rows are without gap from entry to end.
    """
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
