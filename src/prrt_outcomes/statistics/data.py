"""Survival data: checked once, with labels as codes and nearly equal times made equal."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

TIE_TOLERANCE = 1.5e-8
"""Times closer than this, absolutely or relative to the mean distinct time, are one (R's ``timefix``)."""


@dataclass(frozen=True, eq=False)
class Codes:
    """Labels as integers: ``labels[code]`` is the label of a row."""

    code: NDArray[np.int64]
    labels: tuple

    def select(self, rows: NDArray) -> "Codes":
        """Return the codes of some rows, with only the labels that occur there."""
        used, code = np.unique(self.code[rows], return_inverse=True)
        return Codes(code.astype(np.int64), tuple(self.labels[u] for u in used))


@dataclass(frozen=True)
class Placement:
    """Sorted distinct times, and the position in them of every exit and entry (None: no late entry)."""

    distinct: NDArray[np.float64]
    exits: NDArray[np.int64]
    entries: Any


@dataclass(frozen=True, eq=False)
class SurvivalData:
    """Checked survival data, one element a row; what every fit takes.

    time : end of observation, any unit, 0 or more, shape (n,)
    event : 0 censored, 1, 2, ... kinds of event, or booleans
    entry : start of observation, below `time`; a row is at risk at t when entry < t <= time
    weights : case weights, 0 or more
    strata, cluster : labels, or a frame whose columns are crossed; a categorical keeps its order. `cluster`
        is the unit that a robust variance resamples (patients, centres)
    id : patient of each row, for counting-process rows (entry, time], which must not overlap

    ValueError for no rows, unequal lengths, missing or infinite numbers, negative times, unknown event codes,
    negative weights or none above 0, entry at or after the end, missing labels, overlapping rows. After
    construction the numbers are arrays and the labels `Codes`. Times are kept as given; `placement` merges
    nearly equal ones.
    """

    time: Any
    event: Any
    entry: Any = None
    weights: Any = None
    strata: Any = None
    cluster: Any = None
    id: Any = None

    def __post_init__(self) -> None:
        time = _numbers(self.time, "time")
        n = len(time)
        if n == 0:
            raise ValueError("no rows: a survival statistic needs at least one patient")
        event = compute_event_codes(self.event)
        if len(event) != n:
            raise ValueError(f"event has {len(event)} rows, time has {n}")
        if (time < 0).any():
            raise ValueError(f"time is negative in {int((time < 0).sum())} of {n} rows; expected 0 or more")
        checked: dict[str, Any] = {"time": time, "event": event}
        for name in ("entry", "weights"):
            values = getattr(self, name)
            checked[name] = None if values is None else _numbers(values, name, n)
        weights = checked["weights"]
        if weights is not None and ((weights < 0).any() or not (weights > 0).any()):
            raise ValueError("weights must be 0 or more, at least one above 0")
        for name in ("strata", "cluster", "id"):
            labels = getattr(self, name)
            checked[name] = None if labels is None else compute_codes(labels, n, name)
        for name, values in checked.items():
            object.__setattr__(self, name, values)
        if self.entry is not None:
            late = self.placement.entries >= self.placement.exits
            if late.any():
                rows = ", ".join(str(i) for i in np.flatnonzero(late)[:5])
                raise ValueError(
                    f"entry is not before the end in {int(late.sum())} of {self.n} rows (first, counted from 0: "
                    f"{rows}); expected entry < time"
                )
        self._check_overlap()

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.time)

    @cached_property
    def placement(self) -> Placement:
        """The rows on their distinct times, those within `TIE_TOLERANCE` merged."""
        if self.entry is None:
            return Placement(*merge_near_times(self.time), None)
        distinct, position = merge_near_times(np.concatenate((self.time, self.entry)))
        return Placement(distinct, position[: self.n], position[self.n :])

    def select(self, rows: NDArray) -> "SurvivalData":
        """Return some rows, given by mask or position."""
        fields = (self.time, self.event, self.entry, self.weights)
        labels = (self.strata, self.cluster, self.id)
        return SurvivalData(
            *[None if values is None else values[rows] for values in fields],
            *[None if codes is None else codes.select(rows) for codes in labels],
        )

    def refuse(self, *names: str, method: str) -> None:
        """Raise where one of these parts is given, for a method that would pass it over."""
        given = [name for name in names if getattr(self, name) is not None]
        if given:
            raise ValueError(f"{method} takes no {', '.join(given)}")

    def _check_overlap(self) -> None:
        if self.id is None:
            return
        if self.entry is None:
            if len(self.id.labels) < self.n:
                raise ValueError("id repeats but there is no entry: every row of one id needs entry and time")
            return
        order = np.lexsort((self.placement.entries, self.id.code))
        here, after = order[:-1], order[1:]
        overlap = self.id.code[here] == self.id.code[after]
        overlap &= self.placement.entries[after] < self.placement.exits[here]
        if overlap.any():
            found = ", ".join(str(self.id.labels[c]) for c in np.unique(self.id.code[here[overlap]])[:5])
            raise ValueError(f"rows of one id overlap in time: {found} ({int(overlap.sum())} overlaps)")


def compute_codes(values: Any, n: int, name: str) -> Codes:
    """Turn one label a row, called `name` in messages, into codes of the labels that occur.

    `values` has shape (n,), or is a frame whose columns are crossed; a categorical keeps its order, others
    are sorted; None is one label ``"all"``. ValueError for a wrong length or a missing label.
    """
    if values is None:
        return Codes(np.zeros(n, dtype=np.int64), ("all",))
    if isinstance(values, Codes):
        return values
    if isinstance(values, pd.DataFrame):
        # A row with a missing label is in no group.
        number = values.groupby(list(values.columns), observed=True).ngroup()
        labels = number.where(number >= 0)
    else:
        labels = pd.Series(values)
    if len(labels) != n:
        raise ValueError(f"{name} has {len(labels)} rows, time has {n}")
    missing = int(labels.isna().sum())
    if missing:
        raise ValueError(f"{name} is missing in {missing} of {n} rows; drop and count them first")
    code, found = pd.factorize(labels, sort=True)
    return Codes(code.astype(np.int64), tuple(found.tolist()))


def compute_event_codes(event: ArrayLike) -> NDArray[np.int64]:
    """Return events as integers: 0 censored, 1, 2, ... kinds of event; booleans are 0 and 1."""
    values = _floats(event)
    if values.ndim != 1:
        raise ValueError(f"event must have one dimension, not {values.ndim}")
    codes = np.nan_to_num(values, nan=-1.0, posinf=-1.0, neginf=-1.0).astype(np.int64)
    wrong = (codes < 0) | (codes != values)
    if wrong.any():
        found = ", ".join(str(v) for v in pd.unique(values[wrong])[:5])
        raise ValueError(f"event must be 0 (censored), 1, 2, ...; found {found} in {int(wrong.sum())} rows")
    return codes


def compute_tie_limit(distinct: NDArray[np.float64]) -> float:
    """Return the difference up to which times are one: `TIE_TOLERANCE`, absolute or relative to their mean."""
    return TIE_TOLERANCE * max(1.0, float(np.mean(np.abs(distinct))))


def merge_near_times(values: NDArray[np.float64]) -> tuple[NDArray, NDArray[np.int64]]:
    """Return sorted distinct values and where each value stands; near ones become the first of them."""
    order = np.argsort(values)
    ordered = values[order]
    step = np.diff(ordered)
    exact = ordered[np.concatenate(([True], step > 0))]
    first = np.concatenate(([True], step > compute_tie_limit(exact)))
    position = np.empty(len(values), dtype=np.int64)
    position[order] = np.cumsum(first) - 1
    return ordered[first], position


def _floats(values: ArrayLike) -> NDArray[np.float64]:
    if isinstance(values, pd.Series):
        return values.to_numpy(dtype="float64", na_value=np.nan)
    return np.asarray(values, dtype=np.float64)


def _numbers(values: ArrayLike, name: str, n: int | None = None) -> NDArray[np.float64]:
    """Return finite numbers of the right length, or say what is wrong."""
    array = _floats(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {array.ndim}")
    if n is not None and len(array) != n:
        raise ValueError(f"{name} has {len(array)} rows, time has {n}")
    wrong = ~np.isfinite(array)
    if wrong.any():
        raise ValueError(f"{name} is missing or infinite in {int(wrong.sum())} of {len(array)} rows")
    return array
