"""Workbooks as hospitals keep them, in three languages: what is read equals what was written, value by value."""

import datetime as dt
import random

import openpyxl
import pandas as pd
import pytest

from prrt_outcomes.adopt.sheets import plan_sheets
from prrt_outcomes.adopt.write import write_study
from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.laboratory import convert_units_to_si
from prrt_outcomes.study.load import load_study

TYPES = ["gep_pancreas", "gep_small_intestine", "lung", "gep_unknown_primary", "other"]
SPANISH = ["Páncreas", "Íleon", "Pulmón", "Primario desconocido", "Timo"]
FRENCH = ["Pancréas", "Grêle", "Bronche", "Primitif inconnu", "Thymus"]
GERMAN = ["Pankreas", "terminales Ileum", "Lunge", "CUP", "Thymus"]
N_PATIENTS = 25


def draw_patients(seed):
    draw, patients = random.Random(seed), []
    for i in range(N_PATIENTS):
        start = dt.date(2012 + i % 4, 1, 10) + dt.timedelta(days=draw.randint(0, 300))
        cycles = [start + dt.timedelta(days=60 * k + draw.randint(0, 9)) for k in range(draw.randint(1, 4))]
        end = cycles[-1] + dt.timedelta(days=draw.randint(400, 1500))
        patients.append(
            {
                "id": f"P{i + 1:03d}",
                "sex": draw.choice(["male", "female"]),
                "birth": start - dt.timedelta(days=draw.randint(14_000, 29_000)),
                "type": draw.randrange(5),
                "ecog": draw.choice([0, 1, 2]),
                "liver": draw.random() < 0.6,
                "cycles": [(day, draw.choice([150, 195, 205])) for day in cycles],
                "scans": [
                    (cycles[-1] + dt.timedelta(days=80 * s), draw.choice(["PR", "SD"]))
                    for s in range(1, draw.randint(2, 4))
                ],
                "labs": [
                    (day - dt.timedelta(days=2), draw.randint(60, 150), draw.randint(90, 150) / 10)
                    for day in cycles
                ],
                "progression": end - dt.timedelta(days=60) if draw.random() < 0.5 else None,
                "end": end,
                "is_dead": draw.random() < 0.4,
            }
        )
    return sorted(patients, key=lambda patient: patient["cycles"][0])


def pad(pairs, n):
    flat = [cell for pair in pairs for cell in pair]
    return flat + [None] * (2 * n - len(flat))


def write_spanish(patients, path):
    """Titles, cycles in columns by mCi, blank rows between years, dates typed and written."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Registro de pacientes, Medicina Nuclear"])
    sheet.append(["Actualizado: 15/03/2021"])
    sheet.append([])
    cycles = [f"C{k} {what}" for k in range(1, 5) for what in ("fecha", "actividad (mCi)")]
    sheet.append(["Nº Historia", "Sexo", "Fecha nacimiento", "Tumor primario", *cycles])
    for i, name in enumerate(["Fecha progresión", "Última revisión", "Exitus", "Fecha exitus"]):
        sheet.cell(4, 13 + i, name)
    year = None
    for one in patients:
        if year not in (None, one["cycles"][0][0].year):
            sheet.append([])
        year = one["cycles"][0][0].year
        end = one["end"].strftime("%d/%m/%Y")
        row = [one["id"], "H" if one["sex"] == "male" else "M", one["birth"], SPANISH[one["type"]]]
        row += [*pad(one["cycles"], 4), one["progression"], end]
        sheet.append([*row, "sí" if one["is_dead"] else "no", one["end"] if one["is_dead"] else None])
    book.save(path)


def write_french(patients, path):
    """Patients, cycles and laboratory values in sheets of their own."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(
        ["N° patient", "Sexe", "Date de naissance", "Localisation primitive", "OMS", "Date de progression"]
    )
    for i, name in enumerate(["Date des dernières nouvelles", "Statut vital", "Date de décès"]):
        sheet.cell(1, 7 + i, name)
    cycles, labs = book.create_sheet("Cures"), book.create_sheet("Bilans")
    cycles.append(["N° patient", "N° cure", "Date", "Radiopharmaceutique", "Activité (mCi)"])
    labs.append(["N° patient", "Date", "Créat µmol/l", "Hb g/dl"])
    for one in patients:
        dead = one["is_dead"]
        row = [
            one["id"],
            "H" if one["sex"] == "male" else "F",
            one["birth"],
            FRENCH[one["type"]],
            one["ecog"],
        ]
        sheet.append(
            [*row, one["progression"], one["end"], "DCD" if dead else "Vivant", one["end"] if dead else None]
        )
        for k, (day, mci) in enumerate(one["cycles"], 1):
            cycles.append([one["id"], k, day, "Lutathera", mci])
        for values in one["labs"]:
            labs.append([one["id"], *values])
    book.save(path)


def write_german(patients, path):
    """Scans in columns, yes and no, serial numbers as text among the dates of the last contact."""
    book = openpyxl.Workbook()
    sheet = book.active
    header = ["Pat.-Nr.", "Geschlecht", "Geb.datum", "Primarius", "Lebermetastasen"]
    header += [f"{k}. {what}" for k in range(1, 5) for what in ("Zyklus", "Zyklus (mCi)")]
    header += [name for k in range(1, 4) for name in (f"{k}. Staging", f"Ergebnis {k}")]
    sheet.append([*header, "Progressdatum", "Letzter Kontakt", "Verstorben", "Todesdatum"])
    for i, one in enumerate(patients):
        serial = str((one["end"] - dt.date(1899, 12, 30)).days)
        contact = [serial, one["end"].strftime("%d.%m.%Y"), one["end"].strftime("%d.%m.%y"), one["end"]][
            i % 4
        ]
        yes = {True: "ja", False: "nein"}
        words = [(day, {"PR": "partielle Remission", "SD": "stabil"}[found]) for day, found in one["scans"]]
        row = [one["id"], "m" if one["sex"] == "male" else "w", one["birth"], GERMAN[one["type"]]]
        row += [yes[one["liver"]], *pad(one["cycles"], 4), *pad(words, 3), one["progression"], contact]
        sheet.append([*row, yes[one["is_dead"]], one["end"] if one["is_dead"] else None])
    book.save(path)


@pytest.fixture(params=[write_spanish, write_french, write_german], ids=["spanish", "french", "german"])
def adopted(request, tmp_path):
    """Name of the writer, patients that were written, and tables that were read."""
    patients = draw_patients(20151122)
    path = tmp_path / "lista.xlsx"
    request.param(patients, path)
    study_file = write_study(plan_sheets([path]), tmp_path / "study", True)
    cohort = read_cohort(load_study(study_file), study_file.parent)
    assert [p for p in cohort.problems if p.severity == "error"] == []
    return request.param.__name__.removeprefix("write_"), patients, cohort.tables


def day_of(value):
    return None if pd.isna(value) else pd.Timestamp(str(value)).date()


def test_patients(adopted):
    language, patients, tables = adopted
    read = tables["patients"].set_index("patient_id")
    assert len(read) == N_PATIENTS
    for one in patients:
        row = read.loc[one["id"]]
        assert (row["sex"], row["tumour_type"]) == (one["sex"], TYPES[one["type"]])
        age = (one["cycles"][0][0] - one["birth"]).days / 365.25
        assert row["age_years"] == pytest.approx(age, abs=0.02)
        if language == "french":
            assert row["ecog"] == one["ecog"]
        if language == "german":
            assert row["liver_metastases"] == one["liver"]


def test_cycles(adopted):
    _, patients, tables = adopted
    read = tables["cycles"]
    found = {
        (patient, day_of(day)): activity
        for patient, day, activity in zip(
            read["patient_id"], read["cycle_date"], read["activity_gbq"], strict=True
        )
    }
    written = {(one["id"], day): mci * 0.037 for one in patients for day, mci in one["cycles"]}
    assert found == pytest.approx(written)
    assert len(read) == len(written)


def test_follow_up(adopted):
    _, patients, tables = adopted
    read = tables["follow_up"].set_index("patient_id")
    assert len(read) == N_PATIENTS
    for one in patients:
        row, dead = read.loc[one["id"]], one["is_dead"]
        assert row["vital_status"] == ("dead" if dead else "alive")
        assert day_of(row["last_contact_date"]) == one["end"]
        assert day_of(row["death_date"]) == (one["end"] if dead else None)
        assert day_of(row["progression_date"]) == one["progression"]


def test_scans_and_laboratory_values(adopted):
    language, patients, tables = adopted
    scans, labs = tables["assessments"], tables["labs"]
    if language == "german":
        found = {
            (patient, day_of(day)): response
            for patient, day, response in zip(
                scans["patient_id"], scans["assessment_date"], scans["reported_response"], strict=True
            )
        }
        assert found == {(one["id"], day): response for one in patients for day, response in one["scans"]}
    if language == "french":
        values = labs["value"] * convert_units_to_si(labs["analyte"], labs["unit"])
        found = {
            (patient, day_of(day), analyte): value
            for patient, day, analyte, value in zip(
                labs["patient_id"], labs["sample_date"], labs["analyte"], values, strict=True
            )
        }
        written = {
            (one["id"], day, analyte): value
            for one in patients
            for day, creatinine, haemoglobin in one["labs"]
            for analyte, value in (("creatinine", creatinine), ("haemoglobin", haemoglobin * 10))
        }
        assert found == pytest.approx(written)
    assert (len(scans) > 0, len(labs) > 0) == (language == "german", language == "french")
