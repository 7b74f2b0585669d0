"""Toxicity by radionuclide: it shows in the laboratory values, and vanishes when it is switched off."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.laboratory import compute_egfr
from prrt_outcomes.safety.kidney import summarise_slopes
from prrt_outcomes.simulate.history import draw_history
from prrt_outcomes.simulate.safety_tables import derive_labs
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.study.model import SafetySettings

SETTINGS = SimulationSettings()
UNITS = {"mg/dL": 88.42, "umol/L": 1.0}


def laboratory(settings):
    history = draw_history(settings, 4000, 6)
    labs = derive_labs(history, np.random.default_rng(1))
    row = labs["patient_id"].cat.codes.to_numpy()
    entry = history.baseline["entry_day"].to_numpy()[row].astype("datetime64[D]")
    day = (labs["sample_date"].to_numpy().astype("datetime64[D]") - entry).astype(int)
    return labs.assign(row=row, day=day, y90=history.regimen.starts_with_y90[row])


def platelet_fall(labs):
    """Mean fall of the logarithm from baseline to four to five weeks after the first cycle."""
    platelets = labs[labs["analyte"] == "platelets"]
    before = platelets[platelets["day"] < 0].groupby("row")["value"].first()
    after = platelets[platelets["day"].between(26, 39)].groupby("row")["value"].first()
    fall = np.log(before / after).dropna()
    return fall.groupby(platelets.groupby("row")["y90"].first().reindex(fall.index)).mean()


def creatinine_slope(labs):
    """Mean yearly rise of the logarithm of creatinine between baseline and the third year or later."""
    creatinine = labs[labs["analyte"] == "creatinine"]
    value = np.log(creatinine["value"] * creatinine["unit"].astype(str).map(UNITS))
    before = value[creatinine["day"] < 0].groupby(creatinine["row"]).first()
    late = creatinine[creatinine["day"].between(900, 1500)]
    rise = (value[late.index] - late["row"].map(before)) / (late["day"] / 365.25)
    return rise.groupby(late["y90"]).mean()


def test_kidney_and_marrow_toxicity_depend_on_the_radionuclide():
    labs = laboratory(SETTINGS)
    fall, slope = platelet_fall(labs), creatinine_slope(labs)
    assert fall[False] == pytest.approx(0.22 * np.exp(0.45**2 / 2) * 1.09, abs=0.04)
    assert fall[True] > fall[False] + 0.1
    assert slope[False] == pytest.approx(0.035 / 1.2, abs=0.008)
    assert slope[True] > slope[False] + 0.02


def test_equal_values_switch_the_effect_of_the_radionuclide_off():
    equal = apply_overrides(
        SETTINGS,
        [
            "effects.platelet_nadir.y90=0.22",
            "effects.egfr_decline_per_year.y90=0.035",
            "treatment.combined_share=0",
        ],
    )
    labs = laboratory(equal)
    fall, slope = platelet_fall(labs), creatinine_slope(labs)
    assert fall[True] == pytest.approx(fall[False], abs=0.02)
    assert slope[True] == pytest.approx(slope[False], abs=0.008)


@pytest.mark.parametrize(("lu177", "y90"), [(0.035, 0.075), (0.06, 0.06)])
def test_the_slope_of_egfr_recovers_the_share_lost_a_year(lu177, y90):
    """Filtration falls by that share a year where creatinine is above the bend of the equation: doubled, in all."""
    declines = (f"effects.egfr_decline_per_year.lu177={lu177}", f"effects.egfr_decline_per_year.y90={y90}")
    history = draw_history(apply_overrides(SimulationSettings(), declines), 600, 11)
    labs = derive_labs(history, np.random.default_rng(5))
    own = labs[labs["analyte"].eq("creatinine")].reset_index(drop=True)
    row = own["patient_id"].cat.codes.to_numpy()
    micromol = 2 * own["value"] * own["unit"].astype(str).map(UNITS)
    sex = np.where(history.baseline["female"].to_numpy()[row], "female", "male")
    first = own.groupby("patient_id", observed=True)["sample_date"].transform("min")
    course = pd.DataFrame(
        {
            "patient_id": row,
            "years": (own["sample_date"] - first).dt.days / 365.25,
            "egfr": compute_egfr(micromol, np.full(len(own), 60.0), sex),
        }
    )
    nuclide = np.where(history.regimen.starts_with_y90, "90Y", "177Lu")
    groups = pd.DataFrame({"radionuclide": nuclide, "ended_early": False, "kidney_dose_gy": np.nan})
    found = summarise_slopes(course, groups, ["radionuclide"], SafetySettings(), 0.95)
    percent = found[found["egfr_at_start"].notna()].set_index("group")["percent_per_year"]
    assert percent["177Lu"] == pytest.approx(-100 * lu177, rel=0.15)
    assert percent["90Y"] == pytest.approx(-100 * y90, rel=0.15)
