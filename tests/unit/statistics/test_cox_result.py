from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.cox_result import compute_e_value


def test_inverse_ratios_have_the_same_e_value():
    for options in ({}, {"common_outcome": False}):
        low, high = compute_e_value(0.5, 0.4, 0.8, **options), compute_e_value(2.0, 1.25, 2.5, **options)
        assert low == pytest.approx(high)


def test_rare_outcome_takes_the_hazard_ratio_as_it_is():
    assert compute_e_value(2.0, 1.5, 2.5, common_outcome=False)[0] == pytest.approx(2 + np.sqrt(2))


def test_an_interval_that_holds_1_needs_no_confounder():
    assert compute_e_value(0.8, 0.6, 1.1)[1] == 1
    assert compute_e_value(1.3, 0.9, 1.7)[1] == 1
    assert compute_e_value(1.0, 0.9, 1.1)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0.0, 0.0, 1.0), "above 0"), ((1.0, 0.5, np.nan), "finite"), ((1.2, 1.3, 1.5), "not inside")],
)
def test_faults(arguments, message):
    with pytest.raises(ValueError, match=message):
        compute_e_value(*arguments)
