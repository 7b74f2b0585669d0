"""Stage endpoints: reported times, the analysis set, contradictions, estimands, course, CDISC tables."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.endpoints import stage
from prrt_outcomes.endpoints.analysis_set import compute_paramcd
from prrt_outcomes.endpoints.sources import CENSOR_REASONS, EVENT_REASONS
from prrt_outcomes.errors import InputError

TREATMENT_FAILURE = {"name": "ttf", "preset": "pfs", "new_therapy": "event"}

spec = importlib.util.spec_from_file_location(
    "endpoint_cases", Path(__file__).parents[2] / "spec/endpoints/cases.py"
)
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


def run_rows(rows, endpoints, cutoff="2020-12-31", **changes):
    study = cases.make_study(endpoints, cutoff, **changes)
    return stage.run(cases.make_tables(rows, study), study)


def outcome(patient, endpoint, time, event, entry=None):
    return {"patient_id": patient, "endpoint": endpoint, "time": time, "event": event, "entry_time": entry}


def test_reported_times_alone_make_endpoints_and_the_rest_is_counted():
    rows = {
        "patients": [{"patient_id": name} for name in "abcd"],
        "reported_outcomes": [
            outcome("a", "pfs", 100.0, 1),
            outcome("b", "pfs", 0.0, 0),
            outcome("c", "pfs", 50.0, 2, entry=60.0),
            outcome("a", "dfs", 10.0, 1),
        ],
    }
    result = run_rows(rows, ["pfs"], cutoff=None)
    table = result["endpoints"].set_index("patient_id")
    assert table.index.tolist() == ["a", "b"]
    assert table["time_days"].tolist() == [100.0, 0.5]
    assert table["event"].tolist() == [1, 0]
    assert table["note"].tolist() == ["", "half_day"]
    assert set(table["reason"]) == {"reported"}
    assert table["origin_date"].isna().all()
    lost = result["attrition"].set_index("reason")["n_lost"].to_dict()
    assert lost == {
        "no reported outcome": 1,
        "reported time ends before the patient came under observation": 1,
        "no endpoint of the study (a negative-control outcome is one of its control)": 1,
    }
    excluded = result["endpoint_exclusions"].set_index("patient_id")["reason"].to_dict()
    assert excluded == {"c": "not_at_risk", "d": "not_reported"}
    assert len(result["analysis_set"]) == 4
    estimand = result["estimands"].iloc[0]
    assert estimand["variable"] == "time to event as reported by the source"
    assert not any(word in estimand["sentence"] for word in ("cycle", "recist", "PRRT", "progression by"))
    assert pd.isna(estimand["criterion"])


def test_without_scans_progression_is_as_the_registry_dates_it():
    rows, cutoff = cases.read_history("contact 400")
    estimand = run_rows(rows, ["pfs"], cutoff)["estimands"].iloc[0]
    assert "progression as dated by the registry" in estimand["sentence"]
    assert pd.isna(estimand["criterion"])


def test_an_endpoint_without_a_preset_is_taken_as_it_was_reported():
    rows, cutoff = cases.read_history("death 300")
    rows["patients"] += [{"patient_id": "y"}, {"patient_id": "z"}]
    rows["reported_outcomes"] = [outcome("z", "dss", 390.0, 1), outcome("y", "dss", 200.0, 0)]
    result = run_rows(
        rows,
        ["os", "dss"],
        cutoff,
        tables={"patients": "p", "follow_up": "f", "reported_outcomes": "r"},
    )
    table = result["endpoints"].query("endpoint == 'dss'").set_index("patient_id")
    assert table["time_days"].to_dict() == {"y": 200.0, "z": 390.0}
    assert set(result["endpoint_variants"]["endpoint"]) <= {"os"}
    excluded = result["endpoint_exclusions"].query("endpoint == 'dss'")
    assert excluded["reason"].tolist() == ["not_reported"]
    estimand = result["estimands"].set_index("endpoint").loc["dss"]
    assert estimand["title"] == "Disease-specific survival"
    assert estimand["variable"] == "time to event as reported by the source"
    assert (estimand["n"], estimand["events"]) == (2, 1)


def test_an_estimand_counts_the_times_that_were_reported():
    rows, cutoff = cases.read_history("contact 400")
    rows["patients"].append({"patient_id": "z"})
    rows["reported_outcomes"] = [outcome("z", "os", 390.0, 1)]
    sentence = run_rows(rows, ["os"], cutoff)["estimands"]["sentence"].iloc[0]
    assert sentence.endswith(" The times of 1 of 2 patients are as reported by the source.")
    assert "the first cycle" in sentence


def test_derived_times_win_and_differences_are_listed():
    rows, cutoff = cases.read_history("contact 400")
    rows["reported_outcomes"] = [outcome("a", "os", 390.0, 1)]
    result = run_rows(rows, ["os"], cutoff)
    assert result["endpoints"][["time_days", "event"]].to_numpy().tolist() == [[400.0, 0]]
    differ = result["reported_differences"].iloc[0]
    assert (differ["difference_days"], differ["reported_event"]) == (10.0, 1)
    rows["reported_outcomes"] = [outcome("a", "os", 400.4, 0)]
    assert run_rows(rows, ["os"], cutoff)["reported_differences"].empty


def test_the_analysis_set_keeps_extra_columns_and_derives_groups():
    rows, cutoff = cases.read_history("contact 400, cycle 70, progression 30")
    rows["patients"][0] |= {"tumour_type": "lung", "arm": "placebo", "age_years": 61.0}
    result = run_rows(rows, ["os"], cutoff, extra_columns={"arm": "category"})
    row = result["analysis_set"].iloc[0]
    assert (row["tumour_group"], row["arm"], row["age_years"]) == ("lung", "placebo", 61.0)
    assert (row["radionuclide"], row["n_cycles"], row["period"]) == ("177Lu", 2, 1)
    assert row["n_cycles_after_progression"] == 1


def test_a_radionuclide_that_the_registry_states_is_kept_where_there_are_no_cycles():
    rows = {"patients": [{"patient_id": "a", "radionuclide": "90Y"}]}
    rows["reported_outcomes"] = [outcome("a", "pfs", 100.0, 1)]
    result = run_rows(rows, ["pfs"], None, extra_columns={"radionuclide": "category"})
    assert result["analysis_set"]["radionuclide"].tolist() == ["90Y"]


@pytest.mark.parametrize(
    ("history", "endpoint", "column"),
    [
        ("death -1", "os", "death_date"),
        ("contact -1", "os", "last_contact_date"),
        ("progression -1, contact 10", "pfs", "progression_date"),
        ("diagnosis 1, contact 10", {"name": "e", "preset": "os", "origin": "diagnosis"}, "diagnosis_date"),
        ("death 250, cycle 300", "pfs_retreatment", "death_date"),
        ("referral 20, death 10", {"name": "e", "preset": "os", "origin": "referral"}, "death_date"),
    ],
)
def test_contradicting_dates_are_errors_with_their_rows(history, endpoint, column):
    with pytest.raises(InputError) as caught:
        cases.run_history(history, endpoint)
    assert [(p.column, p.row, p.severity) for p in caught.value.problems] == [(column, 2, "error")]
    assert caught.value.problems[0].value.startswith("a: 201")


def test_contradictions_of_all_endpoints_are_told_once_and_together():
    rows, cutoff = cases.read_history("death -1, progression -5")
    with pytest.raises(InputError) as caught:
        run_rows(rows, ["pfs", "os", "ttp"], cutoff)
    assert sorted(p.column for p in caught.value.problems) == ["death_date", "progression_date"]


@pytest.mark.parametrize("extra", [{}, {"referral_date": "string"}])
def test_an_origin_that_is_no_date_column_is_refused(extra):
    rows, cutoff = cases.read_history("contact 10")
    origin = {"name": "e", "preset": "os", "origin": "referral"}
    with pytest.raises(InputError) as caught:
        run_rows(rows, [origin], cutoff, extra_columns=extra)
    assert [(p.table, p.column, p.value) for p in caught.value.problems] == [
        ("study.yaml", "endpoints.e.origin", "referral_date")
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"endpoints": [{"name": "e", "progression": "ignore", "death": "censor"}]}, "nothing is an event"),
        ({"endpoints": ["pfs_fda"], "assessment_interval_days": None}, "needs assessment_interval_days"),
        (
            {
                "endpoints": [{"name": "e", "missed_assessments": "event"}],
                "assessment_interval_days": None,
            },
            "needs assessment_interval_days",
        ),
        ({"endpoints": [{"name": "e", "preset": "pfss"}]}, "no preset is called"),
    ],
)
def test_a_definition_that_cannot_work_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        cases.make_study(change.pop("endpoints"), **change)


def test_every_reason_is_of_the_closed_list():
    text = (Path(__file__).parents[2] / "spec/endpoints/rules.txt").read_text(encoding="utf-8")
    told = {(case.reason, case.event) for case in cases.read_cases(text) if case.event}
    for reason, event in told:
        assert reason in (CENSOR_REASONS if event == "0" else EVENT_REASONS)


def test_estimands_speak_of_what_differs():
    rows, cutoff = cases.read_history("scan 90 SD, contact 400")
    table = run_rows(rows, ["pfs", "pfs_fda", "ttp", "os"], cutoff)["estimands"]
    sentence = table.set_index(["endpoint", "variant"])["sentence"]
    assert "treatment policy" in sentence["pfs", ""]
    assert "hypothetical" in sentence["pfs_fda", ""]
    assert "194 days" in sentence["pfs_fda", ""]
    assert "competing event" in sentence["ttp", ""]
    assert "last contact" in sentence["os", ""]
    assert "clinical or biochemical progression" in sentence["ttp", "any_progression"]
    assert ("os", "any_progression") not in sentence.index
    assert sentence.is_unique
    assert (table["population"].str.len() > 0).all()


def test_variants_and_changes_of_status():
    history = "scan 90 SD, therapy 120 chemotherapy, scan 180 PD, progression 100 clinical, contact 400"
    rows, cutoff = cases.read_history(history)
    result = run_rows(rows, ["pfs", "pfs_fda", "os"], cutoff)
    variants = result["endpoint_variants"].set_index(["endpoint", "variant"])
    assert variants.loc[("pfs", "any_progression"), "time_days"] == 100
    assert variants.loc[("pfs", "any_progression"), "reason"] == "clinical_progression"
    changes = result["endpoint_changes"]
    pair = changes[(changes["endpoint_b"] == "pfs_fda") & (changes["variant_b"] == "")]
    assert pair[["endpoint_a", "change", "reason_a", "reason_b"]].to_numpy().tolist() == [
        ["pfs", "status", "progression", "new_therapy"]
    ]
    assert not (changes["endpoint_b"] == "os").any(), "survival answers another question"


def test_partial_dates_have_their_extremes_beside():
    result = cases.run_history("death 2015-05", "os")
    assert result["endpoints"].loc[0, "note"] == "partial_date"
    times = result["endpoint_variants"].set_index("variant")["time_days"]
    assert (times["partial_dates_first"], times["partial_dates_last"]) == (120, 150)


@pytest.mark.parametrize(
    ("endpoint", "history", "days"),
    [
        ("pfs", "scan 90 SD, therapy 120 chemotherapy, scan 180 PD, contact 400", 120),
        ("pfs", "scan 90 SD, therapy 180 chemotherapy, scan 180 PD, contact 400", None),
        (
            "pfs",
            "scan 90 SD, therapy 120 chemotherapy, contact 400",
            120,
        ),  # after the last scan, before any event
        ("pfs_fda", "scan 90 SD, therapy 120 chemotherapy, scan 180 PD, contact 400", 120),
        ("os", "scan 90 PD, therapy 120 chemotherapy, death 400", 120),
        ("os", "therapy 400 chemotherapy, death 400", None),
        (TREATMENT_FAILURE, "scan 90 SD, therapy 120 chemotherapy, contact 400", 120),
    ],
)
def test_a_new_therapy_comes_before_the_event_or_is_it(endpoint, history, days):
    rows, cutoff = cases.read_history(history)
    found = run_rows(rows, [endpoint], cutoff, assessment_interval_days=90)["endpoints"]["new_therapy_days"]
    assert found.tolist() == [pytest.approx(np.nan if days is None else days, nan_ok=True)]


def test_course_of_a_retreated_responder():
    history = "scan 90 PR, scan 180 PR, scan 280 PD, cycle 70, cycle 300, scan 390 SD period=2, death 500"
    row = cases.run_history(history, "os")["treatment_course"].iloc[0]
    assert (row["time_to_response_days"], row["time_to_confirmed_response_days"]) == (90, 90)
    assert row["treatment_free_days"] == 230
    assert (row["duration_of_response_days"], row["duration_of_response_event"]) == (190, 1)
    assert (row["pfs_first_days"], row["pfs_first_reason"]) == (280, "progression")
    assert (row["pfs_retreatment_days"], row["pfs_retreatment_reason"]) == (200, "death")


def test_adtte_turns_events_into_zero_and_names_the_source():
    rows, cutoff = cases.read_history("scan 90 SD, scan 180 PD, death 400")
    table = run_rows(rows, ["pfs", "os", "ttp"], cutoff)["adtte"].set_index("PARAMCD")
    assert table["CNSR"].to_dict() == {"PFS": 0, "OS": 0, "TTP": 0}
    assert table.loc["PFS", ["AVAL", "SRCDOM", "SRCVAR", "SRCSEQ"]].tolist() == [180.0, "RS", "RSDTC", 2]
    assert table.loc["OS", ["SRCDOM", "SRCVAR", "SRCSEQ"]].tolist() == ["DM", "DTHDTC", 1]
    assert pd.isna(table.loc["PFS", "CNSDTDSC"])
    rows, cutoff = cases.read_history("scan 90 SD, death 400")
    table = run_rows(rows, ["pfs_fda", "ttp"], cutoff)["adtte"].set_index("PARAMCD")
    assert table["CNSR"].to_dict() == {"PFSFDA": 1, "TTP": 2}
    assert table.loc["PFSFDA", "CNSDTDSC"] == "Date of the last adequate assessment"
    assert table.loc["PFSFDA", "EVNTDESC"] == "Two or more missed assessments before the event"


def test_adrs_counts_study_days_without_a_zero():
    result = cases.run_history("scan 0 SD, scan 90 PD, contact 400", "pfs")["adrs"]
    assert result["PARAMCD"].tolist() == ["OVR", "OVR"]
    assert result["ADY"].tolist() == [1, 91]
    assert result["AVAL"].tolist() == [4, 6]
    assert result["RSSEQ"].tolist() == [1, 2]


def test_parameter_codes_are_short_and_no_two_alike():
    codes = compute_paramcd(["pfs", "pfs_retreatment", "pfs_retreatment_again", "pfsretre"])
    assert list(codes.values()) == ["PFS", "PFSRETRE", "PFSRETR2", "PFSRETR3"]


def test_an_endpoint_that_nobody_has_makes_the_stage_partial():
    rows, cutoff = cases.read_history("scan 90 SD, contact 400")
    state = run_rows(rows, ["pfs", "dor"], cutoff)["stages"].iloc[0]
    assert state["status"] == "partial"
    assert "dor" in state["reason"]


def test_no_table_but_patients_is_skipped_without_a_traceback():
    result = run_rows({"patients": [{"patient_id": "a"}]}, ["pfs", "os"], None)
    assert result["stages"].loc[0, "status"] == "skipped"
    assert result["endpoints"].empty
    assert len(result["endpoint_exclusions"]) == 2


def test_the_stage_does_not_edit_its_input():
    rows, cutoff = cases.read_history("scan 90 PR, scan 180 PD, contact 400, therapy 190 targeted, cycle 300")
    study = cases.make_study(["pfs", "dor", "pfs2"], cutoff)
    tables = cases.make_tables(rows, study)
    before = {name: frame.copy(deep=True) for name, frame in tables.items()}
    stage.run(tables, study)
    for name, frame in before.items():
        pd.testing.assert_frame_equal(tables[name], frame)


def test_baseline_pet_is_the_last_scan_of_receptors_before_the_first_cycle():
    rows, cutoff = cases.read_history("scan 90 SD, contact 400")
    patient = rows["patients"][0]["patient_id"]
    start = pd.Timestamp(rows["cycles"][0]["cycle_date"])
    scans = [
        # days before the first cycle, tracer, sequence, volume
        (200, "68Ga-DOTATATE", 1, 90.0),
        (60, "68Ga-DOTATATE", 1, 80.0),
        (20, "68Ga-DOTATOC", 1, 70.0),
        (20, "68Ga-DOTATOC", 2, 75.0),
        (5, "18F-FDG", 1, 30.0),
        (-90, "68Ga-DOTATATE", 1, 10.0),
    ]
    rows["pet"] = [
        {
            "patient_id": patient,
            "scan_date": start - pd.Timedelta(days, "D"),
            "tracer": tracer,
            "sequence": sequence,
            "sstr_volume_ml": volume,
        }
        for days, tracer, sequence, volume in scans
    ]
    result = run_rows(rows, ["os"], cutoff)
    assert result["analysis_set"]["sstr_volume_ml"].tolist() == [75.0]
    assert result["analysis_set"]["suv_max"].isna().all()
    baseline = result["baseline"].query("group_by == 'all' and level == 'value'").set_index("term")
    assert baseline.loc["sstr_volume_ml", ["n", "median"]].tolist() == [1, 75.0]
    assert "suv_max" not in baseline.index
    lost = result["attrition"].query("table == 'pet'")
    assert lost[["reason", "n_before", "n_lost", "n_after"]].to_numpy().tolist() == [
        ["tracer of no somatostatin receptor", 6, 1, 5],
        ["not in the days before the first cycle", 5, 2, 3],
        ["a later scan is the baseline", 3, 2, 1],
    ]
