"""What must not matter to a comparison with history, and what must add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prrt_outcomes.controls.borrowing import PieceCounts, fit_power_prior
from prrt_outcomes.controls.observed_expected import compare_with_published
from prrt_outcomes.controls.published_arms import fit_random_effects
from prrt_outcomes.controls.reconstruction import reconstruct_patients
from prrt_outcomes.controls.reference_curves import clean_digitised_curve
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows

quick = settings(max_examples=60, deadline=None)


@st.composite
def curves(draw):
    """Any curve that never rises with any risk table that never grows, fitting or not."""
    n = draw(st.integers(2, 40))
    steps = draw(st.lists(st.floats(0.01, 3), min_size=n, max_size=n))
    falls = draw(st.lists(st.floats(0, 1), min_size=n, max_size=n))
    time = np.cumsum(steps)
    survival = np.cumprod(1 - 0.3 * np.array(falls))
    rows = draw(st.integers(1, 6))
    counts = sorted(draw(st.lists(st.integers(0, 200), min_size=rows, max_size=rows)), reverse=True)
    counts[0] = max(counts[0], 1)
    risk_times = np.linspace(0, time[-1] * draw(st.floats(0.3, 1.3)), rows + 1)[:rows]
    return clean_digitised_curve(time, survival, risk_times, counts)


@quick
@given(curves(), st.one_of(st.none(), st.integers(0, 200)))
def test_a_reconstruction_has_one_time_a_patient_inside_the_curve(curve, events):
    found = reconstruct_patients(curve, events)
    assert len(found.time) == len(found.event) == curve.at_risk[0]
    assert found.time.min() >= 0
    assert found.time.max() <= curve.time[-1] + 1e-9
    assert (np.diff(found.at_risk) <= 0).all()
    assert set(found.event.tolist()) <= {0, 1}


@st.composite
def counts(draw):
    k = draw(st.integers(1, 4))
    whole = st.lists(st.integers(0, 40), min_size=k, max_size=k)
    months = st.lists(st.floats(5, 500), min_size=k, max_size=k)
    d1, d0 = np.array(draw(whole), dtype=float), np.array(draw(whole), dtype=float)
    d1[0] += 1
    d0[0] += 1
    return PieceCounts(np.arange(k, dtype=float), d1, np.array(draw(months)), d0, np.array(draw(months)))


@quick
@given(counts(), st.floats(0.1, 30))
def test_the_unit_of_time_does_not_matter_to_borrowing(data, unit):
    other = PieceCounts(
        data.cuts * unit, data.events, data.months * unit, data.control_events, data.control_months * unit
    )
    ours, theirs = fit_power_prior(data, 0.5), fit_power_prior(other, 0.5)
    assert ours["value"] == pytest.approx(theirs["value"], rel=1e-6)
    assert ours["low"] < ours["value"] < ours["high"]
    assert 0 <= ours["probability_benefit"] <= 1
    assert 0 <= ours["borrowed_events"] <= data.control_events.sum() + 1e-9


@quick
@given(st.lists(st.floats(0.5, 60), min_size=3, max_size=30), st.randoms(use_true_random=False))
def test_order_of_patients_does_not_matter_to_a_published_arm(times, random):
    control = PublishedControl(id="a", kind="published", n=50, median_months=9, events=40)
    events = [random.randint(0, 1) for _ in times]
    order = random.sample(range(len(times)), len(times))

    def rows(index):
        frame = pd.DataFrame(index=range(len(index)))
        return EndpointRows("pfs", np.array(times)[index], np.array(events)[index], None, frame)

    first = compare_with_published(rows(list(range(len(times)))), control, 0.95)
    second = compare_with_published(rows(order), control, 0.95)
    for one, other in zip(first, second, strict=True):
        assert one["expected"] == pytest.approx(other["expected"])
        assert one["value"] == pytest.approx(other["value"], nan_ok=True)
    assert first[0]["expected"] == pytest.approx(np.log(2) / 9 * np.minimum(times, 9).sum())


@quick
@given(st.lists(st.tuples(st.floats(0.5, 5), st.floats(0.05, 1)), min_size=1, max_size=12))
def test_a_pooled_median_lies_between_the_smallest_and_the_largest(studies):
    y, se = zip(*studies, strict=True)
    found = fit_random_effects(y, se)
    assert min(y) - 1e-9 <= found["estimate"] <= max(y) + 1e-9
    assert found["tau_squared"] >= 0
    assert found["std_error"] >= 1 / np.sqrt(sum(1 / s**2 for s in se)) - 1e-12
