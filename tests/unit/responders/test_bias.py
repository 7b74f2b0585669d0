"""The naive comparison claims an effect where there is none; the difference to the time-dependent one shows it."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.bias import compute_guarantee_time_bias, simulate_null_claims
from prrt_outcomes.responders.states import derive_onset_history
from prrt_outcomes.survival.endpoint_rows import EndpointRows


def cohort_without_effect(n=400, seed=7):
    """Exponential outcome; response at an independent time, seen only by those who are still there."""
    generator = np.random.default_rng(seed)
    time = np.minimum(generator.exponential(20, n), generator.uniform(20, 60, n))
    event = (generator.random(n) < 0.8).astype(int)
    onset = generator.exponential(15, n)
    history = derive_onset_history(np.where(onset < time, onset, np.inf))
    frame = pd.DataFrame({"patient_id": [f"p{i}" for i in range(n)]})
    return EndpointRows("pfs", time, event, None, frame), history


def test_the_naive_comparison_flatters_responders_where_response_does_nothing():
    rows, history = cohort_without_effect()
    weights = np.random.default_rng(1).multinomial(400, np.full(400, 1 / 400), size=200).astype(float)
    bias = compute_guarantee_time_bias(rows, history, weights, 0.95)
    naive, dependent = bias["naive_log_hazard_ratio"], bias["time_dependent_log_hazard_ratio"]
    assert bias["status"] == "ok"
    assert naive < -0.5
    assert abs(dependent) < 0.3
    assert bias["bias"] == pytest.approx(naive - dependent)
    assert bias["bias_low"] < bias["bias"] < bias["bias_high"] < 0
    assert bias["replicates"] == 200


def test_the_simulation_shows_what_each_method_would_have_claimed():
    rows, history = cohort_without_effect()
    claims = simulate_null_claims(rows, history, simulations=200, seed=3)
    assert claims["null_naive_rejected"] > 0.9
    assert claims["null_naive_hazard_ratio"] < 0.6
    assert claims["null_mantel_byar_rejected"] < 0.11
    assert simulate_null_claims(rows, history, simulations=200, seed=3) == claims


def test_without_responders_there_is_nothing_to_compare():
    rows, _ = cohort_without_effect(50)
    none = derive_onset_history(np.full(50, np.inf))
    assert compute_guarantee_time_bias(rows, none, None, 0.95)["status"] == "too_few"
    assert simulate_null_claims(rows, none, simulations=10, seed=1)["null_simulations"] == 0
