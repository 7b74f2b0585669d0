"""Published figures against a cohort of ten, and what a claim may name."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.appraisal.claims import compare_claim, tabulate_claims
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table

NAN = float("nan")


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
            "radionuclide": ["177Lu"] * 5 + ["90Y"] * 5,
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
    slopes = pd.DataFrame(
        {
            "group_by": ["all", "radionuclide", "radionuclide"],
            "group": ["all", "177Lu", "177Lu"],
            "analysis": "mixed",
            "phase": ["all", "all", "acute"],
            "n": 9,
            "n_values": 40,
            "slope_per_year": [-3.0, -2.0, -9.0],
            "low": [-4.0, -2.5, -9.9],
            "high": [-2.0, -1.5, -8.1],
            "percent_per_year": [-3.8, -2.5, NAN],
            "percent_low": [-5.0, -3.1, NAN],
            "percent_high": [-2.5, -1.9, NAN],
            "status": "ok",
        }
    )
    return {
        "egfr_slope": conform_table("egfr_slope", slopes),
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
        (
            {"quantity": "egfr_slope_per_year", "group": "responder"},
            "that of egfr_slope_per_year is all or a radionuclide",
        ),
        ({"quantity": "egfr_percent_per_year", "published": 380}, "a change a year, -100 to 100"),
        ({"quantity": "median_os_months", "published": -1}, "is months, at most"),
        ({"quantity": "objective", "published": -0.1}, "a share between 0 and 1"),
        ({"quantity": "tmn_incidence", "months": 12, "published": 2.3}, "a share between 0 and 1"),
    ],
)
def test_a_claim_of_an_incidence_names_its_time(entry, words):
    with pytest.raises(ValueError, match=words):
        claims({"id": "a", "published": 0.5} | entry)


def test_a_slope_of_kidney_function_is_that_of_the_mixed_model_over_the_whole_time():
    entries = [
        ("egfr_slope_per_year", "177Lu", -2.1),
        ("egfr_slope_per_year", "all", -6.8),
        ("egfr_percent_per_year", "177Lu", -3.8),
        ("egfr_slope_per_year", "90Y", -6.8),
    ]
    keys = ("quantity", "group", "published")
    found = claims(*(dict(zip(keys, e, strict=True), id=f"c{i}") for i, e in enumerate(entries)))
    assert found["observed"].tolist() == pytest.approx([-2.0, -3.0, -2.5, NAN], nan_ok=True)
    assert found["verdict"].tolist() == ["compatible", "higher", "higher", "not_estimable"]
    assert found["n"].tolist() == [9, 9, 9, 0]
    assert found["note"].iloc[0] == "mixed model of 40 values"


def test_shares_and_medians_of_a_radionuclide_are_those_of_its_patients():
    shared = {"group": "177Lu", "published": 0.5}
    found = claims(
        {"id": "share", "quantity": "objective"} | shared,
        {"id": "median", "quantity": "median_pfs_months"} | shared,
    )
    assert found["observed"].tolist() == pytest.approx([3 / 5, 1200 / 30.4375])
    assert found["n"].tolist() == [5, 5]
    assert found["note"].fillna("").tolist() == ["", ""]
