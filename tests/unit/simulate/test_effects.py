"""Each effect shows where it should, and vanishes when it is switched off."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.simulate import patients
from prrt_outcomes.simulate.controls import draw_controls
from prrt_outcomes.simulate.history import derive_outcomes, draw_history, simulate_outcomes
from prrt_outcomes.simulate.lesions import RESPONSES
from prrt_outcomes.simulate.safety_tables import derive_labs
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.simulate.truth import compute_hazard_ratios, compute_state_hazard_ratio

SETTINGS = SimulationSettings()
MODEL = (Path(__file__).parents[3] / "docs" / "simulation_model.md").read_text()
UNITS = {"mg/dL": 88.42, "umol/L": 1.0}


def only_response(ratio=1.0, *overrides):
    """The settings of the command that the documentation gives, with this effect of response."""
    alone = [
        name for name in re.findall(r"--set ([a-z_.]+=[0-9.]+)", MODEL) if "objective_response" not in name
    ]
    assert len(alone) == 10
    ratio = f"effects.objective_response_hazard_ratio={ratio}"
    return apply_overrides(SETTINGS, [*alone, ratio, *overrides])


def large(settings, parts=10, size=2000):
    return pd.concat([simulate_outcomes(settings, size, seed) for seed in range(parts)], ignore_index=True)


def time_dependent_ratio(drawn, endpoint):
    time = drawn[f"{endpoint}_days"].to_numpy(dtype=float)
    start = drawn["response_days"].fillna(np.inf).to_numpy()
    return compute_state_hazard_ratio(time, drawn[f"{endpoint}_event"] == 1, np.zeros(len(time)), start)


def test_the_published_orientation_is_met():
    drawn = large(SETTINGS)
    share = pd.Series(np.array(RESPONSES)[drawn["best_response"]]).value_counts(normalize=True)
    objective = share["CR"] + share["PR"]
    assert objective == pytest.approx(0.25, abs=0.03)
    assert share["SD"] + share["NON-CR/NON-PD"] == pytest.approx(0.55, abs=0.05)
    assert share["PD"] == pytest.approx(0.20, abs=0.03)
    assert 1 - share["PD"] - share["NE"] == pytest.approx(0.80, abs=0.04)

    def median(part, endpoint="pfs"):
        from lifelines import KaplanMeierFitter

        fitted = KaplanMeierFitter().fit(part[f"{endpoint}_days"] / 30.4375, part[f"{endpoint}_event"])
        return fitted.median_survival_time_

    assert 24 <= median(drawn) <= 30
    assert 8 <= median(drawn[drawn["best_response"] == RESPONSES.index("PD")]) <= 12
    assert 50 <= median(drawn, "os") <= 75


@pytest.mark.parametrize("ratio", [1.0, 0.6])
def test_alone_the_effect_of_response_is_what_a_time_dependent_model_finds(ratio):
    drawn = large(only_response(ratio))
    for endpoint in ("pfs", "os"):
        assert time_dependent_ratio(drawn, endpoint) == pytest.approx(ratio, rel=0.07)


def test_without_effect_the_naive_comparison_favours_responders():
    drawn = large(only_response(), parts=5)
    time = drawn["pfs_days"].to_numpy(dtype=float)
    ever = np.where(drawn["response_days"].notna(), 0.0, np.inf)
    assert compute_state_hazard_ratio(time, drawn["pfs_event"] == 1, np.zeros(len(time)), ever) < 0.8


def test_hazard_ratios_of_groups_are_those_of_the_model_where_scans_are_exact(monkeypatch):
    ratios = ((1, 2, 1, 1), (1, 1, 3))
    monkeypatch.setattr(patients, "PROGRESSION_RATIOS", ratios)
    monkeypatch.setattr(patients, "DEATH_RATIOS", ratios)
    for name in ("PROGRESSIVE_RATIO", "ECOG_RATIO", "AGE_RATIO_PER_DECADE"):
        monkeypatch.setattr(patients, name, 1.0)
    drawn = large(only_response(1.0, "effects.prognosis_strength=1"))
    x = np.column_stack([drawn["grade"] == 1, drawn["grade"] == 2, drawn["tumour_group"] == 1]).astype(float)
    found = compute_hazard_ratios(drawn["pfs_days"].to_numpy(dtype=float), drawn["pfs_event"].to_numpy(), x)
    np.testing.assert_allclose(found, [1, 3, 2], rtol=0.08)


def shrinkage_by_size(settings):
    history = draw_history(settings, 20_000, 2)
    lesions = history.lesions
    frame = pd.DataFrame(
        {
            "shrinkage": lesions.log_shrinkage[lesions.present],
            "large": lesions.size_mm[lesions.present] > 40,
            "small": lesions.size_mm[lesions.present] < 20,
            "y90": np.broadcast_to(history.regimen.starts_with_y90[:, None], lesions.present.shape)[
                lesions.present
            ],
        }
    )
    large = frame[frame["large"]].groupby("y90")["shrinkage"].median()
    small = frame[frame["small"]].groupby("y90")["shrinkage"].median()
    return large[True] - large[False], small[True] - small[False]


def test_yttrium_does_better_in_large_lesions_and_lutetium_in_small_ones():
    in_large, in_small = shrinkage_by_size(SETTINGS)
    assert in_large > 0.1
    assert in_small < -0.05
    off = apply_overrides(SETTINGS, ["effects.radionuclide_size_interaction=0"])
    assert shrinkage_by_size(off) == (pytest.approx(0, abs=0.02), pytest.approx(0, abs=0.02))


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


def control_means(settings):
    controls = draw_controls(settings, 20_000, np.random.default_rng(1))
    return controls[["age_years", "grade", "ecog", "progressive", "unmeasured"]].astype(float).mean()


def test_confounding_makes_the_controls_older_and_frailer():
    cohort = draw_history(SETTINGS, 5000, 1).baseline
    cohort = cohort[["age_years", "grade", "ecog", "progressive", "unmeasured"]].astype(float).mean()
    strong = control_means(SETTINGS) - cohort
    assert strong["age_years"] > 3
    assert (strong[["grade", "ecog", "progressive"]] > 0.03).all()
    assert strong["unmeasured"] == pytest.approx(0.5, abs=0.04)
    none = ["effects.confounding_strength=0", "effects.unmeasured_shift=0"]
    alike = control_means(apply_overrides(SETTINGS, none)) - cohort
    assert alike.abs().drop("age_years").max() < 0.04
    assert abs(alike["age_years"]) < 0.5


def test_the_treatment_effect_is_that_of_the_settings():
    chosen = only_response(
        1.0,
        "effects.treatment_progression_hazard_ratio=0.5",
        "effects.treatment_death_hazard_ratio=0.5",
        "effects.confounding_strength=0",
    )
    treated = derive_outcomes(draw_history(chosen, 10_000, 1))
    controls = draw_controls(chosen, 10_000, np.random.default_rng(2))
    for endpoint in ("pfs", "os"):
        time = np.concatenate([treated[f"{endpoint}_days"], controls[f"{endpoint}_days"]])
        event = np.concatenate([treated[f"{endpoint}_event"], controls[f"{endpoint}_event"]])
        x = np.repeat([1.0, 0.0], 10_000)[:, None]
        assert compute_hazard_ratios(time, event, x)[0] == pytest.approx(0.5, rel=0.05)
