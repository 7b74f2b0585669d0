"""Imputation pools only what can be pooled."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import compute_ratio
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.cox_models import summarise_imputed_model
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
    found = summarise_imputed_model(rows_of(40, n_events), covariates_of(40, columns), SETTINGS)
    assert (found is not None) == is_fitted


def test_a_ratio_beyond_the_largest_number_is_empty():
    assert compute_ratio(np.array([0.0, -800.0])).tolist() == [1.0, 0.0]
    assert np.isnan(compute_ratio(np.array([800.0, np.nan]))).all()
