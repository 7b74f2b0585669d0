"""Propensity weighting, balance and standardisation against R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.propensity import fit_propensity
from prrt_outcomes.statistics.standardisation import (
    compute_pseudo_observations,
    fit_standardised_survival,
)
from prrt_outcomes.statistics.weights import (
    compute_balance,
    compute_effective_sample_size,
    compute_propensity_weights,
)

FOLDER = Path(__file__).parent / "r" / "models"
NUMBERS = pd.read_csv(FOLDER / "weighting.csv", comment="#")
STAMP = FOLDER.joinpath("weighting.csv").read_text().splitlines()[0].removeprefix("# ")
SOURCE = STAMP.split("(")[0].strip() + ";" + STAMP.split(";")[1]
D = pd.read_csv(FOLDER / "registry.csv")
COVARIATES = D[["age", "grade", "uptake"]]
TREATED = D["treated"].to_numpy() == 1


def reference(model: str, quantity: str) -> np.ndarray:
    rows = NUMBERS[(NUMBERS["model"] == model) & (NUMBERS["quantity"] == quantity)]
    return rows.sort_values("position")["value"].to_numpy()


@pytest.fixture(scope="module")
def propensity():
    return fit_propensity(TREATED, COVARIATES)[0]


def test_propensity_equals_glm(propensity, agree):
    agree(
        "propensity_score",
        "propensity score of four patients",
        propensity[[0, 16, 89, 179]],
        reference("propensity", "score"),
        1e-6,
        SOURCE,
    )


@pytest.mark.parametrize("estimand", ["ATT", "overlap", "ATE"])
def test_weighted_comparison_equals_r(propensity, estimand, agree):
    weights = compute_propensity_weights(propensity, TREATED, estimand)
    agree(
        f"{estimand}_weights_sum",
        f"{estimand} weights: sum",
        weights.sum(),
        reference(estimand, "sum")[0],
        1e-6,
        SOURCE,
    )
    sizes = [compute_effective_sample_size(weights[g]) for g in (TREATED, ~TREATED)]
    agree(
        f"{estimand}_ess",
        f"{estimand} weights: effective sample sizes",
        sizes,
        reference(estimand, "ess"),
        1e-6,
        SOURCE,
    )
    row = fit_cox(SurvivalData(D["time"], D["event"], weights=weights), D["treated"]).table.iloc[0]
    ours = row[["coefficient", "std_error", "lower", "upper"]].to_numpy(dtype=float)
    agree(
        f"{estimand}_cox",
        f"{estimand}-weighted Cox: log HR, robust SE, interval",
        ours,
        reference(estimand, "cox"),
        1e-6,
        SOURCE,
    )
    balance = compute_balance(TREATED, COVARIATES, weights)
    agree(
        f"{estimand}_smd",
        f"{estimand} weights: standardised mean differences",
        balance["smd_weighted"].to_numpy(),
        reference(estimand, "smd"),
        1e-8,
        SOURCE,
        relative=False,
    )


def test_balance_before_weighting_equals_r(agree):
    balance = compute_balance(TREATED, COVARIATES)
    agree(
        "balance_smd",
        "standardised mean differences before weighting",
        balance["smd"].to_numpy(),
        reference("balance", "smd"),
        1e-6,
        SOURCE,
    )
    assert balance["smd_weighted"].isna().all()


def test_pseudo_observations_equal_leaving_out_one_by_one(agree):
    cohort = D[TREATED]
    pseudo = compute_pseudo_observations(
        cohort["time"].to_numpy(float), cohort["event"].to_numpy() == 1, np.array([12.0, 24.0])
    )
    for k, t in enumerate((12, 24)):
        agree(
            f"pseudo_{t}",
            f"pseudo-observations of S({t}), five patients",
            pseudo[:5, k],
            reference(f"pseudo_{t}", "first_five"),
            1e-6,
            SOURCE,
        )
        sums = [pseudo[:, k].sum(), (pseudo[:, k] ** 2).sum()]
        np.testing.assert_allclose(sums, reference(f"pseudo_{t}", "sums"), rtol=1e-9)


@pytest.mark.parametrize("estimand", ["ATT", "overlap", "ATE"])
def test_doubly_robust_difference_equals_r(propensity, estimand, agree):
    result = fit_standardised_survival(
        SurvivalData(D["time"], D["event"]),
        TREATED,
        COVARIATES,
        propensity,
        [24],
        estimand=estimand,
    )
    columns = ["survival_cohort", "survival_control", "difference", "std_error"]
    ours = result[columns].iloc[0].to_numpy(dtype=float)
    agree(
        f"standardised_{estimand}",
        f"doubly robust survival at 24, {estimand}: both, difference, SE",
        ours,
        reference(f"standardised_{estimand}", "at_24")[:4],
        1e-6,
        SOURCE,
    )
