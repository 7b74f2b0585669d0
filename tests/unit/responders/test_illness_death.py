"""State occupation by hand, and against the share of patients where nobody is censored."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.illness_death import compute_expected_months, estimate_occupation
from prrt_outcomes.responders.states import derive_course_history, derive_onset_history, derive_state_rows
from prrt_outcomes.survival.endpoint_rows import EndpointRows


def rows_of(time, event, onset):
    history = derive_onset_history(np.asarray(onset, dtype=float))
    rows = EndpointRows("os", np.asarray(time, dtype=float), np.asarray(event), None, pd.DataFrame())
    return derive_state_rows(history.changes, rows)


def test_without_censoring_occupation_is_the_share_of_patients():
    generator = np.random.default_rng(4)
    time, onset = generator.exponential(20, 200), generator.exponential(25, 200)
    onset = np.where(onset < time, onset, np.inf)
    rows = rows_of(time, np.ones(200, dtype=int), onset)
    times, probability = estimate_occupation(rows, np.ones((1, 200)), 2)
    for month in (3.0, 10.0, 30.0):
        found = probability[0, np.searchsorted(times, month, side="right") - 1]
        inside = (onset <= month) & (time > month)
        expected = [np.mean((time > month) & ~inside), np.mean(inside), np.mean(time <= month)]
        assert found == pytest.approx(expected, abs=1e-12)


def test_by_hand_with_a_censored_patient():
    """At 1 a responds, at 2 b is censored, at 3 c has the event, at 4 a has it."""
    rows = rows_of([4, 2, 3], [1, 0, 1], [1, np.inf, np.inf])
    time, probability = estimate_occupation(rows, np.ones((1, 3)), 2)
    assert time.tolist() == [0, 1, 2, 3, 4]
    assert probability[0, :, 0] == pytest.approx([1, 2 / 3, 2 / 3, 0, 0])
    assert probability[0, :, 1] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert probability[0].sum(axis=1) == pytest.approx(np.ones(5))
    assert compute_expected_months(time, probability, 4.0)[0] == pytest.approx([1 + 2 * 2 / 3, 1, 2 / 3])


def test_months_in_all_states_add_up_to_the_horizon():
    generator = np.random.default_rng(8)
    time = generator.exponential(20, 50)
    event = (generator.random(50) < 0.7).astype(int)
    rows = rows_of(time, event, np.where(generator.random(50) < 0.4, time / 2, np.inf))
    weights = np.vstack([np.ones(50), generator.multinomial(50, np.full(50, 0.02), size=20)])
    found = compute_expected_months(*estimate_occupation(rows, weights.astype(float), 2), 24.0)
    assert found.sum(axis=1) == pytest.approx(np.full(21, 24.0))
    whole = compute_expected_months(*estimate_occupation(rows, np.ones((1, 50)), 2), 24.0)
    assert found[0] == pytest.approx(whole[0])


def test_who_progresses_is_in_response_no_more():
    """Responders: one progresses at 4, one never, one progressed before; all die, nobody is censored."""
    onset = np.array([2.0, 2.0, 5.0, np.inf])
    history = derive_course_history(onset, np.array([4.0, np.inf, 3.0, 6.0]))
    rows = EndpointRows("os", np.array([8.0, 9.0, 10.0, 7.0]), np.ones(4, dtype=int), None, pd.DataFrame())
    times, found = estimate_occupation(derive_state_rows(history.changes, rows), np.ones((1, 4)), 3)
    shares = {
        2: (2, 2, 0, 0),
        3: (1, 2, 1, 0),
        4: (1, 1, 2, 0),
        6: (0, 1, 3, 0),
        7: (0, 1, 2, 1),
        9: (0, 0, 1, 3),
    }
    for month, expected in shares.items():
        place = np.searchsorted(times, month, side="right") - 1
        assert found[0, place] * 4 == pytest.approx(np.array(expected))
