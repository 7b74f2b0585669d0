"""The logistic model where the plain likelihood is not enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.response.logistic import fit_response_model, summarise_response_models


@pytest.fixture
def best():
    kinds = (
        ["CR"] * 2 + ["PR"] * 6 + ["SD"] * 10 + ["PD"] * 2 + ["PR"] * 3 + ["MR"] * 1 + ["SD"] * 5 + ["NE"] * 1
    )
    return pd.DataFrame(
        {
            "criterion": "recist_1_1",
            "confirmed": pd.array([False] * 30, dtype="boolean"),
            "best_response": pd.Categorical(
                kinds, ["CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE"], ordered=True
            ),
            "nuclide": pd.Categorical(["177Lu"] * 20 + ["90Y"] * 10, ["177Lu", "90Y", "unknown"]),
        }
    )


def test_separation_is_said_and_firth_stands_beside():
    event = np.repeat([0.0, 1.0], 10)
    table = fit_response_model(event, pd.DataFrame({"x": np.repeat(["a", "b"], 10)}), {"x": "a"})
    assert table["status"].tolist() == ["separation", "ok"]
    assert table["odds_ratio"].isna().tolist() == [True, False]
    # Firth's estimate of a 2 x 2 table adds half a patient to each cell.
    assert table["log_odds_ratio"].iloc[1] == pytest.approx(np.log((10.5 / 0.5) ** 2), abs=1e-5)


@pytest.mark.parametrize(
    ("event", "x", "status"),
    [
        ([0, 0, 0, 0], ["a", "b", "a", "b"], "no_events"),
        ([1, 1, 1, 1], ["a", "b", "a", "b"], "too_few"),
        ([0, 1, 0, 1], ["a", "a", "a", "a"], "not_estimable"),
        ([0, 1, 0, 1], [None, None, None, None], "too_few"),
    ],
)
def test_what_cannot_be_estimated_is_empty_with_a_status(event, x, status):
    covariates = pd.DataFrame({"x": pd.Categorical(x, ["a", "b"])})
    table = fit_response_model(np.array(event, dtype=float), covariates, {})
    assert table["status"].unique().tolist() == [status]
    assert table["odds_ratio"].isna().all()


def test_models_are_made_for_each_covariate_and_for_all(best):
    covariates = pd.DataFrame(
        {"nuclide": best["nuclide"].cat.remove_unused_categories(), "age": np.arange(30.0)}
    )
    table = summarise_response_models(best, covariates, {})
    # Eleven responders are enough for one coefficient, not for two.
    assert table["model"].unique().tolist() == ["univariable", "multivariable", "multivariable_firth"]
    assert table["events"].eq(11).all()
