"""Every setting that names something in the data is held against it, with the nearest known name."""

import types
from typing import Annotated, Literal, Union, get_args, get_origin

import pandas as pd
import pytest
from pydantic import BaseModel

from prrt_outcomes.cohort.names import KNOWN, NAMINGS, check_names
from prrt_outcomes.study.controls import Description
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import empty_table

OWN = {"study", "title", "doubts.*", "extra_columns.~", "response.groups.~"}
OWN |= {
    f"{place}.*.{key}" for place in ("claims", "controls") for key in ("id", "title", "source", "citation")
}
OWN |= {
    f"response.{key}.*.{part}" for key in ("criteria", "definitions") for part in ("name", "title", "source")
}
OWN |= {"response.chromogranin_a.source", "controls.*.unmeasured.title"}
OWN |= {"endpoints.*.title", "endpoints.*.preset"}
OWN |= {f"controls.*.{key}" for key in Description.model_fields}
OWN |= {"controls.*.unmeasured.title", "questionnaires.scales.*"}
OWN |= {"treatment.eligibility.title", "treatment.eligibility.successor"}
OWN |= {
    f"treatment.eligibility.conditions.*.{key}"
    for key in ("item", "unit", "source", "verified_by", "verified_where")
}
OF_TABLES = ("drop.*", "rename.~", "rename.*", "order.*")  # held against the tables where these are made
OWN |= {f"report_tables.*.{part}.{key}" for part in ("rows", "columns") for key in OF_TABLES}
OWN |= {"report_tables.*.title"}
OF_CONTROLS = {f"controls.*.{key}" for key in ("arm", "endpoint", "negative_control", "source")}
OF_CONTROLS |= {"controls.*.baseline.*.covariate", "controls.*.baseline.*.level"}
TABLES = {
    "assessments": pd.DataFrame({"reader": ["local", "central"]}),
    "lesions": pd.DataFrame({"reader": ["local"]}),
    "labs": pd.DataFrame({"analyte": ["alt"]}),
    "therapies": pd.DataFrame({"kind": ["surgery"]}),
    "adverse_events": pd.DataFrame({"term": ["nausea"]}),
    "reported_outcomes": pd.DataFrame({"endpoint": ["dss"]}),
    "patients": pd.DataFrame(
        {
            "sex": ["male", "male"],
            "centre_id": [None, None],
            "arm": ["new", "old"],
            "diagnosis_date": [None] * 2,
        }
    ),
}
HEAD = {
    "study": "s",
    "tables": {"patients": "p.csv", "follow_up": "f.csv", "reported_outcomes": "r.csv"},
    "extra_columns": {"arm": "category"},
}


def list_texts(annotation, place="", seen=()):
    """Dotted places of the settings that hold a text which is no fixed code."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from list_texts(arguments[0], place, seen)
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from list_texts(one, place, seen)
    elif origin is tuple:
        yield from list_texts(arguments[0], f"{place}.*", seen)
    elif origin is dict:
        yield from list_texts(arguments[0], f"{place}.~", seen)
        yield from list_texts(arguments[1], f"{place}.*", seen)
    elif annotation is str:
        yield place
    elif origin is not Literal and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items() if annotation not in seen else ():
            yield from list_texts(field.annotation, f"{place}.{name}".lstrip("."), (*seen, annotation))


def test_every_text_of_the_settings_is_checked_or_a_name_of_its_own():
    """Those under `tables` and `vocabulary` are of files, and are checked where these are read."""
    texts = {place for place in list_texts(Study) if not place.startswith(("tables.", "vocabulary."))}
    namings = [*NAMINGS["of_schema"], *NAMINGS["of_data"]]
    assert {naming["known"] for naming in namings} == KNOWN.keys()
    checked = {place for naming in namings for place in naming["places"].split()}
    assert texts - checked - OWN - OF_CONTROLS == set()


@pytest.mark.parametrize(
    ("settings", "key", "severity", "hint"),
    [
        ({"response": {"reader": "centrel"}}, "response.reader", "error", "did you mean central?"),
        ({"response": {"adjudicator": "x"}}, "response.adjudicator", "error", "readers: central, local"),
        (
            {"endpoints": [{"name": "pfs_x", "preset": "pfs", "reader": "lokal"}]},
            "endpoints.0.reader",
            "error",
            "local",
        ),
        ({"endpoints": ["dsss"]}, "endpoints.0.name", "error", "did you mean dss?"),
        (
            {"endpoints": [{"name": "a", "origin": "diagnosis"}]},
            "endpoints.0.origin",
            "warning",
            "origins: none",
        ),
        (
            {"endpoints": [{"name": "a", "events": [{"filter": {"term": ["nausae"], "grade": [3, 4]}}]}]},
            "endpoints.0.events.0.filter.term.0",
            "warning",
            "did you mean nausea?",
        ),
        (
            {"endpoints": [{"name": "a", "events": [{"filter": {"grade": [3, 7]}}]}]},
            "endpoints.0.events.0.filter.grade.1",
            "warning",
            "values: ",
        ),
        ({"response": {"criteria": ["swog", "chromogranin_a"]}}, "response.criteria.1", "warning", "swog"),
        (
            {"new_anticancer_therapy": ["surgery", "targeted"]},
            "new_anticancer_therapy.1",
            "warning",
            "surgery, prrt",
        ),
        (
            {"analysis": {"group_by": ["arm", "centre_id"]}},
            "analysis.group_by.1",
            "warning",
            "columns that are",
        ),
        (
            {"analysis": {"reference": {"arm": "olde"}}},
            "analysis.reference.arm",
            "error",
            "did you mean old?",
        ),
        ({"analysis": {"reference": {"sex": "female"}}}, "analysis.reference.sex", "error", "levels: male"),
        (
            {"controls": [{"id": "a", "kind": "patients", "within": {"arm": ["nwe"]}}]},
            "controls.0.within.arm.0",
            "error",
            "did you mean new?",
        ),
        (
            {"controls": [{"id": "a", "kind": "patients", "within": {"sex": ["male", "female"]}}]},
            "controls.0.within.sex.1",
            "warning",
            "levels: male",
        ),
    ],
)
def test_a_name_that_the_data_do_not_have(settings, key, severity, hint):
    (problem,) = check_names(Study.model_validate(HEAD | settings), TABLES)
    assert (problem.column, problem.severity) == (key, severity)
    assert hint in problem.expected


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"response": {"reader": "central", "adjudicator": "local"}},
        {
            "response": {"criteria": ["recist_1_1"], "adjudicator": "central"},
            "endpoints": ["dss", "pfs", {"name": "a", "preset": "pfs", "reader": "adjudicated"}],
        },
        {"endpoints": [{"name": "a", "events": [{"filter": {"related": [True], "grade": [3, 5]}}]}]},
        {"analysis": {"reference": {"arm": "old", "sex": "male"}, "group_by": ["sex", "tumour_group"]}},
        {"controls": [{"id": "a", "kind": "patients", "within": {"sex": ["male", "unknown"]}}]},
    ],
)
def test_names_that_are_there(settings):
    assert check_names(Study.model_validate(HEAD | settings), TABLES) == ()


def test_a_column_of_adverse_events_that_there_is_not_is_told_once():
    study = Study.model_validate(
        HEAD | {"endpoints": [{"name": "a", "events": [{"filter": {"trm": ["nausea"]}}]}]}
    )
    assert [problem.column for problem in check_names(study)] == ["endpoints.0.events.0.filter.trm"]
    assert check_names(study, TABLES) == ()


def test_a_table_that_is_absent_or_at_fault_is_held_against_no_name():
    settings = {
        "response": {"reader": "x"},
        "analysis": {"reference": {"arm": "x"}, "group_by": ["centre_id"]},
    }
    study = Study.model_validate(HEAD | settings)
    empty = {name: empty_table(name) for name in ("assessments", "lesions")}
    assert check_names(study, {}) == check_names(study, empty) == ()


def test_a_test_of_the_family_is_named_as_the_run_names_it():
    settings = {"analysis": {"group_by": ["sex"]}, "multiplicity": {"family": ["pfs by sex", "pfs by ses"]}}
    (problem,) = check_names(Study.model_validate(HEAD | settings))
    assert (problem.column, problem.severity) == ("multiplicity.family.1", "error")
    assert problem.expected.startswith("did you mean pfs by sex?")
