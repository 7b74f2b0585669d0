"""Input of a model: design matrix, and rows placed on the event times of their strata."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.data import SurvivalData

MOST_AT_ONCE = 200_000


@dataclass(frozen=True)
class DesignColumn:
    """One column: its covariate, and for a category the level marked 1 and the level it is held against."""

    term: str
    level: str
    reference: str

    @property
    def name(self) -> str:
        """Name for a message."""
        return f"{self.term}={self.level}" if self.level else self.term


@dataclass(frozen=True)
class Design:
    """A design matrix of complete cases."""

    matrix: np.ndarray  # (n, p) numbers, rows without a missing covariate
    columns: tuple[DesignColumn, ...]
    complete: np.ndarray  # (rows given,) True where the row is in `matrix`

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the covariates, each once, in the order given."""
        return tuple(dict.fromkeys(column.term for column in self.columns))


def derive_design_matrix(
    covariates: pd.DataFrame | pd.Series | np.ndarray, *, references: Mapping[str, object] | None = None
) -> Design:
    """Turn numbers and categories into the columns of a regression model.

    covariates : one row an observation. Numbers become one column; strings, booleans and categories become
        one column a level other than the reference. An array is taken as numbers named x1, x2, ...
    references : reference level by covariate. Without one: the most frequent level among complete rows,
        ties in category order (in sorted order where the column has no order of its own).
    Columns stand in the order of the covariates, levels in category order; levels without a
    complete row have no column.
    ValueError for a reference that names an unknown covariate or a level that no complete row has, an
    infinite number, no covariate, or a name that is there twice.

    >>> import pandas as pd
    >>> design = derive_design_matrix(pd.DataFrame({"grade": ["G1", "G2", "G1"], "age": [60.0, 71.0, 55.0]}))
    >>> [(c.term, c.level, c.reference) for c in design.columns]
    [('grade', 'G2', 'G1'), ('age', '', '')]
    """
    frame = _as_frame(covariates)
    references = dict(references or {})
    unknown = sorted(set(references) - set(frame.columns))
    if unknown:
        there = list(frame.columns)
        raise ValueError(f"reference for {', '.join(unknown)}: no such covariate; there are {there}")
    complete = np.asarray(~frame.isna().to_numpy().any(axis=1))
    frame = frame.loc[complete]
    parts, columns = [], []
    for term in frame.columns:
        code = _code_categories if _is_categorical(frame[term]) else _code_number
        matrix, described = code(frame[term], references.get(term))
        parts.append(matrix)
        columns.extend(described)
    matrix = np.column_stack(parts) if parts else np.empty((len(frame), 0))
    return Design(matrix, tuple(columns), complete)


def derive_indicator_matrix(covariates: pd.DataFrame) -> tuple[np.ndarray, tuple[DesignColumn, ...]]:
    """Numbers, and one 0/1 column for every level of a category, none left out; nan where a value is missing.

    For describing groups (balance, targets), not for a model.
    """
    frame = _as_frame(covariates)
    parts, columns = [], []
    for term in frame.columns:
        column = frame[term]
        if not _is_categorical(column):
            parts.append(column.to_numpy(dtype=float, na_value=np.nan)[:, None])
            columns.append(DesignColumn(term, "", ""))
            continue
        codes, levels = derive_levels(column)
        block = (codes[:, None] == np.arange(len(levels))).astype(float)
        block[column.isna().to_numpy()] = np.nan
        parts.append(block)
        columns.extend(DesignColumn(term, level, "") for level in levels)
    return np.column_stack(parts), tuple(columns)


def compute_centre_and_scale(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of columns; 1 for a column that does not vary."""
    scale = matrix.std(axis=0)
    negligible = scale <= 1e-12 * np.maximum(np.abs(matrix).max(axis=0, initial=0.0), 1e-300)
    return matrix.mean(axis=0), np.where(negligible, 1.0, scale)


def _as_frame(covariates) -> pd.DataFrame:
    """A frame with unique text names and a fresh index."""
    if isinstance(covariates, pd.Series):
        covariates = covariates.to_frame(name=covariates.name if covariates.name is not None else "x1")
    if not isinstance(covariates, pd.DataFrame):
        values = np.asarray(covariates, dtype=float)
        values = values.reshape(len(values), -1)
        covariates = pd.DataFrame(values, columns=[f"x{j + 1}" for j in range(values.shape[1])])
    if covariates.shape[1] == 0:
        raise ValueError("a model needs at least one covariate")
    frame = covariates.reset_index(drop=True)
    frame.columns = [str(name) for name in frame.columns]
    if not frame.columns.is_unique:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise ValueError(f"covariates named twice: {', '.join(twice)}")
    return frame


def _is_categorical(column: pd.Series) -> bool:
    """Everything that is not a number is a category; booleans are categories."""
    return pd.api.types.is_bool_dtype(column) or not pd.api.types.is_numeric_dtype(column)


def _code_number(column: pd.Series, reference) -> tuple[np.ndarray, list[DesignColumn]]:
    if reference is not None:
        raise ValueError(f"{column.name} is a number and has no reference level {reference!r}")
    values = column.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise ValueError(f"{column.name} holds {int((~np.isfinite(values)).sum())} infinite values")
    return values[:, None], [DesignColumn(str(column.name), "", "")]


def _code_categories(column: pd.Series, reference) -> tuple[np.ndarray, list[DesignColumn]]:
    """One 0/1 column a level other than the reference; a single level gives a constant column."""
    codes, levels = derive_levels(column)
    counts = np.bincount(codes, minlength=len(levels))
    if reference is None:
        base = int(np.argmax(counts)) if len(levels) else 0
    elif str(reference) in levels:
        base = levels.index(str(reference))
    else:
        raise ValueError(f"reference {reference!r} of {column.name} is not among its levels {levels}")
    if len(levels) < 2:
        only = levels[0] if levels else ""
        return np.zeros((len(codes), 1)), [DesignColumn(str(column.name), "", only)]
    others = [k for k in range(len(levels)) if k != base]
    matrix = (codes[:, None] == np.array(others)).astype(float)
    return matrix, [DesignColumn(str(column.name), levels[k], levels[base]) for k in others]


def rank_nearly_equal(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Integer ranks; distinct neighbours that differ by the tolerance or less are one."""
    distinct, position = np.unique(values, return_inverse=True)
    return np.concatenate([[0], np.cumsum(np.diff(distinct) > tolerance)])[position]


def derive_levels(column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Codes and names of the levels that occur, in category order."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object).astype("category")
    used = column.cat.remove_unused_categories().cat
    return used.codes.to_numpy().astype(int), [str(level) for level in used.categories]


@dataclass(frozen=True)
class ModelRows:
    """Checked rows and the risk sets that they belong to.

    A *cell* is a distinct event time of a stratum; cells run by stratum, then time. A row is at risk in the
    cells ``first .. last - 1``: those of its stratum with entry < t <= time.
    """

    time: np.ndarray  # (n,) tied within tolerance
    entry: np.ndarray  # (n,) tied within tolerance; -inf where nobody enters late
    event: np.ndarray
    weights: np.ndarray  # (n,) positive case weights
    stratum: np.ndarray  # (n,) codes 0, 1, ...
    cluster: np.ndarray  # (n,) codes of the unit that a robust variance resamples: cluster, else the row
    first: np.ndarray  # (n,) first cell of the range
    last: np.ndarray  # (n,) cell after the last of the range
    event_cell: np.ndarray  # (number of events,) cell of each event row, in row order
    cell_time: np.ndarray
    delayed_entry: bool  # whether somebody enters at or after the first end
    kept: np.ndarray  # (rows given,) True where the row is used

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

    @cached_property
    def blocks(self) -> np.ndarray:
        """First cell of each stratum that has one, and the number of cells."""
        stratum = np.zeros(self.n_cells, dtype=np.int64)
        stratum[self.event_cell] = self.stratum[self.event]
        return np.concatenate([[0], np.flatnonzero(np.diff(stratum)) + 1, [self.n_cells]])

    @cached_property
    def end(self) -> np.ndarray:
        """(n,) cell after the last of a row that is at risk from the first cell of its stratum on; 0 for the others."""
        begin = self.blocks[np.searchsorted(self.blocks, self.first, side="right") - 1]
        return np.where((self.last > self.first) & (self.first == begin), self.last, 0)

    @cached_property
    def n_leaves(self) -> int:
        """Cells up to a power of 2: that of cell k is node n_leaves + k of a tree with 2 i and 2 i + 1 below i."""
        return 1 << max(self.n_cells - 1, 0).bit_length()

    @cached_property
    def nodes(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes of the tree whose leaves are the cells of the rows that enter later, and the row of each node."""
        row = np.flatnonzero((self.last > self.first) & (self.end == 0))
        low, high = self.first[row] + self.n_leaves, self.last[row] + self.n_leaves
        nodes, of_row = [row[:0]], [row[:0]]
        while len(row):
            is_right, is_left = low % 2 == 1, high % 2 == 1
            nodes += [low[is_right], high[is_left] - 1]
            of_row += [row[is_right], row[is_left]]
            low, high = (low + 1) // 2, high // 2
            row, low, high = (values[low < high] for values in (row, low, high))
        return np.concatenate(nodes), np.concatenate(of_row)


def derive_model_rows(data: SurvivalData, keep: np.ndarray | None = None) -> ModelRows:
    """Find the risk sets that the rows belong to.

    data : events 0 or 1; rows of weight 0 are left out
    keep : (n,) rows to use
    ValueError for events other than 0 and 1.
    """
    if (data.event > 1).any():
        found = sorted(set(data.event.tolist()) - {0, 1})[:5]
        raise ValueError(f"event holds {found}; a model expects 0 or 1")
    n, placed = data.n, data.placement
    entry = np.full(n, -np.inf) if data.entry is None else placed.distinct[placed.entries]
    weights = np.ones(n) if data.weights is None else data.weights
    used = (np.ones(n, dtype=bool) if keep is None else np.asarray(keep, dtype=bool)) & (weights > 0)
    stratum = np.zeros(n, dtype=np.int64) if data.strata is None else data.strata.code
    cluster = np.arange(n) if data.cluster is None else data.cluster.code
    parts = (placed.distinct[placed.exits], entry, data.event == 1, weights, stratum, cluster)
    return _place(*(part[used] for part in parts), used=used)  # type: ignore[misc]


def replace_strata(rows: ModelRows, stratum: np.ndarray) -> ModelRows:
    """The same rows in other strata."""
    everyone = np.ones(rows.n, dtype=bool)
    return _place(rows.time, rows.entry, rows.event, rows.weights, stratum, rows.cluster, everyone)


def compute_risk_set_sums(values: np.ndarray, rows: ModelRows) -> np.ndarray:
    """Sum `values` (n,) or (n, p) over the risk set of each cell: (G,) or (G, p).

    Only additions: a difference of sums would lose what is tiny beside the rest, as where a likelihood is monotone.
    """
    columns = values.reshape(len(values), -1)
    sums = _sum_by_cell(columns, rows.end, rows.n_cells)
    for begin, end in pairwise(rows.blocks):
        sums[begin:end] = np.cumsum(sums[begin:end][::-1], axis=0)[::-1]
    nodes, of_row = rows.nodes
    if len(nodes):
        tree = _sum_by_cell(columns[of_row], nodes, 2 * rows.n_leaves - 1)
        for size in 2 ** np.arange(rows.n_leaves.bit_length() - 1):
            tree[2 * size - 1 : 4 * size - 1] += np.repeat(tree[size - 1 : 2 * size - 1], 2, axis=0)
        sums += tree[rows.n_leaves - 1 :][: rows.n_cells]
    return sums.reshape((rows.n_cells, *values.shape[1:]))


def _sum_by_cell(columns: np.ndarray, place: np.ndarray, n_cells: int) -> np.ndarray:
    """Sum (n, k) over the rows of each place from 1 to n_cells: (n_cells, k); few rows in one call, many by column."""
    k, size = columns.shape[1], n_cells + 1
    if columns.size > MOST_AT_ONCE:
        return np.column_stack([np.bincount(place, v, size) for v in columns.T])[1:]
    cells = place[:, None] * k + np.arange(k)
    return np.bincount(cells.ravel(), columns.ravel(), size * k).reshape(size, k)[1:]


def compute_sums_over_time_at_risk(cell_values: np.ndarray, rows: ModelRows) -> np.ndarray:
    """Sum (G,) or (G, p) over the cells in which each row is at risk: (n,) or (n, p); only additions."""
    columns = cell_values.reshape(len(cell_values), -1)
    total = np.zeros((rows.n_cells + 1, columns.shape[1]))
    for begin, end in pairwise(rows.blocks):
        np.cumsum(columns[begin:end], axis=0, out=total[begin + 1 : end + 1])
    lived = total[rows.end]
    nodes, of_row = rows.nodes
    if len(nodes):
        tree = np.zeros((2 * rows.n_leaves - 1, columns.shape[1]))
        tree[rows.n_leaves - 1 :][: rows.n_cells] = columns
        for size in 2 ** np.arange(rows.n_leaves.bit_length() - 1)[::-1]:
            tree[size - 1 : 2 * size - 1] = tree[2 * size - 1 : 4 * size - 1].reshape(size, 2, -1).sum(axis=1)
        lived += _sum_by_cell(tree[nodes - 1], of_row + 1, rows.n)
    return lived.reshape((rows.n, *cell_values.shape[1:]))


def _place(time, entry, event, weights, stratum, cluster, used) -> ModelRows:
    """Build the rows with cells and ranges of cells."""
    stratum = np.unique(stratum, return_inverse=True)[1] if len(stratum) else stratum
    distinct, rank = np.unique(time, return_inverse=True)
    span = len(distinct) + 1
    key = stratum * span + rank + 1
    cells, event_cell = np.unique(key[event], return_inverse=True)
    # Entry at e leaves out every time up to e: the rank of the last distinct time that is not after e.
    entry_rank = np.searchsorted(distinct, entry, side="right")
    first = np.searchsorted(cells, stratum * span + entry_rank, side="right")
    last = np.searchsorted(cells, key, side="right")
    cluster = np.unique(cluster, return_inverse=True)[1] if len(cluster) else cluster
    cell_time = distinct[cells % span - 1] if len(cells) else np.empty(0)
    delayed = bool(len(cells) and np.any(entry_rank > 0))
    own = (time, entry, event, weights, stratum, cluster)
    return ModelRows(*own, first, last, event_cell, cell_time, delayed, used)
