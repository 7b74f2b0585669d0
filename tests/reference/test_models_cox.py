"""Cox models against R's survival: fits, robust variances, proportional-hazards tests, concordance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.hazard_ratios import (
    compute_concordance,
    compute_cox_concordance,
    summarise_proportional_hazards,
)
from prrt_outcomes.statistics.model_rows import derive_model_rows
from prrt_outcomes.statistics.partial_likelihood import (
    compute_partial_likelihood,
    compute_score_residuals,
    derive_tied_events,
)

FOLDER = Path(__file__).parent / "r" / "models"
NUMBERS = pd.read_csv(FOLDER / "cox.csv", comment="#")
SOURCE = FOLDER.joinpath("cox.csv").read_text().splitlines()[0].removeprefix("# ").split(";")[1].strip()
REGISTRY = pd.read_csv(FOLDER / "registry.csv")
COUNTING = pd.read_csv(FOLDER / "counting.csv")


def reference(model: str, quantity: str) -> np.ndarray:
    rows = NUMBERS[(NUMBERS["model"] == model) & (NUMBERS["quantity"] == quantity)]
    assert len(rows), f"{model} {quantity} is not in cox.csv"
    return rows.sort_values("position")["value"].to_numpy()


def registry(**parts):
    d = REGISTRY
    data = SurvivalData(d["time"], d["event"], **parts)
    return fit_cox(data, d[["age", "grade", "treated"]], references={"grade": "G1"})


def counting(covariates, **parts):
    d = COUNTING
    references = {"sex": "f"} if "sex" in covariates else None
    return fit_cox(
        SurvivalData(d["stop"], d["event"], d["start"], **parts), d[covariates], references=references
    )


def lung():
    from lifelines.datasets import load_lung

    d = load_lung()
    return fit_cox(SurvivalData(d["time"], d["status"]), d[["age", "sex", "ph.ecog"]])


def veteran(covariates, references, strata=None):
    from sksurv.datasets import load_veterans_lung_cancer

    x, y = load_veterans_lung_cancer()
    d = pd.DataFrame(
        {
            "trt": (x["Treatment"] == "test").astype(float),
            "celltype": x["Celltype"].astype(str).to_numpy(),
            "karno": x["Karnofsky_score"].astype(float),
            "diagtime": x["Months_from_Diagnosis"].astype(float),
            "age": x["Age_in_years"].astype(float),
            "prior": (x["Prior_therapy"] == "yes") * 10.0,
        }
    )
    # R's factor runs squamous, smallcell, adeno, large.
    d["celltype"] = pd.Categorical(d["celltype"], ["squamous", "smallcell", "adeno", "large"])
    return fit_cox(
        SurvivalData(y["Survival_in_days"], y["Status"], strata=d[strata] if strata else None),
        d[covariates],
        references=references,
    )


W, C, S = REGISTRY["weight"], REGISTRY["cluster"], REGISTRY["centre"]
MODELS = {
    "lung": lung,
    "veteran": lambda: veteran(
        ["trt", "celltype", "karno", "diagtime", "age", "prior"], {"celltype": "squamous"}
    ),
    "veteran_strata": lambda: veteran(["trt", "karno"], {}, strata="celltype"),
    "efron": registry,
    "robust": lambda: registry(weights=np.ones(len(REGISTRY))),
    "cluster": lambda: registry(cluster=C),
    "weights": lambda: registry(weights=W),
    "weights_cluster_strata": lambda: registry(weights=W, cluster=C, strata=S),
    "late": lambda: registry(entry=REGISTRY["entry"]),
    "late_strata": lambda: registry(entry=REGISTRY["entry"], strata=S),
    "late_weights": lambda: registry(entry=REGISTRY["entry"], weights=W),
    "counting_model": lambda: counting(["responding", "size", "sex"]),
    "counting_robust": lambda: counting(["responding", "size", "sex"], cluster=COUNTING["patient"]),
    "counting_strata": lambda: counting(
        ["responding", "size"], strata=COUNTING["sex"], cluster=COUNTING["patient"]
    ),
}


@pytest.fixture(scope="module", params=list(MODELS))
def model(request):
    return request.param, MODELS[request.param]()


def test_fit_equals_coxph(model, agree):
    name, fit = model
    quantities = {
        "coefficient": fit.coefficients,
        "std_error": fit.table["std_error"].to_numpy(),
        "log_likelihood": np.array([fit.log_likelihood, fit.log_likelihood_null]),
        "wald": np.array([fit.wald.statistic]),
        "score": np.array([fit.score.statistic]),
    }
    for quantity, ours in quantities.items():
        agree(
            f"cox_{name}_{quantity}",
            f"Cox model {name}: {quantity}",
            ours,
            reference(name, quantity),
            1e-6,
            SOURCE,
        )
    np.testing.assert_allclose(
        fit.covariance[0], reference(name, "covariance_first_row"), rtol=1e-6, atol=1e-12
    )


def test_concordance_equals_r(model, agree):
    name, fit = model
    agree(
        f"cox_{name}_concordance",
        f"Cox model {name}: Harrell's concordance",
        [compute_cox_concordance(fit)],
        reference(name, "concordance"),
        1e-6,
        SOURCE,
    )


def test_proportional_hazards_test_equals_cox_zph(model, agree):
    name, fit = model
    table = summarise_proportional_hazards(fit)
    agree(
        f"zph_{name}",
        f"Cox model {name}: cox.zph chi2 by term and global (Kaplan-Meier transform)",
        table["chi_squared"].to_numpy(),
        reference(name, "zph_km"),
        1e-6,
        SOURCE,
    )
    np.testing.assert_allclose(table["p_value"], reference(name, "zph_p"), rtol=1e-5)
    assert table["degrees_of_freedom"].tolist() == reference(name, "zph_df").astype(int).tolist()


def test_score_residuals_and_dfbeta_equal_r(model):
    name, fit = model
    tied = derive_tied_events(fit.rows)
    matrix = fit.design.matrix - fit.design.matrix.mean(axis=0)
    at = compute_partial_likelihood(matrix, fit.rows, tied, fit.coefficients)
    residuals = compute_score_residuals(matrix, fit.rows, tied, at)
    np.testing.assert_allclose(
        (residuals**2).sum(axis=0), reference(name, "score_residual_squares"), rtol=1e-6
    )
    dfbeta = (residuals * fit.rows.weights[:, None]) @ np.linalg.inv(at.information)
    np.testing.assert_allclose((dfbeta**3).sum(axis=0), reference(name, "dfbeta_cubes"), rtol=1e-5)


@pytest.mark.parametrize("name", ["harrell_weights", "harrell_late_cluster", "harrell_strata"])
def test_harrell_concordance_equals_r(name, agree):
    d = REGISTRY
    score, parts = {
        "harrell_weights": (d["uptake"], {"weights": W}),
        "harrell_late_cluster": (d["age"], {"weights": W, "entry": d["entry"]}),
        "harrell_strata": (d["age"], {"strata": S}),
    }[name]
    rows = derive_model_rows(SurvivalData(d["time"], d["event"], **parts))
    theirs = reference(name, "concordance")
    agree(name, f"{name}: concordance", [compute_concordance(rows, score)], theirs, 1e-6, SOURCE)


def test_closed_form_of_ties(agree):
    # time 9 3 1 1 6 6 8; status 1 NA 1 0 1 1 0; x 0 2 1 1 1 0 0: the row without status is not an
    # observation.
    time, event, x = [9, 1, 1, 6, 6, 8], [1, 1, 0, 1, 1, 0], [0.0, 1, 1, 1, 0, 0]
    source = "survival vignettes/validate.Rnw"
    efron = fit_cox(SurvivalData(time, event), np.array(x)).coefficients[0]
    agree("cox_efron_closed_form", "Cox beta, Efron", efron, 1.676857, 1e-6, source)
