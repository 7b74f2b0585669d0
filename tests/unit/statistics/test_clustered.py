"""Generalised estimating equations against statsmodels and closed forms."""

import numpy as np
import pytest

from prrt_outcomes.statistics.clustered import fit_clustered


def draw(groups=30, seed=5):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(groups), rng.integers(1, 6, groups))
    treated = (np.arange(groups) % 2)[cluster]
    x = rng.normal(size=len(cluster))
    design = np.column_stack([np.ones(len(cluster)), treated, x, treated * x])
    outcome = 0.3 * x + rng.normal(size=groups)[cluster] + rng.normal(size=len(cluster))
    return outcome, design, cluster


def test_estimates_and_corrected_errors_are_those_of_statsmodels():
    from statsmodels.genmod.cov_struct import Exchangeable
    from statsmodels.genmod.generalized_estimating_equations import GEE

    outcome, design, cluster = draw()
    theirs = GEE(outcome, design, groups=cluster, cov_struct=Exchangeable())
    found = theirs.fit(cov_type="bias_reduced", ctol=1e-12, params_niter=1)
    ours = fit_clustered(outcome, design, cluster)
    assert ours.estimate == pytest.approx(found.params, abs=1e-8)
    assert np.sqrt(np.diag(ours.covariance)) == pytest.approx(found.bse, rel=1e-7)
    assert ours.correlation == pytest.approx(theirs.cov_struct.dep_params, abs=1e-7)
    assert ours.df == 26


def test_rows_in_another_order_give_the_same_fit():
    outcome, design, cluster = draw()
    order = np.random.default_rng(1).permutation(len(outcome))
    one, other = (
        fit_clustered(outcome, design, cluster),
        fit_clustered(outcome[order], design[order], cluster[order]),
    )
    assert other.covariance == pytest.approx(one.covariance, rel=1e-9)


def test_one_row_a_cluster_is_a_mean_with_its_error_corrected():
    values = np.array([1.0, 2.0, 4.0, 7.0])
    fit = fit_clustered(values, np.ones((4, 1)), list("abcd"))
    assert fit.estimate == pytest.approx([3.5])
    # the residual over 1 - 1/n: sum (n/(n-1) r)^2 / n^2
    assert fit.covariance[0, 0] == pytest.approx(((values - 3.5) ** 2).sum() / 9)


def test_each_cluster_drawn_once_is_the_fit_itself():
    fit = fit_clustered(*draw())
    counts = np.vstack([np.ones(30), np.eye(30)[0]])
    drawn = fit.resample(counts)
    assert drawn[0] == pytest.approx(fit.estimate)
    assert np.isnan(drawn[1]).all()


@pytest.mark.parametrize("case", ["collinear", "few", "one cluster alone", "empty", "zero", "constant"])
def test_what_cannot_be_fitted_is_none(case):
    outcome, design, cluster = draw()
    if case == "collinear":
        design = np.column_stack([design, design[:, 1]])
    elif case == "one cluster alone":
        design = np.column_stack([design, cluster == 3])
    elif case in ("zero", "constant"):
        outcome = np.full(len(outcome), 0.0 if case == "zero" else 0.3)
    elif case == "few":
        keep = cluster < 4
        outcome, design, cluster = outcome[keep], design[keep], cluster[keep]
    else:
        outcome, design, cluster = outcome[:0], design[:0], cluster[:0]
    assert fit_clustered(outcome, design, cluster) is None
