import numpy as np
import pytest

from prrt_outcomes.statistics.weights import (
    compute_effective_sample_size,
    compute_propensity_weights,
    compute_trimming,
)

SCORE = np.array([0.8, 0.5, 0.25])
COHORT = np.array([True, False, False])


@pytest.mark.parametrize(
    ("estimand", "expected"),
    [("ATT", [1, 1, 1 / 3]), ("overlap", [0.2, 0.5, 0.25]), ("ATE", [1.25, 2, 4 / 3])],
)
def test_weights_by_definition(estimand, expected):
    np.testing.assert_allclose(compute_propensity_weights(SCORE, COHORT, estimand), expected)
    many = compute_propensity_weights(np.vstack([SCORE, SCORE / 2]), COHORT, estimand)
    np.testing.assert_allclose(many[0], expected)


def test_a_missing_score_has_no_weight():
    weights = compute_propensity_weights(np.array([np.nan, 0.5, 0.5]), COHORT, "ATT")
    assert np.isnan(weights).tolist() == [True, False, False]


def test_infinite_weights_are_an_error_and_harmless_extremes_are_not():
    with pytest.raises(ValueError, match="1 scores of 0 or 1 have infinite weight"):
        compute_propensity_weights(np.array([0.5, 1.0, 0.5]), COHORT, "ATT")
    with pytest.raises(ValueError, match="infinite"):
        compute_propensity_weights(np.array([0.0, 0.5, 0.5]), COHORT, "ATE")
    np.testing.assert_allclose(
        compute_propensity_weights(np.array([1.0, 1, 0]), COHORT, "overlap"), [0, 1, 0]
    )
    np.testing.assert_allclose(compute_propensity_weights(np.array([1.0, 0, 0]), COHORT, "ATT"), [1, 0, 0])


def test_faults_are_named():
    with pytest.raises(ValueError, match="estimand"):
        compute_propensity_weights(SCORE, COHORT, "ATC")
    with pytest.raises(ValueError, match="between 0 and 1"):
        compute_propensity_weights(SCORE + 1, COHORT, "ATT")
    with pytest.raises(ValueError, match="3 scores for 2 rows"):
        compute_propensity_weights(SCORE, COHORT[:2], "ATT")


def test_trimming_by_bounds_and_by_common_support():
    score = np.array([0.05, 0.3, 0.9, 0.2, 0.6, 0.01, np.nan])
    cohort = np.array([True, True, True, False, False, False, False])
    assert compute_trimming(score, cohort, bounds=(0.05, 0.6)).tolist() == [
        True,
        True,
        False,
        True,
        True,
        False,
        False,
    ]
    # Cohort 0.05 to 0.9, control 0.01 to 0.6: both ends of the overlap stay.
    assert compute_trimming(score, cohort).tolist() == [True, True, False, True, True, False, False]
    with pytest.raises(ValueError, match="both cohort and control"):
        compute_trimming(score, np.ones(7, dtype=bool))


def test_effective_sample_size():
    assert compute_effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert compute_effective_sample_size(np.zeros(3)) == 0
    np.testing.assert_allclose(compute_effective_sample_size(np.array([[1, 1, 2], [0, 0, 5.0]])), [16 / 6, 1])
