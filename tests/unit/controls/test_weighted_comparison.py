"""Two samples compared unweighted and weighted: what is always there, what balances, who counts."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table


def study(*controls, **analysis):
    files = {"patients": "p.csv", "reported_outcomes": "r.csv"}
    settings = {"milestones_months": [12], "rmst_months": 24, "bootstrap": {"replicates": 50}} | analysis
    return Study(study="small", tables=files, endpoints=["pfs"], controls=controls, analysis=settings)


OVERLAP = {"id": "registry", "kind": "patients", "covariates": ["age_years", "sex"], "weights": ["overlap"]}


def two_sides(n=120, seed=5):
    """Cohort with hazard 0.04, control with 0.08 a month; the control is older."""
    generator = np.random.default_rng(seed)
    sides = {}
    for name, hazard, age in (("cohort", 0.04, 58), ("control", 0.08, 62)):
        time = np.round(generator.exponential(1 / hazard, n) * 30.4375) + 1
        ids = [f"{name}{i}" for i in range(n)]
        sides[name] = pd.DataFrame(
            {
                "patient_id": ids,
                "age_years": generator.normal(age, 8, n).round(),
                "sex": generator.choice(["female", "male"], n),
                "time": np.minimum(time, 1500),
                "event": (time <= 1500).astype(int),
            }
        )
    cohort, control = sides["cohort"], sides["control"]
    empty = {name: empty_table(name) for name in INPUTS}
    return empty | {
        "endpoints": conform_table(
            "endpoints",
            cohort.rename(columns={"time": "time_days"})[["patient_id", "time_days", "event"]].assign(
                endpoint="pfs"
            ),
        ),
        "analysis_set": conform_table("analysis_set", cohort[["patient_id", "age_years", "sex"]]),
        "control_patients": conform_table(
            "control_patients", control[["patient_id", "age_years", "sex"]].assign(source="registry")
        ),
        "control_outcomes": conform_table(
            "control_outcomes", control[["patient_id", "time", "event"]].assign(endpoint="pfs")
        ),
    }


def pick(out, method, estimate, weights="none"):
    table = out["controls"]
    rows = (table["method"] == method) & (table["estimate"] == estimate) & (table["weights"] == weights)
    return table.loc[rows].iloc[0]


def test_the_unweighted_comparison_is_always_there():
    control = {
        "id": "registry",
        "kind": "patients",
        "covariates": ["age_years", "sex"],
        "weights": ["att", "maic"],
    }
    out = run(two_sides(), study(control))
    row = pick(out, "cox", "hazard_ratio")
    assert (row["n"], row["n_control"], row["ess"]) == (120, 120, 120)
    assert 0.35 < row["value"] < 0.7
    assert row["low"] < row["value"] < row["high"]
    median = pick(out, "kaplan_meier", "median")["value"]
    assert median > pick(out, "kaplan_meier", "median_control")["value"]
    assert pick(out, "rmst", "rmst_difference")["value"] > 0
    assert pick(out, "kaplan_meier", "survival_difference")["horizon_months"] == 12
    assert out["stages"]["status"].tolist() == ["done"]


def test_weights_balance_what_they_promise():
    control = {
        "id": "registry",
        "kind": "patients",
        "covariates": ["age_years", "sex"],
        "weights": ["att", "overlap", "maic"],
    }
    out = run(two_sides(), study(control))
    balance = out["control_balance"].set_index(["weights", "covariate"])["smd"]
    assert abs(balance["none", "age_years"]) > 0.3
    assert abs(balance["overlap"]).max() < 1e-8
    assert abs(balance["maic"]).max() < 1e-6
    assert abs(balance["att", "age_years"]) < abs(balance["none", "age_years"])
    assert pick(out, "cox", "hazard_ratio", "att")["ess_control"] < 120
    assert pick(out, "cox", "hazard_ratio", "maic")["ess_control"] == 120
    assert pick(out, "standardised", "survival_difference", "att")["status"] == "ok"


def test_only_the_named_source_and_patients_count():
    tables = two_sides()
    tables["control_patients"].loc[:29, "source"] = "other"
    control = {"id": "registry", "kind": "patients", "source": "registry", "within": {"sex": ["female"]}}
    out = run(tables, study(control))
    row = pick(out, "cox", "hazard_ratio")
    women = tables["control_patients"]["sex"].iloc[30:] == "female"
    assert row["n_control"] == women.sum()
    assert row["n"] == int((tables["analysis_set"]["sex"] == "female").sum())
    lost = out["attrition"].set_index("reason")["n_lost"]
    assert lost["source is not registry"] == 30
    assert lost["sex is not female"] == 120 - row["n"]
    assert lost["sex is not as in the cohort"] == 90 - women.sum()


def test_missing_covariates_are_imputed_beside_the_complete_cases():
    tables = two_sides()
    whole = run(tables, study(OVERLAP))
    tables["analysis_set"].loc[:39, "age_years"] = pd.NA
    out = run(tables, study(OVERLAP))
    rows = out["controls"]
    imputed = rows[rows["assumption"].astype("string").str.startswith("multiple imputation").fillna(False)]
    assert imputed["method"].tolist() == ["cox", "standardised"]
    assert imputed["n"].tolist() == [120, 120]
    assert pick(out, "cox", "hazard_ratio", "overlap")["n"] == 80
    given = pick(whole, "cox", "hazard_ratio", "overlap")
    pooled = imputed.iloc[0]
    assert pooled["value"] == pytest.approx(given["value"], rel=0.1)
    assert given["std_error"] < pooled["std_error"] < 1.3 * given["std_error"]
    assert not whole["controls"]["assumption"].astype("string").str.startswith("multiple").fillna(False).any()


def test_a_doubly_robust_difference_has_the_interval_of_the_influence_function_and_of_the_bootstrap():
    control = OVERLAP | {"weights": ["att", "overlap", "maic"]}
    tables = two_sides()
    out = run(tables, study(control, bootstrap={"replicates": 200}))["controls"]
    table = out[out["method"].eq("standardised")].set_index("weights")
    for label in ("att", "overlap"):
        first, second = table.loc[label].to_dict("records")
        assert first["assumption"].endswith("interval from the influence function")
        assert second["assumption"] == "bootstrap, weights and outcome models refitted"
        assert first["value"] == second["value"]
        assert second["low"] < second["value"] < second["high"]
        assert second["std_error"] == pytest.approx(first["std_error"], rel=0.2)
    again = run(tables, study(control, bootstrap={"replicates": 200}))["controls"]
    pd.testing.assert_frame_equal(out, again)
    without = run(tables, study(control, bootstrap={"replicates": 0}))["controls"]
    assert not without["assumption"].astype("string").str.contains("bootstrap").fillna(False).any()


def test_a_comparison_is_sound_only_where_era_outcome_and_confounding_are_answered():
    tables = two_sides()
    verdicts = run(tables, study(OVERLAP))["control_verdicts"].set_index("weights")
    words = verdicts.loc["overlap", "words"]
    assert verdicts.loc["overlap", "verdict"] == "poor"
    for doubt in ("the era is not known", "the start of time is not known", "by a negative-control outcome"):
        assert doubt in words


NEGATIVE = OVERLAP | {"negative_control": "injury"}


def with_injuries(tables, ratio=1.0, endpoint="injury", days=2500):
    """Reported injuries of the cohort, at `ratio` times the hazard of the control."""
    generator = np.random.default_rng(2)
    sides = {}
    for side, hazard in (("cohort", 0.02 * ratio), ("control", 0.02)):
        time = np.ceil(generator.exponential(30.4 / hazard, 120))
        ids = [f"{side}{i}" for i in range(120)]
        rows = {
            "patient_id": ids,
            "endpoint": endpoint,
            "time": np.minimum(time, days),
            "event": time <= days,
        }
        sides[side] = pd.DataFrame(rows).astype({"event": int})
    outcomes = pd.concat([tables["control_outcomes"], conform_table("control_outcomes", sides["control"])])
    reported = conform_table("reported_outcomes", sides["cohort"])
    return tables | {"control_outcomes": outcomes, "reported_outcomes": reported}


@pytest.mark.parametrize(("ratio", "says"), [(1.0, False), (0.4, True)])
def test_a_reported_negative_control_answers_for_confounding(ratio, says):
    out = run(with_injuries(two_sides(), ratio), study(NEGATIVE))
    rows = out["control_sensitivity"].query("kind == 'negative_control'")
    assert rows["item"].tolist() == ["injury"]
    assert rows["value"].item() == pytest.approx(ratio, rel=0.4)
    assert rows["weights"].item() == "overlap"
    words = out["control_verdicts"].set_index("weights").loc["overlap", "words"]
    assert "by a negative-control outcome" not in words
    assert ("differs (hazard ratio" in words) == says


def test_a_negative_control_that_nobody_has_is_no_answer():
    out = run(with_injuries(two_sides(), endpoint="falls"), study(NEGATIVE))
    assert out["control_sensitivity"].query("kind == 'negative_control'").empty
    words = out["control_verdicts"].set_index("weights").loc["overlap", "words"]
    assert "by a negative-control outcome" in words


def test_an_unmeasured_confounder_has_a_row_and_an_array():
    chosen = OVERLAP | {"unmeasured": {"title": "frailty", "hazard_ratio": [1.5, 2]}}
    out = run(two_sides(), study(chosen))
    row = out["controls"].query("method == 'bias_analysis'").iloc[0]
    quoted = out["control_sensitivity"].query("kind == 'main'").iloc[0]
    assert row["assumption"].startswith("frailty in 10% to 30%")
    assert row["value"] > quoted["value"]
    assert (row["weights"], row["n"]) == ("overlap", quoted["n"])
    assert len(out["control_bias"]) == 12
    assert pd.notna(out["control_bias"]["value"]).all()


def test_time_after_censoring_is_imputed_under_other_hazards_in_the_primary_comparison():
    tables = two_sides()
    tables["endpoints"].loc[:29, "event"] = 0
    second = {"id": "all_together", "kind": "patients"}
    out = run(tables, study(OVERLAP | {"primary": True}, second))["control_sensitivity"]
    rows = out.query("kind == 'censoring'")
    assert rows["control"].tolist() == ["registry"] * 4
    quoted = out.query("control == 'registry' and kind == 'main'")["value"].item()
    assert rows["value"].iloc[0] == pytest.approx(quoted, rel=0.05)
    assert rows["value"].is_monotonic_increasing
    none = run(tables, study(OVERLAP, multiple_imputation_sets=0))["control_sensitivity"]
    assert none.query("kind == 'censoring'").empty


def test_as_the_worst_case_those_censored_before_the_cut_off_have_the_event_then():
    tables = two_sides()
    whole = run(tables, study(OVERLAP))["control_sensitivity"].query("kind == 'main'").iloc[0]
    inside = tables["endpoints"]["time_days"] < tables["endpoints"]["time_days"].max()
    tables["endpoints"].loc[inside & (inside.index < 30), "event"] = 0
    found = run(tables, study(OVERLAP))["control_sensitivity"].query("kind == 'censoring'").iloc[-1]
    assert found["item"] == "event at the censoring"
    assert found[["value", "low", "high", "observed"]].tolist() == pytest.approx(
        whole[["value", "low", "high", "observed"]].tolist()
    )
    # Without a covariate five of them are not compared, and not counted.
    eligible = np.flatnonzero(inside[:30])
    tables["analysis_set"].loc[eligible[:5], "age_years"] = pd.NA
    rows = run(tables, study(OVERLAP))["control_sensitivity"].query("kind == 'censoring'")
    words = f"{len(eligible) - 5} of our patients who are compared were censored before the cut-off"
    assert rows["note"].str.startswith(words).all()


def test_a_negative_control_with_few_events_does_not_answer():
    words = []
    for days in (2500, 60):
        out = run(with_injuries(two_sides(), days=days), study(NEGATIVE))
        words.append(out["control_verdicts"].set_index("weights").loc["overlap", "words"])
    assert ["does not exclude confounding as large as the result" in text for text in words] == [False, True]


def test_leaving_a_covariate_out_compares_the_same_patients():
    tables = two_sides()
    tables["analysis_set"].loc[:39, "age_years"] = pd.NA
    out = run(tables, study(OVERLAP))
    rows = out["control_sensitivity"].query("kind in ['main', 'leave_one_out']")
    assert rows["n"].tolist() == [80, 80, 80]
    unweighted = out["controls"].query("weights == 'none' and method in ['cox', 'kaplan_meier', 'rmst']")
    assert (unweighted["n"] == 120).all()
    assert unweighted["note"].str.contains("with 40 patients and 0 controls whom the weighted").all()


def test_the_trial_says_which_rule_the_control_does_not_know_and_whether_values_are_imputed():
    tables = two_sides()
    tables["analysis_set"]["grade"] = pd.Categorical(["G1", "G2"] * 60)
    tables["analysis_set"].loc[:9, "age_years"] = pd.NA
    chosen = OVERLAP | {"within": {"grade": ["G1"], "sex": ["female"]}}
    row = run(tables, study(chosen, multiple_imputation_sets=0))["control_target_trial"].set_index("element")
    assert "grade: G1" in row.loc["eligibility", "cohort"]
    assert "grade" not in row.loc["eligibility", "control_value"]
    assert "sex: female" in row.loc["eligibility", "control_value"]
    assert row.loc["eligibility", "note"].startswith(
        "grade is not known of the control and restricts the cohort"
    )
    assert row.loc["missing_covariates", "note"] == "weights use complete cases"
    counted = row["n"].dropna()
    assert set(counted.index) == {"eligibility", "left_truncation", "missing_covariates"}
    assert row.loc["missing_covariates", "cohort"] == f"{counted['missing_covariates']} patients"
    assert row.loc["eligibility", "control_value"].startswith(
        f"{row.loc['eligibility', 'n_control']} patients"
    )


def test_every_element_of_the_trial_is_answered_or_not_stated():
    trial = run(two_sides(), study(OVERLAP))["control_target_trial"].set_index("element")
    assert (trial[["cohort", "control_value"]] != "").all(axis=None)
    assert trial.loc["time_zero", "control_value"] == trial.loc["calendar", "control_value"] == "not stated"
    assert "cannot be estimated" in trial.loc["calendar", "note"]
    known = OVERLAP | {"enrolment_start_year": 1995, "enrolment_end_year": 2001, "origin": "first_cycle"}
    trial = run(two_sides(), study(known))["control_target_trial"].set_index("element")
    assert trial.loc["calendar", "control_value"] == "1995 to 2001"
    assert trial.loc["time_zero", "note"] == ""


def test_a_control_without_times_is_left_out_and_said():
    tables = two_sides()
    tables["control_outcomes"]["endpoint"] = "os"
    out = run(tables, study({"id": "registry", "kind": "patients"}))
    assert out["stages"]["status"].tolist() == ["skipped"]
    assert "no patient of the control has pfs" in out["stages"]["reason"].iloc[0]


def test_numbers_at_risk_are_patients_with_the_effective_size_beside():
    control = {
        "id": "registry",
        "kind": "patients",
        "covariates": ["age_years", "sex"],
        "weights": ["ate", "maic"],
    }
    out = run(two_sides(), study(control))
    start = out["control_fitted_at_risk"].query("time_months == 0").set_index(["weights", "group"])
    assert (start["n_at_risk"] == 120).all()
    sizes = out["control_verdicts"].set_index("weights")
    for side, column in (("cohort", "ess"), ("control", "ess_control")):
        effective = start.xs(side, level="group")["effective_at_risk"].astype(float)
        np.testing.assert_allclose(effective, sizes.loc[effective.index.astype(str), column].astype(float))
    fitted = out["control_curves_fitted"]
    assert (fitted.loc[fitted["time_months"] == 0, "n_at_risk"] == 120).all()
