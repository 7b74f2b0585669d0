"""Files that others made are adopted without an edit, and hold what their sheets hold."""

import re
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from prrt_outcomes.adopt.grid import clean, read_grids
from prrt_outcomes.adopt.redcap import count_cells, read_dictionary, read_export
from prrt_outcomes.cli.main import main
from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.load import load_study

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "real"


def find_case(place):
    if not (CASES / place).exists():
        pytest.skip(f"{place} is not there: data of others, beside the checkout in shared/cases")
    return CASES / place


def adopt(tmp_path, *arguments):
    folder = tmp_path / "study"
    assert main(["adopt", *map(str, arguments), str(folder), "--confirm"]) == 0
    return read_cohort(load_study(folder), folder)


def test_a_workbook_made_by_hand(tmp_path, capsys):
    path = find_case("excel_hand/data/PRRT_Liste_NEU_2.xlsx")
    result = adopt(tmp_path, path)
    book = openpyxl.load_workbook(path, data_only=True)
    rows = list(book["PRRT Patienten"].iter_rows(min_row=4, max_row=43, values_only=True))
    patients, cycles, labs = (result.tables[name] for name in ("patients", "cycles", "labs"))
    assert len(patients) == 40
    assert patients["age_years"].notna().all()
    assert len(cycles) == sum(row[i] is not None for row in rows for i in (7, 9, 11, 13))
    activities = [
        float(str(row[i]).replace(",", ".")) for row in rows for i in (8, 10, 12, 14) if row[i] is not None
    ]
    assert cycles["activity_gbq"].sum() == pytest.approx(sum(activities))
    written = pd.Series([str(row[16]).upper() for row in rows])
    assert patients["reported_best_response"].value_counts().reindex(["CR", "PR", "SD", "PD"]).tolist() == [
        int((written == code).sum()) for code in ("CR", "PR", "SD", "PD")
    ]
    follow_up = result.tables["follow_up"]
    assert (follow_up["vital_status"] == "dead").sum() == sum(row[19] == "y" for row in rows)
    assert follow_up["progression_date"].notna().sum() == sum(
        row[17] not in (None, "-", "kein PD") for row in rows
    )
    sheet = list(book["Labor"].iter_rows(min_row=3, values_only=True))
    n_cycles = {int(row[0]): sum(row[i] is not None for i in (7, 9, 11, 13)) for row in rows}
    dated = sum(
        3 * (n_cycles[row[0]] + 1) for row in sheet
    )  # before each cycle that was given, and three months later
    assert len(labs) == dated
    left = result.attrition.query("table == 'labs'").set_index("step")["n_lost"]
    assert left["cohort: not_empty"] == 3 * 4 * len(sheet) - 3 * sum(n_cycles.values())


def test_a_raw_export_of_redcap_and_one_with_labels_are_the_same(tmp_path, write_dictionary):
    raw = find_case("redcap/data/PRRTRegistry_DATA_2024-02-01_1015.csv")
    labels = find_case("redcap/data/PRRTRegistry_DATA_LABELS_2024-02-01_1016.csv")
    first = adopt(tmp_path / "raw", "--redcap", write_dictionary, raw)
    second = adopt(tmp_path / "labels", "--redcap", write_dictionary, labels)
    lines = pd.read_csv(raw, dtype=str).fillna("")
    assert len(first.tables["cycles"]) == (lines["redcap_repeat_instrument"] == "prrt_cycle").sum()
    assert len(first.tables["labs"]) == (lines[["lab_creat", "lab_plt", "lab_hb"]] != "").to_numpy().sum()
    assert first.tables["patients"]["tumour_type"].notna().all()
    assert first.tables["cycles"]["activity_gbq"].sum() == pytest.approx(
        pd.to_numeric(lines["cyc_act"]).sum() / 1000
    )
    for name in ("cycles", "labs", "follow_up", "assessments"):
        pd.testing.assert_frame_equal(first.tables[name], second.tables[name])
    columns = [column for column in first.tables["patients"] if column != "centre_id"]
    pd.testing.assert_frame_equal(first.tables["patients"][columns], second.tables["patients"][columns])


def test_a_table_of_outcomes(tmp_path):
    path = find_case("lung/data/lung.csv")
    result = adopt(
        tmp_path, "--outcomes", path, "--time", "time", "--unit", "days", "--event", "status", "--dead", "2"
    )
    outcomes = result.tables["reported_outcomes"]
    assert (len(outcomes), int((outcomes["event"].astype(int) == 1).sum())) == (228, 165)


def test_a_folder_of_cbioportal(tmp_path):
    result = adopt(tmp_path, "--cbioportal", find_case("cbio_panet/data"))
    assert len(result.tables["patients"]) == 3
    assert result.tables["reported_outcomes"]["event"].astype(int).tolist() == [1, 0, 1]


def test_persons_of_the_omop_model_become_patients_with_their_follow_up(tmp_path, capsys):
    folder = find_case("omop_synthea/data")
    result = adopt(tmp_path, "--omop", folder)
    assert [p for p in result.problems if p.severity == "error"] == []
    person, death, period, measurement = (
        pd.read_parquet(folder / f"{name}.parquet")
        for name in ("person", "death", "observation_period", "measurement")
    )
    patients, follow_up, labs = (result.tables[name] for name in ("patients", "follow_up", "labs"))
    assert patients["birth_year"].tolist() == person["year_of_birth"].tolist()
    assert (patients["sex"] == "male").sum() == (person["gender_concept_id"] == 8507).sum()
    dead = follow_up[follow_up["vital_status"] == "dead"]
    assert dict(zip(dead["patient_id"].astype(int), dead["death_date"], strict=True)) == dict(
        zip(death["person_id"], death["death_date"].astype(str), strict=True)
    )
    ends = period.set_index("person_id")["observation_period_end_date"].astype(str)
    alive = follow_up[follow_up["vital_status"] == "alive"]
    assert alive["last_contact_date"].tolist() == ends[alive["patient_id"].astype(int)].tolist()
    codes = ["2160-0", "718-7", "777-3", "6690-2", "1742-6", "1920-8", "1975-2"]
    assert len(labs) == measurement["measurement_source_value"].isin(codes).sum()
    assert "no drug exposure was recognised as PRRT; all 28 persons are patients" in capsys.readouterr().out


R_FILES = {
    "db_data_classic": 207, "db_data_classic_norepeat": 103, "db_data_long": 106, "db_data_long_noarms": 89,
    "db_data_long_norepeat": 43, "db_metadata_classic": 349, "db_metadata_classic_norepeat": 282,
    "db_metadata_long": 35, "db_metadata_long_noarms": 35, "db_metadata_long_norepeat": 25,
    "db_metadata_mixed_structure": 13, "db_mixed_structure": 34, "db_mixed_structure_linked_arms": 24,
    "linked_arms_long": 36, "linked_arms_long_noarms": 20, "linked_arms_long_norepeat": 20,
    "redcaptidier_longitudinal_db": 44,
}  # fmt: skip
SYSTEM = ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")


@pytest.mark.parametrize("name", R_FILES)
def test_files_of_r_hold_the_cells_that_r_counts(name):
    path = find_case(f"redcap_tidier/{name}.RDS")
    grid = read_grids(path)[0]
    assert sum(bool(clean(cell)) for row in grid.rows[1:] for cell in row) == R_FILES[name]


@pytest.mark.parametrize("name", [name for name in R_FILES if re.match("db_data|db_mixed_structure$", name)])
def test_each_filled_cell_of_an_export_is_of_one_instrument(name):
    grid = read_grids(find_case(f"redcap_tidier/{name}.RDS"))[0]
    dictionary = name.replace("db_data", "db_metadata").replace("db_mixed", "db_metadata_mixed")
    header = [clean(cell) for cell in grid.rows[0]]
    fields = read_dictionary(find_case(f"redcap_tidier/{dictionary}.RDS"), header)
    export = read_export(grid, fields)
    counts = [int(re.search(r": (\d+) filled", note)[1]) for note in count_cells(export, fields, [])]
    system = [header.index(column) for column in SYSTEM if column in header]
    assert sum(counts) == R_FILES[name] - sum(bool(clean(row[i])) for row in grid.rows[1:] for i in system)
