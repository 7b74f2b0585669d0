import numpy as np
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import (
    compute_risk_set_sums,
    compute_sums_over_time_at_risk,
    derive_model_rows,
)


def test_at_risk_from_after_entry_up_to_and_including_the_end():
    # Event times 2, 5, 7. The second row enters at 2: not at risk then. The third leaves at 5: still at
    # risk then.
    rows = derive_model_rows(SurvivalData([2, 7, 5, 5], [1, 1, 0, 1], entry=[0, 2, 1, 4]))
    assert rows.cell_time.tolist() == [2, 5, 7]
    assert compute_risk_set_sums(np.array([1.0, 10, 100, 1000]), rows).tolist() == [101, 1110, 10]
    assert compute_sums_over_time_at_risk(np.array([1.0, 2, 4]), rows).tolist() == [1, 6, 3, 2]


def test_strata_have_their_own_risk_sets():
    rows = derive_model_rows(SurvivalData([3, 4, 3, 9], [1, 0, 1, 1], strata=["b", "b", "a", "a"]))
    assert list(zip(rows.cell_stratum.tolist(), rows.cell_time.tolist(), strict=True)) == [
        (0, 3),
        (0, 9),
        (1, 3),
    ]
    assert compute_risk_set_sums(np.array([1.0, 10, 100, 1000]), rows).tolist() == [1100, 1000, 11]


def test_near_ties_are_ties():
    rows = derive_model_rows(SurvivalData([0.1 + 0.2, 0.3, 1.0], [1, 1, 1]))
    assert rows.cell_time.tolist() == [0.3, 1.0]


def test_rows_of_weight_zero_and_rows_not_kept_are_left_out():
    rows = derive_model_rows(
        SurvivalData([1, 2, 3, 4], [1, 1, 1, 1], weights=[1, 0, 2, 1]), keep=[True, True, True, False]
    )
    assert rows.time.tolist() == [1, 3]
    assert rows.kept.tolist() == [True, False, True, False]


def test_counting_process_rows_are_counted_by_patient():
    rows = derive_model_rows(SurvivalData([5, 9, 4], [1, 1, 0], entry=[0, 5, 0], id=["p", "p", "q"]))
    assert (rows.n, rows.n_patients, rows.events_per_patient_max) == (3, 2, 2)
    assert rows.cluster.tolist() == [0, 0, 1]


def test_a_model_refuses_other_events_than_0_and_1():
    with pytest.raises(ValueError, match="expects 0 or 1"):
        derive_model_rows(SurvivalData([1, 2], [1, 2]))
