"""Which response state a patient is in at each moment: as known on that day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import NE, PD, RESPONSES
from prrt_outcomes.statistics.data import SurvivalData

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prrt_outcomes.survival.endpoint_rows import EndpointRows

RESPONDER, NON_RESPONDER, UNCLASSIFIED = "responder", "non_responder", "unclassified"
TOLERANCE = 1e-8
BINARY, PROGRESSED = (NON_RESPONDER, RESPONDER), "progressed"


@dataclass(frozen=True)
class StateHistory:
    """Changes of state of the patients of one endpoint.

    states : names; the first is the state everybody starts in
    changes : one row a change, by patient and month: patient (position), month since the origin, state (position in
        `states`) that is entered
    final : (n,) state of the best response of all, whenever it came (what a naive comparison looks up)
    """

    states: tuple[str, ...]
    changes: pd.DataFrame
    final: np.ndarray

    @property
    def onset(self) -> np.ndarray:
        """(n,) month of the first change of each patient; infinite without one."""
        first = self.changes.groupby("patient")["month"].min()
        return first.reindex(range(len(self.final)), fill_value=np.inf).to_numpy()


def derive_onset_history(onset: np.ndarray) -> StateHistory:
    """Responder from a month on, an absorbing state; `onset`: (n,) months, infinite for who never responds."""
    responds = np.isfinite(onset)
    final = responds.astype(int)
    changes = {"patient": np.flatnonzero(responds), "month": onset[responds], "state": final[responds]}
    return StateHistory(BINARY, pd.DataFrame(changes), final)


def derive_course_history(onset: np.ndarray, progression: np.ndarray) -> StateHistory:
    """First response and what ends it; `onset`, `progression`: (n,) months, infinite for what never comes."""
    months = np.column_stack([np.where(onset < progression, onset, np.inf), progression])
    patient, place = np.nonzero(np.isfinite(months))
    changes = pd.DataFrame({"patient": patient, "month": months[patient, place], "state": place + 1})
    return StateHistory((*BINARY, PROGRESSED), changes, np.isfinite(onset).astype(int))


def derive_binary_history(scans: pd.DataFrame, n_patients: int, codes: Sequence[str]) -> StateHistory:
    """Responder from the first scan in the group on; the state is absorbing.

    `scans`: from `derive_scans`: patient, month, code, by patient and month; `codes`: responses that make a
    responder, such as CR and PR.
    Returns StateHistory with states ``non_responder`` and ``responder``; patients without a scan never respond.
    """
    inside = scans.loc[scans["code"].isin([RESPONSES.index(code) for code in codes])]
    first = inside.drop_duplicates("patient").set_index("patient")["month"]
    return derive_onset_history(first.reindex(range(n_patients), fill_value=np.inf).to_numpy(dtype=float))


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
    changes = scans.loc[changed, ["patient", "month"]].assign(state=state[changed])
    return StateHistory(states, changes, final)


def compute_landmark_limit(month: float) -> float:
    """A landmark with the tolerance of its day: what lies up to it is on or before the landmark."""
    return month + TOLERANCE * max(1.0, month) if month > 0 else 0.0


def start_at_landmark(rows: EndpointRows, chosen: np.ndarray, month: float) -> EndpointRows:
    """The chosen patients, with their times and late entries counted from a landmark."""
    part = rows.select(chosen)
    entry = None if part.entry_months is None else np.maximum(part.entry_months - month, 0.0)
    return replace(part, time_months=part.time_months - month, entry_months=entry)


def compute_state_at(history: StateHistory, month: float) -> np.ndarray:
    """State of each patient at a time; a change on the very day counts. Shape (n,)."""
    state = np.zeros(len(history.final), dtype=int)
    known = history.changes.loc[history.changes["month"] <= month + TOLERANCE * max(1.0, month)]
    state[known["patient"]] = known["state"]
    return state


def derive_state_rows(changes: pd.DataFrame, rows: EndpointRows) -> pd.DataFrame:
    """Split each patient's time at the changes of state.

    A change at or before the entry is the state of entry; a change at or after the end changes nothing: a response
    seen on the day of the event came too late to be at risk as a responder.
    `changes`: patient (position in `rows`), month and state, by patient and month; everybody starts in state 0.
    Returns counting-process rows (start, stop] in months, by patient and start, without gap from entry to end:
    patient, start, stop, event (0, 1 or 2; it closes the last row of a patient) and state.
    """
    begins = pd.DataFrame({"patient": np.arange(len(rows.entry)), "month": rows.entry, "state": 0})
    split = pd.concat([begins, changes], ignore_index=True)
    patient = split["patient"].to_numpy()
    split["start"] = np.maximum(split["month"], rows.entry[patient])
    split = split.loc[split["start"] < rows.time_months[patient]]
    # Of several rows that start together the last given holds: the sort keeps their order.
    split = split.sort_values(["patient", "start"], kind="stable", ignore_index=True)
    split = split.drop_duplicates(["patient", "start"], keep="last", ignore_index=True)
    patient = split["patient"].to_numpy()
    following = split.groupby("patient")["start"].shift(-1)
    stop = following.where(following.notna(), rows.time_months[patient])
    event = np.where(following.isna(), rows.event[patient], 0)
    return split[["patient", "start", "state"]].assign(stop=stop, event=event)


def convert_state_rows(split: pd.DataFrame, *, cause_specific: bool = True) -> SurvivalData:
    """Rows of `derive_state_rows` as survival data; `cause_specific`: a competing event censors."""
    start, stop, event, patient = (split[name].to_numpy() for name in ("start", "stop", "event", "patient"))
    return SurvivalData(stop, event == 1 if cause_specific else event, entry=start, id=patient)
