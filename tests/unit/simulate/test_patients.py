"""Latent times against closed forms."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.simulate.patients import compute_log_hazard, draw_death_days, draw_progression_days
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides

N = 200_000
MONTH = 30.4375
NEVER = np.full(N, np.inf)


def settings(*overrides):
    return apply_overrides(SimulationSettings(), overrides)


def test_the_reference_patient_has_the_median_of_the_settings():
    chosen = settings("disease.progression_median_months=30", "disease.progression_shape=1.4")
    days = draw_progression_days(np.zeros(N), NEVER, chosen, np.random.default_rng(1))
    assert np.median(days) / MONTH == pytest.approx(30, rel=0.01)
    # Weibull with shape 1.4: S(2 x median) = 0.5 ** (2 ** 1.4)
    assert np.mean(days > 60 * MONTH) == pytest.approx(0.5 ** (2**1.4), abs=0.004)


def test_a_hazard_ratio_of_two_squares_survival():
    chosen = settings("disease.progression_median_months=30")
    days = draw_progression_days(np.full(N, np.log(2)), NEVER, chosen, np.random.default_rng(2))
    assert np.mean(days > 30 * MONTH) == pytest.approx(0.25, abs=0.004)


def test_a_response_multiplies_the_hazard_from_its_day_on():
    chosen = settings(
        "disease.progression_median_months=20",
        "disease.progression_shape=1",
        "effects.objective_response_hazard_ratio=0.5",
    )
    response = np.full(N, 10 * MONTH)
    days = draw_progression_days(np.zeros(N), response, chosen, np.random.default_rng(3))
    assert np.mean(days > 10 * MONTH) == pytest.approx(0.5**0.5, abs=0.004)
    # from month 10 on the half-life is 40 months
    assert np.mean(days > 50 * MONTH) == pytest.approx(0.5**0.5 * 0.5, abs=0.004)


def test_death_has_its_rates_before_and_after_progression_and_response():
    chosen = settings(
        "disease.death_per_year_before_progression=0.1",
        "disease.death_per_year_after_progression=0.5",
        "disease.early_progression_exponent=0",
        "effects.objective_response_hazard_ratio=0.4",
    )
    year = 365.25
    progression = np.full(N, 3 * year)
    response = np.where(np.arange(N) < N // 2, 1 * year, np.inf)
    days = draw_death_days(np.zeros(N), progression, response, chosen, np.random.default_rng(4))
    responded, others = days[: N // 2], days[N // 2 :]
    assert np.mean(others > 3 * year) == pytest.approx(np.exp(-0.3), abs=0.005)
    assert np.mean(others > 4 * year) == pytest.approx(np.exp(-0.8), abs=0.005)
    assert np.mean(responded > 3 * year) == pytest.approx(np.exp(-0.1 - 0.08), abs=0.005)
    assert np.mean(responded > 4 * year) == pytest.approx(np.exp(-0.1 - 0.08 - 0.2), abs=0.005)


def test_early_progression_is_followed_by_earlier_death():
    chosen = settings(
        "disease.death_per_year_before_progression=0",
        "disease.death_per_year_after_progression=0.2",
        "disease.early_progression_exponent=1",
    )
    progression = np.full(N, 12 * MONTH)
    days = draw_death_days(np.zeros(N), progression, NEVER, chosen, np.random.default_rng(5))
    assert np.mean(days > 24 * MONTH) == pytest.approx(np.exp(-0.2 * 24 / 12), abs=0.005)


def test_log_hazard_adds_up():
    frame = pd.DataFrame(
        {
            "tumour_group": [0, 3],
            "grade": [0, 2],
            "ecog": [0, 2],
            "age_years": [60.0, 80.0],
            "progressive": [False, True],
            "unmeasured": [0.0, 1.5],
        }
    )
    chosen = settings(
        "effects.unmeasured_hazard_ratio=2",
        "effects.radionuclide_hazard_ratio=1.1",
    )
    y90 = np.array([False, True])
    progression = compute_log_hazard(frame, chosen, death=False, y90=y90)
    death = compute_log_hazard(frame, chosen, death=True)
    np.testing.assert_allclose(np.exp(progression), [1, 1.5 * 2.6 * 1.3**2 * 1.3 * 2**1.5 * 1.1])
    np.testing.assert_allclose(np.exp(death), [1, 1.5 * 2.2 * 1.3**2 * 1.15**2 * 2**1.5])
    none = apply_overrides(chosen, ["effects.prognosis_strength=0"])
    progression = compute_log_hazard(frame, none, death=False, y90=y90)
    np.testing.assert_allclose(np.exp(progression), [1, 2**1.5 * 1.1])
