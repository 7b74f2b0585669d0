"""Small files as people write them."""

import datetime as dt
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from prrt_outcomes.adopt.write import write_study
from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.load import load_study


@pytest.fixture
def write_workbook(tmp_path):
    """Write sheets, each a list of rows, with merged cells by sheet; return the path."""

    def write(sheets, merged=None, name="liste.xlsx"):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
            for place in (merged or {}).get(title, ()):
                sheet.merge_cells(place)
        path = tmp_path / name
        book.save(path)
        return path

    return write


@pytest.fixture
def write_text(tmp_path):
    """Write a text file and return its path."""

    def write(text, name="data.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        return path

    return write


DAY = dt.datetime(2019, 3, 28)


@pytest.fixture
def read_plan(tmp_path):
    """Write a plan as a study whose doubts are confirmed, read it, and return tables and problems of the cohort."""

    def read(plan):
        study_file = write_study(plan, tmp_path / "study", True)
        cohort = read_cohort(load_study(study_file), study_file.parent)
        return cohort.tables, list(cohort.problems)

    return read


@pytest.fixture(scope="session")
def example():
    """Tables of the example that OMOP has, with persons numbered."""
    return read_example()


@pytest.fixture(scope="session")
def omop(example):
    """The example as tables of OMOP CDM 5.4, all cells as text."""
    return export_omop(example)


EXAMPLE = Path(__file__).resolve().parents[3] / "studies" / "example" / "data"
N_PATIENTS = 60
LOCAL = 2_000_000_000  # identifiers from here on are those of sites, as the conventions of OMOP have it
SEXES = {"male": 8507, "female": 8532}
AGENTS = {
    "177Lu-DOTATATE": "lutetium (177Lu) oxodotreotide",
    "177Lu-DOTATOC": "lutetium (177Lu) edotreotide",
    "90Y-DOTATOC": "yttrium (90Y) edotreotide",
    "90Y-DOTATATE": "yttrium (90Y) dotatate",
}
DRUGS = {
    "octreotide LAR": "octreotide 20 MG extended release suspension",
    "octreotide sc": "octreotide 0.1 MG/ML injectable solution",
    "everolimus": "everolimus 10 MG Oral Tablet",
    "interferon alfa": "interferon alfa-2b",
}
PROCEDURES = {
    "resection": ("SNOMED", "370612006", "Excision of neoplasm"),
    "transarterial embolisation": ("CPT4", "37243", "Vascular embolization or occlusion, for tumors"),
    "external beam": ("SNOMED", "33195004", "External beam radiation therapy procedure"),
}
REGIMEN, REGIMEN_NAME = "capecitabine and temozolomide", "Capecitabine and Temozolomide (CapTem)"
TOPOGRAPHY = {
    "gep_pancreas": "8240/3-C25.9",
    "gep_small_intestine": "8240/3-C17.2",
    "gep_large_intestine": "8240/3-C20.9",
    "gep_stomach_duodenum": "8249/3-C16.9",
    "gep_other": "8240/3-C26.9",
    "gep_unknown_primary": "8240/3-C80.9",
    "lung": "8240/3-C34.9",
    "paraganglioma": "8680/1-C75.5",
    "phaeochromocytoma": "8700/3-C74.9",
    "other": "8345/3-C73.9",
}
LOINC = {
    "creatinine": "2160-0", "haemoglobin": "718-7", "platelets": "777-3", "leukocytes": "6690-2",
    "neutrophils": "751-8", "lymphocytes": "731-0", "alt": "1742-6", "ast": "1920-8", "bilirubin": "1975-2",
    "chromogranin_a": "9811-1", "egfr": "98979-8",
}  # fmt: skip
UCUM = {"10^3/uL": "10*3/uL", "10^9/L": "10*9/L"}
PROGRESSION, TREATMENT = "Disease Progression", "Treatment Regimen"


class Vocabulary:
    """Concepts of the export, numbered as those of a site."""

    def __init__(self):
        self.rows = {}

    def add(self, vocabulary, code, name=None):
        number = LOCAL + len(self.rows)
        return self.rows.setdefault((vocabulary, code), (number, name or code))[0]

    def frame(self):
        return pd.DataFrame(
            [(number, name, vocabulary, code) for (vocabulary, code), (number, name) in self.rows.items()],
            columns=["concept_id", "concept_name", "vocabulary_id", "concept_code"],
        )


def read_example():
    tables = {
        name: pd.read_csv(EXAMPLE / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("patients", "cycles", "therapies", "labs", "follow_up")
    }
    ids = tables["patients"]["patient_id"].head(N_PATIENTS)
    tables = {name: table[table["patient_id"].isin(ids)] for name, table in tables.items()}
    numbers = {text: str(i) for i, text in enumerate(ids, start=1)}
    tables = {
        name: table.assign(person_id=table["patient_id"].map(numbers)) for name, table in tables.items()
    }
    whole = tables["therapies"]["start_date"].str.len() == 10
    is_drug = tables["therapies"]["drug"].isin([*DRUGS, *PROCEDURES, REGIMEN])
    tables["therapies"] = tables["therapies"][whole & is_drug]
    follow_up = tables["follow_up"]
    for name in ("death_date", "progression_date"):
        follow_up[name] = follow_up[name].where(follow_up[name].str.len() == 10, "")
    return tables


def export_omop(example):
    """Tables of the model, all cells as text, with two persons more who have no cycle."""
    words = Vocabulary()
    patients, follow_up = example["patients"], example["follow_up"]
    others = [str(N_PATIENTS + 1), str(N_PATIENTS + 2)]
    person = pd.DataFrame(
        {
            "person_id": [*patients["person_id"], *others],
            "gender_concept_id": [*patients["sex"].map(SEXES).astype("Int64").astype(str), "8507", "0"],
            "year_of_birth": [*patients["birth_year"], "1950", "1960"],
            "month_of_birth": "",
            "day_of_birth": "",
            "care_site_id": [*patients["centre_id"].str[1:], "1", "1"],
        }
    )
    dead = follow_up[follow_up["death_date"] != ""]
    death = pd.DataFrame(
        {"person_id": dead["person_id"], "death_date": dead["death_date"], "death_type_concept_id": "32817"}
    )
    end = follow_up["last_contact_date"].str.pad(7, "right").where(follow_up["last_contact_date"] != "")
    ends = [*end, "2019-01-01", "2019-02-01"]
    period = pd.DataFrame(
        {
            "person_id": [*person["person_id"], "1", "2"],
            "observation_period_start_date": "1995-01-01",
            "observation_period_end_date": [*ends, "1996-01-01", "1997-01-01"],
        }
    )
    tables = {"person": person, "death": death, "observation_period": number(period, "observation_period")}
    tables["drug_exposure"] = export_drugs(example, words, others[0])
    tables["condition_occurrence"] = export_conditions(patients, words)
    tables["procedure_occurrence"] = export_procedures(example["therapies"], words)
    tables["measurement"] = number(
        pd.concat([export_labs(example["labs"], words, others[0]), export_pathology(patients, words)]).fillna(
            ""
        ),
        "measurement",
    )
    tables["episode"] = export_episodes(example, words)
    atc = words.add("ATC", "V10XX04", "lutetium (177Lu) oxodotreotide")
    agent = words.add("RxNorm", AGENTS["177Lu-DOTATATE"])
    tables["concept_ancestor"] = pd.DataFrame(
        {"ancestor_concept_id": [str(atc)], "descendant_concept_id": [str(agent)]}
    )
    tables["concept"] = words.frame().astype(str)
    return tables


def number(table, name):
    return table.assign(**{f"{name}_id": [str(i) for i in range(1, len(table) + 1)]})


def export_drugs(example, words, stranger):
    cycles, therapies = example["cycles"], example["therapies"]
    therapies = therapies[therapies["drug"].isin(list(DRUGS))]
    n_others = len(therapies) + 1
    is_lutetium = cycles["radiopharmaceutical"].str.startswith("177Lu")
    activity = pd.to_numeric(cycles["activity_gbq"])
    doses = activity.where(~is_lutetium, activity * 1000).round(3).astype("string").fillna("")
    units = is_lutetium.map({True: "MBq", False: "GBq"})
    names = [*cycles["radiopharmaceutical"].map(AGENTS), *therapies["drug"].map(DRUGS), "paracetamol"]
    dates = [*cycles["cycle_date"], *therapies["start_date"], "2010-01-01"]
    table = pd.DataFrame(
        {
            "person_id": [*cycles["person_id"], *therapies["person_id"], stranger],
            "drug_concept_id": [str(words.add("RxNorm", name)) for name in names],
            "drug_exposure_start_date": dates,
            "drug_exposure_end_date": dates,
            "quantity": [*doses, *[""] * n_others],
            "dose_unit_source_value": [*units, *[""] * n_others],
            "drug_source_value": "",
        }
    )
    return number(table, "drug_exposure")


def export_conditions(patients, words):
    known = patients[patients["tumour_type"] != ""]
    whole = known["diagnosis_date"].where(known["diagnosis_date"].str.len() == 10, "2000-01-01")
    table = pd.DataFrame(
        {
            "person_id": [*known["person_id"], known["person_id"].iloc[0]],
            "condition_concept_id": [
                *[str(words.add("ICDO3", TOPOGRAPHY[code])) for code in known["tumour_type"]],
                str(words.add("ICDO3", TOPOGRAPHY[known["tumour_type"].iloc[0]])),
            ],
            "condition_start_date": [*whole, "2020-12-01"],
        }
    )
    return number(table, "condition_occurrence")


def export_procedures(therapies, words):
    chosen = therapies[therapies["drug"].isin(list(PROCEDURES))]
    table = pd.DataFrame(
        {
            "person_id": chosen["person_id"],
            "procedure_concept_id": [str(words.add(*PROCEDURES[drug])) for drug in chosen["drug"]],
            "procedure_date": chosen["start_date"],
            "procedure_end_date": chosen["end_date"].where(chosen["end_date"].str.len() == 10, ""),
        }
    )
    return number(table, "procedure_occurrence")


def export_pathology(patients, words):
    """Ki-67 as a number, once more at a later date, and grade as the digit of ICD-O-3."""
    ki67 = patients[patients["ki67_percent"] != ""]
    grade = patients[patients["grade"] != ""]
    ids = [str(words.add("LOINC", code)) for code in ("29593-1", "33732-9")]
    digits = grade["grade"].map({"G1": "1", "G2": "2", "G3": "3", "unknown": "9"})
    n = len(ki67)
    return pd.DataFrame(
        {
            "person_id": [*ki67["person_id"], *ki67["person_id"], *grade["person_id"]],
            "measurement_concept_id": [ids[0]] * 2 * n + [ids[1]] * len(grade),
            "measurement_date": ["2001-01-01"] * n + ["2019-01-01"] * n + ["2001-01-01"] * len(grade),
            "value_as_number": [*ki67["ki67_percent"], *["99"] * n, *[""] * len(grade)],
            "value_source_value": [*[""] * 2 * n, *digits],
        }
    )


def export_labs(labs, words, stranger):
    ids = [str(words.add("LOINC", LOINC[analyte])) for analyte in labs["analyte"]]
    units = [str(words.add("UCUM", UCUM.get(unit, unit))) for unit in labs["unit"]]
    table = pd.DataFrame(
        {
            "person_id": [*labs["person_id"], stranger],
            "measurement_concept_id": [*ids, str(words.add("LOINC", "29463-7", "Body weight"))],
            "measurement_date": [*labs["sample_date"], "2010-01-01"],
            "value_as_number": [*labs["value"], "70"],
            "unit_concept_id": [*units, str(words.add("UCUM", "kg"))],
            "range_low": [*labs["lower_limit"], ""],
            "range_high": [*labs["upper_limit"], ""],
        }
    )
    return table


def export_episodes(example, words):
    follow_up = example["follow_up"]
    progressed = follow_up[follow_up["progression_date"] != ""]
    regimens = example["therapies"][example["therapies"]["drug"] == REGIMEN]
    before = progressed["person_id"].iloc[0]
    what = str(words.add("Episode", "progression", PROGRESSION))
    table = pd.DataFrame(
        {
            "person_id": [*progressed["person_id"], before, *regimens["person_id"]],
            "episode_concept_id": [what] * (len(progressed) + 1)
            + [str(words.add("Episode", "regimen", TREATMENT))] * len(regimens),
            "episode_start_date": [*progressed["progression_date"], "1999-01-01", *regimens["start_date"]],
            "episode_end_date": [""] * (len(progressed) + 1) + list(regimens["end_date"]),
            "episode_object_concept_id": ["0"] * (len(progressed) + 1)
            + [str(words.add("HemOnc", "captem", REGIMEN_NAME))] * len(regimens),
        }
    )
    return number(table, "episode")
