import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.data import SurvivalData


@pytest.fixture
def cohort():
    rng = np.random.default_rng(21)
    n = 120
    x = pd.DataFrame({"age": rng.normal(60, 8, n), "sex": rng.choice(["f", "m"], n)})
    time = np.ceil(rng.exponential(9, n))
    weights = rng.multinomial(n, np.full(n, 1 / n), size=30)
    options = {
        "plain": {},
        "late": {"entry": np.minimum(np.floor(rng.exponential(2, n)), time - 1)},
    }
    return time, rng.random(n) < 0.7, x, weights, options


@pytest.mark.parametrize("which", ["plain", "late"])
def test_every_replicate_equals_its_own_fit(cohort, which):
    time, event, x, weights, options = cohort
    parts = options[which]
    result = bootstrap_cox_log_hazard_ratio(SurvivalData(time, event, **parts), x, weights)
    one_by_one = [fit_cox(SurvivalData(time, event, weights=w, **parts), x).coefficients for w in weights]
    np.testing.assert_allclose(result, one_by_one, rtol=1e-7, atol=1e-9)


def test_weights_may_be_fractions(cohort):
    time, event, x, weights, _ = cohort
    fractions = weights * np.linspace(0.2, 3, len(time))
    result = bootstrap_cox_log_hazard_ratio(SurvivalData(time, event), x, fractions[:3])
    expected = [fit_cox(SurvivalData(time, event, weights=w), x).coefficients for w in fractions[:3]]
    np.testing.assert_allclose(result, expected, rtol=1e-7)


def test_replicates_without_events_or_variation_or_with_separation_are_empty():
    time, event, x = np.arange(1.0, 9.0), np.ones(8), np.array([1.0, 0, 1, 0, 1, 0, 1, 0])
    weights = np.array(
        [
            [1, 1, 1, 1, 1, 1, 1, 1],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [1, 0, 1, 0, 1, 0, 1, 0],
            [1, 0, 1, 0, 0, 1, 0, 1],
        ]
    )
    result = bootstrap_cox_log_hazard_ratio(SurvivalData(time, event), x, weights)
    assert np.isnan(result[:, 0]).tolist() == [False, True, True, True]


def test_rows_with_missing_covariates_are_left_out_of_all(cohort):
    time, event, x, weights, _ = cohort
    holes = x.copy()
    holes.loc[[3, 50], "age"] = np.nan
    keep = holes["age"].notna().to_numpy()
    result = bootstrap_cox_log_hazard_ratio(SurvivalData(time, event), holes, weights)
    same = bootstrap_cox_log_hazard_ratio(SurvivalData(time[keep], event[keep]), x[keep], weights[:, keep])
    np.testing.assert_array_equal(result, same)


def test_faults(cohort):
    time, event, x, weights, _ = cohort
    with pytest.raises(ValueError, match="expected \\(replicates, 120\\)"):
        bootstrap_cox_log_hazard_ratio(SurvivalData(time, event), x, weights[:, :5])
    with pytest.raises(ValueError, match="negative or infinite"):
        bootstrap_cox_log_hazard_ratio(SurvivalData(time, event), x, weights - 1.0)
    with pytest.raises(ValueError, match="takes no strata"):
        bootstrap_cox_log_hazard_ratio(SurvivalData(time, event, strata=np.zeros(120)), x, weights)
    with pytest.raises(ValueError, match="cannot be resampled"):
        bootstrap_cox_log_hazard_ratio(SurvivalData(time, event), x.assign(one=1.0), weights)
