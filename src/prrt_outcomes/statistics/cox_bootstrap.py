"""Cox log hazard ratios of thousands of weightings at once: a bootstrap is a matrix of weights.

All replicates share one order of rows, so the sums over risk sets of a block of replicates are cumulative
sums along a replicate-by-row matrix, and Newton's method runs on the whole block.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from prrt_outcomes.statistics.cox import derive_model, fit_cox_rows
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import Design, ModelRows
from prrt_outcomes.statistics.weights import BLOCK_ELEMENTS, fit_newton_in_blocks

FLAT = 1e-9


@dataclass(frozen=True)
class _Layout:
    """Rows in the one order that all replicates use: latest risk set first.

    matrix (n, p) and products (n, p(p+1)/2) of its columns; stop gives, for each cell, the number of rows that
    are in a risk set until then or longer; late_* the same for those not yet entered.
    """

    order: np.ndarray
    matrix: np.ndarray
    products: np.ndarray
    first: np.ndarray
    last: np.ndarray
    stop: np.ndarray
    late_order: np.ndarray | None
    late_stop: np.ndarray
    event_rows: np.ndarray
    event_cell: np.ndarray
    cell_begin: np.ndarray


def bootstrap_cox_log_hazard_ratio(data: SurvivalData, covariates, weights_matrix: np.ndarray) -> np.ndarray:
    """Fit the same Cox model under each row of a matrix of weights (R, n): coefficients (R, p).

    Replicate r equals `fit_cox` with the weights ``weights_matrix[r]`` (counts of a bootstrap, or counts
    times refitted weights), rows of weight 0 being absent. Tied events are those of positive weight in the
    replicate, each with the mean weight, as R's case weights. Rows with a missing covariate are left out of
    all replicates. A replicate has nan where it has no events, a monotone likelihood or a covariate that does
    not vary.

    ValueError as `fit_cox` and for strata; when the matrix does not fit the rows, is negative or not finite;
    when the model itself (all weights 1) is separated or not estimable, since then the replicates cannot be
    trusted either.
    """
    data.refuse("weights", "strata", method="the bootstrap of a Cox model")
    design, rows = derive_model(data, covariates, None)
    weights_matrix = np.asarray(weights_matrix)
    if weights_matrix.ndim != 2 or weights_matrix.shape[1] != len(rows.kept):
        raise ValueError(
            f"weights_matrix has shape {weights_matrix.shape}; expected (replicates, {len(rows.kept)})"
        )
    if not (np.isfinite(weights_matrix).all() and (weights_matrix >= 0).all()):
        raise ValueError("weights_matrix holds negative or infinite weights")
    if not rows.kept.all():
        weights_matrix = weights_matrix[:, rows.kept]
    whole = fit_cox_rows(design, rows)
    if not whole.estimated.all():
        raise ValueError(f"the model cannot be resampled: {whole.reason}")
    scale = design.matrix.std(axis=0)
    layout, start = _lay_out(design, rows, scale), whole.coefficients * scale
    blocks = _cut_blocks(weights_matrix, layout)
    return np.concatenate([_fit_block(weights, layout, start) for weights in blocks]) / scale


def bootstrap_cox_hazards(
    design: Design, rows: ModelRows, counts: np.ndarray, everybody: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Predict a matrix of patients under each row of counts: relative hazards (R, patients), cumulative (R, times).

    design, rows : of the Cox model, as `fit_cox_rows`; counts (R, n), 0 or more, of its rows
    everybody : (patients, p) covariates in the columns of the design
    Survival is exp(-relative * cumulative). The baseline hazard has the ties of the model (Efron). Columns that are not
    estimable in the whole data are left out; in a replicate without a fit all patients have the hazard of the rows.
    """
    whole = fit_cox_rows(design, rows)
    used = whole.estimated & (design.matrix.std(axis=0) > 0)
    matrix = design.matrix[:, used]
    centre, scale = matrix.mean(axis=0), matrix.std(axis=0)
    layout = _lay_out(replace(design, matrix=matrix), rows, scale)
    start, others = whole.coefficients[used] * scale, (everybody[:, used] - centre) / scale
    last = np.searchsorted(layout.event_cell, np.searchsorted(rows.cell_time, times, side="right"))
    relative, cumulative = [], []
    for weights in _cut_blocks(counts, layout):
        beta = np.nan_to_num(_fit_block(weights, layout, start)) if used.any() else weights[:, :0]
        terms = _tied_terms(weights[:, layout.event_rows], layout)
        hazard, _, _ = _term_hazards(weights, beta, layout, terms)
        cumulative.append(np.column_stack([np.zeros(len(hazard)), np.cumsum(hazard, axis=1)])[:, last])
        relative.append(np.exp(beta @ others.T))
    return np.concatenate(relative), np.concatenate(cumulative)


def _cut_blocks(weights_matrix: np.ndarray, layout: _Layout) -> Iterator[np.ndarray]:
    """Replicates in blocks of bounded size, rows in the order of the layout."""
    size = max(1, BLOCK_ELEMENTS // len(layout.order))
    for begin in range(0, len(weights_matrix), size):
        yield weights_matrix[begin : begin + size, layout.order].astype(float)


def _lay_out(design: Design, rows: ModelRows, scale: np.ndarray) -> _Layout:
    """Order rows once for all replicates."""
    order = np.argsort(-rows.last, kind="stable")
    matrix = ((design.matrix - design.matrix.mean(axis=0)) / scale)[order]
    i, j = np.triu_indices(matrix.shape[1])
    cells = np.arange(rows.n_cells)
    cell_of_row = np.full(rows.n, -1)
    cell_of_row[rows.event] = rows.event_cell
    sorted_cell = cell_of_row[order]
    event_rows = np.flatnonzero(sorted_cell >= 0)
    event_rows = event_rows[np.argsort(sorted_cell[event_rows], kind="stable")]
    event_cell = sorted_cell[event_rows]
    first, last = rows.first[order], rows.last[order]
    return _Layout(
        order=order,
        matrix=matrix,
        products=matrix[:, i] * matrix[:, j],
        first=first,
        last=last,
        stop=rows.n - np.searchsorted(np.sort(last), cells, side="right"),
        late_order=np.argsort(-first, kind="stable") if rows.delayed_entry else None,
        late_stop=rows.n - np.searchsorted(np.sort(first), cells, side="right"),
        event_rows=event_rows,
        event_cell=event_cell,
        cell_begin=np.searchsorted(event_cell, cells),
    )


def _fit_block(weights: np.ndarray, layout: _Layout, start: np.ndarray) -> np.ndarray:
    """Coefficients (B, p) of a block of replicates, nan where a replicate has none."""
    event_weights = weights[:, layout.event_rows]
    terms = _tied_terms(event_weights, layout)

    def evaluate(active: np.ndarray, beta: np.ndarray):
        part = slice(None) if len(active) == len(weights) else active
        score, information = _derivatives(weights[part], beta, layout, tuple(t[part] for t in terms))
        diagonal = np.einsum("bii->bi", information)
        flat = (diagonal <= FLAT * event_weights[part].sum(axis=1)[:, None]).any(axis=1)
        flat |= ~np.isfinite(np.linalg.cond(information)) if len(start) > 1 else False
        return score, information, flat

    active = np.flatnonzero(event_weights.any(axis=1))
    begin = np.tile(start, (len(weights), 1))
    # The last step is still taken; by quadratic convergence what is left is of the order of its square.
    return fit_newton_in_blocks(evaluate, begin, active, limit=2.0, tolerance=1e-5, iterations=25)


def _tied_terms(event_weights: np.ndarray, layout: _Layout) -> tuple[np.ndarray, np.ndarray]:
    """Weight and left-out share (B, D) of every term; terms beyond a replicate's number of tied events weigh 0."""
    counts = np.diff(np.append(layout.cell_begin, len(layout.event_cell)))
    if (counts == 1).all():
        return event_weights, np.zeros((len(event_weights), 0))
    present = np.add.reduceat(event_weights > 0, layout.cell_begin, axis=1, dtype=float)
    total = np.add.reduceat(event_weights, layout.cell_begin, axis=1)
    rank = np.arange(len(layout.event_cell)) - layout.cell_begin[layout.event_cell]
    share = np.maximum(present, 1.0)
    number = share[:, layout.event_cell]
    weight = (total / share)[:, layout.event_cell] * (rank < present[:, layout.event_cell])
    return weight, np.minimum(rank / number, 1.0)


def _derivatives(weights: np.ndarray, beta: np.ndarray, layout: _Layout, terms):
    """Score (B, p) and information (B, p, p) of every replicate at its own coefficients."""
    term_weight, left_out = terms
    p = beta.shape[1]
    hazard, means, risk = _term_hazards(weights, beta, layout, terms)
    score = weights[:, layout.event_rows] @ layout.matrix[layout.event_rows]
    score -= np.column_stack([np.einsum("bd,bd->b", term_weight, m) for m in means])
    by_term, ends = _sum_before(hazard), np.append(layout.cell_begin, hazard.shape[1])
    lived = by_term[:, ends[layout.last]]  # cumulative hazard over the time that each row was at risk
    if layout.late_order is not None:
        lived -= by_term[:, ends[layout.first]]
    if left_out.size:
        spared = np.add.reduceat(hazard * left_out, layout.cell_begin, axis=1)
        lived[:, layout.event_rows] -= spared[:, layout.event_cell]
    lived *= risk
    second = lived @ layout.products
    information = np.empty((len(beta), p, p))
    for k, (i, j) in enumerate(zip(*np.triu_indices(p), strict=True)):
        value = second[:, k] - np.einsum("bd,bd,bd->b", term_weight, means[i], means[j])
        information[:, i, j] = information[:, j, i] = value
    return score, information


def _term_hazards(weights: np.ndarray, beta: np.ndarray, layout: _Layout, terms):
    """Hazard (B, D) and means (p of (B, D)) of every term, and the weighted risk (B, n) of every row."""
    term_weight, left_out = terms
    risk = beta @ layout.matrix.T
    np.exp(risk, out=risk)
    risk *= weights
    risks = [risk] + [risk * layout.matrix[:, j] for j in range(beta.shape[1])]
    sums = []
    for values in risks:
        total = np.cumsum(values, axis=1)[:, layout.stop - 1]
        if layout.late_order is not None:
            total -= _sum_before(values[:, layout.late_order])[:, layout.late_stop]
        sums.append(total[:, layout.event_cell])
    if left_out.size:
        for s, r in zip(sums, risks, strict=True):
            tied = np.add.reduceat(r[:, layout.event_rows], layout.cell_begin, axis=1)
            s -= left_out * tied[:, layout.event_cell]
    # A risk set without weight has no event of weight either: its mean does not matter.
    hazard = 1.0 / np.maximum(sums[0], 1e-300)
    means = [s * hazard for s in sums[1:]]
    hazard *= term_weight
    return hazard, means, risk


def _sum_before(values: np.ndarray) -> np.ndarray:
    """Sums (B, n + 1) before each column, and of all."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums
