"""Laboratory values with their dates."""

import datetime as dt

from prrt_outcomes.adopt.sheets import plan_sheets

DAYS = [dt.datetime(2019, month, 1) for month in range(1, 5)]


def list_values(tables):
    labs = tables["labs"].sort_values(["patient_id", "sample_date", "analyte"])
    return list(
        zip(
            labs["patient_id"],
            labs["sample_date"].astype(str).str[:10],
            labs["analyte"],
            labs["value"],
            strict=True,
        )
    )


def test_columns_with_the_number_of_their_date(write_workbook, read_plan):
    header = [
        "ID",
        "Sexe",
        "Age",
        "Date bilan 1",
        "Créat 1 (µmol/L)",
        "Hb 1 (g/dL)",
        "Date bilan 2",
        "Créat 2 (µmol/L)",
    ]
    header += ["Hb 2 (g/dL)", "Dernières nouvelles", "Décès"]
    rows = [
        ["A", "H", 61, DAYS[0], 80, 12.5, DAYS[1], 90, 12.0, DAYS[3], None],
        ["B", "F", 55, DAYS[0], 70, 11.5, None, None, None, DAYS[3], DAYS[3]],
    ]
    tables, problems = read_plan(plan_sheets([write_workbook({"A": [header, *rows]})]))
    assert not [p for p in problems if p.severity == "error"]
    assert list_values(tables) == [
        ("A", "2019-01-01", "creatinine", 80),
        ("A", "2019-01-01", "haemoglobin", 12.5),
        ("A", "2019-02-01", "creatinine", 90),
        ("A", "2019-02-01", "haemoglobin", 12.0),
        ("B", "2019-01-01", "creatinine", 70),
        ("B", "2019-01-01", "haemoglobin", 11.5),
    ]
    assert sorted(tables["follow_up"]["vital_status"]) == ["alive", "dead"]


def test_columns_in_the_rows_of_the_cycles_have_their_day(write_workbook, read_plan):
    header = ["ID", "Sexo", "Edad", "Ciclo", "Fecha ciclo", "Hb (g/dl)", "Última visita", "Estado"]
    rows = [
        ["A", "H", 61, 1, DAYS[0], 12.5, DAYS[3], "vivo"],
        ["A", "H", 61, 2, DAYS[1], 12.1, DAYS[3], "vivo"],
        ["B", "M", 55, 1, DAYS[0], 11.5, DAYS[3], "vivo"],
    ]
    plan = plan_sheets([write_workbook({"A": [header, *rows]})])
    tables, problems = read_plan(plan)
    assert not [p for p in problems if p.severity == "error"]
    assert list_values(tables) == [
        ("A", "2019-01-01", "haemoglobin", 12.5),
        ("A", "2019-02-01", "haemoglobin", 12.1),
        ("B", "2019-01-01", "haemoglobin", 11.5),
    ]
    assert any("'Hb (g/dl)' have no date of their own" in doubt for doubt in plan.doubts)


def test_one_value_a_row_with_and_without_units(write_workbook, read_plan):
    patients = [["ID", "Sex", "Age", "Last seen", "Status"], ["A", "m", 61, DAYS[3], "alive"]]
    values = [
        ["A", DAYS[0], "Hgb", 12.5, "g/dL"],
        ["A", DAYS[0], "Creatinine", 80, "umol/L"],
        ["A", DAYS[0], "TSH", 1, "mU/L"],
    ]
    for n_columns in (5, 4):
        labs = [
            ["ID", "Lab date", "Test", "Result", "Units"][:n_columns],
            *(row[:n_columns] for row in values),
        ]
        plan = plan_sheets([write_workbook({"A": patients, "B": labs}, name=f"labs_{n_columns}.xlsx")])
        assert "laboratory values that are not read, by 'Test': 'TSH' (1)" in plan.doubts
        assert any("('Hgb') is read as g/dL" in doubt for doubt in plan.doubts) == (n_columns == 4)
        (source,) = plan.tables["labs"]
        assert source.settings["filter"] == {"Test": ["Hgb", "Creatinine"]}
    tables, problems = read_plan(plan)
    assert not [p for p in problems if p.severity == "error"]
    assert list_values(tables) == [
        ("A", "2019-01-01", "creatinine", 80),
        ("A", "2019-01-01", "haemoglobin", 12.5),
    ]
    assert set(tables["labs"]["unit"]) == {"umol/L", "g/dL"}


def test_each_column_has_its_own_unit(write_workbook):
    header = [
        "ID",
        "Sex",
        "Age",
        "Last seen",
        "Status",
        "Cycle 1",
        "Cycle 2",
        "Krea C1 (mg/dl)",
        "Krea C2 (µmol/l)",
        "Plt C1 (G/l)",
    ]
    rows = [["A", "m", 61, DAYS[3], "alive", DAYS[0], DAYS[1], 0.9, 80, 210]]
    plan = plan_sheets([write_workbook({"A": [header, *rows]})])
    units = {
        name: unit
        for source in plan.tables["labs"]
        for name, unit in source.settings["values"]["unit"].items()
    }
    assert units == {"Krea C1 (mg/dl)": "mg/dL", "Krea C2 (µmol/l)": "umol/L", "Plt C1 (G/l)": "10^9/L"}
