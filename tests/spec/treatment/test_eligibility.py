"""Truth table of eligibility at baseline; the first cycle is on 2015-06-01."""

import pandas as pd
import pytest

from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.treatment.eligibility import THRESHOLDS, derive_eligibility

LABS = """
radionuclide | analyte     | date       | value | unit      | item           | state   | why
177Lu        | platelets   | 2015-05-20 | 75    | 10^9/L    | platelets      | met     | the bound itself is met
177Lu        | platelets   | 2015-05-20 | 74.9  | 10^9/L    | platelets      | not met | just below
90Y          | platelets   | 2015-05-20 | 89    | 10^9/L    | platelets      | not met | 90Y asks for more
90Y          | platelets   | 2015-05-20 | 90    | G/L       | platelets      | met     | the same unit by another name
other        | platelets   | 2015-05-20 | 200   | 10^9/L    | platelets      | unknown | no bound for another nuclide
177Lu        | platelets   | 2015-05-20 | 80000 | /µL       | platelets      | met     | converted
177Lu        | platelets   | 2015-05-20 | 80    | furlong   | platelets      | unknown | a unit nobody knows
177Lu        | platelets   | 2015-06-02 | 80    | 10^9/L    | platelets      | unknown | after the first cycle
177Lu        | platelets   | 2015-04-02 | 80    | 10^9/L    | platelets      | met     | 60 days before
177Lu        | platelets   | 2015-04-01 | 80    | 10^9/L    | platelets      | unknown | 61 days before
177Lu        | leukocytes  | 2015-06-01 | 3.0   | 10^9/L    | leukocytes     | met     | on the day itself
177Lu        | leukocytes  | 2015-06-01 | 2.9   | 10^3/µL   | leukocytes     | not met | below
177Lu        | neutrophils | 2015-06-01 | 0.9   | 10^9/L    | neutrophils    | not met | below
177Lu        | egfr        | 2015-06-01 | 50    | mL/min    | renal_function | met     | reported rate
177Lu        | creatinine  | 2015-06-01 | 88.42 | µmol/L    | renal_function | met     | 1 mg/dL at 60, female: 64.5
177Lu        | creatinine  | 2015-06-01 | 1.3   | mg/dL     | renal_function | not met | 46.9
177Lu        | creatinine  | 2015-06-01 | 0     | mg/dL     | renal_function | unknown | no value at all
"""
PATIENTS = """
krenning | ecog | karnofsky | item            | state
2        |      |           | receptor_uptake | met
1        |      |           | receptor_uptake | not met
         |      |           | receptor_uptake | unknown
         | 2    |           | performance     | met
         | 3    |           | performance     | not met
         | 2    | 30        | performance     | met
         |      | 50        | performance     | met
         |      | 40        | performance     | not met
         |      |           | performance     | unknown
"""


def read_cases(text):
    header, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


def judge(patient, labs, nuclide="177Lu"):
    patients = conform_table("patients", pd.DataFrame([{"patient_id": "a"} | patient]))
    first = pd.DataFrame(
        {
            "patient_id": pd.array(["a"], "string"),
            "first_cycle": pd.to_datetime(["2015-06-01"]),
            "radionuclide": pd.Categorical([nuclide], ["177Lu", "90Y", "other"], ordered=True),
        }
    )
    return derive_eligibility(patients, labs, first, 60).set_index("item")


def one_lab(case):
    row = {"patient_id": "a", "sample_date": case["date"], "analyte": case["analyte"], "sequence": 1}
    return conform_table("labs", pd.DataFrame([row | {"value": float(case["value"]), "unit": case["unit"]}]))


@pytest.mark.parametrize("case", read_cases(LABS), ids=lambda case: f"{case['analyte']} {case['why']}")
def test_laboratory(case):
    result = judge({"age_years": 60.0, "sex": "female"}, one_lab(case), case["radionuclide"])
    assert result.loc[case["item"], "eligibility"] == case["state"]


@pytest.mark.parametrize("case", read_cases(PATIENTS), ids=str)
def test_patient(case):
    columns = {"krenning_score": "krenning", "ecog": "ecog", "karnofsky": "karnofsky"}
    patient = {ours: int(case[name]) if case[name] else None for ours, name in columns.items()}
    assert judge(patient, empty_table("labs")).loc[case["item"], "eligibility"] == case["state"]


def test_one_broken_condition_is_enough_and_all_are_needed():
    good = {"krenning_score": 3, "ecog": 0, "age_years": 60.0, "sex": "female"}
    rows = [
        {"patient_id": "a", "sample_date": "2015-06-01", "analyte": analyte, "sequence": 1, "value": value}
        | {"unit": unit}
        for analyte, value, unit in (
            ("platelets", 200.0, "10^9/L"),
            ("leukocytes", 5.0, "10^9/L"),
            ("neutrophils", 3.0, "10^9/L"),
            ("egfr", 80.0, "mL/min"),
        )
    ]
    labs = conform_table("labs", pd.DataFrame(rows))
    assert judge(good, labs).loc["eligible", "eligibility"] == "met"
    assert judge(good | {"ecog": None}, labs).loc["eligible", "eligibility"] == "unknown"
    assert judge({"krenning_score": 1}, empty_table("labs")).loc["eligible", "eligibility"] == "not met"


def test_thresholds_say_where_they_come_from_and_that_nobody_checked_them():
    assert all(threshold.citation for threshold in THRESHOLDS)
