"""Control patients: confounded as the settings say, and without the effect of treatment."""

import numpy as np
import pytest

from prrt_outcomes.simulate.controls import draw_controls, draw_injuries
from prrt_outcomes.simulate.history import derive_outcomes, draw_history
from prrt_outcomes.simulate.patients import draw_baseline
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.simulate.truth import compute_hazard_ratios

SETTINGS = SimulationSettings()


def injury_hazard_ratio(settings, *adjusted):
    """Of the cohort against the controls, among 30,000 of each, seen as long as there."""
    generator = np.random.default_rng(4)
    sides = [draw_baseline(settings, 30_000, generator, historical=past) for past in (False, True)]
    found = [draw_injuries(side, generator.uniform(200, 4000, 30_000), settings, generator) for side in sides]
    time, event = (np.concatenate(part) for part in zip(*found, strict=True))
    covariates = np.concatenate([side[list(adjusted)].to_numpy(float) for side in sides])
    x = np.column_stack([np.repeat([1.0, 0.0], 30_000), covariates])
    return compute_hazard_ratios(time, event, x)[0]


def test_treatment_does_not_change_the_negative_control_and_confounding_does():
    assert injury_hazard_ratio(SETTINGS) < 0.87
    assert injury_hazard_ratio(SETTINGS, "age_years", "ecog") == pytest.approx(1, abs=0.05)
    hidden = apply_overrides(SETTINGS, ["effects.unmeasured_hazard_ratio=2"])
    expected = 2**-0.5
    assert injury_hazard_ratio(hidden, "age_years", "ecog") == pytest.approx(expected, abs=0.08)
    assert injury_hazard_ratio(hidden, "age_years", "ecog", "unmeasured") == pytest.approx(1, abs=0.05)


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


def test_the_treatment_effect_is_that_of_the_settings(only_response):
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
