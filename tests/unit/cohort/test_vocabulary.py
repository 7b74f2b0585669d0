"""Words of files that are read as codes, each with a note."""

import pytest
import yaml
from pydantic import ValidationError

from prrt_outcomes.cohort.problem_places import summarise_warnings
from prrt_outcomes.cohort.vocabulary import check_vocabulary, find_word
from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.study.vocabulary import Vocabulary
from prrt_outcomes.tables.schema import load_schema

FOLLOW_UP = "patient_id,last_contact_date,vital_status\nP1,2020-01-01,alive\nP2,2020-01-01,alive\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Dünndarm", "gep_small_intestine"),
        ("DUENNDARM", "gep_small_intestine"),
        ("TNE du grêle", "gep_small_intestine"),
        ("Phäochromozytom", "phaeochromocytoma"),
        ("C17.2", "gep_small_intestine"),
        ("C17.0", "gep_stomach_duodenum"),
        ("C172 8240/3", "gep_small_intestine"),
        ("C25.4;8150/3", "gep_pancreas"),
        ("C74.1 8700/3", "phaeochromocytoma"),
        ("8693/3", "paraganglioma"),
        ("8240/3", None),
        ("C74.1", None),
        ("C17.2 8140/3", None),
        ("Abdomen", None),
    ],
)
def test_tumours_by_name_and_by_code_of_icd_o(text, code):
    assert find_word("tumour_type", text) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Lu-177 DOTATATE", "177Lu-DOTATATE"),
        ("[177Lu]Lu-DOTA-TATE", "177Lu-DOTATATE"),
        ("¹⁷⁷Lu-DOTATATE", "177Lu-DOTATATE"),
        ("Lutathera", "177Lu-DOTATATE"),
        ("177Lu-DOTA0-Tyr3-octreotate", "177Lu-DOTATATE"),
        ("177Lu-edotreotide", "177Lu-DOTATOC"),
        ("Ac225 DOTATATE", "225Ac-DOTATATE"),
        ("Lu177-DOTA-JR11", "177Lu-satoreotide"),
        ("90Y/177Lu-DOTATATE", None),
        ("kein Lu-177 DOTATATE", None),
        ("Lu-177", None),
        ("177Lu-PSMA", None),
    ],
)
def test_radiopharmaceuticals_name_one_nuclide_and_one_ligand(text, code):
    assert find_word("radiopharmaceutical", text) == code


def test_the_vocabulary_speaks_of_codes_alone():
    words = yaml.safe_load((find_home() / "data_schema" / "vocabulary.yaml").read_text(encoding="utf-8"))
    tumour, agents = words["tumour_type"], words["radiopharmaceutical"]
    named = {*tumour["names"], *tumour["topography"].values(), *tumour["morphology"].values()}
    assert named <= set(load_schema("patients").field("tumour_type").codes)
    every = {f"{nuclide}-{ligand}" for nuclide in agents["nuclides"] for ligand in agents["ligands"]}
    assert every | {"other"} == set(load_schema("cycles").field("radiopharmaceutical").codes)


def test_words_are_read_with_a_note_and_values_go_before_them(read_study):
    patients = "patient_id,tumour_type,grade\nP1,Ileum,2\nP2,lung,G1\n"
    cycles = (
        "patient_id,cycle_date,radiopharmaceutical\nP1,2019-01-01,Lutathera\nP2,2019-01-01,177Lu-DOTATOC\n"
    )
    tables = {"patients": patients, "cycles": cycles, "follow_up": FOLLOW_UP}
    result = read_study(tables)
    found = result.tables["patients"]
    assert found["tumour_type"].tolist() == ["gep_small_intestine", "lung"]
    assert found["grade"].tolist() == ["G2", "G1"]
    assert result.tables["cycles"]["radiopharmaceutical"].tolist() == ["177Lu-DOTATATE", "177Lu-DOTATOC"]
    notes = {
        p.column: p.problem for p in result.problems if p.severity == "note" and "read as codes" in p.problem
    }
    assert notes["tumour_type"] == '1 text read as codes: "Ileum" as gep_small_intestine'
    assert notes["radiopharmaceutical"] == '1 text read as codes: "Lutathera" as 177Lu-DOTATATE'
    own = {"file": "patients.csv", "values": {"tumour_type": {"Ileum": "other"}}}
    assert read_study(tables, sources={"patients": own}).tables["patients"]["tumour_type"].tolist() == [
        "other",
        "lung",
    ]


def test_a_morphology_that_names_no_entity_gives_way_to_the_topography(read_study):
    patients = "patient_id,topography,morphology\nP1,C17.2,8240/3\nP2,C74.1,8700/3\n"
    own = {"file": "patients.csv", "columns": {"tumour_type": ["morphology", "topography"]}}
    result = read_study({"patients": patients, "follow_up": FOLLOW_UP}, sources={"patients": own})
    assert result.tables["patients"]["tumour_type"].tolist() == ["gep_small_intestine", "phaeochromocytoma"]


def test_a_text_without_a_code_stays_an_error(read_study):
    patients = "patient_id,topography,morphology\nP1,C74.1,8240/3\nP2,C25.0,8240/3\n"
    own = {"file": "patients.csv", "columns": {"tumour_type": ["morphology", "topography"]}}
    result = read_study({"patients": patients, "follow_up": FOLLOW_UP}, sources={"patients": own})
    (error,) = (p for p in result.problems if p.severity == "error")
    assert (error.row, error.value) == (2, "8240/3")


@pytest.mark.parametrize(
    ("agent", "activity", "told"),
    [
        ("225Ac-DOTATATE", 0.008, False),
        ("225Ac-DOTATATE", 8, True),
        ("177Lu-DOTATATE", 0.2, True),
        ("90Y-DOTATOC", 3, False),
    ],
)
def test_activities_are_held_against_their_radionuclide(read_study, agent, activity, told):
    cycles = f"patient_id,cycle_date,radiopharmaceutical,activity_gbq\nP1,2019-01-01,{agent},{activity}\n"
    problems = read_study(
        {"patients": "patient_id\nP1\nP2\n", "cycles": cycles, "follow_up": FOLLOW_UP}
    ).problems
    assert any(p.problem == "unusual for this radionuclide" for p in problems) == told


OWN = {
    "tumour_type": {
        "names": {
            "lung": ["Bronchialtyp IV"],
            "gep_other": ["ileum"],
            "gep_pancreas": ["поджелудочная железа"],
        },
        "topography": {"C17.0": "gep_other"},
        "morphology": {8241: "gep_small_intestine"},
        "neuroendocrine": [8574],
    },
    "grade": {"names": {"G3": ["hochgradig"]}},
    "radiopharmaceutical": {"names": {"other": ["Mischdosis"]}, "ligands": {"DOTATOC": ["Octréother"]}},
}
ROWS = [
    ("bronchialtyp iv", "lung"), ("Ileum", "gep_other"), ("Поджелудочная  железа", "gep_pancreas"),
    ("C17.0", "gep_other"), ("8241/3", "gep_small_intestine"), ("C25.1 8574/3", "gep_pancreas"),
    ("Jejunum", "gep_small_intestine"), ("C16", "gep_stomach_duodenum"),
]  # fmt: skip


def test_a_centre_adds_words_that_go_before_those_of_everybody(read_study):
    patients = "patient_id,tumour_type,grade\n" + "".join(
        f"P{i},{text},Hochgradig\n" for i, (text, _) in enumerate(ROWS)
    )
    cycles = "patient_id,cycle_date,radiopharmaceutical\nP0,2014-01-01,Lu-177 octreother\nP1,2014-01-01,Mischdosis\n"
    follow_up = "patient_id,last_contact_date,vital_status\nP0,2020-01-01,alive\n"
    tables = {"patients": patients, "cycles": cycles, "follow_up": follow_up}
    result = read_study(tables, vocabulary=OWN)
    assert [p for p in result.problems if p.severity == "error"] == []
    assert result.tables["patients"]["tumour_type"].tolist() == [code for _, code in ROWS]
    assert set(result.tables["patients"]["grade"]) == {"G3"}
    assert result.tables["cycles"]["radiopharmaceutical"].tolist() == ["177Lu-DOTATOC", "other"]
    without = read_study(tables)
    assert {p.row for p in without.problems if p.column == "tumour_type" and p.severity == "error"} == {
        2,
        4,
        6,
        7,
    }


def test_words_for_no_code_of_two_codes_or_that_never_match():
    own = Vocabulary(
        tumour_type={
            "names": {"pancreas": ["x"], "lung": ["a b", "c"], "other": ["A-B"]},
            "topography": {"C17": "ileum"},
        },
        radiopharmaceutical={"nuclides": {"67Cu": ["Cu"]}, "ligands": {"DOTATATE": ["dota tate"]}},
    )
    assert [(p.column, p.value, p.problem) for p in check_vocabulary(own)] == [
        ("vocabulary.tumour_type.names", "pancreas", "not in the list of codes"),
        ("vocabulary.tumour_type.topography", "ileum", "not in the list of codes"),
        ("vocabulary.tumour_type.names", "a b", "the text stands for two codes"),
        ("vocabulary.radiopharmaceutical.nuclides", "67Cu", "not in the list of codes"),
        ("vocabulary.radiopharmaceutical.ligands", "dota tate", "several words"),
    ]
    with pytest.raises(ValidationError, match="pattern"):
        Vocabulary(tumour_type={"topography": {"17": "lung"}})


MYELOID = (
    "t-MDS", "tMDS", "t-AML", "sAML", "secondary AML", "therapy-related AML", "Therapy-related MDS", "MDS/AML", "AML",
    "Myelodysplastic syndrome (MDS)", "myelodysplastic syndrome with excess blasts", "MDS-EB2", "MDS-EB-1",
    "RAEB", "RAEB-2",
    "myelodysplasia", "acute promyelocytic leukaemia", "Acute lymphoblastic leukemia", "MDS with transformation to AML",
    "secondary leukaemia", "therapy-related leukemia", "myeloid neoplasm post cytotoxic therapy",
    "syndrome myélodysplasique",
)  # fmt: skip
IN_DOUBT = {
    "no MDS": "other", "CMML leukaemia": "other", "suspected t-MDS": "other", "MDS/MPN": "other",
    "family history of leukaemia": "other", "CML leukaemia": "other", "leukaemia": "second_malignancy",
    "chronic myeloid leukaemia": "second_malignancy", "Haarzellleukämie": "other",
}  # fmt: skip
PLAIN = {
    "leukopenia": "blood_and_marrow",
    "leukocytosis": "other",
    "multiple myeloma": "other",
    "camels": "other",
}


def read_terms(read_study, terms, **settings):
    rows = "".join(f'P1,2019-01-01,"{term}"\n' for term in terms)
    tables = {
        "patients": "patient_id,tumour_type\nP1,lung\nP2,lung\n",
        "follow_up": FOLLOW_UP,
        "cycles": "patient_id,cycle_date,radiopharmaceutical\nP1,2018-01-01,177Lu-DOTATATE\n",
        "adverse_events": f"patient_id,onset_date,term\n{rows}",
    }
    result = read_study(tables, **settings)
    events = result.tables["adverse_events"]
    warned = [p.value for p in result.problems if "may be a myeloid neoplasm" in p.problem]
    return dict(zip(events["term"], events["term_group"], strict=True)), warned, result.problems


def test_myeloid_neoplasms_in_other_words_count_and_those_in_doubt_are_told(read_study):
    groups, warned, problems = read_terms(read_study, [*MYELOID, *IN_DOUBT, *PLAIN])
    assert groups == dict.fromkeys(MYELOID, "myeloid_neoplasm") | IN_DOUBT | PLAIN
    assert sorted(warned) == sorted(IN_DOUBT)
    table = summarise_warnings(problems, None)
    named = table[table["problem"].str.contains("“no MDS”")].iloc[0]
    assert (named["kind"], named["column"]) == ("values", "term")
    assert named["problem"] == "1 event “no MDS” may be a myeloid neoplasm, but the group is other"
    assert named["consequence"].startswith("These events count in their group")


def test_a_group_that_the_study_states_is_no_doubt(read_study):
    own = {"term_group": {"names": {"second_malignancy": ["leukaemia", "CML leukaemia"]}}}
    groups, warned, _ = read_terms(
        read_study, ["Leukaemia", "CML leukaemia", "no MDS", "tMDS"], vocabulary=own
    )
    assert warned == ["no MDS"]
    assert groups["CML leukaemia"] == "second_malignancy"
    assert groups["tMDS"] == "myeloid_neoplasm"
