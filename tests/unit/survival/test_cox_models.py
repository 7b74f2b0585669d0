"""Imputation pools only what can be pooled."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import compute_ratio
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.cox_models import impute_covariates, pool_models, pool_ratio
from prrt_outcomes.survival.endpoint_rows import EndpointRows

SETTINGS = AnalysisSettings(multiple_imputation_sets=3)


def rows_of(n, n_events):
    return EndpointRows(
        endpoint="os",
        time_months=np.arange(1.0, n + 1),
        event=(np.arange(n) < n_events).astype(int),
        entry_months=None,
        frame=pd.DataFrame(index=range(n)),
    )


def covariates_of(n, columns):
    values = np.random.default_rng(7).normal(size=(n, columns))
    values[0, 0] = np.nan
    return pd.DataFrame(values, columns=[f"x{i}" for i in range(columns)])


@pytest.mark.parametrize(("n_events", "columns", "is_fitted"), [(3, 3, False), (4, 3, True), (30, 3, True)])
def test_no_more_events_than_coefficients_are_not_pooled(n_events, columns, is_fitted):
    data = rows_of(40, n_events).data
    completed = impute_covariates(covariates_of(40, columns), [data], SETTINGS)
    assert (pool_models(data, completed, SETTINGS) is not None) == is_fitted


def test_nothing_is_imputed_where_nothing_is_missing_or_no_set_is_asked_for():
    data, known = rows_of(40, 20).data, covariates_of(40, 2).fillna(0.0)
    assert impute_covariates(known, [data], SETTINGS) == []
    none = AnalysisSettings(multiple_imputation_sets=0)
    assert impute_covariates(covariates_of(40, 2), [data], none) == []
    assert impute_covariates(known.assign(x2=np.nan), [data], SETTINGS) == []
    assert pool_models(data, [], SETTINGS) is None


def test_one_ratio_is_pooled_by_rubins_rules():
    rows = [{"log_hazard_ratio": value, "std_error": 0.5**0.5, "status": "ok"} for value in (1.0, 2.0, 3.0)]
    pooled = pool_ratio(rows, 97, 0.95)
    assert pooled["log_hazard_ratio"] == pytest.approx(2.0)
    assert pooled["hazard_ratio"] == pytest.approx(np.exp(2.0))
    assert pooled["std_error"] == pytest.approx((0.5 + 4 / 3) ** 0.5)
    rows[1] = {"log_hazard_ratio": np.nan, "std_error": np.nan, "status": "separation"}
    assert pool_ratio(rows, 97, 0.95)["status"] == "not_estimable"


def test_a_ratio_beyond_the_largest_number_is_empty():
    assert compute_ratio(np.array([0.0, -800.0])).tolist() == [1.0, 0.0]
    assert np.isnan(compute_ratio(np.array([800.0, np.nan]))).all()
