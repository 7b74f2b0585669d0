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

TYPES = {"date": "date", "datetime": "timestamp", "id": "bigint", "number": "numeric"}


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
    columns = ["patient_id", "sex", "birth_year", "tumour_type", "centre_id", "grade"]
    assert as_texts(found, columns) == as_texts(original, columns)

    theirs = pd.to_numeric(original["ki67_percent"])
    assert sorted(found["ki67_percent"].dropna()) == sorted(theirs.dropna())


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
        "person", "death", "observation_period", "drug_exposure", "condition_occurrence", "procedure_occurrence",
        "measurement", "episode",
    }  # fmt: skip
    patients = example["patients"]
    n_others = 2 * (patients["ki67_percent"] != "").sum() + (patients["grade"] != "").sum()
    assert files["measurement"].num_rows == len(example["labs"]) + n_others
    assert files["person"].schema.field("person_id").type == pa.int64()
    assert "race_concept_id" not in files["person"].column_names
