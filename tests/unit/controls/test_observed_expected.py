"""Observed over expected events stay in the published window and carry the uncertainty of the published curve."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f

from prrt_outcomes.controls.observed_expected import (
    ReferenceCurve,
    compare_with_published,
    count_effective_events,
    derive_reference_curves,
    draw_expected,
    draw_observed,
    find_fitting,
    observed_expected_row,
)
from prrt_outcomes.statistics.curve_summaries import fit_piecewise_exponential
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows


def make_rows(times, events, entry=None):
    return EndpointRows(
        "pfs", np.array(times), np.array(events), entry, pd.DataFrame(index=range(len(times)))
    )


def make_arm(**given):
    values = {"id": "a", "kind": "published", "n": 113, "median_months": 8.4} | given
    return PublishedControl(**values)


def make_cohort(n=200, seed=3):
    rng = np.random.default_rng(seed)
    time, limit = rng.exponential(20, n), rng.uniform(6, 50, n)
    return make_rows(np.minimum(time, limit), (time <= limit).astype(int))


def width(row):
    return np.log(row["high"] / row["low"])


def test_published_arm_with_milestones_has_two_reference_curves():
    both = derive_reference_curves(make_arm(milestones=[{"months": 20, "survival": 0.108}]))
    assert [curve.assumption.split()[0] for curve in both] == ["piecewise", "constant"]
    assert [curve.end for curve in both] == [20, 8.4]
    assert both[0].curve.compute_survival([8.4, 20]).round(6).tolist() == [0.5, 0.108]
    assert both[1].curve.compute_survival(8.4) == pytest.approx(0.5)


def test_one_sample_log_rank_counts_what_the_curve_expects_up_to_its_last_point():
    rows = make_rows([2.0, 4.0, 30.0, 12.0], [1, 1, 0, 1])
    test, ratio = compare_with_published(rows, make_arm(median_months=10, n=50), 0.95)
    expected = 26 * np.log(2) / 10
    assert test["observed"] == 2
    assert test["horizon_months"] == 10
    assert test["expected"] == pytest.approx(expected)
    assert test["statistic"] == pytest.approx((2 - expected) / np.sqrt(expected))
    assert test["statistic_wu"] == pytest.approx((2 - expected) / np.sqrt((2 + expected) / 2))
    assert ratio["value"] == pytest.approx(2 / expected)
    assert ratio["low"] < ratio["value"] < ratio["high"]
    assert ratio["estimate"] == test["estimate"] == "smr"


def test_nothing_beyond_the_last_published_point_is_used():
    rows = make_cohort()
    late = np.where(rows.time_months > 20, rows.time_months * 3, rows.time_months)
    other = make_rows(late, np.where(rows.time_months > 20, 1 - rows.event, rows.event))
    arm = make_arm(milestones=[{"months": 20, "survival": 0.108}])
    for one, two in zip(
        compare_with_published(rows, arm, 0.95), compare_with_published(other, arm, 0.95), strict=True
    ):
        assert one == pytest.approx(two, nan_ok=True)


def test_a_late_entry_is_not_expected_to_have_events_before_it():
    late = make_rows([10.0], [1], np.array([5.0]))
    arm = make_arm(median_months=10, n=50)
    assert compare_with_published(late, arm, 0.95)[0]["expected"] == pytest.approx(np.log(2) / 2)


def test_who_enters_after_the_last_published_point_gives_no_estimate():
    late = make_rows([30.0], [1], np.array([12.0]))
    rows = compare_with_published(late, make_arm(median_months=10), 0.95)
    assert {row["status"] for row in rows} == {"too_few"}


def test_a_wider_published_interval_of_a_milestone_widens_the_result():
    rows, found = make_cohort(), []
    for low, high in ((0.08, 0.14), (0.05, 0.2), (0.02, 0.3)):
        arm = make_arm(milestones=[{"months": 20, "survival": 0.108, "low": low, "high": high}])
        found.append(width(compare_with_published(rows, arm, 0.95)[1]))
    assert found == sorted(found)
    assert found[2] > 1.05 * found[1]


def test_a_wider_published_interval_of_the_median_widens_the_result():
    rows = make_cohort()
    narrow, wide = (
        width(compare_with_published(rows, make_arm(median_low=low, median_high=high), 0.95)[1])
        for low, high in ((7.5, 9.4), (5, 15))
    )
    assert wide > 1.1 * narrow


def test_a_smaller_arm_gives_a_wider_interval():
    found = [width(compare_with_published(make_cohort(), make_arm(n=n), 0.95)[1]) for n in (400, 113, 40)]
    assert found == sorted(found)


def test_events_behind_a_piece_are_those_of_its_interval_and_never_more_than_published():
    (alone,) = derive_reference_curves(make_arm())
    assert alone.events == pytest.approx([113 * np.log(2) ** 2])
    spread = np.log(2) * (12 - 6) / 8.4 / 2 / 1.959964
    (published,) = derive_reference_curves(make_arm(median_low=6, median_high=12))
    assert published.events == pytest.approx([(np.log(2) / spread) ** 2])
    (few,) = derive_reference_curves(make_arm(events=20))
    assert few.events.sum() == pytest.approx(20)


def test_with_a_known_course_the_interval_is_that_of_two_poisson_rates(monkeypatch):
    monkeypatch.setattr("prrt_outcomes.controls.observed_expected.SHAPE_SPREAD", 0.0)
    monkeypatch.setattr("prrt_outcomes.controls.observed_expected.DRAWS", 400_000)
    reference = ReferenceCurve("x", fit_piecewise_exponential([10], [0.5]), 10.0, np.array([40.0]))
    rows = make_rows(np.full(60, 8.0), np.r_[np.ones(25, int), np.zeros(35, int)])
    drawn = draw_expected(reference, rows)
    expected = 60 * 8 * np.log(2) / 10
    assert drawn.mean() == pytest.approx(expected, rel=0.005)
    assert count_effective_events(drawn) == pytest.approx(40, rel=0.03)
    row = observed_expected_row(draw_observed(25) / drawn[:10_000], 0.95, observed=25, expected=expected)
    exact = f(51, 80).ppf([0.025, 0.975]) * 25.5 / expected
    assert [row["low"], row["high"]] == pytest.approx(exact, rel=0.04)


def test_weights_count_patients():
    rows = make_cohort(40)
    reference = derive_reference_curves(make_arm(median_months=60))[0]
    twice = make_rows(np.repeat(rows.time_months, 2), np.repeat(rows.event, 2))
    weighted = draw_expected(reference, rows, np.full(40, 2.0))
    assert weighted == pytest.approx(draw_expected(reference, twice))
    anew = draw_expected(reference, rows, np.full((500, 40), 2.0), np.random.default_rng(1))
    assert anew.mean() == pytest.approx(weighted.mean(), rel=0.05)


def test_who_fits_an_arm_has_what_it_states():
    frame = pd.DataFrame(
        {
            "tumour_type": ["gep_small_intestine", "lung", "gep_small_intestine", None],
            "grade": ["G1", "G2", "G3", "G1"],
            "progressive_at_baseline": pd.array([True, True, None, True], dtype="boolean"),
        }
    )
    fits = find_fitting(frame, make_arm(tumour_types="midgut", grade="G1-2", progressive_at_entry="yes"))
    assert {name: flags.tolist() for name, flags in fits.items()} == {
        "tumour_type": [True, False, True, False],
        "grade": [True, True, False, True],
        "progressive_at_baseline": [True, True, False, True],
    }
    assert find_fitting(frame, make_arm(progressive_at_entry="mixed")) == {}
