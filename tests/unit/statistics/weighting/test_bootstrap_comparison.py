import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.models.cox import fit_cox
from prrt_outcomes.statistics.weighting.bootstrap_comparison import (
    bootstrap_maic_hazard_ratio,
    bootstrap_propensity_weighted_hazard_ratio,
)
from prrt_outcomes.statistics.weighting.maic import MaicTarget, fit_maic
from prrt_outcomes.statistics.weighting.propensity import fit_propensity
from prrt_outcomes.statistics.weighting.weights import compute_propensity_weights


@pytest.fixture
def comparison():
    rng = np.random.default_rng(61)
    n = 160
    x = pd.DataFrame({"age": rng.normal(60, 8, n), "liver": rng.integers(0, 2, n)})
    cohort = rng.random(n) < 1 / (1 + np.exp(-(x["age"].to_numpy() - 60) / 10))
    time = np.ceil(rng.exponential(15, n))
    counts = rng.multinomial(n, np.full(n, 1 / n), size=4)
    return time, rng.random(n) < 0.7, cohort, x, counts


@pytest.mark.parametrize("estimand", ["ATT", "overlap", "ATE"])
def test_a_replicate_is_the_analysis_of_its_weighted_rows(comparison, estimand):
    time, event, cohort, x, counts = comparison
    result = bootstrap_propensity_weighted_hazard_ratio(time, event, cohort, x, counts, estimand=estimand)
    for k, count in enumerate(counts):
        rows = np.repeat(np.arange(len(time)), count)
        score = np.full(len(time), np.nan)
        score[rows] = fit_propensity(cohort[rows], x.iloc[rows]).score
        weights = np.nan_to_num(compute_propensity_weights(score, cohort, estimand)) * count
        single = fit_cox(time, event, cohort.astype(float), weights=weights)
        assert result.coefficients[k, 0] == pytest.approx(single.coefficients[0], abs=1e-6)
    assert result.n_failed == 0


def test_maic_is_refitted_too(comparison):
    time, event, cohort, x, counts = comparison
    targets = [MaicTarget("age", "mean", 59), MaicTarget("liver", "share", 0.4)]
    x.loc[~cohort, "liver"] = np.nan
    result = bootstrap_maic_hazard_ratio(time, event, cohort, x, targets, counts)
    for k, count in enumerate(counts):
        rows = np.repeat(np.flatnonzero(cohort), count[cohort])
        weights = np.ones(len(time))
        weights[rows] = fit_maic(x.iloc[rows], targets).weights
        single = fit_cox(time, event, cohort.astype(float), weights=weights * count)
        assert result.coefficients[k, 0] == pytest.approx(single.coefficients[0], abs=1e-6)


def test_replicates_without_weights_keep_their_reason(comparison):
    time, event, cohort, x, counts = comparison
    apart = np.where(cohort, x["age"] > 62, x["age"] < 58).astype(int)
    drawn = np.vstack([counts[0], cohort.astype(int), apart])
    result = bootstrap_propensity_weighted_hazard_ratio(time, event, cohort, x, drawn)
    assert result.status.tolist() == ["ok", "one_group", "separation"]
    assert np.isnan(result.coefficients[1:]).all()
    old = (~cohort | (x["age"] > 60)).to_numpy().astype(int)
    targets = [MaicTarget("age", "mean", 59)]
    result = bootstrap_maic_hazard_ratio(time, event, cohort, x, targets, np.vstack([counts[0], old]))
    assert result.status.tolist() == ["ok", "no_solution"]
    assert result.n_failed == 1


def test_rows_with_missing_covariates_are_left_out(comparison):
    time, event, cohort, x, counts = comparison
    holes = x.copy()
    holes.loc[[0, 7], "age"] = np.nan
    keep = holes["age"].notna().to_numpy()
    one = bootstrap_propensity_weighted_hazard_ratio(time, event, cohort, holes, counts)
    two = bootstrap_propensity_weighted_hazard_ratio(
        time[keep], event[keep], cohort[keep], x[keep], counts[:, keep]
    )
    np.testing.assert_allclose(one.coefficients, two.coefficients, rtol=1e-6, atol=1e-8)
