"""What a study asks of survival, on data whose numbers R and others have printed."""

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung

from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.curves import choose_ticks, compare_incidences
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.survival.stage import run
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.units import DAYS_PER_MONTH


def study(**analysis):
    settings = {
        "group_by": ["sex"],
        "covariates": ["sex", "age_years"],
        "milestones_months": [12],
        "strata": [],
    }
    settings |= analysis
    files = {"patients": "p.csv", "reported_outcomes": "r.csv"}
    return Study(study="lung", tables=files, endpoints=["os"], analysis=settings)


def lung_tables():
    lung = load_lung()
    ids = [f"p{i:03d}" for i in range(len(lung))]
    endpoints = pd.DataFrame(
        {
            "patient_id": ids,
            "endpoint": "os",
            "time_days": lung["time"].astype(float),
            "event": lung["status"].to_numpy(),
        }
    )
    people = pd.DataFrame(
        {
            "patient_id": ids,
            "sex": lung["sex"].map({1: "male", 2: "female"}),
            "age_years": lung["age"].astype(float),
            "ecog": lung["ph.ecog"],
            "centre_id": lung["inst"].map(lambda i: None if pd.isna(i) else f"c{int(i)}"),
        }
    )
    return {
        "endpoints": conform_table("endpoints", endpoints),
        "analysis_set": conform_table("analysis_set", people),
    }


@pytest.fixture(scope="module")
def lung():
    return run(lung_tables(), study())


def days(months):
    return round(months * DAYS_PER_MONTH, 6)


def test_medians_and_follow_up_of_lung(lung):
    summary = lung["km_summary"].set_index(["group_by", "group"])
    whole = summary.loc[("all", "all")]
    assert (whole["n"], whole["events"]) == (228, 165)
    assert [days(whole[c]) for c in ("median_months", "median_low", "median_high")] == [310, 284, 361]
    assert days(summary.loc[("sex", "male"), "median_months"]) == 270
    assert days(summary.loc[("sex", "female"), "median_months"]) == 426
    assert days(summary.loc[("sex", "male"), "follow_up_months"]) == 840
    assert days(summary.loc[("sex", "female"), "follow_up_months"]) == 529


def test_log_rank_family_of_lung(lung):
    tests = lung["logrank"].set_index("test")["statistic"]
    assert tests["logrank"] == pytest.approx(10.3267, abs=1e-4)
    assert tests["fh_1_0"] == pytest.approx(12.7142, abs=1e-4)
    assert tests["fh_0_1"] == pytest.approx(3.4600, abs=1e-4)
    assert tests["fh_1_1"] == pytest.approx(7.6648, abs=1e-4)
    assert set(tests.index) == {
        "logrank", "gehan", "tarone_ware", "peto", "fh_1_0", "fh_0_1", "fh_1_1", "maxcombo",
    }  # fmt: skip


def test_cox_of_lung_is_that_of_r(lung):
    """R survival 3.5: coxph(Surv(time, status) ~ sex) and ~ sex + age, Efron."""
    cox = lung["cox"].set_index(["model", "term"])
    assert cox.loc[("univariable", "sex"), ["level", "reference"]].tolist() == ["female", "male"]
    assert cox.loc[("univariable", "sex"), "log_hazard_ratio"] == pytest.approx(-0.5310235, abs=1e-7)
    assert cox.loc[("univariable", "sex"), "std_error"] == pytest.approx(0.1671786, abs=1e-7)
    assert cox.loc[("multivariable", "sex"), "log_hazard_ratio"] == pytest.approx(-0.513218, abs=1e-6)
    assert cox.loc[("multivariable", "age_years"), "log_hazard_ratio"] == pytest.approx(0.017045, abs=1e-6)
    assert set(lung["cox_diagnostics"]["term"]) == {"sex", "age_years", "global"}
    fit = lung["cox_fit"].set_index("model").loc["multivariable"]
    assert fit["concordance"] == pytest.approx(0.6029, abs=1e-4)
    assert fit["ties"] == "efron"


def test_the_curve_begins_at_zero_and_has_every_distinct_time(lung):
    curve = lung["km_curve"].query("group_by == 'all'")
    first = curve.iloc[0]
    assert first[["time_months", "n_at_risk", "n_event", "survival"]].tolist() == [0, 228, 0, 1]
    assert len(curve) == 1 + load_lung()["time"].nunique()
    left = curve["n_event"] + curve["n_censored"]
    assert (curve["n_at_risk"].iloc[1:-1] - left.iloc[1:-1]).tolist() == curve["n_at_risk"].iloc[2:].tolist()


def test_numbers_at_risk_before_the_tick_add_up(lung):
    table = lung["km_at_risk"].query("group_by == 'all'")
    total = table[["n_at_risk", "n_events_before", "n_censored_before"]].sum(axis=1)
    assert total.eq(228).all()
    times = load_lung()["time"] / DAYS_PER_MONTH
    assert table["n_at_risk"].tolist() == [(times >= tick).sum() for tick in table["time_months"]]


def test_milestones_carry_numbers_at_risk_and_status(lung):
    row = lung["milestones"].query("group_by == 'all'").iloc[0]
    times = load_lung()["time"] / DAYS_PER_MONTH
    assert row["n_at_risk"] == (times >= 12).sum()
    assert row["status"] == "ok"
    assert 0.33 < row["survival_low"] < row["survival"] < row["survival_high"] < 0.48


def test_three_groups_are_also_tested_in_pairs_with_holm():
    out = run(lung_tables(), study(group_by=["ecog"], covariates=["age_years"]))
    pairs = out["logrank"].query("test == 'logrank' and group != ''")
    levels = load_lung()["ph.ecog"].nunique()
    assert len(pairs) == levels * (levels - 1) / 2
    assert (pairs["p_adjusted"].dropna() >= pairs["p_value"][pairs["p_adjusted"].notna()]).all()
    whole = out["logrank"].query("test == 'logrank' and group == ''").iloc[0]
    assert whole["df"] == levels - 2  # one patient has ecog 3
    alone = pairs["group"].eq("3") | pairs["reference"].eq("3")
    assert pairs.loc[alone, ["statistic", "p_value", "p_adjusted"]].isna().all(axis=None)
    assert set(pairs.loc[alone, "status"]) == {"too_few"}
    assert pairs.loc[~alone, "p_value"].notna().all()
    left = out["rmst_difference"].set_index("group").loc["3"]
    assert (left["status"], left["p_value"]) == ("too_few", pytest.approx(np.nan, nan_ok=True))
    lost = out["attrition"].query("reason == 'group not known'")
    assert lost["n_lost"].tolist() == [int(load_lung()["ph.ecog"].isna().sum())]


def test_two_groups_of_which_one_has_few_events_are_not_tested():
    tables = lung_tables()
    women = tables["analysis_set"]["sex"].eq("female").to_numpy()
    tables["endpoints"].loc[np.flatnonzero(women)[4:], "event"] = 0
    out = run(tables, study())
    assert set(out["logrank"]["status"]) == {"too_few_events"}
    assert out["logrank"]["p_value"].isna().all()
    assert set(out["km_summary"].query("group_by == 'sex'")["group"]) == {"male", "female"}


def test_attrition_counts_with_the_covariates_that_were_fitted():
    tables = lung_tables()
    tables["analysis_set"]["ki67_percent"] = np.nan
    out = run(tables, study(covariates=["sex", "age_years", "ki67_percent"]))
    row = out["attrition"].set_index("step").loc["survival: os, multivariable model"]
    assert (row["n_lost"], row["reason"]) == (
        0,
        "covariate missing (without ki67_percent: one value or none)",
    )
    assert out["cox_fit"].set_index("model").loc["multivariable", "n"] == row["n_after"] == 228


def test_a_grouping_is_not_stratified_by_itself():
    out = run(lung_tables(), study(strata=["sex", "ecog"]))
    assert set(out["logrank"]["strata"].fillna("")) == {"", "ecog"}
    out = run(lung_tables(), study(strata=["sex"]))
    assert set(out["logrank"]["strata"].fillna("")) == {""}


def test_strata_add_the_stratified_test_and_model():
    out = run(lung_tables(), study(strata=["ecog"]))
    stratified = out["logrank"].query("test == 'logrank' and strata == 'ecog'")["statistic"].iloc[0]
    plain = out["logrank"].query("test == 'logrank' and strata == ''")["statistic"].iloc[0]
    assert stratified != plain
    assert "multivariable_stratified" in set(out["cox"]["model"])


def test_the_reference_level_is_the_named_one():
    out = run(lung_tables(), study(reference={"sex": "female"}))
    row = out["cox"].query("model == 'univariable' and term == 'sex'").iloc[0]
    assert (row["level"], row["reference"]) == ("male", "female")
    assert row["log_hazard_ratio"] == pytest.approx(0.5310235, abs=1e-7)
    assert out["rmst_difference"][["group", "reference"]].to_numpy().tolist() == [["male", "female"]]


def test_patients_whom_a_late_curve_leaves_out_are_losses():
    """Everybody is seen for half a day, and only those with long times together at the end of half a year."""
    tables = lung_tables()
    time = tables["endpoints"]["time_days"]
    tables["endpoints"] = tables["endpoints"].assign(entry_days=time.clip(upper=183) - 0.5)
    out = run(tables, study())
    whole = out["km_summary"].query("group_by == 'all'").iloc[0]
    loss = out["attrition"].query("step == 'survival: os, curve of all patients'").iloc[0]
    assert loss["n_lost"] > 0
    assert loss["n_after"] == whole["n"]


def test_few_events_get_the_penalised_fit_beside():
    tables = lung_tables()
    keep = tables["endpoints"]["patient_id"].iloc[:15]
    tables["endpoints"] = tables["endpoints"].loc[tables["endpoints"]["patient_id"].isin(keep)]
    out = run(tables, study())
    models = set(out["cox"]["model"])
    assert {"multivariable", "multivariable_firth"} <= models
    assert "few_events" in set(out["cox"]["status"])


def test_a_covariate_with_one_value_is_said_to_be_not_estimable():
    tables = lung_tables()
    tables["analysis_set"]["sex"] = tables["analysis_set"]["sex"].where(lambda s: s == "male", "male")
    out = run(tables, study())
    row = out["cox"].query("term == 'sex'").iloc[0]
    assert row["status"] == "not_estimable"
    assert np.isnan(row["hazard_ratio"])


def test_without_events_nothing_is_estimated_and_each_row_says_so():
    tables = lung_tables()
    tables["endpoints"]["event"] = 0
    out = run(tables, study())
    assert set(out["km_summary"]["median_status"]) == {"no_events"}
    assert set(out["logrank"]["status"]) == {"no_events"}
    assert set(out["cox"]["status"]) == {"no_events"}
    assert not np.isinf(out["cox"].select_dtypes("float64").to_numpy()).any()


def test_a_competing_event_is_censored_and_said():
    tables = lung_tables()
    tables["endpoints"].loc[:9, "event"] = 2
    out = run(tables, study())
    assert set(out["km_summary"].query("group_by == 'all'")["status"]) == {"competing_censored"}


def test_without_times_the_stage_is_skipped():
    tables = {"endpoints": empty_table("endpoints"), "analysis_set": empty_table("analysis_set")}
    out = run(tables, study())
    assert out["stages"][["status", "reason"]].to_numpy().tolist() == [["skipped", "no times to event"]]
    assert out["km_summary"].empty


@pytest.mark.parametrize(
    ("longest", "step", "count"),
    [(9, 1, 10), (10, 2, 6), (33.6, 6, 6), (60, 12, 6), (119, 12, 10), (2000, 240, 9)],
)
def test_ticks_are_whole_steps(longest, step, count):
    ticks = choose_ticks(longest)
    assert ticks[1] - ticks[0] == step
    assert len(ticks) == count


def test_both_causes_of_a_competing_endpoint_are_described():
    tables = lung_tables()
    event = tables["endpoints"]["event"].to_numpy().copy()
    event[(event == 1) & (np.arange(len(event)) % 3 == 0)] = 2
    tables["endpoints"]["event"] = event
    out = run(tables, study())
    incidence = out["competing_risks"]
    assert set(incidence["cause"]) == {"event", "competing_event"}
    whole = incidence.loc[incidence["group_by"] == "all"].groupby("cause")["cumulative_incidence"].max()
    assert whole.sum() <= 1
    assert set(out["competing_tests"]["test"]) == {"gray"}
    assert set(out["fine_gray"]["term"]) == {"sex", "age_years"}


def test_grays_test_leaves_out_groups_of_fewer_than_five_events():
    frame = pd.DataFrame({"group": pd.Categorical(["a"] * 30 + ["b"] * 30 + ["c"] * 6)})
    event = np.array(([1, 2, 0] * 20) + [1, 2, 2, 1, 1, 0])
    rows = EndpointRows("ttp", np.arange(1.0, 67.0), event, None, frame)
    test = compare_incidences(rows, frame["group"])
    assert (test.status, test.degrees_of_freedom) == ("ok", 1)
    part = rows.select((frame["group"] != "b").to_numpy())
    alone = compare_incidences(part, part.frame["group"].cat.remove_unused_categories())
    assert (alone.status, np.isnan(alone.p_value)) == ("too_few_events", True)


def test_the_hazard_ratio_by_period_stands_beside_the_single_one(lung):
    periods = lung["hazard_ratio_periods"]
    assert periods[["level", "start_months"]].to_numpy().tolist() == [["female", 0.0], ["female", 12.0]]
    assert periods["events"].sum() == 165
    assert (periods["equality_df"].iloc[0], periods["equality_p_adjusted"].iloc[0]) == (
        1,
        periods["equality_p_value"].iloc[0],
    )


def test_equal_hazard_ratios_are_tested_where_enough_events_are_expected(lung):
    """Of 600 draws without an effect it rejects 6 % where it is ok, and 15 % with the tumour types of the example."""
    assert set(lung["hazard_ratio_periods"]["equality_status"]) == {"ok"}
    tables = lung_tables()
    centre = pd.Series("large", index=tables["analysis_set"].index).where(
        tables["analysis_set"].index > 5, "small"
    )
    tables["analysis_set"]["centre_id"] = centre.astype("string")
    periods = run(tables, study(group_by=["sex", "centre_id"]))["hazard_ratio_periods"].set_index("group_by")
    centre = periods.loc["centre_id"]
    assert centre["equality_status"].tolist() == ["few_events"] * 2
    assert centre[["equality_df", "equality_p_value"]].notna().all(axis=None)
    assert centre["equality_p_adjusted"].isna().all()
    sex = periods.loc["sex"]
    assert sex["equality_p_adjusted"].tolist() == sex["equality_p_value"].tolist()


def test_subgroups_of_a_named_effect_have_interaction_tests():
    subgroups = {"effect": "sex", "within": ["ecog"]}
    tables = lung_tables()
    ecog = tables["analysis_set"]["ecog"].astype("string")
    tables["analysis_set"]["ecog"] = ecog.astype("category")
    out = run(tables, study(subgroups=subgroups))["subgroups"]
    assert out["subgroup"].tolist()[0] == "overall"
    assert out.loc[0, "log_hazard_ratio"] == pytest.approx(-0.5310235, abs=1e-7)
    assert out.loc[out["subgroup"] == "ecog", "interaction_p_value"].between(0, 1).all()


def test_imputation_stands_beside_the_complete_cases():
    tables = lung_tables()
    tables["analysis_set"].loc[:60, "age_years"] = np.nan
    out = run(tables, study())
    cox = out["cox"].set_index(["model", "term"])
    complete, imputed = cox.loc[("multivariable", "sex")], cox.loc[("multivariable_imputed", "sex")]
    assert imputed[["n", "n_reference", "n_model"]].tolist() == [90, 138, 228]
    fit = out["cox_fit"].set_index("model").loc["multivariable"]
    assert complete[["n_model", "events_model"]].tolist() == fit[["n", "events"]].tolist()
    assert complete[["n", "n_reference"]].sum() == complete["n_model"] < 228
    assert imputed["std_error"] < complete["std_error"]
    assert imputed["log_hazard_ratio"] == pytest.approx(-0.513, abs=0.03)
    again = run(tables, study())["cox"].set_index(["model", "term"])
    assert again.loc[("multivariable_imputed", "sex"), "log_hazard_ratio"] == imputed["log_hazard_ratio"]


def test_late_entry_is_imputed_from_the_hazard_lived_through():
    """A death among two at risk, then another: the late patient lived through the second only."""
    from prrt_outcomes.statistics.imputation import compute_cumulative_hazard

    entry = np.array([0.0, 0.0, 3.0])
    rows = EndpointRows("os", np.array([2.0, 5.0, 6.0]), np.array([1, 1, 0]), entry, pd.DataFrame())
    assert compute_cumulative_hazard(rows.data).tolist() == [0.5, 1.0, 0.5]


def test_the_centre_is_stratum_cluster_and_table_where_there_are_three_or_more():
    tables = lung_tables()
    assert tables["analysis_set"]["centre_id"].nunique() > 3
    out = run(tables, study(strata=None))
    models = out["cox"].set_index("model")
    clustered, plain = (models.loc[[m]].iloc[0] for m in ("multivariable_clustered", "multivariable"))
    assert clustered["hazard_ratio"] == pytest.approx(plain["hazard_ratio"])
    assert clustered["std_error"] != pytest.approx(plain["std_error"], rel=1e-3)
    narrow = np.exp(clustered["log_hazard_ratio"] + 1.96 * clustered["std_error"])
    assert clustered["hazard_ratio_high"] > narrow  # Student's t, not the normal distribution
    assert "multivariable_stratified" in models.index
    assert "centre_id" in set(out["logrank"]["strata"].dropna())
    assert "centre_id" in set(out["km_summary"]["group_by"])
    few = tables | {"analysis_set": tables["analysis_set"].assign(centre_id="a")}
    out = run(few, study(strata=None))
    assert not {"multivariable_clustered", "multivariable_stratified"} & set(out["cox"]["model"])
