"""Each kind of control through the stage: what it allows, what is refused, what is said."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.controls.stage import INPUTS, OUTPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

FILES = {"patients": "p.csv", "reported_outcomes": "r.csv"}
DAY = 30.4375


def study(*controls, **more):
    analysis = {"milestones_months": [12], "rmst_months": 24, "landmark_months": [6]}
    analysis["bootstrap"] = {"replicates": 200}
    return Study(study="small", tables=FILES, endpoints=["pfs"], controls=controls, analysis=analysis, **more)


def side(name, n, hazard, age, rng):
    time = rng.exponential(1 / hazard, n) * DAY + 1
    return pd.DataFrame(
        {
            "patient_id": [f"{name}{i}" for i in range(n)],
            "age_years": rng.normal(age, 8, n),
            "sex": rng.choice(["female", "male"], n),
            "tumour_type": rng.choice(["gep_small_intestine", "lung"], n, p=[0.6, 0.4]),
            "time": np.minimum(time, 1500),
            "event": (time <= 1500).astype(int),
        }
    )


def cohort(n=150, seed=5, hazard=0.04):
    rng = np.random.default_rng(seed)
    ours = side("c", n, hazard, 58, rng)
    first = pd.Timestamp("2008-01-01") + pd.to_timedelta(rng.integers(0, 3000, n), unit="D")
    endpoints = ours.assign(endpoint="pfs", time_days=ours["time"], origin_date=first)
    people = ours.assign(first_cycle=first, last_cycle=first, tumour_group="gep")
    return {name: empty_table(name) for name in INPUTS} | {
        "endpoints": conform_table(
            "endpoints", endpoints[["patient_id", "endpoint", "time_days", "event", "origin_date"]]
        ),
        "analysis_set": conform_table("analysis_set", people.drop(columns=["time", "event"])),
    }


def with_patients(seed=6, hazard=0.08, age=62, entry=None):
    theirs = side("h", 160, hazard, age, np.random.default_rng(seed))
    outcomes = theirs.assign(endpoint="pfs", entry_time=entry)
    other = theirs.assign(endpoint="other_cause", time=theirs["time"] + 10, entry_time=np.nan)
    columns = ["patient_id", "endpoint", "time", "event", "entry_time"]
    return cohort() | {
        "control_patients": conform_table("control_patients", theirs.drop(columns=["time", "event"])),
        "control_outcomes": conform_table("control_outcomes", pd.concat([outcomes, other])[columns]),
    }


def with_curve(survival=None, numbers=None):
    times = np.linspace(0, 40, 201)
    survival = np.exp(-0.08 * times) if survival is None else survival
    at_risk = np.array([0, 10, 20, 30, 40])
    numbers = np.round(120 * np.exp(-0.08 * at_risk)) if numbers is None else numbers
    labels = {"control": "drug", "arm": "placebo", "endpoint": "pfs"}
    points = pd.DataFrame({"time_months": times, "survival": survival}).assign(**labels)
    risk = pd.DataFrame({"time_months": at_risk, "n_at_risk": numbers}).assign(**labels)
    return cohort() | {
        "control_curves": conform_table("control_curves", points),
        "control_at_risk": conform_table("control_at_risk", risk),
    }


PUBLISHED = {"id": "drug", "kind": "published", "n": 100, "median_months": 9, "events": 80}
CURVE = {"id": "drug", "kind": "curve", "arm": "placebo"}
PATIENTS = {"id": "old", "kind": "patients", "covariates": ["age_years", "sex"], "weights": ["att"]}
BASELINE = [
    {"covariate": "age_years", "statistic": "mean", "value": 62},
    {"covariate": "age_years", "statistic": "sd", "value": 8},
    {"covariate": "sex", "statistic": "share", "value": 0.4, "level": "male"},
]


def rows(out, table="controls", **wanted):
    frame = out[table]
    for name, value in wanted.items():
        frame = frame[frame[name].astype("string").eq(str(value)).fillna(False)]
    return frame


def test_every_table_is_there_and_keys_stand_once():
    out = run(with_patients(), study(PATIENTS, PUBLISHED))
    from prrt_outcomes.tables.schema import load_schema

    assert set(out) == {*OUTPUTS, "attrition", "stages"}
    for name in OUTPUTS:
        assert not out[name].duplicated(list(load_schema(name).key)).any(), name
    assert out["stages"]["status"].item() == "done"


def test_a_published_baseline_is_met_and_moves_the_estimate():
    out = run(cohort(), study(PUBLISHED | {"baseline": BASELINE}))
    balance = rows(out, "control_balance", weights="maic").set_index("covariate")
    assert balance["mean"].to_numpy() == pytest.approx(balance["mean_control"].to_numpy(), abs=1e-6)
    weighted = rows(out, weights="maic", method="rate_ratio")
    assert weighted["assumption"].str.contains("bootstrap, weights refitted").tolist() == [False, True]
    assert weighted["ess"].iloc[0] < 150
    robust, boot = weighted["std_error"]
    assert boot == pytest.approx(robust, rel=0.3)


def test_a_published_curve_never_answers_for_unmeasured_confounding():
    out = run(with_curve(), study(CURVE | {"baseline": BASELINE}))
    verdicts = out["control_verdicts"]
    assert set(verdicts["weights"]) == {"none", "maic"}
    assert verdicts["words"].str.contains("not examined by a negative-control outcome").all()
    assert not verdicts["verdict"].eq("sound").any()


def test_targets_out_of_reach_have_a_status_and_a_reason():
    far = [{"covariate": "age_years", "statistic": "mean", "value": 120}]
    out = run(cohort(), study(PUBLISHED | {"baseline": far}))
    row = rows(out, weights="maic").iloc[0]
    assert row["status"] == "not_estimable"
    assert pd.isna(row["value"])
    assert "outside the data" in row["note"]


def test_a_curve_with_a_baseline_is_an_unanchored_comparison():
    out = run(with_curve(), study(CURVE | {"baseline": BASELINE}))
    assert rows(out, weights="maic", method="cox").shape[0] == 2
    assert rows(out, "control_verdicts", weights="maic")["verdict"].item() == "poor"
    assert set(out["reconstruction_quality"]["verdict"]) <= {"accepted", "unknown"}


@pytest.mark.parametrize("numbers", [None, [120, 110, 100, 90, 80]])
def test_a_curve_in_doubtful_months_says_so_beside_its_result(numbers):
    """Accepted or refused: the rating, which the page prints behind the estimate, has the doubt of the check."""
    out = run(with_curve(numbers=numbers), study(CURVE | {"published_follow_up_months": 5}))
    verdict = out["control_verdicts"].iloc[0]
    words = (
        "the last time of the curve is 8 times the published median follow-up (5 months), "
        "perhaps in another unit"
    )
    assert words in verdict["words"]
    assert verdict["verdict"] in ("poor", "no_comparison")
    assert words not in run(with_curve(numbers=numbers), study(CURVE))["control_verdicts"]["words"].iloc[0]


def test_a_refused_reconstruction_leaves_the_curve_as_given():
    out = run(with_curve(numbers=[120, 110, 100, 90, 80]), study(CURVE))
    assert out["controls"]["method"].tolist() == ["one_sample_logrank"]
    assert out["stages"]["status"].item() == "partial"
    assert "refused" in out["stages"]["reason"].item()
    assert out["control_verdicts"]["verdict"].item() == "no_comparison"
    assert "refused" in out["control_verdicts"]["words"].item()


def test_the_given_curve_expects_what_it_shows():
    """Against S(t) = exp(-0.08 t) up to 40 months the expected events are 0.08 times the months lived until then."""
    tables = with_curve()
    row = rows(run(tables, study(CURVE)), method="one_sample_logrank").iloc[0]
    months = np.minimum(tables["endpoints"]["time_days"].to_numpy(dtype=float) / DAY, 40)
    assert row["expected"] == pytest.approx(0.08 * months.sum(), rel=1e-3)


def test_matching_counts_the_unmatched_and_clusters_the_sets():
    out = run(with_patients(age=66), study(PATIENTS | {"match_ratio": 1, "caliper_sd": 0.1}))
    row = rows(out, weights="matched", method="cox").iloc[0]
    assert row["n"] == row["n_control"] < 150
    assert row["note"].endswith("of the cohort have no partner")
    lost = out["attrition"].set_index(["step", "reason"])["n_lost"]
    reason = "patient of the cohort without a partner within 0.1 standard deviations"
    assert lost["controls: old, matched: patient of the cohort", reason] == 150 - row["n"]
    smd = rows(out, "control_balance", weights="matched")["smd"].abs().max()
    assert smd < rows(out, "control_balance", weights="none")["smd"].abs().max() / 2


def test_the_bootstrap_refits_and_is_not_far_from_the_sandwich():
    found = rows(run(with_patients(), study(PATIENTS)), weights="att", method="cox", estimate="hazard_ratio")
    robust, boot = found["std_error"]
    assert found["value"].nunique() == 1
    assert boot == pytest.approx(robust, rel=0.3)


def test_poor_overlap_is_in_the_verdict():
    out = run(with_patients(age=85), study(PATIENTS))
    verdict = rows(out, "control_verdicts", weights="att").iloc[0]
    assert verdict["verdict"] == "poor"
    assert "effective patients" in verdict["words"] or "of the information" in verdict["words"]
    assert verdict["outside_share"] > 0.05


def test_no_overlap_at_all_is_no_comparison():
    out = run(with_patients(age=500), study(PATIENTS))
    assert rows(out, weights="att")["status"].tolist() == ["separation"]
    assert rows(out, "control_verdicts", weights="att")["verdict"].item() == "no_comparison"


def test_left_truncation_is_respected_and_told():
    out = run(with_patients(entry=60.0), study(PATIENTS))
    trial = out["control_target_trial"].set_index("element")
    assert trial.loc["left_truncation", "control_value"].endswith("enter late")
    assert not trial.loc["left_truncation", "control_value"].startswith("0")
    assert trial.loc["assignment", "note"].startswith("not randomised: adjusted for age_years, sex")


def test_sensitivity_holds_every_choice_that_the_data_allow():
    tables = with_patients()
    both = pd.concat([tables["endpoints"], tables["endpoints"].assign(endpoint="other_cause")])
    tables["endpoints"] = conform_table("endpoints", both)
    control = PATIENTS | {"negative_control": "other_cause"}
    kinds = rows(run(tables, study(control)), "control_sensitivity")["kind"].astype(str).value_counts()
    assert kinds.to_dict() == {
        "main": 1,
        "start": 1,
        "calendar": 3,
        "leave_one_out": 2,
        "negative_control": 1,
    }
    published = PUBLISHED | {"tumour_types": "midgut"}
    kinds = rows(run(tables, study(published)), "control_sensitivity")["kind"].astype(str).value_counts()
    assert kinds.to_dict() == {"main": 1, "population": 1, "start": 1, "calendar": 3}


def test_patients_who_do_not_fit_the_arm_are_counted():
    tables = cohort()
    out = run(tables, study(PUBLISHED | {"tumour_types": "midgut"}))
    midgut = int(tables["analysis_set"]["tumour_type"].eq("gep_small_intestine").sum())
    lost = out["attrition"].set_index("reason").loc["tumour_type does not fit the published arm"]
    assert (lost["n_before"], lost["n_after"]) == (150, midgut)
    ratio = rows(out, "controls", method="rate_ratio")
    assert ratio["n"].tolist() == [midgut, 150]
    assert ratio["population"].tolist() == ["fitting", "all"]


def test_an_arm_that_states_nothing_has_no_fitting_patients():
    out = run(cohort(), study(PUBLISHED))
    assert rows(out, "controls", method="rate_ratio")["population"].tolist() == ["all"]
    assert "does not state tumour types" in rows(out, "control_verdicts").iloc[0]["words"]
    estimates = rows(out, "controls")["estimate"]
    assert not (estimates == "hazard_ratio").any(), "observed over expected is no hazard ratio"


def test_the_quoted_estimate_is_never_that_of_the_patients_beside():
    control = study(PUBLISHED).controls[0]
    row = {"control": control.id, "method": "rate_ratio", "estimate": "smr", "weights": "none"}
    table = pd.DataFrame(
        [row | {"population": "fitting", "value": np.nan}, row | {"population": "all", "value": 0.5}]
    )
    assert primary_estimate(table, control) is None
    assert primary_estimate(table.assign(population="all"), control)["value"] == 0.5


def test_a_later_start_of_an_exponential_control_expects_the_later_months_only():
    tables = cohort()
    out = run(tables, study(PUBLISHED))
    row = rows(out, "control_sensitivity", kind="start").iloc[0]
    months = tables["endpoints"]["time_days"].to_numpy(dtype=float) / DAY
    assert row["n"] == (months > 6).sum()
    assert row["expected"] == pytest.approx(np.log(2) / 9 * np.clip(months - 6, 0, 9 - 6).sum())


def test_without_a_control_every_table_is_empty():
    out = run(cohort(), study(claims=[{"id": "m", "quantity": "median_pfs_months", "published": 24}]))
    assert out["stages"][["status", "reason"]].iloc[0].tolist() == ["skipped", "the study names no control"]
    assert all(out[name].empty for name in OUTPUTS)


def test_competing_events_are_censored_and_said():
    tables = with_patients()
    tables["endpoints"].loc[:9, "event"] = 2
    out = run(tables, study(PATIENTS))["controls"]
    curves = out[out["method"].isin(["kaplan_meier", "rmst"]) & out["value"].notna()]
    assert set(curves["status"]) == {"competing_censored"}
    assert set(out.loc[out["method"] == "cox", "status"]) == {"ok"}
