"""Response states: from responses by scan to the state that a patient is in at each moment, as known on that day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import CR, MR, NE, NON_CR_NON_PD, PD, PR, RESPONSES, SD
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.treatment.periods import find_first_cycles
from prrt_outcomes.units import convert_days_to_months

RESPONDER, NON_RESPONDER, UNCLASSIFIED = "responder", "non_responder", "unclassified"
TOLERANCE = 1e-8
BINARY, PROGRESSED = (NON_RESPONDER, RESPONDER), "progressed"
ORIGINS_BEFORE_RESPONSE = ("first_cycle", "diagnosis", "referral", "reported")
INITIAL = 1
FOLLOWED = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD")
NEEDS_MINIMUM_DURATION = (MR, SD, NON_CR_NON_PD)


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


def start_at_landmark(rows: EndpointRows, chosen: np.ndarray, month: float | np.ndarray) -> EndpointRows:
    """The chosen patients, with their times and late entries counted from a landmark, or each from their own."""
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


@dataclass(frozen=True)
class CriterionHistories:
    """Response states of one endpoint's patients under one criterion.

    binary : responder or not, absorbing
    course : not yet responded, in response, progressed (scans, and what else the study's endpoint counts)
    groups : group of the best response so far, progression followed
    categories : best response so far itself (SD, MR, PR, CR), progression followed
    depth : smallest change from baseline so far (a share, -0.3 is a fall by 30 %) as `state` of each scan at which
        it fell, columns as the changes of a StateHistory; `progressed` marks the scan of a progression
    """

    binary: StateHistory
    course: StateHistory
    groups: StateHistory
    categories: StateHistory
    depth: pd.DataFrame


def derive_histories(
    tables: dict[str, pd.DataFrame], rows: EndpointRows, criterion: str, study: Study
) -> CriterionHistories:
    """Response states of the patients of an endpoint, on its time axis.

    `tables`: responses, treatment_periods, endpoints.
    Returns CriterionHistories; months count from the endpoint's origin. The scans that count for best response in
    the first treatment period by the primary reader: none after progression and none after a new anticancer
    therapy.
    """
    periods = tables["treatment_periods"]
    first_cycles = find_first_cycles(periods)
    patients = pd.Index(rows.frame["patient_id"])
    scans = derive_scans(tables["responses"], criterion, first_cycles, patients, study.response)
    shift = compute_months_before_first_cycle(tables["endpoints"], rows, first_cycles)
    scans["month"] += shift[scans["patient"]]
    groups, n = study.response.groups, len(patients)
    binary = derive_binary_history(scans, n, groups.get(RESPONDER, ("CR", "PR")))
    progression = _find_progression(tables["endpoints"], rows, study, first_cycles)
    return CriterionHistories(
        binary,
        derive_course_history(binary.onset, progression),
        derive_group_history(scans, n, groups),
        derive_group_history(scans, n, {code: (code,) for code in FOLLOWED}),
        derive_depth(scans),
    )


def derive_scans(
    responses: pd.DataFrame,
    criterion: str,
    first_cycles: pd.Series,
    patients: pd.Index,
    settings: ResponseSettings,
) -> pd.DataFrame:
    """The scans that count, with the response as far as it is known on the day of the scan.

    `settings`: primary_rate, minimum_stable_days.
    Returns by patient and day: patient (position), month since the first cycle, code (position in RESPONSES),
    change_from_baseline. Stable disease and its like before `minimum_stable_days` are NE. Where the primary rate is
    the confirmed one, a CR or PR counts from the confirming scan on; until then it is SD if late enough, else NE.
    """
    own = responses["criterion"].eq(criterion) & responses["period"].eq(INITIAL)
    own &= (responses["primary_reader"] & responses["counted"]).fillna(False)
    scans = responses.loc[own & responses["overall_response"].notna()]
    day = (scans["assessment_date"] - scans["patient_id"].map(first_cycles)).dt.days
    codes = pd.Categorical(scans["overall_response"].astype("string"), categories=list(RESPONSES)).codes
    scans = scans.assign(
        day=day, code=codes.astype("int64"), patient=patients.get_indexer(pd.Index(scans["patient_id"]))
    )
    scans = scans.loc[scans["day"].gt(0) & scans["patient"].ge(0)]
    scans = scans.sort_values(["patient", "day"], kind="stable")
    code = scans["code"]
    if settings.primary_rate == "confirmed":
        by_date = ["patient", "confirmation_date"]
        confirmed = scans.dropna(subset="confirmation_date").groupby(by_date)["code"].min()
        here = pd.MultiIndex.from_frame(scans[["patient", "assessment_date"]])
        known = pd.Series(confirmed.reindex(here).to_numpy(), index=scans.index).fillna(SD)
        code = code.mask(code.isin((CR, PR)), known).astype("int64")
    early = scans["day"].lt(settings.minimum_stable_days) & code.isin(NEEDS_MINIMUM_DURATION)
    month = convert_days_to_months(scans["day"].to_numpy(dtype=float))
    columns = ["patient", "month", "code", "change_from_baseline"]
    return scans.assign(code=code.mask(early, NE), month=month)[columns]


def derive_depth(scans: pd.DataFrame) -> pd.DataFrame:
    """Smallest change from baseline so far, at each scan at which it fell; `scans` from `derive_scans`."""
    measured = scans.dropna(subset="change_from_baseline")
    smallest = measured.groupby("patient")["change_from_baseline"].cummin()
    fell = smallest != smallest.groupby(measured["patient"]).shift()
    progressed = measured.loc[fell, "code"] == PD
    return measured.loc[fell, ["patient", "month"]].assign(state=smallest[fell], progressed=progressed)


def _find_progression(
    endpoints: pd.DataFrame, rows: EndpointRows, study: Study, first_cycles: pd.Series
) -> np.ndarray:
    """Month of progression by the study's first endpoint that it ends, else by this one; infinite without one."""
    ended = [e for e in study.endpoints if e.progression == "event" and e.origin in ORIGINS_BEFORE_RESPONSE]
    names = [e.name for e in ended if e.name in set(endpoints["endpoint"])]
    patients = rows.frame["patient_id"]
    by_patient = endpoints.set_index(["endpoint", "patient_id"])
    own = by_patient.loc[rows.endpoint].reindex(patients)
    found = by_patient.loc[names[0] if names else rows.endpoint].reindex(patients)
    origin = own["origin_date"].fillna(patients.map(first_cycles).set_axis(patients))
    days = (found["progression_date"] - origin).dt.days.astype("float64")
    days = days.mask(found["origin_date"].isna() & found["event"].eq(1), found["time_days"])
    return np.nan_to_num(convert_days_to_months(days.to_numpy()), nan=np.inf)


def compute_months_before_first_cycle(
    endpoints: pd.DataFrame, rows: EndpointRows, first_cycles: pd.Series
) -> np.ndarray:
    """Months from the endpoint's origin to the first cycle; 0 where the origin has no date."""
    own = endpoints.loc[endpoints["endpoint"].eq(rows.endpoint)].set_index("patient_id")["origin_date"]
    patients = rows.frame["patient_id"]
    days = (patients.map(first_cycles) - patients.map(own)).dt.days.to_numpy(dtype=float)
    return convert_days_to_months(np.nan_to_num(days))
