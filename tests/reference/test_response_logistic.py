"""The logistic model of response against R's glm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from prrt_outcomes.response.logistic import fit_response_model

FOLDER = Path(__file__).parent / "r" / "response"
EVENT = [1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0]
AGE = [
    51, 62, 70, 45, 58, 66, 49, 71, 68, 55, 60, 73, 64, 59, 47, 52, 69, 57, 63, 75, 50, 61, 66, 54, 72, 48, 67, 70,
    56, 65,
]  # fmt: skip


def test_logistic_model_equals_glm(agree):
    grade = pd.Categorical(["G1", "G2", "G3"] * 10, categories=["G1", "G2", "G3"], ordered=True)
    covariates = pd.DataFrame({"age": np.array(AGE, dtype=float), "grade": grade})
    ours = fit_response_model(np.array(EVENT, dtype=float), covariates, {"grade": "G1"})
    plain = ours[ours["suffix"] == ""]
    text = (FOLDER / "logistic.csv").read_text().splitlines()
    source = f"R glm ({text[0].removeprefix('# ').strip()})"
    reference = pd.read_csv(FOLDER / "logistic.csv", comment="#")
    pairs = {"log_odds_ratio": "coefficient", "std_error": "std_error", "p_value": "p_value"}
    pairs |= {"odds_ratio_low": "low", "odds_ratio_high": "high"}
    for column, theirs in pairs.items():
        what = f"logistic model: {column.replace('_', ' ')}"
        agree(f"response_logistic_{column}", what, plain[column], reference[theirs], 1e-5, source)
    assert plain["status"].eq("few_events").all()
    assert set(ours["suffix"]) == {"", "_firth"}
