"""Subgroups against R."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.hazard_ratios import summarise_subgroup_hazard_ratios

FOLDER = Path(__file__).parent / "r" / "models"
NUMBERS = pd.read_csv(FOLDER / "cox.csv", comment="#")
SOURCE = FOLDER.joinpath("cox.csv").read_text().splitlines()[0].removeprefix("# ").split(";")[1].strip()
REGISTRY = pd.read_csv(FOLDER / "registry.csv")


def reference(model: str, quantity: str) -> np.ndarray:
    rows = NUMBERS[(NUMBERS["model"] == model) & (NUMBERS["quantity"] == quantity)]
    return rows.sort_values("position")["value"].to_numpy()


def test_subgroups_equal_separate_fits_and_interaction_equals_anova(agree):
    d = REGISTRY
    result = summarise_subgroup_hazard_ratios(SurvivalData(d["time"], d["event"]), d["treated"], d[["grade"]])
    table = result.set_index("subgroup_level")
    for level in ("G1", "G2", "G3"):
        ours = table.loc[level, ["coefficient", "std_error"]].to_numpy(dtype=float)
        agree(
            f"subgroup_{level}",
            f"log hazard ratio and SE in {level}",
            ours,
            reference(f"subgroup_{level}", "coefficient"),
            1e-6,
            SOURCE,
        )
    p_value = table.loc["G1", "interaction_p_value"]
    agree(
        "subgroup_interaction",
        "p of interaction",
        p_value,
        reference("interaction", "likelihood_ratio")[1],
        1e-6,
        SOURCE,
    )
    assert table["interaction_p_value"].isna().tolist() == [True, False, False, False]
