"""Observations of a survival model, checked once and placed on the event times of their strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.risk_rows import TIE_TOLERANCE, merge_near_times


@dataclass(frozen=True)
class ModelRows:
    """Checked rows and the risk sets that they belong to.

    A *cell* is a distinct event time of a stratum; cells run by stratum, then time. A row is at risk in the
    cells ``first .. last - 1``: those of its stratum with entry < t <= time.

    Attributes
    ----------
    time, entry : (n,) tied within tolerance; entry is -inf where nobody enters late
    event : (n,) True for an event
    weights : (n,) positive case weights
    stratum : (n,) codes 0, 1, ...
    cluster : (n,) codes of the unit that is resampled: cluster, else id, else the row
    first, last : (n,) range of cells
    event_cell : (number of events,) cell of each event row, in row order
    cell_time, cell_stratum : (G,)
    n_patients : distinct ids, else rows
    events_per_patient_max : largest number of events that one id has
    one_row_per_patient, delayed_entry : what the rows look like
    kept : (rows given,) True where the row is used
    """

    time: np.ndarray
    entry: np.ndarray
    event: np.ndarray
    weights: np.ndarray
    stratum: np.ndarray
    cluster: np.ndarray
    first: np.ndarray
    last: np.ndarray
    event_cell: np.ndarray
    cell_time: np.ndarray
    cell_stratum: np.ndarray
    n_patients: int
    events_per_patient_max: int
    one_row_per_patient: bool
    delayed_entry: bool
    kept: np.ndarray

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.time)

    @property
    def n_events(self) -> int:
        """Number of event rows."""
        return int(self.event.sum())

    @property
    def n_cells(self) -> int:
        """Number of distinct event times over strata."""
        return len(self.cell_time)


def derive_model_rows(
    time,
    event,
    *,
    entry=None,
    weights=None,
    strata=None,
    cluster=None,
    identifier=None,
    keep=None,
    tie_tolerance: float = TIE_TOLERANCE,
) -> ModelRows:
    """Check rows and find the risk sets they belong to.

    Parameters
    ----------
    time, event : (n,) end of observation and whether it was an event (0/1 or boolean)
    entry : (n,) start of observation; at risk at t when entry < t <= time
    weights : (n,) case weights, 0 or more; rows of weight 0 are left out
    strata, cluster, identifier : (n,) labels; rows of one identifier must not overlap
    keep : (n,) rows to use; the others are checked too
    tie_tolerance : two times closer than this (absolute, or relative to the mean absolute time) are one time

    Raises
    ------
    ValueError
        for lengths that differ, missing or infinite values, negative times, events other than 0/1, negative
        weights, entry at or after the end, overlapping rows of one identifier.
    """
    time = _numbers(time, "time")
    n = len(time)
    if n == 0:
        raise ValueError("no rows: a model needs at least one observation")
    event = _events(event, n)
    late = entry is not None
    entry = _numbers(entry, "entry", n) if late else np.full(n, -np.inf)
    weights = np.ones(n) if weights is None else _numbers(weights, "weights", n)
    if (time < 0).any():
        raise ValueError(f"{int((time < 0).sum())} negative times (rows {_first(time < 0)})")
    if (weights < 0).any():
        raise ValueError(f"{int((weights < 0).sum())} negative weights (rows {_first(weights < 0)})")
    distinct, position = merge_near_times(np.concatenate([time, entry]) if late else time, tie_tolerance)
    time, entry = distinct[position[:n]], distinct[position[n:]] if late else entry
    if (entry >= time).any():
        wrong = entry >= time
        raise ValueError(f"{int(wrong.sum())} rows enter at or after they end (rows {_first(wrong)})")
    labels = {"strata": strata, "cluster": cluster, "identifier": identifier}
    codes = {name: _codes(values, name, n) for name, values in labels.items()}
    if codes["identifier"] is not None:
        _check_no_overlap(entry, time, codes["identifier"])
    used = (np.ones(n, dtype=bool) if keep is None else np.asarray(keep, dtype=bool)) & (weights > 0)
    stratum = np.zeros(n, dtype=np.int64) if codes["strata"] is None else codes["strata"]
    patient = codes["identifier"]
    cluster_code = next((codes[k] for k in ("cluster", "identifier") if codes[k] is not None), np.arange(n))
    return _place(
        time[used],
        entry[used],
        event[used],
        weights[used],
        stratum[used],
        cluster_code[used],
        None if patient is None else patient[used],
        late,
        used,
    )


def compute_risk_set_sums(values: np.ndarray, rows: ModelRows) -> np.ndarray:
    """Sum `values` (n,) or (n, p) over the risk set of each cell: (G,) or (G, p)."""
    columns = values.reshape(len(values), -1)
    out = np.empty((rows.n_cells, columns.shape[1]))
    # A row in cells first..last-1 is in every suffix that begins at or before last-1 and not yet at first-1.
    enters = rows.first > 0
    later = bool(enters.any())
    for j in range(columns.shape[1]):
        v = columns[:, j]
        ends = np.bincount(rows.last, weights=v, minlength=rows.n_cells + 1)[1:]
        if later:
            ends = ends - np.bincount(rows.first[enters], weights=v[enters], minlength=rows.n_cells + 1)[1:]
        out[:, j] = np.cumsum(ends[::-1])[::-1]
    return out.reshape((rows.n_cells, *values.shape[1:]))


def compute_sums_over_time_at_risk(cell_values: np.ndarray, rows: ModelRows) -> np.ndarray:
    """Sum (G,) or (G, p) over the cells in which each row is at risk: (n,) or (n, p)."""
    zero = np.zeros((1, *cell_values.shape[1:]))
    total = np.concatenate([zero, np.cumsum(cell_values, axis=0)])
    return total[rows.last] - total[rows.first]


def _place(time, entry, event, weights, stratum, cluster, patient, late, used) -> ModelRows:
    """Build the rows with cells and ranges of cells."""
    stratum = np.unique(stratum, return_inverse=True)[1] if len(stratum) else stratum
    distinct, rank = np.unique(time, return_inverse=True)
    span = len(distinct) + 1
    key = stratum * span + rank + 1
    cells, event_cell = np.unique(key[event], return_inverse=True)
    # Entry at e leaves out every time up to e: the rank of the last distinct time that is not after e.
    entry_rank = np.searchsorted(distinct, entry, side="right") if late else 0
    first = np.searchsorted(cells, stratum * span + entry_rank, side="right")
    last = np.searchsorted(cells, key, side="right")
    per_patient = (
        np.bincount(patient[event]) if patient is not None and event.any() else np.array([int(event.any())])
    )
    n_patients = len(np.unique(patient)) if patient is not None else len(time)
    return ModelRows(
        time=time,
        entry=entry,
        event=event,
        weights=weights,
        stratum=stratum,
        cluster=np.unique(cluster, return_inverse=True)[1] if len(cluster) else cluster,
        first=first,
        last=last,
        event_cell=event_cell,
        cell_time=distinct[cells % span - 1] if len(cells) else np.empty(0),
        cell_stratum=cells // span,
        n_patients=n_patients,
        events_per_patient_max=int(per_patient.max(initial=0)),
        one_row_per_patient=n_patients == len(time),
        delayed_entry=bool(late and len(cells) and (entry_rank > 0).any()),
        kept=used,
    )


def _numbers(values, name: str, n: int | None = None) -> np.ndarray:
    """A finite vector of the expected length."""
    out = pd.to_numeric(pd.Series(np.asarray(values).ravel()), errors="coerce").to_numpy(dtype=float)
    if n is not None and len(out) != n:
        raise ValueError(f"{name} has {len(out)} values for {n} rows")
    if not np.isfinite(out).all():
        raise ValueError(
            f"{int((~np.isfinite(out)).sum())} missing or infinite values in {name} "
            f"(rows {_first(~np.isfinite(out))})"
        )
    return out


def _events(values, n: int) -> np.ndarray:
    """A boolean vector from 0/1 or booleans; 1/2 coding is refused, not guessed."""
    out = _numbers(values, "event", n)
    if not np.isin(out, (0.0, 1.0)).all():
        raise ValueError(f"event holds {sorted(set(out.tolist()) - {0.0, 1.0})[:5]}; expected 0 or 1")
    return out == 1


def _codes(values, name: str, n: int) -> np.ndarray | None:
    """Integer codes of labels; several columns of a frame are crossed."""
    if values is None:
        return None
    if isinstance(values, pd.DataFrame):
        codes = (
            values.reset_index(drop=True).groupby(list(values.columns), observed=True, dropna=False).ngroup()
        )
        missing = values.isna().to_numpy().any(axis=1)
    else:
        labels = pd.Series(values).reset_index(drop=True)
        codes, missing = pd.Series(pd.factorize(labels, sort=True)[0]), labels.isna().to_numpy()
    if len(codes) != n:
        raise ValueError(f"{name} has {len(codes)} values for {n} rows")
    if missing.any():
        raise ValueError(f"{int(missing.sum())} missing values in {name} (rows {_first(missing)})")
    return codes.to_numpy().astype(np.int64)


def _check_no_overlap(entry: np.ndarray, time: np.ndarray, patient: np.ndarray) -> None:
    """Rows of one patient follow each other."""
    order = np.lexsort((entry, patient))
    same = patient[order][1:] == patient[order][:-1]
    overlaps = same & (entry[order][1:] < time[order][:-1])
    if overlaps.any():
        raise ValueError(
            f"{int(overlaps.sum())} rows overlap an earlier row of the same identifier "
            f"(rows {sorted(order[1:][overlaps].tolist())[:5]})"
        )


def _first(mask: np.ndarray) -> list[int]:
    """Positions of the first five faults."""
    return np.flatnonzero(mask)[:5].tolist()
