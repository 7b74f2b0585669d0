"""Registries that are legal and odd: every stage ends with its status, every table keeps to its schema."""

import pandas as pd
import pytest

from prrt_outcomes.errors import InputError

STATUSES = {"done", "partial", "skipped"}


def keep(tables, n):
    ids = set(tables["patients"]["patient_id"].iloc[:n])
    for name in tables:
        tables[name] = tables[name][tables[name]["patient_id"].isin(ids)]


def one_patient(tables, settings):
    keep(tables, 1)


def two_groups_of_one(tables, settings):
    keep(tables, 2)
    tables["patients"]["sex"] = ["male", "female"]
    settings["analysis"]["group_by"] = ["sex"]


def all_censored(tables, settings):
    for name in ("assessments", "lesions"):
        del tables[name]
    tables["follow_up"] = tables["follow_up"][["patient_id", "last_contact_date"]].assign(
        vital_status="alive"
    )


def one_event(tables, settings):
    all_censored(tables, settings)
    follow_up = tables["follow_up"].assign(death_date="")
    follow_up.loc[0, ["vital_status", "death_date"]] = ["dead", follow_up.loc[0, "last_contact_date"]]
    tables["follow_up"] = follow_up


def outcomes_reported_for_half(tables, settings):
    ids = tables["patients"]["patient_id"]
    half = ids.iloc[: len(ids) // 2]
    for name in [name for name in tables if name != "patients"]:
        del tables[name]
    tables["reported_outcomes"] = pd.concat(
        pd.DataFrame({"patient_id": half, "endpoint": name, "time": range(len(half)), "event": "1"})
        for name in ("pfs", "os", "dss")
    )
    settings["endpoints"] = ["pfs", "os", "dss"]


def tied_at_the_origin(tables, settings):
    outcomes_reported_for_half(tables, settings)
    tables["reported_outcomes"]["time"] = "0"
    tables["reported_outcomes"].loc[::3, "event"] = "0"


def entered_just_before_the_end(tables, settings):
    outcomes_reported_for_half(tables, settings)
    time = pd.to_numeric(tables["reported_outcomes"]["time"])
    tables["reported_outcomes"]["entry_time"] = (time - 1).clip(lower=0).astype(str)


def no_patient_known_but_by_name(tables, settings):
    tables["patients"] = tables["patients"][["patient_id"]]


def nothing_evaluable(tables, settings):
    del tables["lesions"]
    tables["assessments"] = tables["assessments"].assign(reported_response="NE", non_target="NE")


def cutoff_on_the_day_of_the_first_cycle(tables, settings):
    settings["data_cutoff"] = str(tables["cycles"]["cycle_date"].min())


def more_covariates_than_events(tables, settings):
    patients = tables["patients"]
    patients["ki67_percent"] = [str(i % 23) if i % 3 else "" for i in range(len(patients))]
    patients["ecog"] = [str(i % 5) for i in range(len(patients))]
    patients["prior_lines"] = [str(i % 7) if i % 4 else "" for i in range(len(patients))]
    settings["analysis"]["covariates"] = ["ki67_percent", "ecog", "prior_lines", "age_years"]
    one_event(tables, settings)


def words_that_break_files(tables, settings):
    names = ["Zürich, “Süd”", '"quoted"', "{x}: #1; <b>&</b>", "東京", "=1+1"]
    tables["patients"]["centre_id"] = [names[i % len(names)] for i in range(len(tables["patients"]))]
    settings["analysis"]["group_by"] = ["centre_id"]


CASES = [
    one_patient,
    two_groups_of_one,
    all_censored,
    one_event,
    outcomes_reported_for_half,
    tied_at_the_origin,
    entered_just_before_the_end,
    no_patient_known_but_by_name,
    nothing_evaluable,
    cutoff_on_the_day_of_the_first_cycle,
    more_covariates_than_events,
    words_that_break_files,
]


@pytest.mark.parametrize("change", CASES, ids=lambda case: case.__name__)
def test_every_stage_ends_with_a_status_and_every_table_keeps_to_its_schema(change, run_stages, faults_of):
    results = run_stages(change)
    assert faults_of(results) == []
    stages = pd.read_csv(results / "tables" / "stages.csv", keep_default_na=False)
    assert set(stages["status"]) <= STATUSES
    assert stages.loc[stages["status"] != "done", "reason"].ne("").all()
    losses = pd.read_csv(results / "tables" / "attrition.csv")
    assert (losses["n_before"] == losses["n_after"] + losses["n_lost"]).all()


def test_a_table_that_does_not_keep_to_its_schema_is_seen(run_stages, faults_of):
    """What checks the tables sees an infinite number, a missing status, a code that is none and a key twice."""
    results = run_stages(one_patient)
    path = results / "tables" / "milestones.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[0, ["survival_low", "status"]] = ["inf", ""]
    table.loc[1, "status"] = "fine"
    pd.concat([table, table.tail(1)]).to_csv(path, index=False)
    faults = " ".join(faults_of(results))
    for words in ("inf or nan", "without status", "['fine']", "key occurs twice"):
        assert words in faults


def test_a_named_reference_holds_in_every_chapter(run_stages, faults_of):
    def change(tables, settings):
        tables["patients"]["functioning"] = ["yes", "no", "no"] * 12
        settings["analysis"] |= {
            "group_by": ["functioning"],
            "covariates": ["functioning"],
            "reference": {"functioning": "true"},
        }

    results = run_stages(change)
    pairs = {("false", "true")}
    for name in ("response_differences", "rmst_difference"):
        table = pd.read_csv(results / "tables" / f"{name}.csv", dtype=str)
        assert set(zip(table["group"], table["reference"], strict=True)) == pairs, name
    for name in ("cox", "response_model"):
        table = pd.read_csv(results / "tables" / f"{name}.csv", dtype=str)
        assert set(zip(table["level"], table["reference"], strict=True)) == pairs, name
    rates = pd.read_csv(results / "tables" / "response_rates.csv", dtype=str)
    curves = pd.read_csv(results / "tables" / "km_summary.csv", dtype=str)
    assert set(rates["group"]) == set(curves["group"]) == {"all", "false", "true"}
    assert faults_of(results) == []


def test_a_reference_radionuclide_that_nobody_had_is_an_error(run_stages):
    def change(tables, settings):
        settings["analysis"]["reference"] = {"radionuclide": "other"}

    with pytest.raises(InputError) as stopped:
        run_stages(change)
    (problem,) = (p for p in stopped.value.problems if p.severity == "error")
    assert (problem.column, problem.value) == ("analysis.reference.radionuclide", "other")
    assert problem.expected == "levels: 177Lu, 90Y"
