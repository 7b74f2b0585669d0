"""Agreement: criterion against criterion, derived against reported, reader against reader; who differs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from prrt_outcomes.response.best import Sequence, derive_best_responses, find_counted
from prrt_outcomes.response.classify import Classified
from prrt_outcomes.response.codes import MISSING, RESPONSES, convert_to_category
from prrt_outcomes.response.course import Course
from prrt_outcomes.statistics.proportions import compute_kappa
from prrt_outcomes.study.response import ResponseSettings

PAIR_COLUMNS = ["patient_id", "comparison", "criterion_a", "criterion_b", "response_a", "response_b"]


def pair_criteria(best: pd.DataFrame) -> list[pd.DataFrame]:
    """Best responses of the same patients by every two criteria.

    Parameters
    ----------
    best : rows of `best_responses` of one reader, period and confirmation rule
    """
    by_name = {
        name: rows.set_index("patient_id")["best_response"] for name, rows in best.groupby("criterion")
    }
    names = [name for name in best["criterion"].unique() if name in by_name]
    return [_pair("criteria", a, b, by_name[a], by_name[b]) for a, b in combinations(names, 2)]


def pair_reported(
    course: Course, classified: list[Classified], settings: ResponseSettings, reader: str
) -> list[pd.DataFrame]:
    """Derived best response beside that made of the responses as reported, where a patient has both."""
    pairs = []
    for one in classified:
        reported, evaluated = derive_reported_best(course, one.criterion.name, settings)
        derived = one.best[False].response
        with_both = evaluated & _has_derived(course, one)
        rows = _unit_rows(course, with_both, reader)
        pairs.append(
            _pair(
                "reported",
                one.criterion.name,
                f"{one.criterion.name} as reported",
                _series(course, rows, derived[rows]),
                _series(course, rows, reported[rows]),
            )
        )
    return pairs


def pair_readers(course: Course, classified: Classified) -> list[pd.DataFrame]:
    """Best responses by the primary criterion of every two readers, in the patients that both followed."""
    timeline = course.timeline
    followed = course.followed_units
    best = classified.best[False].response
    by_reader = {}
    for reader in timeline.readers:
        rows = _unit_rows(course, followed, reader)
        by_reader[reader] = _series(course, rows, best[rows])
    return [_pair("readers", a, b, by_reader[a], by_reader[b]) for a, b in combinations(timeline.readers, 2)]


def derive_reported_best(
    course: Course, criterion: str, settings: ResponseSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Best response of each unit from reported responses alone (unconfirmed), and whether it has any."""
    timeline = course.timeline
    reported = course.reports.find(criterion, course.n_scans)[timeline.visit_scan]
    at = np.flatnonzero(course.follow_up & (reported != MISSING))
    sequence = Sequence(timeline.visit_unit[at], timeline.visit_day[at], reported[at])
    counted = find_counted(sequence, course.stop_day)
    inside = Sequence(*(a[counted] for a in (sequence.unit, sequence.day, sequence.response)))
    origin = np.repeat(timeline.periods.first_day, len(timeline.readers))
    best = derive_best_responses(inside, origin, settings, confirmed=False)
    return best.response, best.position >= 0


def _has_derived(course: Course, classified: Classified) -> np.ndarray:
    """Units with lesions at a follow-up scan."""
    found = np.zeros(course.timeline.n_units, dtype=bool)
    at = classified.followed
    found[course.timeline.visit_unit[at[course.has_lesions[at]]]] = True
    return found


def _unit_rows(course: Course, chosen: np.ndarray, reader: str) -> np.ndarray:
    """Chosen units of one reader in the initial period."""
    timeline = course.timeline
    n_readers = len(timeline.readers)
    units = np.arange(timeline.n_units)
    initial = timeline.periods.period[units // n_readers] == 1
    return units[chosen & initial & (units % n_readers == timeline.readers.index(reader))]


def _series(course: Course, units: np.ndarray, response: np.ndarray) -> pd.Series:
    """Responses by patient."""
    periods = course.timeline.periods
    patient = periods.patients.to_numpy()[periods.patient[units // len(course.timeline.readers)]]
    return pd.Series(convert_to_category(response, RESPONSES), index=pd.Index(patient, name="patient_id"))


def _pair(comparison: str, name_a: str, name_b: str, first: pd.Series, second: pd.Series) -> pd.DataFrame:
    """Two responses a patient, for the patients who have both."""
    both = pd.DataFrame({"response_a": first, "response_b": second.reindex(first.index)}).dropna()
    both = both.rename_axis("patient_id").reset_index()
    both["patient_id"] = both["patient_id"].astype("string")
    return both.assign(comparison=comparison, criterion_a=name_a, criterion_b=name_b)[PAIR_COLUMNS]


def summarise_concordance(pairs: list[pd.DataFrame], *, level: float = 0.95) -> pd.DataFrame:
    """Result table `response_concordance`: one row a pair and cell of its table, all 49 cells, with the kappa.

    Columns beyond the contract: `comparison` (criteria, reported, readers), `n_pairs`, `agreement` (share of
    equal responses), `kappa_low`, `kappa_high`. Empty pairs are left out.
    """
    frames = []
    for pair in pairs:
        if pair.empty:
            continue
        kappa = compute_kappa(
            pair["response_a"].astype(object), pair["response_b"].astype(object), RESPONSES, confidence=level
        )
        first, second = np.divmod(np.arange(kappa.table.size), len(RESPONSES))
        head = pair[["comparison", "criterion_a", "criterion_b"]].iloc[0].to_dict()
        cells = pd.DataFrame(
            {
                "response_a": convert_to_category(first, RESPONSES),
                "response_b": convert_to_category(second, RESPONSES),
                "n": kappa.table.ravel(),
            }
        )
        frames.append(
            cells.assign(
                **head,
                kappa=kappa.kappa,
                kappa_low=kappa.lower,
                kappa_high=kappa.upper,
                n_pairs=kappa.n,
                agreement=kappa.observed,
                status=kappa.status,
            )
        )
    if not frames:
        return pd.DataFrame(columns=["criterion_a", "criterion_b", "response_a", "response_b", "n", "kappa"])
    return pd.concat(frames, ignore_index=True)


def filter_disagreements(pairs: list[pd.DataFrame]) -> pd.DataFrame:
    """Derived table `response_disagreements`: one row a patient and pair whose two responses differ."""
    table = pd.concat([pair for pair in pairs if not pair.empty] or [pd.DataFrame(columns=PAIR_COLUMNS)])
    differ = table["response_a"].astype("string") != table["response_b"].astype("string")
    return table[differ].reset_index(drop=True)
