"""Weights for visits after which observation stops: by hand, and where stopping depends on a covariate."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.propensity import fit_stopping_weights


def test_one_visit_by_hand():
    # Two of four patients with the covariate stop, one of four without: 3/8 of all.
    covariate = np.array([1, 1, 1, 1, 0, 0, 0, 0.0])
    stopped = np.array([1, 1, 0, 0, 1, 0, 0, 0], bool)
    visits = pd.DataFrame({"patient": range(8), "stopped": stopped, "known": True})
    timing, covariates = pd.DataFrame({"months": np.zeros(8)}), pd.DataFrame({"x": covariate})
    weights = fit_stopping_weights(visits, timing, covariates)
    # (5/8) / (1/2) and (5/8) / (3/4); those who stop keep 1.
    assert weights == pytest.approx([1, 1, 1.25, 1.25, 1, 5 / 6, 5 / 6, 5 / 6], abs=1e-6)
    time, event = np.array([2.0, 4, 6, 8, 8]), np.array([1, 1, 1, 0, 0])
    curve = fit_kaplan_meier(SurvivalData(time, event, weights=weights[~stopped]))
    # 5 at risk by weight: 1 - 1.25/5, times 1 - 1.25/3.75, times 1 - (5/6)/(5/2).
    assert curve.survival[:3] == pytest.approx([3 / 4, 1 / 2, 1 / 3], abs=1e-6)


def test_weights_are_multiplied_over_the_visits_of_a_patient():
    # At every visit one of two with the covariate stops and one of four without: 1/3 of all.
    visits = pd.DataFrame(
        [(p, v, s) for p, v, s in (
            (0, 0, 0), (0, 1, 0), (1, 0, 1), (2, 0, 0), (2, 1, 1), (3, 0, 1), (4, 0, 0), (4, 1, 0),
            (5, 0, 0), (5, 1, 1), (6, 0, 0), (6, 1, 0))],
        columns=["patient", "visit", "stopped"],
    ).assign(known=True)  # fmt: skip
    x = visits["patient"].isin([0, 1, 2]).astype(float)
    weights = fit_stopping_weights(visits, pd.DataFrame({"t": np.zeros(12)}), pd.DataFrame({"x": x}))
    p, q, r = 4 / 12, 2 / 5, 2 / 7
    twice = visits["patient"].isin([0, 4, 6]) & (visits["visit"] == 1)
    expected = np.where(x[twice] == 1, ((1 - p) / (1 - q)) ** 2, ((1 - p) / (1 - r)) ** 2)
    assert weights[twice] == pytest.approx(expected, abs=1e-6)


def test_nobody_stops_or_nothing_tells_them():
    visits = pd.DataFrame({"patient": range(6), "stopped": False, "known": True})
    frame = pd.DataFrame({"x": np.arange(6.0)})
    assert fit_stopping_weights(visits, frame, frame).tolist() == [1.0] * 6
    stopped = visits.assign(stopped=[True, False, True, False, True, False])
    constant = pd.DataFrame({"x": np.zeros(6)})
    assert fit_stopping_weights(stopped, constant, constant) == pytest.approx(np.ones(6))
    without_error = visits.assign(stopped=frame["x"] > 2)
    assert fit_stopping_weights(without_error, constant, frame) is None
    with pytest.raises(ValueError, match="missing"):
        fit_stopping_weights(stopped, constant, frame.replace(0.0, np.nan))


def simulate(generator, n):
    """Patients with half-yearly visits; the sick die and stop earlier. True survival at 24 months is known."""
    sick = generator.random(n) < 0.5
    death = generator.exponential(np.where(sick, 18.0, 60.0))
    visit = np.arange(0, 36, 6.0)
    stops = generator.random((n, len(visit))) < np.where(sick, 0.35, 0.05)[:, None]
    stops[:, 0] = False
    first = np.where(stops.any(axis=1), visit[stops.argmax(axis=1)], 36.0)
    end = np.minimum(first, 36.0)
    rows = [
        (p, t, min(t + 6, death[p]), bool(stops[p, k]), bool(sick[p]), death[p] <= t + 6)
        for p in range(n)
        for k, t in enumerate(visit)
        if t < death[p] and t <= end[p]
    ]
    columns = ["patient", "start", "stop", "stopped", "sick", "event"]
    return pd.DataFrame(rows, columns=columns).assign(known=True)


def test_stopping_that_depends_on_a_covariate_biases_the_plain_curve_and_not_the_weighted():
    generator, found = np.random.default_rng(20151122), []
    truth = (np.exp(-24 / 18) + np.exp(-24 / 60)) / 2
    for _ in range(60):
        visits = simulate(generator, 300)
        scanned = (visits["start"] > 0).to_numpy()
        weights = np.ones(len(visits))
        part = visits[scanned].reset_index(drop=True)
        timing, sick = pd.DataFrame({"months": part["start"]}), pd.DataFrame({"sick": part["sick"]})
        weights[scanned] = fit_stopping_weights(part, timing, sick)
        kept = ~visits["stopped"].to_numpy()
        rows = visits[kept]
        for weight in (np.ones(kept.sum()), weights[kept]):
            who = rows["patient"]
            data = SurvivalData(rows["stop"], rows["event"], rows["start"], weight, cluster=who, id=who)
            curve = fit_kaplan_meier(data)
            last = np.searchsorted(curve.time, 24, side="right") - 1
            found.append([curve.survival[last], curve.lower[last] <= truth <= curve.upper[last]])
    plain, weighted = np.array(found[::2], float), np.array(found[1::2], float)
    assert plain[:, 0].mean() - truth > 0.04
    assert abs(weighted[:, 0].mean() - truth) < 0.012
    assert weighted[:, 1].mean() > 0.88 > plain[:, 1].mean()
