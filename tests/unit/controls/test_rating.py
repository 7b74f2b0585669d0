"""Power against simulation and closed forms."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.observed_expected import ReferenceCurve, derive_reference_curves
from prrt_outcomes.controls.rating import (
    compare_claim,
    tabulate_claims,
    tabulate_power_published,
    tabulate_power_two_samples,
)
from prrt_outcomes.statistics.curve_summaries import fit_piecewise_exponential
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.tables.frames import conform_table

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


@pytest.mark.parametrize(
    ("published", "relation", "low", "high", "verdict"),
    [
        (0.8, "equal", 0.7, 0.9, "compatible"),
        (0.8, "equal", 0.8, 0.9, "compatible"),
        (0.8, "equal", 0.5, 0.7, "lower"),
        (0.8, "equal", 0.85, 0.9, "higher"),
        (24, "equal", 30, NAN, "higher"),
        (24, "equal", 20, NAN, "compatible"),
        (24, "equal", NAN, NAN, "not_estimable"),
        (12, "below", 6, 9, "compatible"),
        (12, "below", 10, 14, "compatible"),
        (12, "below", 13, 20, "higher"),
        (12, "above", 6, 9, "lower"),
        (12, "above", 13, NAN, "compatible"),
    ],
)
def test_verdicts(published, relation, low, high, verdict):
    assert compare_claim(published, relation, low, high) == verdict


def cohort():
    """Ten patients: 1 CR, 2 PR, 1 MR, 3 SD, 2 PD, 1 NE; responders at 300 days."""
    best = ["CR", "PR", "PR", "MR", "SD", "SD", "SD", "PD", "PD", "NE"]
    ids = [f"p{i}" for i in range(10)]
    days = [1500, 1200, 1800, 700, 800, 900, 1000, 100, 150, 400]
    first = pd.Timestamp("2010-01-01")
    people = pd.DataFrame(
        {
            "patient_id": ids,
            "best_response": best,
            "response_group": ["responder"] * 3 + ["stable"] * 4 + ["progressive"] * 2 + [None],
            "first_cycle": first,
            "best_response_date": first + pd.Timedelta(300, "D"),
        }
    )
    times = pd.concat(
        [
            pd.DataFrame(
                {"patient_id": ids, "endpoint": name, "time_days": np.array(days) + extra, "event": 1}
            )
            for name, extra in (("pfs", 0), ("os", 600))
        ]
    )
    return {
        "endpoints": conform_table("endpoints", times),
        "analysis_set": conform_table("analysis_set", people),
    }


def claims(*entries):
    files = {"patients": "p.csv", "reported_outcomes": "r.csv"}
    study = Study(study="small", tables=files, endpoints=["pfs", "os"], claims=entries)
    return tabulate_claims(cohort(), study).set_index("claim")


def test_shares_are_of_everybody_with_a_best_response():
    names = ("disease_control", "objective", "objective_with_mr", "stable_or_minor", "progression", "stable")
    found = claims(*({"id": name, "quantity": name, "published": 0.5} for name in names))
    assert found["observed"].tolist() == pytest.approx([0.7, 0.3, 0.4, 0.4, 0.2, 0.3])
    assert set(found["n"]) == {10}
    assert found.loc["objective", "low"] == pytest.approx(0.06673951, abs=1e-7)
    assert found.loc["objective", "verdict"] == "compatible"


def test_five_years_in_responders_is_explained():
    entry = {"id": "r", "quantity": "median_pfs_months", "group": "responder", "published": 60}
    row = claims(entry).loc["r"]
    assert row["observed"] == pytest.approx(1500 / 30.4375)
    for words in (
        "guarantee-time bias",
        "median time to the best response 9.9",
        "39.4 months",
        "69.0 months",
        "overall survival or counts",
    ):
        assert words in row["note"]


def test_a_group_without_patients_is_not_estimable():
    entry = {"id": "r", "quantity": "median_ttp_months", "group": "responder", "published": 60}
    row = claims(entry).loc["r"]
    assert (row["verdict"], row["status"], row["n"]) == ("not_estimable", "too_few", 0)


def test_per_cent_are_no_share():
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        claims({"id": "d", "quantity": "disease_control", "published": 80})


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"quantity": "mds_incidence"}, "mds_incidence needs months; such as months: 60"),
        ({"quantity": "objective", "months": 12}, "objective has no months; leave them out"),
        (
            {"quantity": "tmn_incidence", "months": 12, "group": "responder"},
            "that of tmn_incidence is all or a radionuclide, such as group: 177Lu",
        ),
        ({"quantity": "objective", "group": "177Lu"}, "that of objective is all or a response group"),
        ({"quantity": "tmn_incidence", "months": 12, "published": 2.3}, "a share between 0 and 1"),
    ],
)
def test_a_claim_of_an_incidence_names_its_time(entry, words):
    with pytest.raises(ValueError, match=words):
        claims({"id": "a", "published": 0.5} | entry)
