"""Patients censored before the cut-off: another hazard afterwards, by hand and against the data that censoring hid."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prrt_outcomes.controls.censoring import DELTAS, find_ends, impute_after_censoring
from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.individual import PatientsComparison
from prrt_outcomes.controls.two_samples import TwoSamples, Weighting, compare_hazards
from prrt_outcomes.controls.weighted_comparison import pool_rows
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows

SETTINGS = AnalysisSettings()
HORIZON = 60.0


def simulate(rng, n, delta=1.0):
    """Cohort with hazard 0.02 a month, `delta` times that after an independent censoring: as seen, and as it was."""
    time, limit = rng.exponential(50, n), rng.uniform(5, 100, n)
    later = limit + (time - limit) / delta
    whole = np.where(time <= limit, time, later)
    limit = np.minimum(limit, HORIZON)
    frame = pd.DataFrame({"patient_id": [f"p{i}" for i in range(n)], "age_years": rng.normal(60, 9, n)})
    seen = EndpointRows("pfs", np.minimum(time, limit), (time <= limit).astype(int), None, frame)
    return seen, np.minimum(whole, HORIZON), whole <= HORIZON


def test_the_share_with_an_event_is_that_of_the_hazard_times_delta():
    cohort, _, _ = simulate(np.random.default_rng(1), 1500)
    ends = np.where(cohort.event == 0, HORIZON, cohort.time_months)
    censored = cohort.event == 0
    for delta in (1.0, 3.0):
        imputed = impute_after_censoring(cohort, ends, (), delta, sets=10, seed=5)
        share = np.mean([(c.event == 1)[censored].mean() for c in imputed])
        expected = np.mean(1 - np.exp(-delta * 0.02 * (HORIZON - cohort.time_months[censored])))
        assert share == pytest.approx(expected, abs=0.03)


def test_a_larger_delta_never_brings_an_event_later_and_leaves_the_others_alone():
    cohort, _, _ = simulate(np.random.default_rng(2), 80)
    cohort.event[:5] = 2
    ends = np.where(cohort.event == 0, HORIZON, cohort.time_months)
    sets = [impute_after_censoring(cohort, ends, ("age_years",), d, sets=4, seed=7) for d in DELTAS]
    for small, large in pairwise(sets):
        for a, b in zip(small, large, strict=True):
            assert (b.time_months <= a.time_months).all()
            assert (b.event >= a.event).all()
    known = cohort.event != 0
    for whole in (c for made in sets for c in made):
        assert (whole.time_months[known] == cohort.time_months[known]).all()
        assert (whole.event[known] == cohort.event[known]).all()
        assert (whole.time_months >= cohort.time_months).all()
        assert (whole.time_months <= HORIZON).all()


def test_after_the_last_event_the_hazard_is_that_of_the_last_quarter_of_event_times():
    rng = np.random.default_rng(4)
    events, n = np.arange(1.0, 41.0), 400
    time = np.concatenate([events, np.full(n, 50.0), [100.0]])
    event = np.concatenate([np.ones(40, dtype=int), np.zeros(n + 1, dtype=int)])
    frame = pd.DataFrame({"age_years": rng.normal(60, 9, len(time))})
    ends = np.concatenate([events, np.full(n, 100.0), [100.0]])
    person_time = (events[30:] - 30).sum() + n * 20 + 70
    cohort = EndpointRows("pfs", time, event, None, frame)
    for names in ((), ("age_years",)):
        for delta in (1.0, 5.0):
            made = impute_after_censoring(cohort, ends, names, delta, sets=60, seed=3)
            share = np.mean([one.event[40:-1].mean() for one in made])
            assert share == pytest.approx(1 - np.exp(-delta * 10 / person_time * 50), rel=0.12)
            later = np.concatenate([one.time_months[40:-1][one.event[40:-1] == 1] for one in made])
            assert later.min() > 50
            assert len(np.unique(later)) == len(later)


def test_without_events_nobody_has_one_afterwards():
    cohort = EndpointRows("pfs", np.array([5.0, 6.0]), np.array([0, 0]), None, pd.DataFrame(index=range(2)))
    for made in impute_after_censoring(cohort, np.array([10.0, 10.0]), (), 5.0, sets=2, seed=1):
        assert made.time_months.tolist() == [10, 10]
        assert made.event.tolist() == [0, 0]


def test_missing_covariates_are_filled_for_the_draws():
    cohort, _, _ = simulate(np.random.default_rng(3), 60)
    cohort.frame["sex"] = pd.Categorical(["female", "male"] * 30)
    cohort.frame.loc[:9, ["age_years", "sex"]] = None
    ends = np.where(cohort.event == 0, HORIZON, cohort.time_months)
    for made in impute_after_censoring(cohort, ends, ("age_years", "sex"), 2.0, sets=3, seed=1):
        assert np.isfinite(made.time_months).all()


def estimate(cohort_time, cohort_event, control):
    inside = np.arange(len(cohort_time) + len(control[0])) < len(cohort_time)
    samples = TwoSamples(
        np.concatenate([cohort_time, control[0]]),
        np.concatenate([cohort_event, control[1]]).astype(bool),
        None,
        inside,
        pd.DataFrame(index=range(len(inside))),
        np.where(inside, "cohort", "control").astype(object),
    )
    return compare_hazards(Weighting("none", samples), SETTINGS, samples.sizes)


def draw_control(rng, n):
    time = rng.exponential(25, n)
    return np.minimum(time, HORIZON), time <= HORIZON


@pytest.mark.parametrize("delta", [1.0, 3.0])
def test_the_interval_covers_what_censoring_hid(delta):
    rng = np.random.default_rng(11)
    _, time, event = simulate(rng, 100_000, delta)
    truth = np.log(estimate(time, event, draw_control(rng, 100_000))["value"])
    covered, errors = 0, []
    for seed in range(60):
        seen, _, _ = simulate(rng, 120, delta)
        control = draw_control(rng, 120)
        ends = np.where(seen.event == 0, HORIZON, seen.time_months)
        imputed = impute_after_censoring(seen, ends, (), delta, sets=5, seed=seed)
        row = pool_rows([estimate(c.time_months, c.event == 1, control) for c in imputed], 5, 120.0, SETTINGS)
        covered += np.log(row["low"]) <= truth <= np.log(row["high"])
        errors.append(np.log(row["value"]) - truth)
    assert covered >= 53
    assert np.mean(errors) == pytest.approx(0, abs=0.07)


def test_ratios_of_published_arms_are_pooled_on_the_log_scale():
    rows = [
        comparison_row("rate_ratio", "smr", value=v, std_error=0.1, n=50.0, n_control=40.0)
        for v in (0.4, 0.9)
    ]
    assert pool_rows(rows, 2, 30.0, SETTINGS)["value"] == pytest.approx(0.6)


@pytest.mark.parametrize(("estimate", "freedom"), [("hazard_ratio", 29.0), ("survival_difference", 89.0)])
def test_complete_data_have_the_degrees_of_freedom_of_the_events(estimate, freedom):
    # The sets agree, so those of the complete data alone count: (d + 1) / (d + 3) d (Barnard and Rubin).
    row = comparison_row("cox", estimate, value=1.0, std_error=0.1, n=50.0, n_control=40.0)
    pooled = pool_rows([row, row], 2, 30.0, SETTINGS)
    low = np.log(pooled["low"]) if estimate == "hazard_ratio" else pooled["low"] - 1
    assert low == pytest.approx(-0.1 * stats.t.ppf(0.975, (freedom + 1) / (freedom + 3) * freedom), rel=1e-9)


def test_the_end_is_the_cut_off_of_the_study_and_at_most_the_longest_time():
    files = {"patients": "p.csv", "follow_up": "f.csv"}
    control = {"id": "a", "kind": "patients"}
    study = Study(
        study="small", tables=files, endpoints=["pfs"], controls=[control], data_cutoff="2012-01-01"
    )
    frame = pd.DataFrame({"patient_id": ["a", "b", "c"]})
    cohort = EndpointRows("pfs", np.array([10.0, 30.0, 6.0]), np.array([0, 1, 0]), None, frame)
    origin = pd.to_datetime(["2010-01-01", "2008-01-01", "2001-01-01"])
    rows = frame.assign(endpoint="pfs", origin_date=origin, end_date=origin, last_contact_date=origin)
    comparison = PatientsComparison({"endpoints": rows}, study, study.controls[0], cohort)
    assert find_ends(comparison) == pytest.approx([730 / 30.4375, 30, 30])
    dated = rows.assign(last_contact_date=pd.Timestamp("2011-01-01"))
    later = study.model_copy(update={"data_cutoff": None})
    comparison = PatientsComparison({"endpoints": dated}, later, study.controls[0], cohort)
    assert find_ends(comparison)[0] == pytest.approx(365 / 30.4375)
    undated = rows.assign(origin_date=pd.NaT)
    comparison = PatientsComparison({"endpoints": undated}, study, study.controls[0], cohort)
    assert find_ends(comparison) == pytest.approx([30, 30, 30])
