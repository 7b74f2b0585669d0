"""The risk table: counts at each distinct time, late entry, strata, splits, and sums over centres."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.risk_table import compute_risk_table, flag_at_risk

FLOWS = ("at_risk", "events", "competing", "censored", "left", "entered")


def same(one, two, places=12):
    assert one.groups == two.groups
    assert one.strata == two.strata
    np.testing.assert_allclose(one.time, two.time)
    np.testing.assert_array_equal(one.stratum, two.stratum)
    for kind in ("counts", "weighted"):
        for name in FLOWS:
            ours, theirs = getattr(getattr(one, kind), name), getattr(getattr(two, kind), name)
            np.testing.assert_allclose(ours, theirs, atol=10**-places, err_msg=f"{kind}.{name}")


def test_counts_by_hand():
    table = compute_risk_table(
        SurvivalData([2, 3, 3, 5, 5], [1, 1, 0, 2, 0]), group=["a", "a", "b", "b", "a"]
    )
    assert table.time.tolist() == [2, 3, 5]
    assert table.groups == ("a", "b")
    assert table.counts.at_risk.tolist() == [[3, 2], [2, 2], [1, 1]]
    assert table.counts.events.tolist() == [[1, 0], [1, 0], [0, 0]]
    assert table.counts.competing.tolist() == [[0, 0], [0, 0], [0, 1]]
    assert table.counts.censored.tolist() == [[0, 0], [0, 1], [1, 0]]


def test_the_second_cause_swaps_events_and_competing():
    one = compute_risk_table(SurvivalData([1, 2, 3], [1, 2, 0]))
    two = compute_risk_table(SurvivalData([1, 2, 3], [1, 2, 0]), cause=2)
    assert one.counts.events.tolist() == two.counts.competing.tolist() == [[1], [0], [0]]


def test_late_entry_is_at_risk_after_entry_up_to_the_end():
    table = compute_risk_table(SurvivalData([4, 6, 8], [1, 1, 0], entry=[0, 4, 5]))
    at_risk = dict(zip(table.time.tolist(), table.counts.at_risk[:, 0].tolist(), strict=True))
    assert at_risk == {0: 0, 4: 1, 5: 1, 6: 2, 8: 1}


def test_time_zero_is_counted_and_at_risk():
    table = compute_risk_table(SurvivalData([0, 2], [1, 1]))
    assert table.counts.at_risk[:, 0].tolist() == [2, 1]


def test_a_split_row_is_no_censoring():
    whole = compute_risk_table(SurvivalData([5, 7], [0, 1], entry=[0, 0]))
    split = compute_risk_table(SurvivalData([3, 5, 7], [0, 0, 1], entry=[0, 3, 0], id=[1, 1, 2]))
    kept = split.time != 3
    for name in ("at_risk", "events", "censored"):
        np.testing.assert_array_equal(getattr(split.counts, name)[kept], getattr(whole.counts, name))
    assert split.counts.censored[~kept].sum() == 0


def test_a_move_to_another_group_leaves_one_and_enters_the_other():
    table = compute_risk_table(SurvivalData([3, 6], [0, 1], entry=[0, 3], id=[1, 1]), group=["no", "yes"])
    assert table.counts.censored.sum(axis=0).tolist() == [1, 0]
    at_six = table.counts.at_risk[table.time == 6][0]
    assert at_six.tolist() == [0, 1]


def test_overlapping_rows_of_one_id_are_refused():
    with pytest.raises(ValueError, match="rows of one id overlap in time: p7"):
        compute_risk_table(SurvivalData([5, 8], [0, 1], entry=[0, 4], id=["p7", "p7"]))
    with pytest.raises(ValueError, match="id repeats but there is no entry"):
        compute_risk_table(SurvivalData([5, 8], [0, 1], id=[1, 1]))


def test_strata_count_on_their_own():
    table = compute_risk_table(SurvivalData([1, 2, 2, 3], [1, 1, 1, 0], strata=["x", "x", "y", "y"]))
    assert table.strata == ("x", "y")
    assert table.stratum.tolist() == [0, 0, 1, 1]
    assert table.counts.at_risk[:, 0].tolist() == [2, 1, 2, 1]


def test_weights_are_summed_and_rows_still_counted():
    table = compute_risk_table(SurvivalData([1, 2, 3], [1, 0, 1], weights=[0.5, 0, 2.25]))
    assert table.weighted.at_risk[:, 0].tolist() == [2.75, 2.25, 2.25]
    assert table.counts.at_risk[:, 0].tolist() == [2, 1, 1]
    assert table.counts.censored[1, 0] == 0


def count_at_ticks(data, ticks):
    at_risk, ended = flag_at_risk(data, np.array(ticks, dtype=float))
    return at_risk.sum(axis=1).tolist(), ended.sum(axis=1).tolist()


def test_at_risk_and_ended_just_before_a_tick():
    found = count_at_ticks(SurvivalData([2, 4, 4, 6], [1, 1, 0, 0]), [0, 2, 2.5, 4, 6, 7])
    assert found == ([4, 4, 3, 3, 1, 0], [0, 0, 1, 1, 3, 4])


def test_at_risk_with_late_entry():
    found = count_at_ticks(SurvivalData([5, 9], [1, 0], entry=[0, 3]), [0, 2, 3, 3.5, 5, 6])
    assert found == ([1, 1, 1, 2, 2, 1], [0, 0, 0, 0, 0, 1])


def test_everybody_is_at_risk_at_time_zero_even_with_an_end_at_zero():
    assert count_at_ticks(SurvivalData([0, 3], [1, 1]), [0, 1]) == ([2, 1], [0, 1])
