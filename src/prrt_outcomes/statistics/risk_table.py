"""The risk table: who is at risk, has the event, is censored or enters, per distinct time, group and stratum.

Kaplan-Meier, log-rank and its relatives, RMST, the one-sample test, Mantel-Byar, Simon-Makuch and cumulative
incidence are short arithmetic on it. It adds up over parts of a cohort, so centres can hand over risk
tables instead of patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prrt_outcomes.statistics.data import Codes, Placement, SurvivalData, compute_codes, compute_tie_limit


@dataclass(frozen=True, eq=False)
class Flows:
    """Numbers per distinct time (rows) and group (columns); every array has shape (n_times, n_groups)."""

    at_risk: NDArray[np.float64]  # entry < t <= end
    events: NDArray[np.float64]  # events of the table's cause at t
    competing: NDArray[np.float64]  # events of any other cause at t
    censored: NDArray[np.float64]  # ends at t without event and without going on in the same group
    left: NDArray[np.float64]  # all rows that end at t (a row that goes on enters again)
    entered: NDArray[np.float64]  # rows that enter at t, at risk after t


@dataclass(frozen=True, eq=False)
class RiskTable:
    """Numbers at risk, events and censorings per distinct time, group and stratum.

    Rows are sorted by stratum, then time; there is a row at every distinct end and entry of the stratum.

    time, stratum : distinct times, and the code of their stratum, shape (n_times,)
    groups, strata : labels; group g is column g
    counts, weighted : numbers of rows (patients), and sums of weights; one object where no weights were given
    """

    time: NDArray[np.float64]
    stratum: NDArray[np.int64]
    groups: tuple
    strata: tuple
    counts: Flows
    weighted: Flows
    delayed_entry: bool

    def select_groups(self, columns: Sequence[int]) -> Self:
        """Return the table of some of the groups, by position."""

        def part(flows: Flows) -> Flows:
            return Flows(**{name: array[:, list(columns)] for name, array in vars(flows).items()})

        counts = part(self.counts)
        weighted = counts if self.weighted is self.counts else part(self.weighted)
        return replace(self, groups=tuple(self.groups[c] for c in columns), counts=counts, weighted=weighted)


def compute_risk_table(data: SurvivalData, group: ArrayLike | None = None, *, cause: int = 1) -> RiskTable:
    """Count who is at risk, has the event, is censored and enters at each distinct time.

    data : survival data; a row that goes on where the last one of its id ended is no censoring
    group : one label a row, none missing; a categorical keeps its order
    cause : the event code that counts; other codes above 0 are competing events

    A row is at risk at t when entry < t <= time: censored at t is at risk at t, entered at t is not.
    """
    by_group = compute_codes(group, data.n, "group")
    by_stratum = compute_codes(data.strata, data.n, "strata")
    goes_on = _goes_on(data, by_group, by_stratum) if data.id is not None else None
    times, strata, exits, entries = _place(data.placement, by_stratum)
    shape = (len(times), len(by_group.labels))
    counted = (data.weights > 0).astype(np.float64) if data.weights is not None else None
    start = np.searchsorted(strata, np.arange(len(by_stratum.labels) + 1))

    def flows(weight: NDArray | None) -> Flows:
        """Weights added up per table row and group."""

        def total(mask: NDArray[np.bool_] | slice, rows: NDArray) -> NDArray[np.float64]:
            cells = (rows * shape[1] + by_group.code)[mask]
            weights = None if weight is None else weight[mask]
            sums = np.bincount(cells, weights=weights, minlength=shape[0] * shape[1])
            return sums.reshape(shape).astype(np.float64)

        everybody, other = slice(None), (data.event > 0) & (data.event != cause)
        left, events = total(everybody, exits), total(data.event == cause, exits)
        censored, competing, entered, net = left - events, np.zeros(shape), np.zeros(shape), left
        if other.any():
            competing = total(other, exits)
            censored -= competing
        if goes_on is not None:
            censored -= total(goes_on, exits)
        if weight is not None:
            np.maximum(censored, 0.0, out=censored)
        if entries is not None:
            entered = total(everybody, entries)
            net = left - entered
        at_risk = np.empty_like(net)
        for first, last in pairwise(start):  # from each row to the end of its stratum
            at_risk[first:last] = np.cumsum(net[first:last][::-1], axis=0)[::-1]
        return Flows(at_risk, events, competing, censored, left, entered)

    counts = flows(counted)
    weighted = counts if data.weights is None else _settle(flows(data.weights), counts)
    labels = (by_group.labels, by_stratum.labels)
    return RiskTable(times, strata, *labels, counts, weighted, data.entry is not None)


def _goes_on(data: SurvivalData, group: Codes, stratum: Codes) -> NDArray[np.bool_]:
    """Tell which rows go on without a gap, event-free, in the same group and stratum."""
    goes_on = np.zeros(data.n, dtype=bool)
    if data.entry is None:
        return goes_on
    entries, exits = data.placement.entries, data.placement.exits
    order = np.lexsort((entries, data.id.code))
    here, after = order[:-1], order[1:]
    follows = (data.id.code[here] == data.id.code[after]) & (entries[after] == exits[here])
    follows &= data.event[here] == 0
    follows &= (group.code[here] == group.code[after]) & (stratum.code[here] == stratum.code[after])
    goes_on[here[follows]] = True
    return goes_on


def _place(placed: Placement, stratum: Codes) -> tuple[NDArray, NDArray, NDArray, NDArray | None]:
    """Return time and stratum of the table's rows, and the table row of each exit and entry."""
    n_times, n_strata = len(placed.distinct), len(stratum.labels)
    if n_strata == 1:
        return placed.distinct, np.zeros(n_times, dtype=np.int64), placed.exits, placed.entries
    exits = stratum.code * n_times + placed.exits
    entries = None if placed.entries is None else stratum.code * n_times + placed.entries
    every = exits if entries is None else np.concatenate((exits, entries))
    keys, position = np.unique(every, return_inverse=True)
    at_entry = None if entries is None else position[len(exits) :]
    return placed.distinct[keys % n_times], keys // n_times, position[: len(exits)], at_entry


def _settle(weighted: Flows, counts: Flows) -> Flows:
    """Remove the rounding noise of sums of weights where the counts know the answer exactly."""
    at_least = np.maximum(weighted.at_risk, weighted.events + weighted.competing)
    at_risk = np.where(counts.at_risk == 0, 0.0, at_least)
    everyone = (counts.events == counts.at_risk) & (counts.events > 0)
    at_risk = np.where(everyone, weighted.events, at_risk)
    return replace(weighted, at_risk=at_risk, censored=np.where(counts.censored == 0, 0.0, weighted.censored))


def flag_at_risk(
    data: SurvivalData, ticks: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Flag the rows at risk just before each tick, and those that have ended before it.

    Returns two arrays (n_ticks, n): entry < tick <= time, at tick 0 all who are there from the start; and
    time < tick. Times within the tolerance of ties are equal.
    """
    limit = compute_tie_limit(data.time)
    just_before = ticks[:, None] - limit
    ended = data.time < just_before
    at_risk = ~ended if data.entry is None else ~ended & (data.entry < np.maximum(just_before, limit))
    return at_risk, ended
