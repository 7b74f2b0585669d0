"""The example, written as OMOP CDM 5.4 to files and databases, comes back with its counts and dates."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prrt_outcomes.adopt.omop import plan_omop
from prrt_outcomes.adopt.write import write_study
from prrt_outcomes.cli.main import main
from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.load import load_study

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
TYPES = {"date": "date", "datetime": "timestamp", "id": "bigint", "number": "numeric"}


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
    is_drug = tables["therapies"]["drug"].isin([*DRUGS, REGIMEN])
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
    tables["measurement"] = export_labs(example["labs"], words, others[0])
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
    therapies = therapies[therapies["drug"] != REGIMEN]
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
    return number(table, "measurement")


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


def type_of(column):
    is_number = column in ("quantity", "value_as_number", "range_low", "range_high", "year_of_birth")
    last = "number" if is_number else "" if column == "vocabulary_id" else column.rsplit("_", 1)[-1]
    return TYPES.get(last, "varchar")


def fill_database(execute, tables):
    """Create the tables in a database by its own means."""
    for name, table in tables.items():
        columns = ", ".join(f"{column} {type_of(column)}" for column in table)
        execute(f"create table {name} ({columns})")
        for start in range(0, len(table), 500):
            rows = table.iloc[start : start + 500].itertuples(index=False, name=None)
            values = ", ".join(
                "(" + ", ".join("null" if cell == "" else "'" + str(cell) + "'" for cell in row) + ")"
                for row in rows
            )
            execute(f"insert into {name} values {values}")


@pytest.fixture(scope="module")
def example():
    return read_example()


@pytest.fixture(scope="module")
def omop(example):
    return export_omop(example)


@pytest.fixture
def as_csv(tmp_path, omop):
    folder = tmp_path / "cdm"
    folder.mkdir()
    for name, table in omop.items():
        sep = "\t" if name.startswith("concept") else ","
        table.rename(columns=str.upper).to_csv(folder / f"{name.upper()}.csv", index=False, sep=sep)
    return folder


@pytest.fixture
def as_parquet(tmp_path, omop):
    duckdb = pytest.importorskip("duckdb")
    folder = tmp_path / "cdm"
    folder.mkdir()
    connection = duckdb.connect()
    fill_database(connection.execute, omop)
    for name in omop:
        connection.execute(f"copy {name} to '{folder / name}.parquet' (format parquet)")
    return folder


@pytest.fixture
def as_duckdb(tmp_path, omop):
    duckdb = pytest.importorskip("duckdb")
    path = tmp_path / "cdm.duckdb"
    connection = duckdb.connect(str(path))
    fill_database(connection.execute, omop)
    connection.close()
    return path


def find_postgres(program):
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return shutil.which(program) or (str(newest[-1]) if newest else None)


@pytest.fixture
def as_postgres(omop):
    """A server of PostgreSQL of its own, which listens on a socket alone."""
    psycopg = pytest.importorskip("psycopg")
    initdb, pg_ctl = find_postgres("initdb"), find_postgres("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("no server of PostgreSQL is installed (initdb, pg_ctl)")
    home = Path(tempfile.mkdtemp(prefix="pg"))
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    if user:
        shutil.chown(home, "postgres")
    options = f"-c listen_addresses= -c fsync=off -k {home}"
    subprocess.run(
        [*user, initdb, "-D", home / "data", "-A", "trust", "-U", "omop"], check=True, capture_output=True
    )
    start = [*user, pg_ctl, "-D", home / "data", "-w", "-o", options, "-l", home / "log", "start"]
    subprocess.run(start, check=True, capture_output=True)
    try:
        with psycopg.connect(f"host={home} user=omop dbname=postgres", autocommit=True) as connection:
            connection.execute("create schema cdm")
            connection.execute("set search_path to cdm")
            fill_database(connection.execute, omop)
        yield f"postgresql:///postgres?host={home}&user=omop"
    finally:
        subprocess.run([*user, pg_ctl, "-D", home / "data", "-m", "immediate", "stop"], capture_output=True)
        shutil.rmtree(home)


def adopt(source, folder):
    study_file = write_study(plan_omop([source], None), folder, confirm=True)
    result = read_cohort(load_study(study_file), study_file.parent)
    assert [p for p in result.problems if p.severity != "note"] == []
    return result


@pytest.mark.parametrize("kind", ["csv", "parquet", "duckdb", "postgres"])
def test_the_example_comes_back(kind, request, tmp_path, example):
    source = request.getfixturevalue(f"as_{kind}")
    result = adopt(source, tmp_path / "study")
    tables = {name: table for name, table in result.tables.items() if len(table)}
    assert set(tables) == {"patients", "cycles", "therapies", "labs", "follow_up"}
    check_patients(tables["patients"], example["patients"])
    check_cycles(tables["cycles"], example["cycles"])
    check_labs(tables["labs"], example["labs"])
    check_therapies(tables["therapies"], example["therapies"])
    check_follow_up(tables["follow_up"], example["follow_up"])


def as_texts(table, columns):
    """Rows as texts in one order."""
    parts = [table[name].astype("string").fillna("").str.strip() for name in columns]
    return sorted(zip(*parts, strict=True))


def check_patients(found, original):
    assert len(found) == len(original)
    original = original.rename(columns={"patient_id": "pseudonym", "person_id": "patient_id"})
    original = original.assign(centre_id=original["centre_id"].str[1:])
    columns = ["patient_id", "sex", "birth_year", "tumour_type", "centre_id"]
    assert as_texts(found, columns) == as_texts(original, columns)


def check_cycles(found, original):
    original = original.rename(columns={"patient_id": "pseudonym", "person_id": "patient_id"})
    columns = ["patient_id", "cycle_date", "radiopharmaceutical"]
    assert as_texts(found, columns) == as_texts(original, columns)
    theirs = pd.to_numeric(original["activity_gbq"])
    assert found["activity_gbq"].notna().sum() == theirs.notna().sum()
    assert found["activity_gbq"].sum() == pytest.approx(theirs.sum())


def check_labs(found, original):
    assert len(found) == len(original)
    assert found["analyte"].value_counts().sort_index().to_dict() == (
        original["analyte"].astype(found["analyte"].dtype).value_counts().sort_index().to_dict()
    )
    assert found["unit"].value_counts().to_dict() == original["unit"].value_counts().to_dict()
    assert found["value"].sum() == pytest.approx(pd.to_numeric(original["value"]).sum())
    original = original.rename(columns={"patient_id": "pseudonym", "person_id": "patient_id"})
    columns = ["patient_id", "sample_date", "analyte"]
    assert as_texts(found, columns) == as_texts(original, columns)


def check_therapies(found, original):
    original = original.rename(columns={"patient_id": "pseudonym", "person_id": "patient_id"})
    columns = ["patient_id", "start_date", "kind"]
    assert as_texts(found, columns) == as_texts(original, columns)


def check_follow_up(found, original):
    assert len(found) == len(original)
    original = original.rename(columns={"patient_id": "pseudonym", "person_id": "patient_id"})
    columns = ["patient_id", "last_contact_date", "vital_status", "death_date", "progression_date"]
    original = original.assign(vital_status=original["vital_status"].replace("lost", "alive"))
    assert as_texts(found, columns) == as_texts(original, columns)


def test_a_database_is_read_and_the_extract_holds_what_is_needed(as_duckdb, tmp_path, example):
    before = as_duckdb.read_bytes()
    assert main(["adopt", "--omop", f"duckdb:///{as_duckdb}", str(tmp_path / "study"), "--confirm"]) == 0
    assert as_duckdb.read_bytes() == before
    files = {path.stem: pq.read_table(path) for path in (tmp_path / "study" / "data").iterdir()}
    assert set(files) == {
        "person", "death", "observation_period", "drug_exposure", "condition_occurrence", "measurement", "episode",
    }  # fmt: skip
    assert files["measurement"].num_rows == len(example["labs"])
    assert files["person"].schema.field("person_id").type == pa.int64()
    assert "race_concept_id" not in files["person"].column_names
