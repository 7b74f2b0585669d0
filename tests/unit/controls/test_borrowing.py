"""Borrowing against closed forms: one piece of time is a ratio of two gamma variables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prrt_outcomes.controls.borrowing import (
    PieceCounts,
    compute_conflict,
    count_pieces,
    count_pieces_published,
    fit_power_prior,
)
from prrt_outcomes.controls.observed_expected import derive_reference_curves
from prrt_outcomes.controls.two_samples import TwoSamples
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows


def counts(d1, t1, d0, t0):
    arrays = [np.atleast_1d(np.array(x, dtype=float)) for x in (d1, t1, d0, t0)]
    return PieceCounts(np.arange(len(arrays[0]), dtype=float), *arrays)


def samples(time, event, in_cohort, entry=None):
    n = len(time)
    return TwoSamples(
        np.array(time, dtype=float),
        np.array(event, dtype=bool),
        None if entry is None else np.array(entry, dtype=float),
        np.array(in_cohort, dtype=bool),
        pd.DataFrame(index=range(n)),
        np.full(n, "x", dtype=object),
    )


@pytest.mark.parametrize("discount", [0.25, 1.0])
def test_one_piece_is_an_f_distribution(discount):
    found = fit_power_prior(counts(20, 500.0, 60, 600.0), discount)
    exact = stats.f(2 * 20, 2 * 60 * discount)
    scale = (20 / 500) / (60 / 600)
    assert found["value"] == pytest.approx(scale * exact.ppf(0.5), rel=1e-3)
    assert found["low"] == pytest.approx(scale * exact.ppf(0.025), rel=1e-3)
    assert found["high"] == pytest.approx(scale * exact.ppf(0.975), rel=1e-3)
    assert found["probability_benefit"] == pytest.approx(exact.cdf(1 / scale), abs=1e-3)
    assert found["borrowed_events"] == 60 * discount


def test_less_borrowing_is_a_wider_interval():
    data = counts([10, 10], [200, 300], [30, 30], [250, 350])
    widths = [np.log(f["high"] / f["low"]) for f in (fit_power_prior(data, a0) for a0 in (0.1, 0.5, 1.0))]
    assert widths == sorted(widths, reverse=True)


def test_conflict_is_a_hazard_of_another_shape():
    alike = counts([20, 20], [400, 400], [40, 40], [400, 400])
    other = counts([40, 2], [400, 400], [4, 80], [400, 400])
    assert compute_conflict(alike) > 0.9
    assert compute_conflict(other) < 1e-6


def test_no_event_is_said():
    assert fit_power_prior(counts(0, 100, 10, 100), 1.0)["status"] == "no_events"
    assert fit_power_prior(counts(5, 100, 0, 100), 1.0)["status"] == "no_events"
    assert np.isnan(compute_conflict(counts(5, 100, 5, 100)))


def test_pieces_hold_all_events_and_months():
    data = samples(
        [2, 4, 6, 8, 3, 5, 9, 12], [1, 1, 0, 1, 1, 0, 1, 1], [1] * 4 + [0] * 4, [0, 1, 0, 0, 0, 2, 0, 0]
    )
    found = count_pieces(data)
    assert found.events.sum() == 3
    assert found.control_events.sum() == 3
    assert found.months.sum() == pytest.approx(2 + 3 + 6 + 8)
    assert found.control_months.sum() == pytest.approx(3 + 3 + 9 + 12)


def test_weights_never_count_for_more_than_their_effective_size():
    data = samples([2, 4, 6, 8, 3, 5, 9, 12], [1] * 8, [1] * 4 + [0] * 4)
    found = count_pieces(data, np.array([1, 1, 1, 1, 10, 1, 1, 1.0]))
    assert found.events.sum() == pytest.approx(4)
    assert found.control_events.sum() == pytest.approx(13**2 / 103)


def test_published_pieces_carry_the_effective_events():
    control = PublishedControl(id="a", kind="published", n=50, median_months=10)
    rows = EndpointRows("pfs", np.array([4.0, 10.0]), np.array([1, 0]), None, pd.DataFrame(index=range(2)))
    found = count_pieces_published(rows, derive_reference_curves(control)[0])
    effective = 50 * np.log(2) ** 2
    assert found.control_events.tolist() == [pytest.approx(effective)]
    assert found.control_months[0] == pytest.approx(effective * 10 / np.log(2))
    assert (found.events[0], found.months[0]) == (1, 14)
