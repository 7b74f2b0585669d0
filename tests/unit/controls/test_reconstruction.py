"""Reconstruction of known curves, careful and careless digitisation, and what is refused."""

import numpy as np
import pytest

from prrt_outcomes.controls.reconstruction import (
    count_flat_events,
    measure_quality,
    reconstruct_patients,
)
from prrt_outcomes.controls.reference_curves import clean_digitised_curve
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.study.controls import CurveControl

CONTROL = CurveControl(id="a", kind="curve", arm="a")


def draw_arm(generator):
    """An arm of a trial: Weibull times, staggered entry, some lost early."""
    n = int(generator.integers(40, 400))
    scale, shape = generator.uniform(5, 40), generator.uniform(0.7, 1.8)
    times = scale * generator.weibull(shape, n)
    censoring = np.minimum(generator.uniform(0.3, 2.5) * scale * generator.uniform(0.2, 1, n), 90)
    return np.minimum(times, censoring) + 1e-4, (times <= censoring).astype(int)


def digitise(time, event, points=250, digits=3, rows=8):
    """Points as read off a printed curve, to a thousandth, and a printed risk table."""
    curve = fit_kaplan_meier(SurvivalData(time, event))
    grid = np.linspace(0, time.max(), points)
    survival = np.concatenate(([1.0], curve.survival))[np.searchsorted(curve.time, grid, side="right")]
    risk_times = np.linspace(0, time.max() * 0.95, rows)
    at_risk = [(time >= t).sum() for t in risk_times]
    return clean_digitised_curve(grid, np.round(survival, digits), risk_times, at_risk), grid, survival


def rebuilt_at(found, grid):
    curve = fit_kaplan_meier(SurvivalData(np.maximum(found.time, 1e-6), found.event))
    return np.concatenate(([1.0], curve.survival))[np.searchsorted(curve.time, grid, side="right")]


def list_refused(curve, found, control):
    measures = measure_quality(curve, found, control)
    return measures.loc[measures["verdict"] == "refused", "measure"].tolist()


@pytest.mark.parametrize("with_events", [False, True])
def test_five_hundred_random_curves(with_events):
    generator = np.random.default_rng(20151122)
    errors, events, invented, sizes = [], [], 0, []
    for _ in range(250):
        time, event = draw_arm(generator)
        curve, grid, survival = digitise(time, event)
        found = reconstruct_patients(curve, int(event.sum()) if with_events else None)
        errors.append(np.abs(rebuilt_at(found, grid) - survival).mean())
        events.append((found.event.sum() - event.sum()) / event.sum())
        invented += count_flat_events(curve, found)
        sizes.append(len(found.time) - len(time))
    assert np.median(errors) < 0.01
    assert np.quantile(errors, 0.95) < 0.01
    assert np.median(np.abs(events)) < 0.03
    assert np.mean(np.abs(events) < 0.03) > 0.9
    assert invented == 0
    assert set(sizes) == {0}


def test_no_death_where_the_curve_is_flat():
    curve = clean_digitised_curve([0, 2, 4, 20], [1, 0.8, 0.6, 0.6], [0, 5, 10, 15], [100, 55, 30, 10])
    found = reconstruct_patients(curve)
    assert found.time[found.event == 1].max() <= 4
    assert found.at_risk.tolist() == [100, 55, 30, 10]


def test_a_risk_table_that_does_not_fit_the_curve_is_refused():
    generator = np.random.default_rng(3)
    time, event = draw_arm(generator)
    good, _, _ = digitise(time, event)
    wrong = clean_digitised_curve(
        good.time, good.survival, good.risk_time, [good.at_risk[0], *np.full(7, good.at_risk[0] - 2)]
    )
    assert list_refused(wrong, reconstruct_patients(wrong), CONTROL)
    assert list_refused(good, reconstruct_patients(good), CONTROL) == []


def test_limits_are_those_of_the_study():
    time, event = draw_arm(np.random.default_rng(4))
    curve, _, _ = digitise(time, event)
    found = reconstruct_patients(curve)
    strict = CONTROL.model_copy(update={"limit_survival": 1e-9})
    assert list_refused(curve, found, strict) == ["survival"]
    published = CONTROL.model_copy(update={"events": int(event.sum()) * 2})
    assert "events" in list_refused(curve, found, published)
