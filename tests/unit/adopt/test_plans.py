# ruff: noqa: E501
"""Plans of sheets, tables of outcomes and folders of cBioPortal, and the study file that is written."""

import datetime as dt

import pandas as pd
import pyreadstat
import pytest
import yaml

from prrt_outcomes.adopt.cbioportal import plan_cbioportal
from prrt_outcomes.adopt.outcomes import plan_outcomes
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan
from prrt_outcomes.adopt.sheets import plan_sheets
from prrt_outcomes.adopt.write import format_study, write_study
from prrt_outcomes.errors import InputError, UsageError

DAY = dt.datetime(2019, 3, 28)
HEADER = [
    "PatNr",
    "Name",
    "m/w",
    "1. PRRT",
    "GBq 1",
    "2. PRRT",
    "GBq 2",
    "Nuklid",
    "last FU",
    "dead y/n",
    "Todesdatum",
]
ROWS = [
    ["001", "A", "m", DAY, "7,4", "14.06.2019", 7.2, "Lu-177", "01.02.2021", "n", None],
    ["002", "B", "w", "02.04.2019", 7.1, None, None, "Lu-177", "01.02.2020", "y", "01.02.2020"],
]


def test_cycles_in_columns_become_rows(write_workbook):
    plan = plan_sheets([write_workbook({"A": [["Liste"], HEADER, *ROWS]}, {"A": ["A1:K1"]})])
    (cycles,) = plan.tables["cycles"]
    assert plan.title == "Liste"
    assert cycles.settings["unpivot"] == {"columns": {"cycle_date": "{n}. PRRT", "activity_gbq": "GBq {n}"}}
    assert cycles.evidence["unpivot"] == '"2. PRRT" -> cycle_date, 1 of 2 filled; 2 of them'
    assert cycles.settings["header_row"] == 2
    (follow_up,) = plan.tables["follow_up"]
    assert follow_up.settings["columns"]["last_contact_date"] == ["last FU", "Todesdatum"]
    assert [u.partition(" of ")[0] for u in plan.unplaced] == ["'Name'"]
    assert plan.settings["endpoints"] == ["os"]


def test_numbered_columns_without_a_pattern_are_one_mapping_each(write_workbook):
    header = ["1. PRRT" if name == "1. PRRT" else "PRRT 2" if name == "2. PRRT" else name for name in HEADER]
    plan = plan_sheets([write_workbook({"A": [header, *ROWS]})])
    dates = [source.settings["columns"]["cycle_date"] for source in plan.tables["cycles"]]
    assert dates == ["1. PRRT", "PRRT 2"]
    assert [source.settings["not_empty"] for source in plan.tables["cycles"]] == [["1. PRRT"], ["PRRT 2"]]


def test_cycles_in_rows_of_another_sheet(write_workbook):
    cycles = [
        ["ID", "Datum", "Aktivität (MBq)", "Radiopharmakon"],
        ["1", DAY, 7400, "Lutathera"],
        ["1", "14.06.2019", 7300, "Lutathera"],
    ]
    patients = [
        ["ID", "Geschlecht", "Tumor", "Letzter Kontakt", "Status"],
        ["1", "m", "Lunge", DAY, "lebt"],
        ["2", "w", "Ileum", DAY, "tot"],
    ]
    plan = plan_sheets([write_workbook({"Patienten": patients, "Therapie": cycles})])
    settings = plan.tables["cycles"][0].settings
    assert settings["columns"]["cycle_date"] == "Datum"
    assert settings["units"] == {"activity_gbq": "MBq"}
    assert settings["values"]["radiopharmaceutical"] == {"Lutathera": "177Lu-DOTATATE"}


def test_identifiers_with_zeros_are_padded_in_other_sheets(write_workbook):
    labs = [["PatNr", "Datum", "Hb (g/dl)"], [1, DAY, 12.1], [1, "14.06.2019", 11], [2, DAY, 13]]
    plan = plan_sheets([write_workbook({"A": [HEADER, *ROWS], "Labor": labs})])
    settings = plan.tables["labs"][0].settings
    assert settings["pad"] == {"patient_id": 3}
    assert settings["unpivot"] == {"names_to": "analyte", "columns": {"value": ["Hb (g/dl)"]}}
    assert settings["values"] == {"analyte": {"Hb (g/dl)": "haemoglobin"}, "unit": {"Hb (g/dl)": "g/dL"}}


def test_a_death_date_alone_says_who_is_dead(write_workbook):
    keep = [i for i, name in enumerate(HEADER) if name != "dead y/n"]
    rows = [[row[i] for i in keep] for row in [HEADER, *ROWS]]
    dead, alive = plan_sheets([write_workbook({"A": rows})]).tables["follow_up"]
    assert (dead.settings["exclude"], dead.settings["constants"]) == (
        {"Todesdatum": [""]},
        {"vital_status": "dead"},
    )
    assert (alive.settings["filter"], alive.settings["constants"]) == (
        {"Todesdatum": [""]},
        {"vital_status": "alive"},
    )


def test_no_patients_is_an_error(write_text):
    with pytest.raises(InputError) as raised:
        plan_sheets([write_text("a,b\nx,y\nz,w\n")])
    assert raised.value.problems[0].problem == "no sheet with one row a patient was recognised"


def test_a_table_of_outcomes(write_text):
    path = write_text("time,status,age,arm\n306,2,74,a\n455,1,68,b\n")
    plan = plan_outcomes([path], "time", "status", "days", "2")
    outcomes = plan.tables["reported_outcomes"][0].settings
    assert outcomes["values"] == {"event": {"2": 1, "1": 0}}
    assert outcomes["time_unit"] == "days"
    assert outcomes["columns"]["patient_id"] is None
    assert plan.settings["extra_columns"] == {"arm": "category"}
    assert plan.doubts == ["the endpoint of 'time' is overall survival (os)"]


def test_a_value_that_no_row_has_is_an_error(write_text):
    path = write_text("time,status\n306,2\n455,1\n")
    with pytest.raises(InputError) as raised:
        plan_outcomes([path], "time", "status", "days", "dead")
    assert [(p.column, p.value, p.expected) for p in raised.value.problems] == [
        ("status", "dead", "one of 1, 2")
    ]
    with pytest.raises(UsageError):
        plan_outcomes([path], "time", None, "days", "2")


@pytest.mark.parametrize("suffix", ["sav", "dta"])
def test_labels_of_spss_and_stata_name_columns_and_values(tmp_path, suffix):
    frame = pd.DataFrame(
        {
            "pid": ["1", "2"],
            "s": [1.0, 2],
            "z1": pd.to_datetime([DAY, DAY]),
            "lk": pd.to_datetime([DAY, DAY]),
            "vs": [0.0, 1],
        }
    )
    labels = {
        "pid": "Patienten-ID",
        "s": "Geschlecht",
        "z1": "Zyklus 1 Datum",
        "lk": "Letzter Kontakt",
        "vs": "Vitalstatus",
    }
    values = {"s": {1: "männlich", 2: "weiblich"}, "vs": {0: "lebt", 1: "verstorben"}}
    write = pyreadstat.write_sav if suffix == "sav" else pyreadstat.write_dta
    write(frame, tmp_path / f"r.{suffix}", column_labels=labels, variable_value_labels=values)
    plan = plan_sheets([tmp_path / f"r.{suffix}"])
    patients = plan.tables["patients"][0].settings
    assert patients["labels"] is True
    assert patients["columns"] == {"patient_id": "pid", "sex": "s"}
    assert patients["values"] == {"sex": {"männlich": "male", "weiblich": "female"}}
    assert plan.tables["cycles"][0].settings["unpivot"] == {"columns": {"cycle_date": "z{n}"}}


PORTAL = "#Patient Identifier\tSex\tStatus\tMonths\n#STRING\tSTRING\tSTRING\tNUMBER\nPATIENT_ID\tSEX\tOS_STATUS\tOS_MONTHS\nP1\tMale\t1:DECEASED\t17.9\nP2\tFemale\t0:LIVING\t63.0\n"
SAMPLES = "#Sample\tPatient\tGrade\nSAMPLE_ID\tPATIENT_ID\tWHO_GRADE\nS1\tP1\t1\nS2\tP2\t2\n"


def test_a_folder_of_cbioportal(tmp_path, write_text):
    write_text(PORTAL, "data_clinical_patient.txt")
    write_text(SAMPLES, "data_clinical_sample.txt")
    plan = plan_cbioportal([tmp_path])
    patients = plan.tables["patients"][0].settings
    assert patients["comment"] == "#"
    assert patients["join"][0]["columns"] == ["WHO_GRADE"]
    assert patients["values"]["grade"] == {"1": "G1", "2": "G2"}
    outcomes = plan.tables["reported_outcomes"][0].settings
    assert outcomes["values"] == {"event": {"1:DECEASED": 1, "0:LIVING": 0}}
    assert plan.settings["endpoints"] == ["os"]


def test_the_study_file_is_yaml_with_evidence_behind_its_lines(tmp_path, write_text):
    path = write_text("x\n1\n", "yes no.csv")
    source = SourcePlan(path, {"filter": {"a": ["", "no"]}})
    source.add_column("patient_id", "1. PRRT: #3", "29 of 40\nfilled")
    plan = StudyPlan(
        "Über: alles",
        {"patients": [source]},
        {"endpoints": ["os"]},
        ["it's a doubt"],
        ["'c' of f: text"],
    )
    text = format_study(plan, tmp_path / "My Study", {path: "data/yes no.csv"}, confirm=False)
    read = yaml.safe_load(text)
    assert read["study"] == "my_study"
    assert read["title"] == "Über: alles"
    assert (read["confirmed"], read["doubts"]) == (False, ["it's a doubt"])
    assert read["tables"]["patients"] == [
        {"file": "data/yes no.csv", "filter": {"a": ["", "no"]}, "columns": {"patient_id": "1. PRRT: #3"}}
    ]
    assert "# 29 of 40 filled" in text
    assert "#   'c' of f: text" in text


def test_nothing_is_overwritten(tmp_path, write_text):
    path = write_text("x\n1\n", "a.csv")
    plan = StudyPlan(tables={"patients": [SourcePlan(path)]})
    folder = tmp_path / "study"
    write_study(plan, folder, confirm=True)
    assert (folder / "data" / "a.csv").read_bytes() == path.read_bytes()
    with pytest.raises(UsageError):
        write_study(plan, folder, confirm=True)
