"""Best overall response of every course, unconfirmed and confirmed, with the scan that showed it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import CR, MR, NE, NON_CR_NON_PD, PD, PR, SD
from prrt_outcomes.study.response import ResponseSettings

REASONS = {
    "response": "seen",
    "stable": "seen late enough",
    "progression": "progression came first",
    "unconfirmed": "a response was not confirmed",
    "early": "stable only before {days} days after the first cycle",
    "unconfirmed_early": "a response was not confirmed, and it was seen before {days} days",
    "not_evaluable": "no assessment could be evaluated",
    "not_assessed": "not assessed",
    "after_new_therapy": "every assessment came after a new anticancer therapy",
}
NOT_EVALUABLE = list(REASONS).index("not_evaluable")


@dataclass(frozen=True)
class Sequence:
    """Assessments after the origin, sorted by course and day: course, day and code of the overall response."""

    unit: np.ndarray
    day: np.ndarray
    response: np.ndarray

    def select(self, flag: np.ndarray) -> Sequence:
        """The assessments for which the flag is true."""
        return Sequence(self.unit[flag], self.day[flag], self.response[flag])

    def count_before(self, flag: np.ndarray) -> np.ndarray:
        """How often the flag was true at earlier assessments of the same course."""
        return pd.Series(flag.astype(np.int64)).groupby(self.unit, sort=False).cumsum().to_numpy() - flag


def find_counted(sequence: Sequence, stop_day: np.ndarray) -> np.ndarray:
    """Assessments that count for best response: none after the first PD, none after a new therapy began.

    Parameters
    ----------
    stop_day : day on which a new anticancer therapy began, one a course; a scan of that day still counts
    """
    before_progression = sequence.count_before(sequence.response == PD) == 0
    return before_progression & (sequence.day <= stop_day[sequence.unit])


def find_confirmations(sequence: Sequence, settings: ResponseSettings) -> np.ndarray:
    """Position of the scan that confirms each CR or PR, -1 where none does.

    A CR is confirmed by a CR, a PR by a CR or PR, at least `confirmation_days` later. Between them may stand
    at most `confirmation_max_not_evaluable` NE and, for a PR and where the study says so, one SD or MR; a CR
    followed by a PR contradicts itself and confirms nothing. `sequence` holds the counted assessments only.
    """
    unit, day, response = sequence.unit, sequence.day.astype(np.int64), sequence.response
    confirmed_at = np.full(len(unit), -1, dtype=np.int64)
    first = np.flatnonzero((response == CR) | (response == PR))
    open_pairs = pd.DataFrame(
        {"first": first, "not_evaluable": 0, "stable": 0, "complete": response[first] == CR}
    )
    lag = 0
    while len(open_pairs):
        lag += 1
        later = open_pairs["first"].to_numpy() + lag
        same = (later < len(unit)) & (unit[np.minimum(later, len(unit) - 1)] == unit[later - lag])
        open_pairs, later = open_pairs[same], later[same]
        first, complete = later - lag, open_pairs["complete"].to_numpy()
        code, partial = response[later], response[first] == PR
        late = day[later] - day[first] >= settings.confirmation_days
        fits = (code == CR) | ((code == PR) & partial & ~complete)
        confirmed_at[first[fits & late]] = later[fits & late]
        stable = (code == SD) | (code == MR)
        open_pairs = open_pairs.assign(
            not_evaluable=open_pairs["not_evaluable"] + (code == NE),
            stable=open_pairs["stable"] + stable,
            complete=complete | (code == CR),
        )
        gap = (code == NE) & (open_pairs["not_evaluable"] <= settings.confirmation_max_not_evaluable)
        pause = settings.confirmation_accept_stable & partial & stable & (open_pairs["stable"] <= 1)
        open_pairs = open_pairs[(fits & ~late) | gap | pause]
    return confirmed_at


def derive_best_responses(
    sequence: Sequence,
    origin_day: np.ndarray,
    settings: ResponseSettings,
    *,
    confirmed: bool,
    followed: np.ndarray | None = None,
) -> pd.DataFrame:
    """Best response of each course from its counted assessments.

    Parameters
    ----------
    sequence : counted assessments (see `find_counted`), sorted by course and day
    origin_day : first cycle of each course, shape (n_courses,)
    confirmed : whether CR and PR need a confirming scan
    followed : whether a course has assessments at all, counted or not; tells why it has none that counts

    Returns
    -------
    DataFrame
        one row a course: response (code), position in the sequence of the scan that first showed it (-1: none),
        confirmed_at (that of the confirming scan), why (key of `REASONS`), complete_then_partial (a PR follows a
        CR: it contradicts the rules and is shown, never resolved).

    Notes
    -----
    Order CR, PR, MR, SD, NON-CR/NON-PD, PD, NE. SD, MR and NON-CR/NON-PD count from `minimum_stable_days`
    after the origin; an unconfirmed CR or PR counts as SD if late enough. What remains is PD where it was
    seen, else NE. The date is that of the first scan that shows the best response.
    """
    unit, response = sequence.unit, sequence.response
    late = sequence.day.astype(np.int64) - origin_day[unit] >= settings.minimum_stable_days
    is_response = (response == CR) | (response == PR)
    is_stable = (response == SD) | (response == MR) | (response == NON_CR_NON_PD)
    confirmed_at = find_confirmations(sequence, settings) if confirmed else np.full(len(unit), -1)
    stands = is_response & (confirmed_at >= 0) if confirmed else is_response
    conditions = {
        "response": (stands, response),
        "progression": (response == PD, PD),
        "stable": (is_stable & late, response),
        "unconfirmed": (is_response & ~stands & late, SD),
        "unconfirmed_early": (is_response & ~stands & ~late, NE),
        "early": (is_stable & ~late, NE),
    }
    flags = [flag for flag, _ in conditions.values()]
    value = np.asarray(np.select(flags, [np.asarray(code) for _, code in conditions.values()], NE))
    why = np.select(flags, [list(REASONS).index(name) for name in conditions], NOT_EVALUABLE)
    # An early stable scan explains an NE better than a scan that could not be read, hence before it.
    rank = value * 2 + (why == NOT_EVALUABLE)
    scans = pd.DataFrame({"unit": unit, "position": np.arange(len(unit)), "response": value, "why": why})
    scans["confirmed_at"] = np.where(value <= PR, confirmed_at, -1)
    shown = scans.assign(rank=rank).sort_values(["unit", "rank"], kind="stable").drop_duplicates("unit")
    best = shown.set_index("unit").drop(columns="rank").reindex(np.arange(len(origin_day)))
    unseen = NOT_EVALUABLE + (1 if followed is None else np.where(followed, 2, 1))
    contradicts = (response == PR) & (sequence.count_before(response == CR) > 0)
    numbers = (
        best[["position", "confirmed_at", "response"]].fillna({"response": NE}).fillna(-1).astype("int64")
    )
    return numbers.assign(
        why=pd.Categorical.from_codes(
            best["why"].fillna(pd.Series(unseen, best.index)).astype(int).tolist(),
            dtype=pd.CategoricalDtype(list(REASONS)),
        ),
        complete_then_partial=np.isin(best.index, unit[contradicts]),
    )
