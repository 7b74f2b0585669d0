"""Best overall response of every unit, unconfirmed and confirmed, with the scan that showed it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prrt_outcomes.response.codes import CR, MR, NE, NO_DAY, NON_CR_NON_PD, PD, PR, SD
from prrt_outcomes.study.response import ResponseSettings

(
    AT_RESPONSE,
    AT_STABLE,
    AT_PROGRESSION,
    AT_UNCONFIRMED,
    TOO_EARLY,
    UNCONFIRMED_TOO_EARLY,
    NOT_EVALUABLE,
    NOT_ASSESSED,
    AFTER_NEW_THERAPY,
) = range(9)


@dataclass(frozen=True)
class Sequence:
    """Assessments after the origin, sorted by unit and day: unit, day and code of the overall response."""

    unit: np.ndarray
    day: np.ndarray
    response: np.ndarray


@dataclass(frozen=True)
class BestResponses:
    """One entry a unit.

    `position` is that in the sequence of the scan that first showed the best response (-1: none),
    `confirmed_at` that of the confirming scan, `why` one of the constants of this module, and
    `complete_then_partial` flags a CR that a PR followed.
    """

    response: np.ndarray
    position: np.ndarray
    confirmed_at: np.ndarray
    why: np.ndarray
    complete_then_partial: np.ndarray


def find_counted(sequence: Sequence, stop_day: np.ndarray) -> np.ndarray:
    """Assessments that count for best response: none after the first PD, none after a new therapy began.

    Parameters
    ----------
    stop_day : day on which a new anticancer therapy began, one a unit; a scan of that day still counts
    """
    progressed = sequence.response == PD
    before = np.cumsum(progressed) - progressed
    start = _unit_starts(sequence.unit)
    after_progression = before - before[start] > 0
    return ~after_progression & (sequence.day <= stop_day[sequence.unit])


def _unit_starts(unit: np.ndarray) -> np.ndarray:
    """Position of the first entry of the unit of each entry."""
    begins = np.ones(len(unit), dtype=bool)
    begins[1:] = np.diff(unit) != 0
    return np.maximum.accumulate(np.where(begins, np.arange(len(unit)), 0))


def find_confirmations(sequence: Sequence, settings: ResponseSettings) -> np.ndarray:
    """Position of the scan that confirms each CR or PR, -1 where none does.

    A CR is confirmed by a CR, a PR by a CR or PR, at least `confirmation_days` later. Between them may stand
    at most `confirmation_max_not_evaluable` NE and, for a PR and where the study says so, one SD or MR; a CR
    followed by a PR contradicts itself and confirms nothing. `sequence` holds the counted assessments only.
    """
    unit, day, response = sequence.unit, sequence.day, sequence.response
    n = len(unit)
    confirmed_at = np.full(n, -1, dtype=np.int64)
    first = np.flatnonzero((response == CR) | (response == PR))
    not_evaluable = np.zeros(len(first), dtype=np.int16)
    stable = np.zeros(len(first), dtype=np.int16)
    had_complete = response[first] == CR
    is_partial = response[first] == PR
    lag = 0
    while len(first):
        lag += 1
        alive = (first + lag < n) & (unit[np.minimum(first + lag, n - 1)] == unit[first])
        first, not_evaluable, stable = first[alive], not_evaluable[alive], stable[alive]
        had_complete, is_partial = had_complete[alive], is_partial[alive]
        code = response[first + lag]
        late = day[first + lag].astype(np.int64) - day[first] >= settings.confirmation_days
        fits = (code == CR) | ((code == PR) & is_partial & ~had_complete)
        confirmed_at[first[fits & late]] = (first + lag)[fits & late]
        not_evaluable = not_evaluable + (code == NE)
        stable = stable + ((code == SD) | (code == MR))
        gap = (code == NE) & (not_evaluable <= settings.confirmation_max_not_evaluable)
        pause = (
            settings.confirmation_accept_stable & is_partial & ((code == SD) | (code == MR)) & (stable <= 1)
        )
        had_complete = had_complete | (code == CR)
        alive = (fits & ~late) | gap | pause
        first, not_evaluable, stable = first[alive], not_evaluable[alive], stable[alive]
        had_complete, is_partial = had_complete[alive], is_partial[alive]
    return confirmed_at


def derive_best_responses(
    sequence: Sequence,
    origin_day: np.ndarray,
    settings: ResponseSettings,
    *,
    confirmed: bool,
    followed: np.ndarray | None = None,
) -> BestResponses:
    """Best response of each unit from its counted assessments.

    Parameters
    ----------
    sequence : counted assessments (see `find_counted`), sorted by unit and day
    origin_day : first cycle of each unit, shape (n_units,)
    confirmed : whether CR and PR need a confirming scan
    followed : whether a unit has assessments at all, counted or not; tells why it has none that counts

    Notes
    -----
    Order CR, PR, MR, SD, NON-CR/NON-PD, PD, NE. SD, MR and NON-CR/NON-PD count from `minimum_stable_days`
    after the origin; an unconfirmed CR or PR counts as SD if late enough. What remains is PD where it was
    seen, else NE. The date is that of the first scan that shows the best response.
    """
    n_units = len(origin_day)
    unit, response = sequence.unit, sequence.response
    late = sequence.day.astype(np.int64) - origin_day[unit] >= settings.minimum_stable_days
    is_response = (response == CR) | (response == PR)
    is_stable = (response == SD) | (response == MR) | (response == NON_CR_NON_PD)
    confirmed_at = find_confirmations(sequence, settings) if confirmed else np.arange(len(unit))
    stands = is_response & (confirmed_at >= 0)
    value = np.full(len(unit), NE, dtype=np.int8)
    why = np.full(len(unit), NOT_EVALUABLE, dtype=np.int8)
    for mask, codes, reason in (
        (is_stable & ~late, NE, TOO_EARLY),
        (is_response & ~stands & ~late, NE, UNCONFIRMED_TOO_EARLY),
        (is_response & ~stands & late, SD, AT_UNCONFIRMED),
        (is_stable & late, response, AT_STABLE),
        (response == PD, PD, AT_PROGRESSION),
        (stands, response, AT_RESPONSE),
    ):
        value[mask] = codes[mask] if isinstance(codes, np.ndarray) else codes
        why[mask] = reason
    # An early stable scan explains an NE better than a scan that could not be read, hence before it.
    rank = value.astype(np.int64) * 2 + (why == NOT_EVALUABLE)
    at = _first_of_lowest(unit, rank, n_units)
    seen = at >= 0
    place = np.maximum(at, 0)
    best = np.where(seen, value[place] if len(unit) else NE, NE).astype(np.int8)
    pair = confirmed_at[place] if confirmed and len(unit) else np.full(n_units, -1, dtype=np.int64)
    unseen = (
        np.full(n_units, NOT_ASSESSED)
        if followed is None
        else np.where(followed, AFTER_NEW_THERAPY, NOT_ASSESSED)
    )
    return BestResponses(
        response=best,
        position=at,
        confirmed_at=np.where(seen & (best <= PR), pair, -1),
        why=np.where(seen, why[place] if len(unit) else unseen, unseen).astype(np.int8),
        complete_then_partial=find_complete_then_partial(sequence, n_units),
    )


def _first_of_lowest(unit: np.ndarray, rank: np.ndarray, n_units: int) -> np.ndarray:
    """Position of the first entry of each unit with the lowest rank; -1 where the unit has no entry."""
    n = len(unit)
    at = np.full(n_units, -1, dtype=np.int64)
    if n:
        starts = np.flatnonzero(np.concatenate([[True], np.diff(unit) != 0]))
        lowest = np.minimum.reduceat(rank * n + np.arange(n), starts)
        at[unit[starts]] = lowest % n
    return at


def find_complete_then_partial(sequence: Sequence, n_units: int) -> np.ndarray:
    """Units in which a PR follows a CR: it contradicts the rules and is shown, never resolved."""
    complete = np.cumsum(sequence.response == CR)
    before = (
        complete
        - complete[_unit_starts(sequence.unit)]
        + (sequence.response[_unit_starts(sequence.unit)] == CR)
    )
    found = np.zeros(n_units, dtype=bool)
    found[sequence.unit[(sequence.response == PR) & (before > 0)]] = True
    return found


def convert_positions_to_days(day: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Day of each position; `NO_DAY` for -1."""
    if not len(day):
        return np.full(len(at), NO_DAY, dtype=np.int32)
    return np.where(at >= 0, day[np.maximum(at, 0)], NO_DAY).astype(np.int32)
