"""Statistics of many weightings at once equal those of one weighting at a time."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.risk.cumulative_incidence import (
    compute_incidence_milestones,
    fit_cumulative_incidence,
)
from prrt_outcomes.statistics.risk.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.risk.milestone import compute_milestones
from prrt_outcomes.statistics.risk.quantile import compute_quantile
from prrt_outcomes.statistics.risk.replicates import (
    compute_replicate_incidence,
    compute_replicate_milestones,
    compute_replicate_quantiles,
    compute_replicate_rmst,
    compute_replicate_rows,
)
from prrt_outcomes.statistics.risk.rmst import compute_rmst


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("base", [False, True])
def test_each_replicate_is_a_weighted_fit(late, base):
    rng = np.random.default_rng(11)
    n = 60
    time = rng.integers(2, 25, n).astype(float)
    status = rng.integers(0, 3, n)
    status[np.argmax(time)] = 1
    entry = np.where(rng.random(n) < 0.4, np.floor(time * 0.4), 0.0) if late else None
    own = rng.uniform(0.5, 2, n) if base else None
    draws = rng.integers(0, 4, (6, n)).astype(float)
    draws[:, np.argmax(time)] = 1
    rows = compute_replicate_rows(time, status, entry=entry, weights=own)
    medians = compute_replicate_quantiles(rows, draws)
    milestones = compute_replicate_milestones(rows, draws, [5, 11.5])
    means = compute_replicate_rmst(rows, draws, 15)
    incidences = compute_replicate_incidence(rows, draws, [5, 11.5])
    for k, draw in enumerate(draws):
        weights = draw if own is None else draw * own
        curve = fit_kaplan_meier(time, status, entry=entry, weights=weights, robust=False)
        assert medians[k] == pytest.approx(compute_quantile(curve).time, nan_ok=True)
        np.testing.assert_allclose(milestones[k], compute_milestones(curve, [5, 11.5]).survival)
        assert means[k] == pytest.approx(compute_rmst(curve, 15).rmst)
        incidence = fit_cumulative_incidence(time, status, entry=entry, weights=weights, robust=False)
        np.testing.assert_allclose(
            incidences[k], compute_incidence_milestones(incidence, [5, 11.5]).incidence
        )


def test_a_median_not_reached_is_nan():
    rows = compute_replicate_rows([1, 2, 3], [1, 0, 0])
    medians = compute_replicate_quantiles(rows, np.array([[1.0, 1, 1], [3, 0, 0], [2, 0, 2]]))
    assert np.isnan(medians[0])
    assert medians[1:].tolist() == [1, 2]


def test_beyond_the_last_time_there_is_no_number():
    rows = compute_replicate_rows([1, 2, 3], [1, 1, 0])
    weights = np.array([[1.0, 1, 1], [2, 1, 0]])
    assert np.isnan(compute_replicate_rmst(rows, weights, 4)).tolist() == [True, False]
    assert np.isnan(compute_replicate_milestones(rows, weights, [4])[:, 0]).tolist() == [True, False]


def test_weights_must_fit_the_rows():
    rows = compute_replicate_rows([1, 2], [1, 1])
    with pytest.raises(ValueError, match=r"shape \(n_replicates, 2\)"):
        compute_replicate_rmst(rows, np.ones((3, 3)), 1)
