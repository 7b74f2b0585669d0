"""Power against simulation and closed forms."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.observed_expected import ReferenceCurve, derive_reference_curves
from prrt_outcomes.controls.rating import (
    tabulate_power_published,
    tabulate_power_two_samples,
)
from prrt_outcomes.statistics.curve_summaries import fit_piecewise_exponential
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.survival.endpoint_rows import EndpointRows

NAN = float("nan")


def test_power_of_the_one_sample_test_is_what_happens():
    """Exponential control with median 10, uniform censoring up to 40 months: 2,000 cohorts of 60."""
    rng = np.random.default_rng(11)
    control = PublishedControl(id="a", kind="published", n=100, median_months=10)
    reference = derive_reference_curves(control)[0]
    rate, ratio = np.log(2) / 10, 0.6
    big, limit = rng.exponential(1 / (rate * ratio), 60), np.linspace(0, 40, 60)
    event = (big < limit).astype(int)
    rows = EndpointRows("pfs", np.minimum(big, limit), event, None, pd.DataFrame(index=range(60)))
    table = tabulate_power_published(rows, reference, 50, 0.95)
    predicted = table.query("method == 'one_sample_logrank' and hazard_ratio == 0.6")["power"].item()
    times = rng.exponential(1 / (rate * ratio), (2000, 60))
    censoring = rng.uniform(0, 40, (2000, 60))
    seen = np.minimum(times, censoring)
    observed, expected = (times <= censoring).sum(axis=1), rate * seen.sum(axis=1)
    share = (np.abs(observed - expected) / np.sqrt(expected) > 1.959964).mean()
    assert predicted == pytest.approx(share, abs=0.04)


def test_power_grows_with_the_effect_and_the_detectable_ratio_has_it():
    rng = np.random.default_rng(5)
    rows = EndpointRows(
        "pfs", rng.exponential(20, 60), np.ones(60, dtype=int), None, pd.DataFrame(index=range(60))
    )
    control = PublishedControl(id="a", kind="published", n=100, median_months=10)
    reference = derive_reference_curves(control)[0]
    table = tabulate_power_published(rows, reference, 50, 0.95)
    for _, part in table.groupby("method"):
        grid = part[part["item"] == "grid"].sort_values("hazard_ratio")
        assert grid["power"].is_monotonic_decreasing
        ratio = part.loc[part["item"] == "detectable", "hazard_ratio"].item()
        beside = np.interp(ratio, grid["hazard_ratio"], grid["power"])
        assert beside == pytest.approx(0.8, abs=0.06)
    same = table[table["hazard_ratio"] == 0.7].set_index("method")["power"]
    assert same["rate_ratio"] < same["one_sample_logrank"]


def test_a_reference_without_events_has_no_power():
    rows = EndpointRows("os", np.array([5.0, 10]), np.array([1, 0]), None, pd.DataFrame(index=range(2)))
    curve = ReferenceCurve(
        "no event by 12 months", fit_piecewise_exponential((12.0,), (1.0,)), 12.0, np.zeros(1)
    )
    table = tabulate_power_published(rows, curve, 20, 0.95)
    assert set(table["status"]) == {"too_few"}
    assert table.loc[table["item"] == "grid", "power"].isna().all()


def test_schoenfeld():
    from types import SimpleNamespace

    samples = SimpleNamespace(event=np.ones(100), in_cohort=np.arange(100) < 50)
    table = tabulate_power_two_samples(samples, 0.95)
    # 4 (z + z)^2 / D with D = 100 events: log hazard ratio 0.5603
    ratio = table.loc[table["item"] == "detectable", "hazard_ratio"].item()
    assert np.log(ratio) == pytest.approx(-2 * (1.959964 + 0.841621) / 10, abs=1e-3)
