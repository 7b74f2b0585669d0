"""The risk table: who is at risk, has the event, is censored or enters, per distinct time, group and stratum.

Kaplan-Meier, log-rank and its relatives, RMST, the one-sample test, Mantel-Byar, Simon-Makuch and cumulative
incidence are short arithmetic on it. It adds up over parts of a cohort (`add_risk_tables`), so centres can
hand over
risk tables instead of patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from prrt_outcomes.statistics.risk_rows import (
    TIE_TOLERANCE,
    Codes,
    SurvivalRows,
    check_rows,
    compute_codes,
)


@dataclass(frozen=True, eq=False)
class Flows:
    """Numbers per distinct time (rows) and group (columns); every array has shape (n_times, n_groups).

    Attributes
    ----------
    at_risk : entry < t <= end
    events : events of the table's cause at t
    competing : events of any other cause at t
    censored : ends at t without event and without going on in the same group
    left : all rows that end at t (a row that goes on enters again)
    entered : rows that enter at t, at risk after t
    """

    at_risk: NDArray[np.float64]
    events: NDArray[np.float64]
    competing: NDArray[np.float64]
    censored: NDArray[np.float64]
    left: NDArray[np.float64]
    entered: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RiskTable:
    """Numbers at risk, events and censorings per distinct time, group and stratum.

    Rows are sorted by stratum, then time; there is a row at every distinct end and entry of the stratum.

    Attributes
    ----------
    time : distinct times, shape (n_times,)
    stratum : code of the stratum of each row, shape (n_times,)
    groups, strata : labels; group g is column g
    counts : numbers of rows (patients)
    weighted : sums of weights; the same object as `counts` where no weights were given
    delayed_entry : whether entries were given
    n_at_zero : rows that end at time 0, which a caller may want to move (METHODS: half a day)
    """

    time: NDArray[np.float64]
    stratum: NDArray[np.int64]
    groups: tuple
    strata: tuple
    counts: Flows
    weighted: Flows
    delayed_entry: bool
    n_at_zero: int

    def select_groups(self, columns: Sequence[int]) -> RiskTable:
        """Return the table of some of the groups, by position."""
        chosen = list(columns)

        def part(flows: Flows) -> Flows:
            return Flows(**{name.name: getattr(flows, name.name)[:, chosen] for name in fields(Flows)})

        counts = part(self.counts)
        weighted = counts if self.weighted is self.counts else part(self.weighted)
        return replace(self, groups=tuple(self.groups[c] for c in chosen), counts=counts, weighted=weighted)


def compute_risk_table(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    group: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    row_id: ArrayLike | None = None,
    cause: int = 1,
    tolerance: float = TIE_TOLERANCE,
) -> RiskTable:
    """Count who is at risk, has the event, is censored and enters at each distinct time.

    Parameters
    ----------
    time, event, entry, weights, tolerance : as `check_rows`
    group, stratum : one label a row; a categorical keeps its order
    row_id : whose row it is, for counting-process rows (start, stop]: rows of one id may not overlap, and
        a row that
        goes on where the last one ended is no censoring
    cause : the event code that counts; other codes above 0 are competing events

    Returns
    -------
    RiskTable; cost is one sort, then linear

    Raises
    ------
    ValueError : as `check_rows`; missing labels; overlapping rows of one id

    Notes
    -----
    A row is at risk at t when entry < t <= time: censored at t is at risk at t, entered at t is not.
    """
    rows = check_rows(time, event, entry=entry, weights=weights, tolerance=tolerance)
    n = len(rows.event)
    by_group = compute_codes(group, n, "group")
    by_stratum = compute_codes(stratum, n, "stratum")
    goes_on = (
        _goes_on(rows, compute_codes(row_id, n, "row_id"), by_group, by_stratum)
        if row_id is not None
        else None
    )
    times, strata, exits, entries = _place(rows, by_stratum)
    shape = (len(times), len(by_group.labels))
    counted = (rows.weight > 0).astype(np.float64) if rows.weight is not None else None
    start = np.searchsorted(strata, np.arange(len(by_stratum.labels) + 1))

    def flows(weight: NDArray | None) -> Flows:
        return _flows(rows.event, exits, entries, by_group.code, weight, goes_on, cause, shape, start)

    counts = flows(counted)
    return RiskTable(
        time=times,
        stratum=strata,
        groups=by_group.labels,
        strata=by_stratum.labels,
        counts=counts,
        weighted=counts if rows.weight is None else _settle(flows(rows.weight), counts),
        delayed_entry=rows.entry_index is not None,
        n_at_zero=int(np.sum(rows.distinct[rows.exit_index] == 0)),
    )


def _goes_on(rows: SurvivalRows, ids: Codes, group: Codes, stratum: Codes) -> NDArray[np.bool_]:
    """Tell which rows go on without a gap, event-free, in the same group and stratum; refuse overlaps."""
    if rows.entry_index is None:
        if len(ids.labels) < len(ids.code):
            raise ValueError(
                "row_id repeats but there is no entry: every row of one id needs its start and stop"
            )
        return np.zeros(len(ids.code), dtype=bool)
    order = np.lexsort((rows.entry_index, ids.code))
    here, after = order[:-1], order[1:]
    same = ids.code[here] == ids.code[after]
    overlap = same & (rows.entry_index[after] < rows.exit_index[here])
    if overlap.any():
        found = ", ".join(str(ids.labels[c]) for c in np.unique(ids.code[here[overlap]])[:5])
        raise ValueError(f"rows of one id overlap in time: {found} ({int(overlap.sum())} overlaps)")
    follows = same & (rows.entry_index[after] == rows.exit_index[here]) & (rows.event[here] == 0)
    follows &= (group.code[here] == group.code[after]) & (stratum.code[here] == stratum.code[after])
    goes_on = np.zeros(len(ids.code), dtype=bool)
    goes_on[here[follows]] = True
    return goes_on


def _place(rows: SurvivalRows, stratum: Codes) -> tuple[NDArray, NDArray, NDArray, NDArray | None]:
    """Return time and stratum of the table's rows, and the table row of each exit and entry."""
    n_times, n_strata = len(rows.distinct), len(stratum.labels)
    if n_strata == 1:
        return rows.distinct, np.zeros(n_times, dtype=np.int64), rows.exit_index, rows.entry_index
    exits = stratum.code * n_times + rows.exit_index
    entries = None if rows.entry_index is None else stratum.code * n_times + rows.entry_index
    every = exits if entries is None else np.concatenate((exits, entries))
    keys, position = np.unique(every, return_inverse=True)
    placed = None if entries is None else position[len(exits) :]
    return rows.distinct[keys % n_times], keys // n_times, position[: len(exits)], placed


def _flows(event, exits, entries, group, weight, goes_on, cause, shape, start) -> Flows:
    """Add weights up per table row and group."""
    size = shape[0] * shape[1]
    cell = exits * shape[1] + group

    def total(mask: NDArray[np.bool_] | None, cells: NDArray) -> NDArray[np.float64]:
        chosen = cells if mask is None else cells[mask]
        weights = None if weight is None else (weight if mask is None else weight[mask])
        return np.bincount(chosen, weights=weights, minlength=size).reshape(shape).astype(np.float64)

    left = total(None, cell)
    events = total(event == cause, cell)
    censored, competing, entered, net = left - events, np.zeros(shape), np.zeros(shape), left
    other = (event > 0) & (event != cause)
    if other.any():
        competing = total(other, cell)
        censored -= competing
    if goes_on is not None:
        censored -= total(goes_on, cell)
    if weight is not None:
        np.maximum(censored, 0.0, out=censored)
    if entries is not None:
        entered = total(None, entries * shape[1] + group)
        net = left - entered
    return Flows(_sum_from(net, start), events, competing, censored, left, entered)


def _sum_from(values: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum from each row to the end of its stratum."""
    out = np.empty_like(values)
    for first, last in pairwise(start):
        out[first:last] = np.cumsum(values[first:last][::-1], axis=0)[::-1]
    return out


def _settle(weighted: Flows, counts: Flows) -> Flows:
    """Remove the rounding noise of sums of weights where the counts know the answer exactly."""
    at_risk = np.where(
        counts.at_risk == 0, 0.0, np.maximum(weighted.at_risk, weighted.events + weighted.competing)
    )
    everyone = (counts.events == counts.at_risk) & (counts.events > 0)
    at_risk = np.where(everyone, weighted.events, at_risk)
    censored = np.where(counts.censored == 0, 0.0, weighted.censored)
    return Flows(at_risk, weighted.events, weighted.competing, censored, weighted.left, weighted.entered)


def compute_numbers_at_risk(table: RiskTable, ticks: ArrayLike) -> NDArray[np.float64]:
    """Count who is at risk just before each tick.

    Parameters
    ----------
    table : strata are added up
    ticks : times, shape (n_ticks,); at tick 0 all who are there from the start count

    Returns
    -------
    numbers of patients, shape (n_ticks, n_groups): entry < tick <= time
    """
    wanted = np.asarray(ticks, dtype=np.float64)
    limit = TIE_TOLERANCE * max(1.0, float(np.mean(np.abs(table.time))))
    numbers = np.zeros((len(wanted), len(table.groups)))
    for code in range(len(table.strata)):
        rows = np.flatnonzero(table.stratum == code)
        after_zero = rows[table.time[rows] > limit]
        for chosen, mask in ((rows, wanted > limit), (after_zero, wanted <= limit)):
            place = np.searchsorted(table.time[chosen], np.maximum(wanted[mask], 0.0) - limit)
            padded = np.vstack([table.counts.at_risk[chosen], np.zeros((1, len(table.groups)))])
            numbers[mask] += padded[place]
        at_zero = table.time[rows] <= limit
        numbers[wanted <= limit] += table.counts.left[rows[at_zero]].sum(axis=0)
    return numbers
