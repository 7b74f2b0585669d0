"""Survival arithmetic of the truth against hand calculation and lifelines."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.simulate.truth import (
    compute_hazard_ratios,
    compute_kaplan_meier,
    compute_median,
    compute_restricted_mean,
    compute_state_hazard_ratio,
    compute_survival_at,
)


def test_kaplan_meier_by_hand():
    times, survival = compute_kaplan_meier(np.array([1, 2, 2, 3, 4.0]), np.array([1, 1, 0, 0, 1]))
    np.testing.assert_allclose(times, [1, 2, 4])
    np.testing.assert_allclose(survival, [0.8, 0.6, 0.0])
    assert compute_median(times, survival) == 4
    assert compute_median(times[:2], survival[:2]) is None
    assert compute_survival_at(times, survival, 0.5) == 1
    assert compute_survival_at(times, survival, 2) == pytest.approx(0.6)
    assert compute_restricted_mean(times, survival, 3) == pytest.approx(1 + 0.8 + 0.6)


def test_hazard_ratios_equal_lifelines_without_ties():
    from lifelines import CoxPHFitter

    rng = np.random.default_rng(3)
    x = np.column_stack([rng.normal(size=300), rng.random(300) < 0.4]).astype(float)
    time = rng.exponential(np.exp(-x @ [0.5, -0.7]))
    event = rng.random(300) < 0.8
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "time": time, "event": event})
    expected = np.exp(CoxPHFitter().fit(frame, "time", "event").params_.to_numpy())
    np.testing.assert_allclose(compute_hazard_ratios(time, event, x), expected, rtol=1e-6)
    never = np.where(x[:, 1] == 1, 0.0, np.inf)
    alone = compute_hazard_ratios(time, event, x[:, 1:])[0]
    found = compute_state_hazard_ratio(time, event, np.zeros(300), never)
    assert found == pytest.approx(alone, rel=1e-7)


def test_a_state_entered_later_equals_counting_process_rows():
    from lifelines import CoxTimeVaryingFitter

    rng = np.random.default_rng(4)
    n = 200
    time, start = rng.exponential(10, n), rng.exponential(8, n)
    event = rng.random(n) < 0.7
    rows = []
    for i in range(n):
        if start[i] < time[i]:
            rows += [(i, 0, start[i], 0, 0), (i, start[i], time[i], 1, event[i])]
        else:
            rows.append((i, 0, time[i], 0, event[i]))
    long = pd.DataFrame(rows, columns=["id", "start", "stop", "state", "event"])
    fitted = CoxTimeVaryingFitter().fit(
        long, id_col="id", event_col="event", start_col="start", stop_col="stop"
    )
    found = compute_state_hazard_ratio(time, event, np.zeros(n), start)
    assert found == pytest.approx(np.exp(fitted.params_["state"]), rel=1e-5)


def test_a_state_without_events_has_no_ratio():
    time = np.array([1.0, 2, 3])
    assert compute_state_hazard_ratio(time, np.ones(3), np.zeros(3), np.full(3, np.inf)) is None
