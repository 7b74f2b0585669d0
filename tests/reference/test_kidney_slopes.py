"""Slopes of eGFR by mixed models against R's nlme and lme4, and eGFR against published examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.laboratory import compute_egfr
from prrt_outcomes.statistics.clustered import fit_random_slopes

FOLDER = Path(__file__).parent / "r" / "kidney"
COLUMNS = ("coefficient", "std_error")


@pytest.mark.parametrize(
    ("model", "knot", "tolerance"), [("lme", None, 1e-5), ("lmer", None, 1e-4), ("lme_bent", 0.5, 1e-5)]
)
def test_mixed_model_equals_r(agree, model, knot, tolerance):
    data, numbers = pd.read_csv(FOLDER / "egfr.csv"), pd.read_csv(FOLDER / "slopes.csv", comment="#")
    years = data["years"].to_numpy()
    bent = [years] if knot is None else [np.minimum(years, knot), np.maximum(years - knot, 0)]
    design = np.column_stack([np.ones(len(data)), *bent])
    fit = fit_random_slopes(data["egfr"].to_numpy(), design, years, data["patient"].to_numpy())
    stamp = (FOLDER / "slopes.csv").read_text().splitlines()[0].removeprefix("# ").strip()
    theirs = numbers[numbers["model"].eq(model) & numbers["std_error"].notna()]
    ours = {"coefficient": fit.coefficients, "std_error": np.sqrt(np.diag(fit.covariance))}
    for column in COLUMNS:
        what = f"mixed model: {column.replace('_', ' ')}"
        agree(f"kidney_{model}_{column}", what, ours[column], theirs[column], tolerance, f"R ({stamp})")
    spread = numbers[numbers["model"].eq(model) & numbers["term"].eq("slope_sd")]
    for value in spread["coefficient"]:
        agree(
            f"kidney_{model}_slope_sd",
            "mixed model: spread of slopes",
            fit.slope_sd,
            value,
            1e-4,
            f"R ({stamp})",
        )


def test_ckd_epi_equals_published_examples(agree):
    found = compute_egfr([1.2 * 88.42], [55.0], ["male"])
    source = "National Kidney Foundation, calculator of the CKD-EPI equation of 2021"
    agree("kidney_ckd_epi_2021", "eGFR, 1.2 mg/dL, man of 55", found.round(0), [71], 0, source)


def test_ckd_epi_2009_equals_its_printed_forms(agree):
    """Table 2 of Levey 2009 prints one formula for each sex and side of kappa, with rounded factors."""
    creatinine, age = np.array([0.6, 1.4, 0.8, 1.4]), np.array([40.0, 60.0, 40.0, 60.0])
    printed = [
        144 * (0.6 / 0.7) ** -0.329 * 0.993**40,
        144 * (1.4 / 0.7) ** -1.209 * 0.993**60,
        141 * (0.8 / 0.9) ** -0.411 * 0.993**40,
        141 * (1.4 / 0.9) ** -1.209 * 0.993**60,
    ]
    found = compute_egfr(creatinine * 88.42, age, ["female", "female", "male", "male"], "ckd_epi_2009")
    source = "Levey AS et al. Ann Intern Med 2009;150:604-12, table 2"
    agree("kidney_ckd_epi_2009", "eGFR by sex, below and above kappa", found, printed, 5e-3, source)
