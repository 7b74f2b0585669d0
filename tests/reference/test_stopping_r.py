"""Kaplan-Meier and Cox weighted by the inverse probability of continued scanning, against R on split data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.curve_summaries import compute_quantile, summarise_milestones
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.survival.scan_follow_up import NOT_SCANNED, weigh_visits
from prrt_outcomes.units import convert_days_to_months

FOLDER = Path(__file__).parent / "r" / "models"
NUMBERS = pd.read_csv(FOLDER / "stopping.csv", comment="#").groupby("quantity")["value"].apply(np.array)
STAMP = FOLDER.joinpath("stopping.csv").read_text().splitlines()[0].removeprefix("# ")
SOURCE = STAMP.split("(")[0].strip() + ";" + STAMP.split(";")[1]


def test_stopping_weights_equal_r(agree):
    visits = pd.read_csv(FOLDER / "stopping_visits.csv").astype({"stopped": bool, "known": bool})
    visits["response"] = np.where(
        visits["response"] == 1, "PR", np.where(visits["scanned"] == 1, "SD", NOT_SCANNED)
    )
    patients = pd.read_csv(FOLDER / "stopping_patients.csv").rename(columns={"patient": "patient_id"})
    time, event = convert_days_to_months(patients["end"].to_numpy()), patients["event"].to_numpy()
    censored = EndpointRows("pfs", time, event, None, patients)
    found = weigh_visits(censored, visits.assign(new_therapy=False), patients[["age", "sick"]].astype(float))
    assert found is not None
    weights, split = found.weights, found.frame
    sums = [weights.sum(), weights.max(), (weights**2).sum()]
    agree(
        "stopping_weights", "stopping weights: sum, largest, squares", sums, NUMBERS["weights"], 1e-6, SOURCE
    )
    curve = fit_kaplan_meier(found.data)
    shown = summarise_milestones(curve, np.array([6.0, 12.0, 24.0]))
    for quantity in ("survival", "std_error"):
        words = f"weighted Kaplan-Meier at 6, 12, 24 months: {quantity}"
        agree(f"stopping_{quantity}", words, shown[quantity], NUMBERS[quantity], 1e-6, SOURCE)
    median = compute_quantile(curve, 0.5).time
    agree("stopping_median", "weighted median", median, NUMBERS["median"][0], 1e-8, SOURCE)
    assert abs(shown["survival"] - NUMBERS["naive_survival"]).max() > 0.02, "the weights must matter here"
    row = fit_cox(found.data, split["arm"]).table.iloc[0]
    ours = row[["coefficient", "std_error"]].to_numpy(dtype=float)
    agree("stopping_cox", "weighted Cox: log HR, robust SE", ours, NUMBERS["cox"], 1e-6, SOURCE)
