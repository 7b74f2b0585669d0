"""Observations of a survival model, checked once and placed on the event times of their strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prrt_outcomes.statistics.data import SurvivalData


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


def derive_model_rows(data: SurvivalData, keep: np.ndarray | None = None) -> ModelRows:
    """Find the risk sets that the rows belong to.

    Parameters
    ----------
    data : survival data; events 0 or 1. Rows of weight 0 are left out
    keep : (n,) rows to use

    Raises
    ------
    ValueError
        for events other than 0 and 1.
    """
    if (data.event > 1).any():
        found = sorted(set(data.event.tolist()) - {0, 1})[:5]
        raise ValueError(f"event holds {found}; a model expects 0 or 1")
    n, late = data.n, data.entry is not None
    placed = data.placement
    entry = placed.distinct[placed.entries] if late else np.full(n, -np.inf)
    weights = np.ones(n) if data.weights is None else data.weights
    used = (np.ones(n, dtype=bool) if keep is None else np.asarray(keep, dtype=bool)) & (weights > 0)
    stratum = np.zeros(n, dtype=np.int64) if data.strata is None else data.strata.code
    cluster = next((codes.code for codes in (data.cluster, data.id) if codes is not None), np.arange(n))
    return _place(
        placed.distinct[placed.exits][used],
        entry[used],
        data.event[used] == 1,
        weights[used],
        stratum[used],
        cluster[used],
        None if data.id is None else data.id.code[used],
        late,
        used,
    )


def replace_strata(rows: ModelRows, stratum: np.ndarray) -> ModelRows:
    """The same rows in other strata, each row as a patient of its own."""
    return _place(
        rows.time,
        rows.entry if rows.delayed_entry else np.full(rows.n, -np.inf),
        rows.event,
        rows.weights,
        stratum,
        rows.cluster,
        None,
        rows.delayed_entry,
        np.ones(rows.n, dtype=bool),
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
