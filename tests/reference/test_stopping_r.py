"""Kaplan-Meier and Cox weighted by the inverse probability of continued scanning, against R on split data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.curve_summaries import compute_quantile, summarise_milestones
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.stopping_weights import fit_stopping_weights

FOLDER = Path(__file__).parent / "r" / "models"
NUMBERS = pd.read_csv(FOLDER / "stopping.csv", comment="#").groupby("quantity")["value"].apply(np.array)
STAMP = FOLDER.joinpath("stopping.csv").read_text().splitlines()[0].removeprefix("# ")
SOURCE = STAMP.split("(")[0].strip() + ";" + STAMP.split(";")[1]


def test_stopping_weights_equal_r(agree):
    visits = pd.read_csv(FOLDER / "stopping_visits.csv")
    timing = visits[["start", "scanned"]].assign(squared=visits["start"] ** 2).astype(float)
    covariates = visits[["age", "sick", "response"]].astype(float)
    weights = fit_stopping_weights(visits, timing, covariates)
    sums = [weights.sum(), weights.max(), (weights**2).sum()]
    agree(
        "stopping_weights", "stopping weights: sum, largest, squares", sums, NUMBERS["weights"], 1e-6, SOURCE
    )
    kept = (visits["stop"] > visits["start"]).to_numpy()
    split, patient = visits[kept], visits.loc[kept, "patient"]
    data = SurvivalData(
        split["stop"], split["event"], split["start"], weights[kept], cluster=patient, id=patient
    )
    curve = fit_kaplan_meier(data)
    found = summarise_milestones(curve, np.array([6.0, 12.0, 24.0]))
    for quantity in ("survival", "std_error"):
        words = f"weighted Kaplan-Meier at 6, 12, 24 months: {quantity}"
        agree(f"stopping_{quantity}", words, found[quantity], NUMBERS[quantity], 1e-6, SOURCE)
    median = compute_quantile(curve, 0.5).time
    agree("stopping_median", "weighted median", median, NUMBERS["median"][0], 1e-8, SOURCE)
    assert abs(found["survival"] - NUMBERS["naive_survival"]).max() > 0.02, "the weights must matter here"
    row = fit_cox(data, split["arm"]).table.iloc[0]
    ours = row[["coefficient", "std_error"]].to_numpy(dtype=float)
    agree("stopping_cox", "weighted Cox: log HR, robust SE", ours, NUMBERS["cox"], 1e-6, SOURCE)
