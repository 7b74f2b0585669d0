"""Headings are recognised by words in six languages, and by what the cells hold."""

import pytest

from prrt_outcomes.adopt.headings import (
    find_analyte,
    find_code,
    find_radiopharmaceutical,
    find_visit,
    recognise,
)
from prrt_outcomes.adopt.layout import Column

DATES, FLAGS, NUMBERS = ["28.03.2019", "01.02.2020"], ["y", "n"], ["7,4", 7.2]
FOUND = [
    ("PatNr", ["1", "2"], "patient_id", None),
    ("Numéro patient", ["A1", "A2"], "patient_id", None),
    ("Geb.datum", DATES, "birth_date", None),
    ("Date de naissance", DATES, "birth_date", None),
    ("Fecha de nacimiento", DATES, "birth_date", None),
    ("Geboortedatum", DATES, "birth_date", None),
    ("Data di nascita", DATES, "birth_date", None),
    ("DDN", ["02-04-50", "12-09-61"], "birth_date", None),
    ("Geb.jahr", ["1950", 1962], "birth_year", None),
    ("ED", ["05/2012", "2010"], "diagnosis_date", None),
    ("Lu-177 #2 date", DATES, "cycle_date", 2),
    ("Gewicht kg", ["80", "61,5"], "weight_kg", None),
    ("m/w", ["m", "w"], "sex", None),
    ("Sexe", ["H", "F"], "sex", None),
    ("1. PRRT", DATES, "cycle_date", 1),
    ("Datum 3. Zyklus", DATES, "cycle_date", 3),
    ("Cycle 2 date", DATES, "cycle_date", 2),
    ("Fecha ciclo 4", DATES, "cycle_date", 4),
    ("GBq 1", NUMBERS, "activity_gbq", 1),
    ("Cycle 2 activity (GBq)", NUMBERS, "activity_gbq", 2),
    ("Dosis Zyklus 3", NUMBERS, "activity_gbq", 3),
    ("Ki-67", ["<2", "5-10", 20], "ki67_percent", None),
    ("Grade OMS", ["G1", "G2"], "grade", None),
    ("dead y/n", FLAGS, "vital_status", None),
    ("Exitus", ["sí", "no"], "vital_status", None),
    ("Todesdatum", DATES, "death_date", None),
    ("Date du décès", DATES, "death_date", None),
    ("Datum overlijden", DATES, "death_date", None),
    ("PD date", [*DATES, "kein PD"], "progression_date", None),
    ("Fecha de progresión", DATES, "progression_date", None),
    ("last FU", DATES, "last_contact_date", None),
    ("Dernières nouvelles", DATES, "last_contact_date", None),
    ("Ultimo contatto", DATES, "last_contact_date", None),
    ("Nuklid", ["Lu-177", "Y-90"], "radiopharmaceutical", None),
    ("Mejor respuesta", ["RP", "EE"], "best_response", None),
    ("Nº Historia", ["NH1", "NH2"], "patient_id", None),
    ("C2 fecha", DATES, "cycle_date", 2),
    ("Fecha TAC", DATES, "assessment_date", None),
    ("Última revisión", DATES, "last_contact_date", None),
    ("Ergebnis 2", ["PR", "stabil"], "best_response", 2),
    ("OMS", ["0", "2"], "ecog", None),
    ("Grade OMS", ["1", "2"], "grade", None),
    ("Patient Name", ["A", "B"], "person", None),
    ("II ciclo", DATES, "cycle_date", 2),
    ("Zweite PRRT", DATES, "cycle_date", 2),
    ("Data prima progressione", DATES, "progression_date", None),
    ("Dose totale (GBq)", NUMBERS, "total_activity", None),
    ("Kumulative Aktivität", NUMBERS, "total_activity", None),
    ("Verabreicht", ["Lu177-DOTATATE", "Y90-DOTATOC"], "radiopharmaceutical", None),
    ("Date of death", [*DATES, "alive", "no"], "death_date", None),
    ("Patientnr", ["1", "2"], "patient_id", None),
    ("Lfd. Nr.", ["1", "2"], "patient_id", None),
    ("Décès", DATES, "death_date", None),
    ("Décès", ["oui", "non"], "vital_status", None),
    ("Geschl.", ["männl.", "weibl."], "sex", None),
]


@pytest.mark.parametrize(("name", "cells", "target", "number"), FOUND, ids=[f[0] for f in FOUND])
def test_headings(name, cells, target, number):
    found = recognise(Column(name, 0, cells))
    assert found is not None
    assert (found.target, found.number) == (target, number)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Bemerkung", ["s. Brief", "lost"]),
        ("ECOG", ["70", "90"]),
        ("Data", DATES[:0]),
        ("Todesdatum", ["ja", "nein"]),
        ("GBq 1", DATES),
        ("Tumor", []),
    ],
)
def test_what_the_cells_do_not_hold_is_not_recognised(name, cells):
    assert recognise(Column(name, 0, cells)) is None


def test_the_label_of_a_dictionary_goes_before_the_name():
    column = Column("cyc_act", 0, ["7264"], "Administered activity (MBq)")
    assert recognise(column).target == "activity_gbq"


@pytest.mark.parametrize(
    ("target", "text", "code"),
    [
        ("tumour_type", "Pankreas NET", "gep_pancreas"),
        ("tumour_type", "Dünndarm", "gep_small_intestine"),
        ("tumour_type", "intestin grêle", "gep_small_intestine"),
        ("tumour_type", "páncreas", "gep_pancreas"),
        ("tumour_type", "Lunge", "lung"),
        ("tumour_type", "Lungs or respiratory track", "lung"),
        ("tumour_type", "CUP", "gep_unknown_primary"),
        ("tumour_type", "Haut", None),
        ("grade", "Grade 1 (Ki-67 <3%)", "G1"),
        ("grade", "III", "G3"),
        ("vital_status", "verstorben", "dead"),
        ("vital_status", "DCD", "dead"),
        ("tumour_type", "Lunge, andere", "lung"),
        ("tumour_type", "Thymus", "other"),
        ("tumour_type", "Bronche", "lung"),
        ("best_response", "niet evalueerbaar", "NE"),
        ("best_response", "NV", "NE"),
        ("vital_status", "Lost to follow-up", "lost"),
        ("reported_best_response", "pr", "PR"),
        ("best_response", "maladie stable", "SD"),
        ("best_response", "gut", None),
        ("functioning", "oui", True),
        ("functioning", "nein", False),
    ],
)
def test_codes(target, text, code):
    assert find_code(target, text) == code


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lu-177", "177Lu"),
        ("177Lu-DOTA-TATE", "177Lu-DOTATATE"),
        ("Lutathera", "177Lu-DOTATATE"),
        ("[177Lu]Lu-DOTA-TOC", "177Lu-DOTATOC"),
        ("Y-90 DOTATOC", "90Y-DOTATOC"),
        ("90Y", "90Y"),
        ("Placebo", None),
    ],
)
def test_radiopharmaceuticals(text, found):
    assert find_radiopharmaceutical(text) == found


def test_laboratory_values_and_their_visits():
    assert find_analyte("Krea vor 1.") == ("creatinine", "vor 1")
    assert find_analyte("Plaquettes (G/L)") == ("platelets", "g l")
    assert find_analyte("Größe") is None
    assert find_visit("vor 2") == ("cycle", 2)
    assert find_visit("C3") == ("cycle", 3)
    assert find_visit("3 Mo") == ("days", 91)
    assert find_visit("nach 6 Wochen") == ("days", 42)
    assert find_visit("baseline") == ("cycle", 1)
    assert find_visit("g l") is None
