import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_hazards, bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import derive_design_matrix, derive_model_rows


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


def test_predictions_of_a_replicate_are_those_of_r():
    """R 4.2.2, survival 3.5.3: survfit(coxph(..., weights=w, ties="efron"), newdata, stype=2, ctype=2)."""
    rng = np.random.default_rng(5)
    x = pd.DataFrame({"a": rng.normal(size=80), "b": rng.integers(0, 2, 80).astype(float)})
    time = np.round(rng.exponential(20 * np.exp(-x["a"] * 0.4)), 1) + 0.1
    event = rng.random(80) < 0.7
    counts = rng.multinomial(80, np.full(80, 1 / 80)).astype(float)
    design, rows = derive_design_matrix(x), derive_model_rows(SurvivalData(time, event))
    relative, cumulative = bootstrap_cox_hazards(
        design, rows, counts[None], design.matrix[:3], np.array([5.0, 15.0, 40.0])
    )
    survival = np.exp(-relative[0][:, None] * cumulative[0])
    expected = [
        [0.863603181, 0.742837002, 0.278855303],
        [0.885338171, 0.781227493, 0.346249445],
        [0.814008989, 0.658906434, 0.166607797],
    ]
    np.testing.assert_allclose(survival, expected, atol=1e-8)
