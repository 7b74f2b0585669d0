"""Files that are hard to read, each brought to the right tables by its mapping alone."""

from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.study.model import Study

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases"


def read_case(case, tables, told=(), **settings):
    """Tables of a study that has no errors but those of the patients themselves, and its attrition."""
    folder = CASES / case
    if not folder.exists():
        pytest.skip(f"{case} is not there: files of others, beside the checkout in shared/cases")
    result = read_cohort(Study(study="hard", tables=tables, **settings), folder)
    assert [p.problem for p in result.problems if p.severity == "error"] == list(told)
    return result.tables, result.attrition


def as_iso(text):
    """A German date, or the text of a typed one."""
    return text[:10] if "-" in text else "-".join(reversed(text.split(".")))


def days(column):
    return column.astype("string").fillna("").tolist()


def test_a_sheet_with_a_merged_title_above_the_names():
    tables, _ = read_case(
        "excel_title_row",
        {
            "patients": {"file": "data/reg.xlsx", "sheet": "Data", "header_row": 2},
            "cycles": "data/cycles.csv",
            "follow_up": "data/follow_up.csv",
        },
    )
    assert tables["patients"]["patient_id"].tolist() == [f"000{i}" for i in range(1, 10)]
    assert set(tables["patients"]["tumour_type"]) == {"gep_pancreas"}
    assert set(tables["patients"]["grade"]) == {"G1"}
    assert len(tables["cycles"]) == len(tables["follow_up"]) == 9


def test_a_column_of_typed_dates_texts_serial_numbers_and_times():
    tables, _ = read_case(
        "excel_mixed_dates",
        {
            "patients": {
                "file": "data/reg.xlsx",
                "date_format": ["%d.%m.%Y", "excel", "%Y-%m-%d %H:%M:%S"],
                "pad": {"patient_id": 4},
                "values": {"grade": {"g1": "G1"}},
                "missing": ["", "1899", "1899-12-30"],
            },
            "cycles": "data/cycles.csv",
            "follow_up": "data/follow_up.csv",
        },
    )
    patients = tables["patients"]
    assert patients["patient_id"].tolist() == [f"000{i}" for i in range(1, 10)]
    assert days(patients["diagnosis_date"]) == ["2016-10-10"] * 6 + ["", "2016", ""]
    assert set(patients["grade"]) == {"G1"}
    assert set(patients["age_years"]) == {60.5}


def test_a_german_text_with_words_for_missing_and_two_forms_of_a_year():
    german = {"decimal": ",", "date_format": ["%d.%m.%Y", "%d.%m.%y"], "pivot_year": 30}
    doubtful = {"31.12.1899": None, "29.02.2015": "2015-02", "05.2014": "2014-05"}
    tables, _ = read_case(
        "csv_german",
        {
            "patients": {
                "file": "data/patients.csv",
                **german,
                "values": {
                    "sex": {"Female": "female"},
                    "grade": {"g2": "G2"},
                    "ki67_percent": {"1.000,5": None, "3 000": None},
                    "diagnosis_date": doubtful,
                },
                "missing": ["", "NA", "n.a."],
            },
            "cycles": {
                "file": "data/cycles.csv",
                "decimal": ",",
                "date_format": "%d.%m.%Y",
                "values": {
                    "activity_gbq": {"7.4": 7.4, "7400": 7.4},
                    "radiopharmaceutical": {"177lu-dotatate": "177Lu-DOTATATE"},
                },
            },
            "follow_up": "data/follow_up.csv",
        },
    )
    patients = tables["patients"]
    assert patients["patient_id"].tolist() == ["0001", "0002", "0003", "0004", "1"]
    assert patients["sex"].tolist() == ["female", "male", "male", "male", "male"]
    assert patients["age_years"].tolist() == [61.5, 70.25, 55, 55, 55]
    assert patients["ki67_percent"].fillna(-1).tolist() == [2.5, -1, -1, -1, 5]
    assert patients["grade"].astype("string").fillna("").tolist() == ["G1", "G2", "G2", "", "G1"]
    assert days(patients["diagnosis_date"]) == ["2014-05-07", "", "2015-02", "2015-01-01", "2014-05"]
    assert tables["cycles"]["activity_gbq"].tolist() == [7.4] * 5
    assert set(tables["cycles"]["radiopharmaceutical"].astype("string")) == {"177Lu-DOTATATE"}


def test_lines_that_describe_the_columns_are_no_patients():
    file = {"file": "data/clinical_patient.txt", "comment": "#", "columns": {"patient_id": "PATIENT_ID"}}
    tables, _ = read_case(
        "real/cbio_panet",
        {
            "patients": file
            | {
                "columns": {"patient_id": "PATIENT_ID", "sex": "SEX"},
                "values": {"sex": {"Male": "male", "Female": "female"}},
            },
            "reported_outcomes": file
            | {
                "columns": {"patient_id": "PATIENT_ID", "time": "OS_MONTHS", "event": "OS_STATUS"},
                "values": {"event": {"1:DECEASED": 1, "0:LIVING": 0}},
                "constants": {"endpoint": "os"},
                "time_unit": "months",
            },
        },
    )
    assert tables["patients"]["patient_id"].tolist() == ["P1", "P2", "P3"]
    outcomes = tables["reported_outcomes"]
    assert (outcomes["time"] / 30.4375).round(2).tolist() == [17.97, 63.01, 33.1]
    assert outcomes["event"].tolist() == [1, 0, 1]


def test_samples_of_a_public_study():
    file = "data/panet_arcnet_2017_clinical_sample.txt"
    tables, _ = read_case(
        "real/cbio_panet",
        {
            "patients": {
                "file": file,
                "comment": "#",
                "columns": {"patient_id": "PATIENT_ID", "grade": "WHO_GRADE", "stage": "ENETS_STAGING"},
                "values": {"grade": {"1": "G1", "2": "G2", "3": "G3"}},
            },
            "reported_outcomes": {
                "file": file,
                "comment": "#",
                "columns": {"patient_id": "PATIENT_ID", "time": "TUMOR_SIZE"},
                "constants": {"endpoint": "os", "event": 1},
                "missing": ["", "Not documented"],
            },
        },
        extra_columns={"stage": "category"},
    )
    lines = (CASES / "real/cbio_panet" / file).read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")][1:]
    patients = tables["patients"]
    assert patients["patient_id"].tolist() == [row[1] for row in rows]
    assert patients["grade"].tolist() == [f"G{row[4]}" for row in rows]


@pytest.mark.parametrize("file", ["data/adtte.xpt", "data/adtte.csv"])
def test_times_to_events_of_adam(file):
    """CNSR is 1 for censored; the csv was written by a program that reads 0 of a transport file as 5e-79."""
    columns = {"patient_id": "USUBJID", "endpoint": "PARAMCD", "time": "AVAL", "event": "CNSR"}
    zero = "5.397605346934028e-79" if file.endswith("csv") else "0"
    one = "1.0" if file.endswith("csv") else "1"
    tables, _ = read_case(
        "real/adtte_cdisc",
        {
            "patients": {
                "file": file,
                "columns": {
                    "patient_id": "USUBJID",
                    "sex": "SEX",
                    "age_years": "AGE",
                    "centre_id": "SITEID",
                    "arm": "TRTA",
                },
                "values": {"sex": {"F": "female", "M": "male"}},
            },
            "reported_outcomes": {
                "file": file,
                "columns": columns,
                "values": {"event": {zero: 1, one: 0}, "endpoint": {"TTDE": "ttde"}},
            },
        },
        extra_columns={"arm": "category"},
        endpoints=[{"name": "ttde", "preset": "ttp"}],
    )
    outcomes = tables["reported_outcomes"]
    raw = pd.read_csv(CASES / "real/adtte_cdisc/data/adtte.csv")
    assert len(outcomes) == 254
    assert outcomes["event"].sum() == 152
    assert outcomes["event"].tolist() == (raw["CNSR"] < 0.5).astype(int).tolist()
    assert outcomes["time"].tolist() == raw["AVAL"].tolist()
    assert tables["patients"]["arm"].value_counts().to_dict() == raw["TRTA"].value_counts().to_dict()


def test_a_workbook_made_by_hand():
    """Title, legend and sum around the rows; three forms of a date in one column; cycles side by side."""
    file = "data/PRRT_Liste_NEU_2.xlsx"
    sheet = {
        "file": file,
        "header_row": 3,
        "last_row": 43,
        "date_format": ["%d.%m.%Y", "%d.%m.%y"],
        "pivot_year": 30,
        "decimal": ",",
    }
    tables, attrition = read_case(
        "real/excel_hand",
        {
            "patients": sheet
            | {
                "columns": {"patient_id": "PatNr", "sex": "m/w"},
                "values": {"sex": {"m": "male", "w": "female"}},
            },
            "cycles": sheet
            | {
                "unpivot": {"columns": {"cycle_date": "{n}. PRRT", "activity_gbq": "GBq {n}"}},
                "columns": {"patient_id": "PatNr", "radiopharmaceutical": "Nuklid"},
                "values": {
                    "radiopharmaceutical": {
                        "Lu-177": "177Lu-DOTATATE",
                        "Lu177": "177Lu-DOTATATE",
                        "Y-90": "90Y-DOTATATE",
                    }
                },
            },
            "follow_up": sheet
            | {
                "columns": {
                    "patient_id": "PatNr",
                    "last_contact_date": "last FU",
                    "vital_status": "dead y/n",
                    "death_date": "Todesdatum",
                    "progression_date": "PD date",
                },
                "values": {"vital_status": {"y": "dead", "n": "alive", "N": "alive"}},
                "missing": ["", "-", "kein PD"],
            },
        },
        told=["cycle after death"],
    )
    assert tables["patients"]["patient_id"].tolist() == [f"{i:03d}" for i in range(1, 41)]
    raw = pd.read_excel(CASES / "real/excel_hand" / file, header=2, nrows=40, dtype=str)
    dates, activity = (
        pd.Series(raw[[name.format(n) for n in range(1, 5)]].to_numpy().ravel()).dropna()
        for name in ("{}. PRRT", "GBq {}")
    )
    cycles = tables["cycles"]
    assert days(cycles["cycle_date"]) == [as_iso(text) for text in dates]
    assert cycles["activity_gbq"].tolist() == [float(text.replace(",", ".")) for text in activity]
    assert days(tables["follow_up"]["death_date"]) == raw["Todesdatum"].fillna("").map(as_iso).tolist()
    lost = attrition[attrition["step"] == "cohort: last_row"]
    assert lost["n_lost"].tolist() == [1, 1, 1]


def test_names_of_a_sheet_under_merged_headings():
    file = "data/PRRT_Liste_NEU_2.xlsx"
    if not (CASES / "real/excel_hand" / file).exists():
        pytest.skip(f"{file} is not there: files of others, beside the checkout in shared/cases")
    source = TableSource(file=file, sheet="Labor", header_row=(1, 2))
    result = read_source(CASES / "real/excel_hand", "labs", source)
    days = ["vor 1.", "vor 2.", "vor 3.", "vor 4.", "3 Mo"]
    assert list(result.raw.columns) == [
        "PatNr",
        *(f"{a} {d}" for a in ("Krea", "Hb", "Thrombo") for d in days),
    ]
    assert result.raw.n_rows == 40
    assert result.raw.columns["Krea vor 1."].to_pylist()[0] == "1,3"
