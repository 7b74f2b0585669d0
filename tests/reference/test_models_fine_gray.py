"""Fine and Gray's model against R's cmprsk::crr."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cumulative_incidence import fit_fine_gray
from prrt_outcomes.statistics.data import SurvivalData

FOLDER = Path(__file__).parent / "r" / "models"
NUMBERS = pd.read_csv(FOLDER / "crr.csv", comment="#")
SOURCE = FOLDER.joinpath("crr.csv").read_text().splitlines()[0].removeprefix("# ").split(";")[1].strip()
REGISTRY = pd.read_csv(FOLDER / "registry.csv")
MGUS = pd.read_csv(FOLDER / "mgus2.csv")


def fit(model):
    d = REGISTRY
    x = d[["age", "grade", "treated"]]
    options = {"references": {"grade": "G1"}}
    if model == "progression":
        return fit_fine_gray(SurvivalData(d["time"], d["cause"]), x, **options)
    if model == "competing":
        return fit_fine_gray(SurvivalData(d["time"], d["cause"]), x, cause=2, **options)
    if model == "no_censoring":
        return fit_fine_gray(SurvivalData(d["time"], d["cause"].replace(0, 2)), x[["age", "treated"]])
    if model == "no_competing":
        return fit_fine_gray(SurvivalData(d["time"], d["event"]), x, **options)
    if model == "untied":
        return fit_fine_gray(
            SurvivalData(d["time"] + np.arange(1, len(d) + 1) / 1000, d["cause"]), x, **options
        )
    return fit_fine_gray(SurvivalData(MGUS["time"], MGUS["cause"]), MGUS[["age", "male"]])


@pytest.mark.parametrize("model", list(dict.fromkeys(NUMBERS["model"])))
def test_fit_equals_crr(model, agree):
    ours = fit(model)
    quantities = {
        "coefficient": ours["coefficient"].to_numpy(),
        "std_error": ours["std_error"].to_numpy(),
    }
    for quantity, values in quantities.items():
        rows = NUMBERS[(NUMBERS["model"] == model) & (NUMBERS["quantity"] == quantity)]
        agree(
            f"crr_{model}_{quantity}",
            f"Fine-Gray {model}: {quantity}",
            values,
            rows["value"].to_numpy(),
            1e-6,
            SOURCE,
        )
