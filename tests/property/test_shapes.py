"""The example in another shape reads the same: cycles in columns, measurements in rows, deaths in their own file."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema

EXAMPLE = Path(__file__).resolve().parents[2] / "studies" / "example"
TABLES = ("patients", "cycles", "assessments", "lesions", "follow_up")
WIDE = {"cycle_date": "{n}. PRRT", "activity_gbq": "MBq {n}", "radiopharmaceutical": "Nuclide {n}"}
SCAN = ["patient_id", "assessment_date", "lesion_id", "reader"]


@pytest.fixture
def tables():
    """Tables of the first patients of the example, as text."""
    read = {name: pd.read_csv(EXAMPLE / "data" / f"{name}.csv", dtype=str) for name in TABLES}
    some = read["patients"]["patient_id"].head(60)
    read["cycles"] = read["cycles"][["patient_id", *WIDE]]
    return {name: table[table["patient_id"].isin(some)] for name, table in read.items()}


def widen(cycles):
    """One row a patient, and a column for each cycle and each of its values."""
    ordered = cycles.sort_values(["patient_id", "cycle_date"])
    number = ordered.groupby("patient_id").cumcount() + 1
    activity = (ordered["activity_gbq"].astype(float) * 1000).round(6).astype(str)
    ordered = ordered.assign(n=number, activity_gbq=activity.replace("nan", ""))
    parts = [
        ordered.pivot_table(name, "patient_id", "n", aggfunc="first").rename(
            columns=lambda n, pattern=pattern: pattern.format(n=n)
        )
        for name, pattern in WIDE.items()
    ]
    return pd.concat(parts, axis=1).reset_index()


def read(folder, tables, sources):
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    named = {name: f"{name}.csv" for name in TABLES} | sources
    settings = yaml.safe_load((EXAMPLE / "study.yaml").read_text(encoding="utf-8"))
    study = Study(study="shape", tables=named, extra_columns=settings["extra_columns"])
    result = read_cohort(study, folder)
    assert not [p for p in result.problems if p.severity == "error"]
    return result.tables


def test_the_shape_of_the_files_changes_no_table(tables, tmp_path):
    deaths = tables["follow_up"][["patient_id", "death_date", "death_cause"]]
    measured = [name for name in tables["lesions"] if name not in (*SCAN, "role")]
    other = tables | {
        "cycles": widen(tables["cycles"]),
        "lesions": tables["lesions"].melt([*SCAN, "role"], measured, "code", "value").dropna(subset="value"),
        "follow_up": tables["follow_up"].drop(columns=["death_date", "death_cause"]),
        "deaths": deaths.dropna(subset="death_date").rename(columns={"patient_id": "person"}),
    }
    sources = {
        "cycles": {
            "file": "cycles.csv",
            "unpivot": {"columns": WIDE},
            "units": {"activity_gbq": "MBq"},
        },
        "lesions": {"file": "lesions.csv", "pivot": {"by": "code", "value": "value", "keys": SCAN}},
        "follow_up": {
            "file": "follow_up.csv",
            "join": [
                {
                    "file": "deaths.csv",
                    "on": {"patient_id": "person"},
                    "columns": ["death_date", "death_cause"],
                }
            ],
        },
    }
    plain, shaped = tmp_path / "plain", tmp_path / "shaped"
    plain.mkdir()
    shaped.mkdir()
    expected, found = read(plain, tables, {}), read(shaped, other, sources)
    for name in TABLES:
        key = list(load_schema(name).key)
        first, second = (part[name].sort_values(key).reset_index(drop=True) for part in (expected, found))
        pd.testing.assert_frame_equal(first, second)


def test_a_file_in_two_parts_is_merged_to_the_same_table(tables, tmp_path):
    halves = {
        "first": tables["follow_up"].drop(columns="vital_status").iloc[:-5],
        "second": tables["follow_up"][["patient_id", "vital_status", "last_contact_date"]],
        "third": tables["follow_up"].tail(5),
    }
    sources = {
        "follow_up": [
            "first.csv",
            {"file": "second.csv", "merge": True},
            {"file": "third.csv", "merge": True},
        ]
    }
    plain, parted = tmp_path / "plain", tmp_path / "parted"
    plain.mkdir()
    parted.mkdir()
    expected, found = read(plain, tables, {}), read(parted, tables | halves, sources)
    pd.testing.assert_frame_equal(expected["follow_up"], found["follow_up"])
