"""Sheets with several rows a patient, and sheets that name no patient."""

import datetime as dt

import pytest

from prrt_outcomes.adopt.sheets import plan_sheets
from prrt_outcomes.errors import InputError

DAYS = [dt.datetime(2019, month, 1) for month in range(1, 7)]
HEADER = [
    "Patient",
    "Geschlecht",
    "Alter",
    "Tumor",
    "Zyklus",
    "Datum",
    "Aktivität (GBq)",
    "letzter Kontakt",
    "Status",
]
ROWS = [
    ["P1", "m", 61, "Pankreas", 1, DAYS[0], 7.4, DAYS[5], "lebt"],
    [None, None, None, None, 2, DAYS[2], 7.3, None, None],
    ["P2", "w", 55, "Ileum", 1, DAYS[1], 7.1, DAYS[5], "lebt"],
    [None, None, None, None, 2, DAYS[3], 7.0, None, None],
    [None, None, None, None, 3, DAYS[4], 6.9, None, None],
]


def check_tables(read_plan, plan):
    tables, problems = read_plan(plan)
    assert not [p for p in problems if p.severity == "error"]
    assert tables["patients"]["patient_id"].tolist() == ["P1", "P2"]
    assert tables["patients"]["age_years"].tolist() == [61, 55]
    assert tables["follow_up"]["vital_status"].tolist() == ["alive", "alive"]
    assert tables["cycles"]["patient_id"].tolist() == ["P1", "P1", "P2", "P2", "P2"]
    assert tables["cycles"]["activity_gbq"].tolist() == [7.4, 7.3, 7.1, 7.0, 6.9]


def test_a_patient_merged_over_the_rows_of_the_cycles(write_workbook, read_plan):
    merged = [f"{c}{a}:{c}{b}" for c in "ABCDHI" for a, b in ((2, 3), (4, 6))]
    plan = plan_sheets([write_workbook({"A": [HEADER, *ROWS]}, {"A": merged})])
    check_tables(read_plan, plan)
    assert "3 rows without 'Patient' are of the patient above" in plan.doubts


def test_a_patient_repeated_in_each_row(write_workbook, read_plan):
    rows, head = [], []
    for row in ROWS:
        head = row if row[0] else head
        rows.append([*head[:4], *row[4:7], *head[7:]])
    plan = plan_sheets([write_workbook({"A": [HEADER, *rows]})])
    check_tables(read_plan, plan)
    assert "what a patient has once is read from the rows with 'Zyklus' = '1'" in plan.doubts


def test_one_patient_without_a_name_is_no_row_of_the_patient_above(write_workbook):
    header = ["Patient", "Geschlecht", "Alter", "Tumor", "letzter Kontakt", "Status"]
    rows = [["P1", "m", 61, "Ileum", DAYS[0], "lebt"], [None, "w", 55, "Lunge", DAYS[1], "tot"]]
    plan = plan_sheets([write_workbook({"A": [header, *rows]})])
    assert "fill_down" not in plan.tables["patients"][0].settings
    assert "not_empty" not in plan.tables["patients"][0].settings


def test_rows_are_numbered_where_only_names_tell_patients_apart(write_workbook, read_plan):
    header = ["Name", "Hb C1", "Sex", "Age", "Primary", "Cycle 1", "Cycle 2", "Last seen", "Date of death"]
    rows = [
        ["A", 121, "m", 61, "Ileum", DAYS[0], DAYS[2], DAYS[5], "alive"],
        ["B", 122, "f", 55, "Lung", DAYS[1], None, DAYS[4], DAYS[4]],
        ["C", 123, "f", 70, "Lung", DAYS[1], None, DAYS[5], None],
    ]
    plan = plan_sheets([write_workbook({"A": [header, *rows]})])
    tables, problems = read_plan(plan)
    assert not [p for p in problems if p.severity == "error"]
    assert len(tables["patients"]) == 3
    assert len(tables["cycles"]) == 4
    follow_up = tables["follow_up"].set_index("patient_id").loc[tables["patients"]["patient_id"]]
    assert follow_up["vital_status"].tolist() == ["alive", "dead", "alive"]
    assert plan.doubts[0].startswith("no column of identifiers was recognised")
    assert "who is dead, by 'Date of death': a date = dead, 'alive', an empty cell = alive" in plan.doubts
    assert [u.partition(": ")[2] for u in plan.unplaced] == ["names of persons are not read"]


def test_a_sheet_of_something_else_is_not_numbered(write_workbook):
    rows = [["Datum", "Raum", "Zahl"], [DAYS[0], "A", 3], [DAYS[1], "B", 4]]
    with pytest.raises(InputError):
        plan_sheets([write_workbook({"A": rows})])


def test_a_radiopharmaceutical_that_is_merged_goes_to_each_cycle(write_workbook, read_plan):
    agents = ["Lutathera", None, "Y-90 DOTATOC", None, None]
    rows = [[*row, agent] for row, agent in zip(ROWS, agents, strict=True)]
    tables, _ = read_plan(plan_sheets([write_workbook({"A": [[*HEADER, "Nuklid"], *rows]})]))
    read = tables["cycles"]["radiopharmaceutical"].tolist()
    assert read == ["177Lu-DOTATATE"] * 2 + ["90Y-DOTATOC"] * 3


def test_a_column_whose_values_all_differ_tells_patients_apart(write_workbook):
    header = ["Akte", "Geschlecht", "Alter", "Tumor", "letzter Kontakt", "Status"]
    rows = [["K17", "m", 61, "Ileum", DAYS[0], "lebt"], ["K18", "w", 55, "Lunge", DAYS[1], "lebt"]]
    plan = plan_sheets([write_workbook({"A": [header, *rows]})])
    assert plan.tables["patients"][0].settings["columns"]["patient_id"] == "Akte"
    assert plan.doubts[0] == "patients are distinguished by 'Akte', since all of its values differ"


def test_patients_in_several_sheets_are_joined(write_workbook, read_plan):
    sheets = {
        "Patienten": [["PatNr", "Geschlecht", "Alter"], ["1", "m", 61], ["2", "w", 55]],
        "Histologie": [["PatNr", "Tumor", "Grading"], ["2", "Lunge", "G1"], ["1", "Ileum", "G2"]],
        "Verlauf": [
            [
                "PatNr",
                "letzter Kontakt",
                "verstorben",
                "Todesdatum",
                "PD Datum",
                "Todesursache",
                "bestes Ansprechen",
            ],
            ["1", DAYS[3], "nein", None, DAYS[2], None, "SD"],
            ["2", DAYS[4], "ja", DAYS[4], None, "Tumor", "PD"],
        ],
    }
    tables, problems = read_plan(plan_sheets([write_workbook(sheets)]))
    assert not [p for p in problems if p.severity == "error"]
    patients = tables["patients"].set_index("patient_id").loc[["1", "2"]]
    assert patients["sex"].tolist() == ["male", "female"]
    assert patients["tumour_type"].tolist() == ["gep_small_intestine", "lung"]
    assert patients["grade"].tolist() == ["G2", "G1"]
    assert patients["reported_best_response"].tolist() == ["SD", "PD"]
    assert sorted(tables["follow_up"]["vital_status"]) == ["alive", "dead"]
