"""An empty study: explained in full, accepted once it is filled, never written over another."""

import csv
import datetime
import re

import openpyxl
import yaml

from prrt_outcomes.cli.main import main
from prrt_outcomes.study.load import load_study
from prrt_outcomes.study.model import INPUT_TABLES, Study
from prrt_outcomes.tables.schema import load_schema


def init(tmp_path, name="my_study"):
    assert main(["init", str(tmp_path / name)]) == 0
    return tmp_path / name


def test_every_table_has_its_header(tmp_path):
    folder = init(tmp_path)
    for table in INPUT_TABLES:
        header = (folder / "data" / f"{table}.csv").read_text()
        assert header == ",".join(load_schema(table).names) + "\n"


def test_the_dictionary_explains_every_column(tmp_path):
    with (init(tmp_path) / "data_dictionary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(r["table"], r["column"]) for r in rows} == {
        (table, column) for table in INPUT_TABLES for column in load_schema(table).names
    }
    assert all(row["description"] and row["title"] and row["type"] for row in rows)
    by_column = {(row["table"], row["column"]): row for row in rows}
    assert by_column["patients", "grade"]["allowed"] == "G1, G2, G3, unknown"
    assert by_column["patients", "patient_id"]["needed"] == "yes"
    assert by_column["cycles", "activity_gbq"]["unit"] == "GBq"


def test_the_name_of_the_folder_becomes_that_of_the_study(tmp_path):
    assert load_study(init(tmp_path, "PRRT Centre-2")).study == "prrt_centre_2"
    assert load_study(init(tmp_path, "2020")).study == "study"


def test_every_setting_is_shown_with_its_default(tmp_path):
    folder = init(tmp_path)
    text = (folder / "study.yaml").read_text()
    for old, new in ((r"^##.*\n", ""), (r"^# ", "")):
        text = re.sub(old, new, text, flags=re.MULTILINE)
    (folder / "study.yaml").write_text(text)
    uncommented = load_study(folder)
    assert set(yaml.safe_load(text)) == set(Study.model_fields)
    assert set(uncommented.tables) == set(INPUT_TABLES)
    (folder / "study.yaml").unlink()
    for path in folder.rglob("*.csv"):
        path.unlink()
    left_at_default = load_study(init(tmp_path))
    assert uncommented.model_dump(exclude={"tables"}) == left_at_default.model_dump(exclude={"tables"})


def test_it_is_accepted_once_it_is_filled(tmp_path, capsys):
    folder = init(tmp_path)
    assert main(["check", str(folder)]) == 1
    assert "the table has no rows" in capsys.readouterr().out
    fill(folder, "patients", patient_id="p1", age_years="60")
    fill(folder, "follow_up", patient_id="p1", last_contact_date="2015-03-01", vital_status="alive")
    assert main(["check", str(folder)]) == 0
    assert "rows: follow_up 1, patients 1" in capsys.readouterr().out


def test_a_workbook_can_stand_in_place_of_its_tables(tmp_path, capsys):
    folder = init(tmp_path)
    sheets = {
        "patients": [["patient_id", "age_years", "sex"], ["p1", 60, "male"], ["p2", 61.5, None]],
        "follow_up": [
            ["patient_id", "last_contact_date", "vital_status"],
            ["p1", datetime.date(2015, 3, 1), "alive"],
            ["p2", datetime.date(2015, 3, 1), "gone"],
        ],
    }
    write_workbook(folder / "data" / "registry.xlsx", sheets)
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    for name in sheets:
        old, new = f"{name}: data/{name}.csv", f"{name}: {{file: data/registry.xlsx, sheet: {name}}}"
        assert old in text
        text = text.replace(old, new)
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    capsys.readouterr()
    assert main(["check", str(folder)]) == 1
    told = capsys.readouterr().out
    assert re.search(r"follow_up +3 +vital_status +gone +not in the list of codes", told)
    assert told.startswith("1 problem:")
    sheets["follow_up"][2][2] = "lost"
    write_workbook(folder / "data" / "registry.xlsx", sheets)
    main(["check", str(folder)])
    assert "follow_up 2, patients 2" in capsys.readouterr().out


def write_workbook(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def fill(folder, table, **cells):
    with (folder / "data" / f"{table}.csv").open("a", newline="") as file:
        csv.writer(file).writerow([cells.get(column, "") for column in load_schema(table).names])


def test_nothing_is_overwritten(tmp_path, capsys):
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "patients.csv").write_text("patient_id\nreal\n")
    assert main(["init", str(folder)]) == 2
    assert "patients.csv" in capsys.readouterr().err
    assert (folder / "data" / "patients.csv").read_text() == "patient_id\nreal\n"
    assert not (folder / "study.yaml").exists()
