# ruff: noqa: E501
"""Exports of REDCap: instruments to tables, choices to values, every filled cell counted."""

import csv

import pytest

from prrt_outcomes.adopt.redcap import plan_redcap, read_dictionary
from prrt_outcomes.adopt.redcap_dictionary import (
    COLUMNS,
    FORMS,
    REPEATING,
    field_name,
    format_redcap_dictionary,
)
from prrt_outcomes.errors import InputError

DICTIONARY = """\
Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"Choices, Calculations, OR Slider Labels"
record_id,demographics,,text,Record ID,
sex,demographics,,radio,Sex at birth,"0, Female | 1, Male"
organ,demographics,,checkbox,Primary site,"4, Lung | 7, Small intestine"
last_seen,demographics,,text,Date of last contact,
status,demographics,,radio,Vital status,"1, Alive | 2, Dead"
c_date,cycle,,text,Date,
c_act,cycle,,text,Activity (MBq),
c_agent,cycle,,dropdown,Radiopharmaceutical,"1, Lu-177 DOTATATE"
"""
HEAD = "record_id,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,sex,organ___4,organ___7,last_seen,status,demographics_complete,c_date,c_act,c_agent,cycle_complete"
RAW = f"""{HEAD}
1,,,berlin,0,1,0,2020-01-01,1,2,,,,
1,cycle,1,berlin,,,,,,,2019-01-01,7400,1,2
1,cycle,2,berlin,,,,,,,2019-03-01,7300,1,2
2,,,paris,1,0,1,2020-01-01,2,2,,,,
2,cycle,1,paris,,,,,,,2019-02-01,7500,1,2
"""
LABELLED = """\
Record ID,Repeat Instrument,Repeat Instance,Data Access Group,Sex at birth,Primary site (choice=Lung),Primary site (choice=Small intestine),Date of last contact,Vital status,Complete?,Date,Activity (MBq),Radiopharmaceutical,Complete?
1,,,Berlin,Female,Checked,Unchecked,2020-01-01,Alive,Complete,,,,
1,Cycle,1,Berlin,,,,,,,2019-01-01,7400,Lu-177 DOTATATE,Complete
2,,,Paris,Male,Unchecked,Checked,2020-01-01,Dead,Complete,,,,
2,Cycle,1,Paris,,,,,,,2019-02-01,7500,Lu-177 DOTATATE,Complete
"""


def plan_of(write_text, export):
    return plan_redcap([write_text(export, "export.csv")], write_text(DICTIONARY, "dictionary.csv"))


def test_choices_of_a_dictionary(write_text):
    fields = {field.name: field for field in read_dictionary(write_text(DICTIONARY))}
    assert fields["sex"].choices == {"0": "Female", "1": "Male"}
    assert fields["organ"].columns() == {
        "organ___4": "Primary site (choice=Lung)",
        "organ___7": "Primary site (choice=Small intestine)",
    }


def test_instruments_become_tables_and_choices_values(write_text):
    plan = plan_of(write_text, RAW)
    (patients,), (cycles,) = plan.tables["patients"], plan.tables["cycles"]
    assert patients.settings["filter"] == {"redcap_repeat_instrument": [""]}
    assert patients.settings["columns"]["centre_id"] == "redcap_data_access_group"
    assert patients.settings["values"]["sex"] == {"0": "female", "1": "male"}
    assert patients.settings["first_of"] == {
        "tumour_type": {"organ___4": "lung", "organ___7": "gep_small_intestine"}
    }
    assert cycles.settings["filter"] == {"redcap_repeat_instrument": ["cycle"]}
    assert cycles.settings["units"] == {"activity_gbq": "MBq"}
    assert cycles.settings["values"]["radiopharmaceutical"] == {"1": "177Lu-DOTATATE"}
    assert plan.tables["follow_up"][0].settings["values"]["vital_status"] == {"1": "alive", "2": "dead"}


def test_every_filled_cell_is_counted(write_text):
    notes = plan_of(write_text, RAW).notes
    assert notes == [
        "demographics of export.csv: 17 filled cells, 15 that are read, 2 left out",
        "cycle of export.csv: 12 filled cells, 9 that are read, 3 left out",
    ]


def test_labels_that_stand_twice_are_named_in_the_order_of_the_dictionary(write_text):
    plan = plan_of(write_text, LABELLED)
    cycles = plan.tables["cycles"][0].settings
    assert cycles["names"] == HEAD.split(",")
    assert cycles["filter"] == {"redcap_repeat_instrument": ["Cycle"]}
    assert cycles["columns"]["cycle_date"] == "c_date"
    assert plan.tables["patients"][0].settings["values"]["sex"] == {"Female": "female", "Male": "male"}


def test_a_label_of_no_field_is_an_error(write_text):
    with pytest.raises(InputError) as raised:
        plan_of(write_text, LABELLED.replace("Vital status", "Hair colour"))
    assert [p.value for p in raised.value.problems] == ["Hair colour"]


def test_what_is_no_dictionary_is_an_error(write_text):
    with pytest.raises(InputError):
        read_dictionary(write_text("a,b\n1,2\n"))


def test_events_of_a_longitudinal_project_are_one_table(write_text):
    dictionary = DICTIONARY.replace(",cycle,", ",visit,")
    head = HEAD.replace("redcap_repeat_instrument,redcap_repeat_instance", "redcap_event_name").replace(
        "cycle_complete", "visit_complete"
    )
    export = f"""{head}
1,baseline_arm_1,berlin,0,1,0,2020-01-01,1,2,,,,
1,cycle_1_arm_1,berlin,,,,,,,2019-01-01,7400,1,2
1,cycle_2_arm_1,berlin,,,,,,,2019-03-01,7300,1,2
2,baseline_arm_1,paris,1,0,1,2020-01-01,2,2,,,,
2,cycle_1_arm_1,paris,,,,,,,2019-02-01,7500,1,2
"""
    plan = plan_redcap([write_text(export, "export.csv")], write_text(dictionary, "dictionary.csv"))
    assert plan.tables["patients"][0].settings["filter"] == {"redcap_event_name": ["baseline_arm_1"]}
    assert plan.tables["cycles"][0].settings["filter"] == {
        "redcap_event_name": ["cycle_1_arm_1", "cycle_2_arm_1"]
    }


VALIDATED = """\
Variable / Field Name,Form Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels",Text Validation Type OR Show Slider Number
record_id,base,text,Record ID,,
sex,base,radio,Sex,"1, Male | 2, Female",
ki67,base,text,Ki-67 (%),,number
mets,base,checkbox,Metastases at baseline,"1, Liver | 2, Bones | 3, Lymph nodes",
last_seen,base,text,Date of last contact,,date_dmy
status,base,radio,Vital status,"1, Alive | 2, Dead",
died,base,text,Date of death,,date_dmy
"""
CODED = """\
record_id,sex,ki67,mets___1,mets___2,mets___3,last_seen,status,died,base_complete
1,1,5,1,0,1,2020-01-31,1,UNK,2
2,2,-99,0,0,0,2020-02-01,2,2020-02-01,2
3,-99,10,1,1,0,2020-03-01,1,-99,2
4,9,10,1,1,0,2020-03-01,1,,2
"""


def test_missing_data_codes_are_missing_in_fields_of_any_kind(write_text, read_plan):
    plan = plan_redcap([write_text(CODED, "export.csv")], write_text(VALIDATED, "dictionary.csv"))
    tables, problems = read_plan(plan)
    assert not [p for p in problems if p.severity == "error"]
    assert tables["patients"]["ki67_percent"].isna().tolist() == [False, True, False, False]
    assert tables["patients"]["sex"].isna().tolist() == [False, False, True, True]
    assert tables["follow_up"]["death_date"].notna().tolist() == [False, True, False, False]
    assert "'-99' (3), 'UNK' (1) of export.csv are read as missing" in " ".join(plan.doubts)
    assert "sex: '9' (1) in 'sex' not recognised, read as missing" in plan.doubts


def test_boxes_of_metastases(write_text, read_plan):
    plan = plan_redcap([write_text(CODED, "export.csv")], write_text(VALIDATED, "dictionary.csv"))
    tables, _ = read_plan(plan)
    assert tables["patients"]["liver_metastases"].tolist() == [True, False, True, True]
    assert tables["patients"]["bone_metastases"].tolist() == [False, False, True, True]
    assert "liver metastases: where the box mets___1 is not checked the answer is no" in plan.doubts
    (left,) = plan.unplaced
    assert left.startswith("'mets___3' of ")
    assert left.endswith(": Metastases at baseline (choice=Lymph nodes): numbers, 4 of 4 filled")


def test_our_own_dictionary_is_read_back(write_text):
    text = format_redcap_dictionary()
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert {row["Form Name"] for row in rows} == set(FORMS)
    names = [row["Variable / Field Name"] for row in rows]
    assert len(set(names)) == len(names)
    assert set(REPEATING) == set(FORMS) - {"patients", "follow_up"}
    head = ["patient_id", "redcap_repeat_instrument", "redcap_repeat_instance", *names[1:]]
    cells = {
        "patients": {"patients_sex": "female"},
        "cycles": {"cycles_cycle_date": "2019-01-01", "cycles_radiopharmaceutical": "other"},
        "follow_up": {field_name("follow_up", "vital_status"): "alive"},
    }
    lines = [",".join(head)]
    for form, values in cells.items():
        row = {"patient_id": "P1", "redcap_repeat_instrument": form if form in REPEATING else "", **values}
        lines.append(",".join(row.get(name, "") for name in head))
    export = write_text("\n".join(lines) + "\n", "export.csv")
    plan = plan_redcap([export], write_text(text, "dictionary.csv"))
    assert set(plan.tables) == set(cells)
    assert plan.tables["cycles"][0].settings["columns"]["cycle_date"] == "cycles_cycle_date"
    assert plan.doubts == []


ARMS = """\
Variable / Field Name,Form Name,Field Type,Field Label,"Choices, Calculations, OR Slider Labels",Text Validation Type OR Show Slider Number
record_id,demographics,text,Record ID,,
sex,demographics,radio,Sex at birth,"0, Female | 1, Male",
organ,demographics,checkbox,Primary site,"4, Lung | -7, Small intestine",
consent,demographics,file,Signed consent,,
c_date,cycle,text,Date of cycle,,date_dmy
c_act,cycle,text,Activity (MBq/kg),,number
c_weight,cycle,text,Weight (kg),,number
s_date,scan,text,Date of scan,,date_dmy
s_resp,scan,radio,Response (RECIST 1.1),"1, CR | 2, PR | 3, SD | 4, PD",
last_seen,closing,text,Date of last contact,,date_dmy
status,closing,radio,Vital status,"1, Alive | 2, Dead",
died,closing,text,Date of death,,date_dmy
"""
ARMS_RAW = """\
record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,sex,organ___4,organ____7,consent,demographics_complete,c_date,c_act,c_weight,cycle_complete,scan_timestamp,s_date,s_resp,scan_complete,last_seen,status,died,closing_complete
1,baseline_arm_1,,,Berlin,0,1,0,[document],2,,,,,,,,,,,,
1,cycle_1_arm_1,,,Berlin,,,,,,2015-01-14,118,62,2,,,,,,,,
1,cycle_2_arm_1,,,Berlin,,,,,,2015-03-18,120,61.5,2,,,,,,,,
1,follow_up_arm_1,scan,1,Berlin,,,,,,,,,,2015-06-02 10:00,2015-06-01,3,2,,,,
1,follow_up_arm_1,scan,2,Berlin,,,,,,,,,,,2015-12-01,4,2,,,,
1,follow_up_arm_1,,,Berlin,,,,,,,,,,,,,,2019-06-03,2,2019-06-03,2
2,baseline_arm_2,,,Paris,1,0,1,,2,,,,,,,,,,,,
2,cycle_1_arm_2,,,Paris,,,,,,2015-02-11,90,84,2,,,,,,,,
2,follow_up_arm_2,scan,1,Paris,,,,,,,,,,,2015-07-01,2,2,,,,
2,follow_up_arm_2,,,Paris,,,,,,,,,,,,,,2021-10-12,1,,2
"""
WORDS = {
    "baseline_arm_1": "Baseline (Arm 1: First line)", "baseline_arm_2": "Baseline (Arm 2: Later line)",
    "cycle_1_arm_1": "Cycle 1 (Arm 1: First line)", "cycle_1_arm_2": "Cycle 1 (Arm 2: Later line)",
    "cycle_2_arm_1": "Cycle 2 (Arm 1: First line)", "follow_up_arm_1": "Follow-up (Arm 1: First line)",
    "follow_up_arm_2": "Follow-up (Arm 2: Later line)", "scan": "Scan",
}  # fmt: skip
HEADER_WORDS = (
    "Record ID,Event Name,Repeat Instrument,Repeat Instance,Data Access Group,Sex at birth,Primary site (choice=Lung),"
    "Primary site (choice=Small intestine),Signed consent,Complete?,Date of cycle,Activity (MBq/kg),Weight (kg),Complete?,"
    "Survey Timestamp,Date of scan,Response (RECIST 1.1),Complete?,Date of last contact,Vital status,Date of death,Complete?"
)
CHOICES = {
    "sex": ["Female", "Male"], "organ___4": ["Unchecked", "Checked"], "organ____7": ["Unchecked", "Checked"],
    "s_resp": ["", "CR", "PR", "SD", "PD"], "status": ["", "Alive", "Dead"],
}  # fmt: skip


def write_words(raw):
    """The labelled export of the same project."""
    names, *rows = [line.split(",") for line in raw.splitlines()]
    for row in rows:
        for place, name in enumerate(names):
            state = ["Incomplete", "Unverified", "Complete"] if name.endswith("_complete") else []
            words = CHOICES.get(name, state)
            row[place] = words[int(row[place])] if words and row[place] else WORDS.get(row[place], row[place])
    return "\n".join([HEADER_WORDS, *map(",".join, rows)]) + "\n"


@pytest.mark.parametrize("write", [str, write_words, lambda raw: raw.replace("organ____7", "organ___-7")])
def test_arms_and_events_raw_and_with_labels(write_text, read_plan, write):
    export = write_text(write(ARMS_RAW), "export.csv")
    plan = plan_redcap([export], write_text(ARMS, "dictionary.csv"))
    assert plan.notes == [
        "demographics of export.csv: 19 filled cells, 16 that are read, 3 left out",
        "cycle of export.csv: 12 filled cells, 9 that are read, 3 left out",
        "scan of export.csv: 10 filled cells, 6 that are read, 4 left out",
        "closing of export.csv: 7 filled cells, 5 that are read, 2 left out",
    ]
    tables, _ = read_plan(plan)
    patients = tables["patients"]
    assert patients["centre_id"].tolist() == ["Berlin", "Paris"]
    assert patients["sex"].tolist() == ["female", "male"]
    assert patients["tumour_type"].tolist() == ["lung", "gep_small_intestine"]
    cycles = tables["cycles"]
    assert cycles["patient_id"].tolist() == ["1", "1", "2"]
    assert cycles["activity_gbq"].tolist() == pytest.approx([0.118 * 62, 0.12 * 61.5, 0.09 * 84])
    assert tables["assessments"]["reported_response"].tolist() == ["SD", "PD", "PR"]
    assert tables["follow_up"]["vital_status"].tolist() == ["dead", "alive"]
    assert tables["follow_up"]["last_contact_date"].tolist() == ["2019-06-03", "2021-10-12"]


@pytest.mark.parametrize("write", [str, write_words])
def test_what_a_patient_has_once_is_that_of_the_first_event(write_text, read_plan, write):
    """Demographics stand again at the end, in both arms; their cells there are counted as left out."""
    again = ARMS_RAW.replace("follow_up_arm_1,,,Berlin,,,,,,", "follow_up_arm_1,,,Berlin,1,0,1,,2,")
    again = again.replace("follow_up_arm_2,,,Paris,,,,,,", "follow_up_arm_2,,,Paris,1,0,1,,2,")
    dictionary = write_text(
        ARMS.replace("consent,demographics,file,Signed consent,,", "ki67,demographics,text,Ki-67 (%),,"),
        "dictionary.csv",
    )
    text = (
        write(again)
        .replace("Signed consent", "Ki-67 (%)")
        .replace("consent", "ki67")
        .replace("[document]", "3")
    )
    plan = plan_redcap([write_text(text, "export.csv")], dictionary)
    assert plan.notes[0] == "demographics of export.csv: 27 filled cells, 17 that are read, 10 left out"
    assert any("demographics stands at several events" in doubt for doubt in plan.doubts)
    patients = read_plan(plan)[0]["patients"]
    assert patients["sex"].tolist() == ["female", "male"]
    assert patients["tumour_type"].tolist() == ["lung", "gep_small_intestine"]
    assert patients["ki67_percent"].fillna(0).tolist() == [3, 0]
