"""Random effects against statsmodels, and which series stand in a summary."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from prrt_outcomes.controls.library import load_library
from prrt_outcomes.controls.published_arms import (
    compute_log_error,
    fit_random_effects,
    list_medians,
    name_populations,
    summarise_medians,
)
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table

Y, SE = [2.1, 2.9, 3.3, 2.2, 3.0], [0.12, 0.2, 0.15, 0.3, 0.1]


def test_pooling_equals_statsmodels():
    ours = fit_random_effects(Y, SE)
    theirs = combine_effects(np.array(Y), np.array(SE) ** 2, method_re="dl")
    assert ours["tau_squared"] == pytest.approx(theirs.tau2)
    assert ours["estimate"] == pytest.approx(theirs.mean_effect_re)
    assert ours["std_error"] == pytest.approx(theirs.sd_eff_w_re)
    assert ours["predict_low"] < ours["estimate"] - 1.96 * ours["std_error"]


def test_one_study_is_itself():
    found = fit_random_effects([3.0], [0.2])
    assert (found["estimate"], found["std_error"], found["tau_squared"]) == (3.0, pytest.approx(0.2), 0.0)
    assert np.isnan(found["predict_low"])


def test_impossible_input_is_refused():
    with pytest.raises(ValueError, match="standard errors"):
        fit_random_effects([1.0], [0.0])


def medians(n=60):
    rng = np.random.default_rng(1)
    ids = [f"p{i}" for i in range(n)]
    endpoints = pd.DataFrame(
        {"patient_id": ids, "endpoint": "pfs", "time_days": rng.exponential(900, n) + 1, "event": 1}
    )
    people = pd.DataFrame({"patient_id": ids, "tumour_group": np.where(np.arange(n) < 20, "lung", "gep")})
    files = {"patients": "p.csv", "reported_outcomes": "r.csv"}
    tables = {
        "endpoints": conform_table("endpoints", endpoints),
        "analysis_set": conform_table("analysis_set", people),
    }
    return list_medians(Study(study="small", tables=files, endpoints=["pfs"]), tables)


def test_one_series_a_source_population():
    table = medians()
    chosen = table[table["in_summary"]]
    prrt = chosen[chosen["role"] == "prrt"]
    assert (prrt["source_population"] == "rotterdam").sum() == 1
    assert prrt.loc[prrt["source_population"] == "rotterdam", "arm"].tolist() == ["brabander2017_lu"]
    for _, part in chosen.groupby(["endpoint", "role"]):
        sources = [name for text in part["source_population"] for name in name_populations(text)]
        assert len(sources) == len(set(sources))
    assert not {"radiant4_lung_placebo"} & set(chosen["arm"])
    assert "radiant4_lung_placebo" in set(table.loc[table["in_group_summary"], "arm"])


def test_a_registry_overlaps_with_its_centres():
    assert "bonn" in name_populations("german_registry (bad_berka bonn munich hannover rostock)")


def test_our_percentile_is_that_of_the_same_tumour_group():
    table = medians()
    summary = summarise_medians(table).set_index(["role", "tumour_group"])
    row = summary.loc[("placebo", "all")]
    ours = table.loc[(table["series"] == "cohort") & (table["tumour_group"] == "all"), "median_months"].item()
    assert row["cohort_median_months"] == ours
    part = table[(table["role"] == "placebo") & table["in_summary"]]
    assert row["cohort_percentile"] == pytest.approx((part["median_months"] < ours).mean())
    assert row["k"] == len(part)
    assert row["low"] < row["median_months"] < row["high"]


def test_medians_not_reached_are_counted_and_not_pooled():
    table = medians()
    silent = table[(table["status"] == "not_reached") & (table["role"] == "prrt")]
    assert len(silent)
    assert not silent["in_summary"].any()
    assert summarise_medians(table).set_index(["role", "tumour_group"]).loc[
        ("prrt", "all"), "n_not_reached"
    ] == len(silent)


def test_error_of_a_median_says_where_it_comes_from():
    arm = next(a for a in load_library() if (a.arm, a.endpoint) == ("netter1_octreotide", "pfs"))
    error, basis = compute_log_error(arm)
    assert error == pytest.approx(np.log(9.1 / 6.0) / (2 * 1.959964), rel=1e-6)
    assert basis == "published interval"
