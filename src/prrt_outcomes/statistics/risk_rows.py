"""Survival rows as arrays: checked, with labels as codes and nearly equal times made equal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

TIE_TOLERANCE = 1.5e-8
"""Times closer than this, absolutely or relative to the mean distinct time, are one (R's ``timefix``)."""


@dataclass(frozen=True, eq=False)
class SurvivalRows:
    """Checked survival rows; all arrays have one element a row.

    Attributes
    ----------
    distinct : sorted distinct times (exits, and entries where given), nearly equal ones merged
    exit_index, entry_index : position in `distinct`; ``entry_index`` is None where all are at risk from
        the start
    event : code, 0 censored, 1, 2, ... events
    weight : case weight, None where all are 1
    """

    distinct: NDArray[np.float64]
    exit_index: NDArray[np.int64]
    entry_index: NDArray[np.int64] | None
    event: NDArray[np.int64]
    weight: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Codes:
    """Labels as integers: ``labels[code]`` is the label of a row."""

    code: NDArray[np.int64]
    labels: tuple


def compute_codes(values: ArrayLike | None, n: int, name: str) -> Codes:
    """Turn one label a row into codes.

    Parameters
    ----------
    values : labels, shape (n,); a categorical keeps its order, others are sorted; None: one label ``"all"``
    n : number of rows
    name : what the labels are, for messages

    Returns
    -------
    Codes, only labels that occur

    Raises
    ------
    ValueError : wrong length or a missing label
    """
    if values is None:
        return Codes(np.zeros(n, dtype=np.int64), ("all",))
    categorical = isinstance(getattr(values, "dtype", None), pd.CategoricalDtype)
    series = pd.Series(values)
    if len(series) != n:
        raise ValueError(f"{name} has {len(series)} rows, time has {n}")
    if series.isna().any():
        raise ValueError(
            f"{name} is missing in {int(series.isna().sum())} of {n} rows; drop and count them first"
        )
    if categorical:
        used = series.cat.remove_unused_categories()
        return Codes(used.cat.codes.to_numpy().astype(np.int64), tuple(used.cat.categories))
    code, labels = pd.factorize(series, sort=True)
    return Codes(code.astype(np.int64), tuple(labels.tolist()))


def compute_event_codes(event: ArrayLike) -> NDArray[np.int64]:
    """Return events as integers: 0 censored, 1, 2, ... kinds of event; booleans are 0 and 1."""
    raw = (
        event.to_numpy(dtype="float64", na_value=np.nan)
        if isinstance(event, pd.Series)
        else np.asarray(event)
    )
    values = np.asarray(raw, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"event must have one dimension, not {values.ndim}")
    codes = np.nan_to_num(values, nan=-1.0, posinf=-1.0, neginf=-1.0).astype(np.int64)
    wrong = (codes < 0) | (codes != values)
    if wrong.any():
        found = ", ".join(str(v) for v in pd.unique(values[wrong])[:5])
        raise ValueError(f"event must be 0 (censored), 1, 2, ...; found {found} in {int(wrong.sum())} rows")
    return codes


def _numbers(values: ArrayLike, name: str, n: int | None = None) -> NDArray[np.float64]:
    """Return finite numbers of the right length, or say what is wrong."""
    if isinstance(values, pd.Series):
        array = values.to_numpy(dtype="float64", na_value=np.nan)
    else:
        array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, not {array.ndim}")
    if n is not None and len(array) != n:
        raise ValueError(f"{name} has {len(array)} rows, time has {n}")
    wrong = ~np.isfinite(array)
    if wrong.any():
        raise ValueError(f"{name} is missing or infinite in {int(wrong.sum())} of {len(array)} rows")
    return array


def merge_near_times(values: NDArray[np.float64], tolerance: float) -> tuple[NDArray, NDArray[np.int64]]:
    """Return sorted distinct values and where each value stands; near ones become the first of them."""
    order = np.argsort(values)
    ordered = values[order]
    step = np.diff(ordered)
    exact = ordered[np.concatenate(([True], step > 0))]
    limit = tolerance * max(1.0, float(np.mean(np.abs(exact))))
    first = np.concatenate(([True], step > limit))
    position = np.empty(len(values), dtype=np.int64)
    position[order] = np.cumsum(first) - 1
    return ordered[first], position


def check_rows(
    time: ArrayLike,
    event: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    tolerance: float = TIE_TOLERANCE,
) -> SurvivalRows:
    """Check survival rows and merge nearly equal times.

    Parameters
    ----------
    time : end of observation, any unit, 0 or more, shape (n,)
    event : 0 censored, 1, 2, ... events, or booleans, shape (n,)
    entry : start of observation (late entry), below `time`; a row is at risk at t when entry < t <= time
    weights : case weights, 0 or more
    tolerance : see `TIE_TOLERANCE`; 0 takes times as they are

    Returns
    -------
    SurvivalRows

    Raises
    ------
    ValueError : no rows, unequal lengths, missing or infinite numbers, negative times, entry at or after
        the end,
        negative weights or none above 0
    """
    times = _numbers(time, "time")
    n = len(times)
    if n == 0:
        raise ValueError("no rows: a survival statistic needs at least one patient")
    events = compute_event_codes(event)
    if len(events) != n:
        raise ValueError(f"event has {len(events)} rows, time has {n}")
    if (times < 0).any():
        raise ValueError(f"time is negative in {int((times < 0).sum())} of {n} rows; expected 0 or more")
    weight = None if weights is None else _numbers(weights, "weights", n)
    if weight is not None and ((weight < 0).any() or not (weight > 0).any()):
        raise ValueError("weights must be 0 or more, at least one above 0")
    if entry is None:
        distinct, position = merge_near_times(times, tolerance)
        return SurvivalRows(distinct, position, None, events, weight)
    starts = _numbers(entry, "entry", n)
    distinct, position = merge_near_times(np.concatenate((times, starts)), tolerance)
    exits, entries = position[:n], position[n:]
    late = entries >= exits
    if late.any():
        rows = ", ".join(str(i) for i in np.flatnonzero(late)[:5])
        raise ValueError(
            f"entry is not before the end in {int(late.sum())} of {n} rows (first, counted from 0: {rows}); "
            "expected entry < time"
        )
    return SurvivalRows(distinct, exits, entries, events, weight)
