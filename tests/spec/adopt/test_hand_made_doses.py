"""Workbooks in Dutch, Spanish and English: doses per kilogram, merged patients, follow-up in a second sheet, marks."""

import datetime as dt

import openpyxl
import pytest

from prrt_outcomes.adopt.sheets import plan_sheets
from prrt_outcomes.adopt.write import write_study
from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.study.load import load_study

DUTCH = [
    (101, "V", dt.datetime(1950, 2, 1), "dunne darm", [("14-01-2015", 62, 118, "7,9"), ("18-03-2015", "61,5", 120, 7)]),
    (102, "M", dt.datetime(1947, 8, 23), "pancreas", [("11-2-2015", 84, 88, 8), (dt.datetime(2015, 4, 15), 83, 89, 8)]),
    (103, "M", dt.datetime(1962, 12, 9), "long", [("25-02-2015", "77,5", "95,5", 9.2)]),
]  # fmt: skip
FOLLOW_UP = [
    (101, dt.datetime(2019, 6, 3), "overleden", dt.datetime(2019, 6, 3), "11-2-2017", "SD"),
    (102, dt.datetime(2021, 10, 12), "levend", None, None, "PR"),
    (103, "5-8-2016", "overleden", "5-8-2016", dt.datetime(2016, 1, 20), "PD"),
]


@pytest.fixture
def adopt(tmp_path):
    def adopt_file(book):
        book.save(tmp_path / "book.xlsx")
        plan = plan_sheets([tmp_path / "book.xlsx"])
        write_study(plan, tmp_path / "adopted", confirm=True)
        study = load_study(tmp_path / "adopted" / "study.yaml")
        return plan, read_cohort(study, tmp_path / "adopted")

    return adopt_file


def write_dutch():
    book = openpyxl.Workbook()
    sheet = book.active
    sheet["A1"] = "Overzicht PRRT kuren met 177Lu-DOTATATE"
    names = ["Patiëntnr", "Geslacht", "Geb.datum", "Lokalisatie primair"]
    names += ["Kuur nr", "Datum kuur", "Gewicht (kg)", "Dosis (MBq/kg)", "Hb (mmol/L)"]
    for place, name in enumerate(names, 1):
        sheet.cell(3, place, name)
    line = 4
    for *patient, cycles in DUTCH:
        for number, cycle in enumerate(cycles, 1):
            for place, cell in enumerate([*(patient if number == 1 else [None] * 4), number, *cycle], 1):
                sheet.cell(line, place, cell)
            line += 1
        for place in range(1, 5):
            sheet.merge_cells(None, line - len(cycles), place, line - 1, place)
    sheet.cell(line + 1, 1, "Gemiddeld")
    sheet.cell(line + 1, 7, 73.6)
    other = book.create_sheet("Follow-up")
    other.append(
        ["Patiëntnr", "Laatste contact", "Status", "Datum overlijden", "Datum progressie", "Beste respons"]
    )
    for row in FOLLOW_UP:
        other.append(row)
    return book


def test_doses_per_kilogram_and_follow_up_in_a_second_sheet(adopt):
    plan, result = adopt(write_dutch())
    assert [p for p in result.problems if p.severity == "error"] == []
    patients, cycles, follow_up, labs = (
        result.tables[name] for name in ("patients", "cycles", "follow_up", "labs")
    )
    assert patients["sex"].tolist() == ["female", "male", "male"]
    assert patients["tumour_type"].tolist() == ["gep_small_intestine", "gep_pancreas", "lung"]
    assert patients["reported_best_response"].tolist() == ["SD", "PR", "PD"]
    gigabecquerel = [62 * 118, 61.5 * 120, 84 * 88, 83 * 89, 77.5 * 95.5]
    assert cycles["activity_gbq"].tolist() == pytest.approx([mbq / 1000 for mbq in gigabecquerel])
    assert cycles["cycle_date"].dt.strftime("%d-%m-%Y").tolist() == [
        "14-01-2015", "18-03-2015", "11-02-2015", "15-04-2015", "25-02-2015"
    ]  # fmt: skip
    assert set(cycles["radiopharmaceutical"]) == {"177Lu-DOTATATE"}
    assert labs["value"].tolist() == [7.9, 7, 8, 8, 9.2]
    assert follow_up["last_contact_date"].tolist() == ["2019-06-03", "2021-10-12", "2016-08-05"]
    assert follow_up["death_date"].fillna("").tolist() == ["2019-06-03", "", "2016-08-05"]
    assert follow_up["progression_date"].fillna("").tolist() == ["2017-02-11", "", "2016-01-20"]
    assert any("above the table names" in doubt for doubt in plan.doubts)
    left = {column.partition("' of ")[0].lstrip("'") for column in plan.unplaced}
    assert left == {"Kuur nr"}


def test_m_is_a_woman_beside_v_in_spanish(adopt):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(
        [
            "Paciente",
            "Sexo",
            "Tumor primario",
            "Fecha ciclo 1",
            "Actividad 1 (GBq)",
            "Última visita",
            "Estado",
        ]
    )
    for row in (
        ["H1", "M", "Páncreas", "03/02/2016", "7,4", "08/11/2022", "Vivo"],
        ["H2", "V", "Pulmón", "31/03/2016", "7,3", "14/02/2018", "Fallecido"],
    ):
        sheet.append(row)
    plan, result = adopt(book)
    assert result.tables["patients"]["sex"].tolist() == ["female", "male"]
    assert "sex in 'Sexo': 'V' = male, 'M' = female" in plan.doubts
    # 31/03/2016 says for all columns of the sheet that the day stands before the month
    assert not any("every one of them" in doubt for doubt in plan.doubts)


def test_marks_between_thousands_months_and_a_nuclide_in_the_headings(adopt):
    book = openpyxl.Workbook()
    sheet = book.active
    names = [
        "MRN",
        "Sex",
        "Date of diagnosis",
        "Primary",
        "Lu-177 #1 date",
        "#1 MBq",
        "Lu-177 #2 date",
        "#2 MBq",
    ]
    sheet.append([*names, "Last known alive", "Deceased?"])
    for row in (
        ["A", "F", "05/2017", "Pancreas", "2/3/2019", "7,400", "4/1/2019", "7,350.5", "12/1/2022", "No"],
        ["B", "M", "2016", "Lung", "3/9/2019", 7395, "5/13/2019", "7,210", "6/30/2021", "No"],
        ["C", "F", "11/2018", "Rectum", "4/15/2019", "7410.5", None, None, "2/14/2020", "No"],
    ):
        sheet.append(row)
    plan, result = adopt(book)
    assert [p for p in result.problems if p.severity == "error"] == []
    assert result.tables["patients"]["diagnosis_date"].tolist() == ["2017-05", "2016", "2018-11"]
    cycles = result.tables["cycles"].sort_values(["patient_id", "cycle_date"])
    assert cycles["activity_gbq"].tolist() == pytest.approx([7.4, 7.3505, 7.395, 7.21, 7.4105])
    assert cycles["cycle_date"].dt.strftime("%d.%m.").tolist() == [
        "03.02.",
        "01.04.",
        "09.03.",
        "13.05.",
        "15.04.",
    ]
    assert plan.unplaced == []
    assert any("'7,400' as 7400 in '#1 MBq'" in doubt for doubt in plan.doubts)
