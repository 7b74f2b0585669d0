"""Files of others, read raw: a trial with times in months, a wide registry table, dates of the United States."""

from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.model import Study

SHARED = Path(__file__).resolve().parents[4] / "shared"
DATA = SHARED / "data"
IDS = {"patient_id": None}


def read_real(file, tables, **settings):
    if not (DATA / file).exists():
        pytest.skip(f"{file} is not there: data of others, beside the checkout in shared/data")
    result = read_cohort(Study(study="real", tables=tables, **settings), DATA)
    assert not [p for p in result.problems if p.severity == "error"]
    return result


def read_case(name, **tables):
    """Read tables of one of the registries in shared/cases/real."""
    folder = SHARED / "cases" / "real" / name
    if not folder.exists():
        pytest.skip(f"{name} is not there: data of others, beside the checkout in shared/cases")
    return read_cohort(Study(study="real", tables=tables), folder)


def errors(result):
    return [problem for problem in result.problems if problem.severity == "error"]


def radiant(arm):
    return {"file": "radiant4/pfs.csv", "columns": IDS, "filter": {"arm": [arm]}}


def test_a_trial_without_patient_numbers_in_months():
    source = {"file": "radiant4/pfs.csv", "columns": IDS}
    outcome = {**source, "constants": {"endpoint": "pfs"}, "time_unit": "months"}
    result = read_real(
        "radiant4/pfs.csv",
        {"patients": source, "reported_outcomes": outcome},
        extra_columns={"arm": "category"},
    )
    assert result.problems == ()
    assert result.tables["patients"]["arm"].value_counts().to_dict() == {"everolimus": 205, "placebo": 97}
    outcomes = result.tables["reported_outcomes"]
    raw = pd.read_csv(DATA / "radiant4/pfs.csv")
    assert outcomes["patient_id"].tolist() == result.tables["patients"]["patient_id"].tolist()
    assert (outcomes["time"] / 30.4375).tolist() == pytest.approx(raw["time"].tolist(), rel=1e-12)
    assert outcomes["event"].tolist() == raw["event"].tolist()


def test_its_placebo_arm_as_controls():
    timed = {"constants": {"endpoint": "pfs"}, "time_unit": "months"}
    result = read_real(
        "radiant4/pfs.csv",
        {
            "patients": radiant("everolimus"),
            "reported_outcomes": radiant("everolimus") | timed,
            "control_patients": radiant("placebo") | {"constants": {"source": "radiant4"}},
            "control_outcomes": radiant("placebo") | timed,
        },
    )
    sizes = {name: len(frame) for name, frame in result.tables.items() if len(frame)}
    assert sizes == {
        "patients": 205,
        "reported_outcomes": 205,
        "control_patients": 97,
        "control_outcomes": 97,
    }
    assert not set(result.tables["patients"]["patient_id"]) & set(
        result.tables["control_patients"]["patient_id"]
    )


def test_a_wide_registry_table_with_four_outcomes():
    file = "tcga_pcpg/clinical.csv"
    barcode = {"patient_id": "bcr_patient_barcode"}
    result = read_real(
        file,
        {
            "patients": {
                "file": file,
                "columns": {
                    **barcode,
                    "age_years": "age_at_initial_pathologic_diagnosis",
                    "sex": "gender",
                    "tumour_type": "histological_type",
                    "grade": "histological_grade",
                },
                "values": {
                    "sex": {"MALE": "male", "FEMALE": "female"},
                    "tumour_type": {
                        "Pheochromocytoma": "phaeochromocytoma",
                        "Paraganglioma": "paraganglioma",
                        "Paraganglioma; Extra-adrenal Pheochromocytoma": "paraganglioma",
                    },
                },
                "missing": ["", "[Not Available]"],
            },
            "reported_outcomes": [
                {
                    "file": file,
                    "columns": {**barcode, "time": f"{name}.time", "event": name},
                    "constants": {"endpoint": name.lower()},
                }
                for name in ("OS", "DSS", "DFI", "PFI")
            ],
        },
    )
    patients = result.tables["patients"]
    assert patients["tumour_type"].value_counts()[["phaeochromocytoma", "paraganglioma"]].tolist() == [
        148,
        31,
    ]
    assert set(patients["tumour_group"]) == {"neuroectodermal"}
    assert patients["grade"].isna().all()
    outcomes = result.tables["reported_outcomes"].groupby("endpoint")["event"]
    assert outcomes.size().to_dict() == {"dfi": 160, "dss": 179, "os": 179, "pfi": 179}
    assert outcomes.sum().to_dict() == {"dfi": 4, "dss": 4, "os": 6, "pfi": 21}
    empty = result.attrition[result.attrition["step"] == "cohort: empty rows"]
    assert empty["n_lost"].tolist() == [19]


def test_dates_of_the_united_states():
    source = {
        "file": "pancreatic/dates.csv",
        "date_format": "%m/%d/%Y",
        "missing": ["", "."],
    }
    follow_up = {"progression_date": "progression", "death_date": "death", "last_contact_date": "death"}
    result = read_real(
        "pancreatic/dates.csv",
        {
            "patients": source | {"columns": IDS},
            "cycles": source
            | {"columns": {**IDS, "cycle_date": "onstudy"}, "constants": {"radiopharmaceutical": "other"}},
            "follow_up": source | {"columns": IDS | follow_up, "constants": {"vital_status": "dead"}},
        },
        extra_columns={"stage": "category"},
    )
    assert result.problems == ()
    entry = result.tables["cycles"]["cycle_date"]
    dates = result.tables["follow_up"][["progression_date", "death_date"]].apply(pd.to_datetime)
    derived = pd.read_csv(DATA / "pancreatic/derived.csv")
    assert (dates.min(axis=1) - entry).dt.days.tolist() == derived["pfs"].tolist()
    assert (dates["death_date"] - entry).dt.days.tolist() == derived["os"].tolist()
    assert result.tables["patients"]["stage"].tolist() == derived["stage"].tolist()


def test_deaths_of_the_omop_model_are_joined_with_the_period_of_observation():
    death = {
        "file": "data/death.parquet",
        "on": "person_id",
        "columns": ["death_date", "death_type_concept_id"],
    }
    ids = {"patient_id": "person_id"}
    result = read_case(
        "omop_synthea",
        patients={"file": "data/person.parquet", "columns": ids},
        follow_up={
            "file": "data/observation_period.parquet",
            "join": [death],
            "columns": ids
            | {
                "last_contact_date": ["death_date", "observation_period_end_date"],
                "vital_status": "death_type_concept_id",
            },
            "values": {"vital_status": {"38003566": "dead"}},
            "default": {"vital_status": "alive"},
        },
    )
    assert errors(result) == []
    assert result.tables["follow_up"]["vital_status"].value_counts().to_dict() == {
        "alive": 25,
        "dead": 3,
        "lost": 0,
    }


SHEET = {
    "file": "data/PRRT_Liste_NEU_2.xlsx",
    "sheet": "PRRT Patienten",
    "header_row": 3,
    "skip_rows": [45],
    "decimal": ",",
    "date_format": "%d.%m.%Y",
}
CLINIC = {
    "patients": SHEET | {"columns": {"patient_id": "PatNr"}, "pad": {"patient_id": 3}},
    "follow_up": SHEET
    | {
        "columns": {"patient_id": "PatNr", "last_contact_date": "last FU", "vital_status": "dead y/n"},
        "values": {"vital_status": {"y": "dead", "n": "alive", "N": "alive"}},
    }
    | {"not_empty": ["last FU"]},
}


def test_cycles_of_a_sheet_made_by_hand_stand_in_columns():
    cycles = SHEET | {
        "columns": {"patient_id": "PatNr", "radiopharmaceutical": "Nuklid"},
        "unpivot": {"columns": {"cycle_date": "{n}. PRRT", "activity_gbq": "GBq {n}"}},
        "values": {
            "radiopharmaceutical": {
                "Lu-177": "177Lu-DOTATATE",
                "Lu177": "177Lu-DOTATATE",
                "Y-90": "90Y-DOTATATE",
            }
        },
    }
    result = read_case("excel_hand", **CLINIC, cycles=cycles)
    assert not [p for p in errors(result) if p.table == "cycles"]
    found = result.tables["cycles"]
    sheet = pd.read_excel(SHARED / "cases/real/excel_hand" / SHEET["file"], header=2, nrows=41)
    assert len(found) == sheet[[f"{i}. PRRT" for i in range(1, 5)]].notna().sum().sum()
    assert found["activity_gbq"].notna().sum() == sheet[[f"GBq {i}" for i in range(1, 5)]].notna().sum().sum()


def test_its_laboratory_values_take_the_date_of_the_cycle():
    labs = SHEET | {
        "sheet": "Labor",
        "header_row": [1, 2],
        "skip_rows": [],
        "join": [
            {key: value for key, value in SHEET.items() if key != "date_format"}
            | {"on": "PatNr", "columns": [f"{i}. PRRT" for i in range(1, 5)]}
        ],
        "unpivot": {"columns": {"value": "{test} vor {n}.", "sample_date": "{n}. PRRT"}},
        "columns": {"patient_id": "PatNr", "analyte": "test", "unit": "test"},
        "pad": {"patient_id": 3},
        "values": {
            "analyte": {"Krea": "creatinine", "Hb": "haemoglobin", "Thrombo": "platelets"},
            "unit": {"Krea": "mg/dL", "Hb": "g/dL", "Thrombo": "10^9/L"},
        },
        "not_empty": ["sample_date"],
    }
    result = read_case("excel_hand", **CLINIC, labs=labs)
    assert not [p for p in errors(result) if p.table.startswith("labs")]
    found = result.tables["labs"]
    sheet = pd.read_excel(SHARED / "cases/real/excel_hand" / SHEET["file"], header=2, nrows=41)
    n_cycles = int(sheet[[f"{i}. PRRT" for i in range(1, 5)]].notna().sum().sum())
    assert (
        found["analyte"].value_counts()[["creatinine", "haemoglobin", "platelets"]].tolist() == [n_cycles] * 3
    )


def test_samples_and_patients_of_cbioportal_are_joined_below_their_comments():
    patients = {
        "file": "data/clinical_patient.txt",
        "comment": "#",
        "columns": {"patient_id": "PATIENT_ID", "sex": "SEX"},
        "values": {"sex": {"Male": "male", "Female": "female"}},
        "join": [
            {"file": "data/panet_arcnet_2017_clinical_sample.txt", "comment": "#"}
            | {"on": "PATIENT_ID", "columns": ["WHO_GRADE"]}
        ],
    }
    outcomes = {
        "file": "data/clinical_patient.txt",
        "comment": "#",
        "columns": {"patient_id": "PATIENT_ID", "time": "OS_MONTHS", "event": "OS_STATUS"},
        "constants": {"endpoint": "os"},
        "time_unit": "months",
        "values": {"event": {"1:DECEASED": 1, "0:LIVING": 0}},
    }
    result = read_case("cbio_panet", patients=patients, reported_outcomes=outcomes)
    assert errors(result) == []
    assert result.tables["reported_outcomes"]["event"].tolist() == [1, 0, 1]
    (told,) = (p for p in result.problems if "joined file" in p.problem)
    assert (told.problem[:6], told.severity) == ("3 of 3", "warning")


def test_boxes_of_a_redcap_export():
    export = {
        "file": "data/PRRTRegistry_DATA_2024-02-01_1015.csv",
        "filter": {"redcap_repeat_instrument": [""]},
    }
    boxes = {
        "organ_phenotype___4": "lung",
        "organ_phenotype___7": "gep_pancreas",
        "organ_phenotype___10": "other",
    }
    result = read_case(
        "redcap",
        patients=export | {"columns": {"patient_id": "record_id"}, "first_of": {"tumour_type": boxes}},
        follow_up=export
        | {
            "columns": {"patient_id": "record_id", "last_contact_date": "lfu_date", "vital_status": "vital"},
            "values": {"vital_status": {"1": "alive", "2": "lost"}},
        },
    )
    raw = pd.read_csv(SHARED / "cases" / "real" / "redcap" / export["file"])
    raw = raw[raw["redcap_repeat_instrument"].isna()]
    checked = raw[list(boxes)].eq(1)
    first = checked.idxmax(axis=1).where(checked.any(axis=1)).map(boxes)
    found = result.tables["patients"]["tumour_type"].astype(object)
    assert found.fillna("").tolist() == first.fillna("").tolist()
    several = [p.row for p in result.problems if p.problem == "several boxes are checked"]
    assert several == (raw.index[checked.sum(axis=1) > 1] + 2).tolist()


def test_measurements_of_sdtm_become_lesions_with_their_organ():
    key = ["USUBJID", "TRLNKID", "TRDTC", "TREVALID"]
    located = {
        "file": "recist/tu.csv",
        "on": {"USUBJID": "USUBJID", "TRLNKID": "TULNKID", "TREVALID": "TUEVALID"},
        "columns": ["TULOC"],
    }
    ids = {"patient_id": "USUBJID"}
    result = read_real(
        "recist/tr.csv",
        {
            "patients": {"file": "recist/dm.csv", "columns": ids},
            "follow_up": {
                "file": "recist/dm.csv",
                "columns": ids | {"last_contact_date": "RFSTDTC"},
                "constants": {"vital_status": "alive"},
            },
            "lesions": {
                "file": "recist/tr.csv",
                "join": [located],
                "pivot": {"by": "TRTESTCD", "value": ["TRSTRESN", "TRSTRESC"], "keys": key},
                "columns": ids
                | {
                    "assessment_date": "TRDTC",
                    "lesion_id": "TRLNKID",
                    "reader": "TREVALID",
                    "role": "TRGRPID",
                    "organ": "TULOC",
                    "longest_mm": "LDIAM",
                    "perpendicular_mm": "LPERP",
                    "state": "TUMSTATE",
                },
                "values": {
                    "role": {"TARGET": "target", "NON-TARGET": "non_target"},
                    "state": {"PRESENT": "measured", "ABSENT": "absent"},
                },
                "default": {"state": "measured"},
                "exclude": {"TRDTC": ["2014-02"]},
                "missing": ["NA"],
            },
        },
    )
    raw = pd.read_csv(DATA / "recist" / "tr.csv")
    raw = raw[raw["TRDTC"] != "2014-02"]
    found = result.tables["lesions"]
    assert len(found) == len(raw[key].drop_duplicates())
    for name, code in (("longest_mm", "LDIAM"), ("perpendicular_mm", "LPERP")):
        assert found[name].sum() == pytest.approx(raw.loc[raw["TRTESTCD"] == code, "TRSTRESN"].sum())
    assert found["organ"].notna().all()
