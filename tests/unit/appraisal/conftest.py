"""A study with each kind of comparison, and hand-made tables of its results."""

import pandas as pd
import pytest

from prrt_outcomes.appraisal.stage import INPUTS
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

PUBLISHED = {
    "id": "arm",
    "kind": "published",
    "n": 97,
    "median_months": 9,
    "population": "midgut, progressive",
}
PATIENTS = {"id": "old", "kind": "patients", "covariates": ["age_years", "grade"], "weights": ["overlap"]}


@pytest.fixture
def make_study():
    """The study, with other settings where they are given."""

    def make(**settings) -> Study:
        files = {"patients": "p.csv", "cycles": "c.csv", "follow_up": "f.csv", "assessments": "a.csv"}
        controls = [PUBLISHED, PATIENTS | {"primary": True}]
        analysis = {"group_by": ["sex"], "landmark_months": [6]}
        base = {
            "study": "s",
            "tables": files,
            "endpoints": ["pfs"],
            "controls": controls,
            "analysis": analysis,
        }
        return Study.model_validate(base | settings)

    return make


@pytest.fixture
def tables():
    """All inputs of the stage: the given rows by the name of their table, the others empty."""

    def fill(**given):
        frames = {name: conform_table(name, pd.DataFrame(rows)) for name, rows in given.items()}
        return {name: empty_table(name) for name in INPUTS} | frames

    return fill


@pytest.fixture
def controls():
    """The quoted estimates of both controls."""
    same = {"endpoint": "pfs", "status": "ok", "low": 0.3, "high": 0.8, "population": "all"}
    arm = {"control": "arm", "method": "rate_ratio", "estimate": "smr", "weights": "none", "value": 0.5}
    old = {"control": "old", "method": "cox", "estimate": "hazard_ratio", "weights": "overlap", "value": 0.6}
    return [
        same
        | arm
        | {"n": 86, "n_control": 97, "p_value": 0.03, "horizon_months": 20.0, "population": "fitting"},
        same | old | {"n": 335, "n_control": 143, "p_value": 0.005},
    ]


@pytest.fixture
def registry():
    """Four patients with all covariates, one of them lost, and one therapy."""
    known = {"age_years": 60, "grade": "G2", "tumour_type": "gep_small_intestine"}
    therapy = {"patient_id": "a", "start_date": "2015-05-01", "kind": "targeted", "sequence": 1}
    return {
        "analysis_set": [{"patient_id": patient} | known for patient in "abcd"],
        "therapies": [therapy],
        "follow_up": [
            {"patient_id": p, "vital_status": s}
            for p, s in zip("abcd", ["alive"] * 3 + ["lost"], strict=True)
        ],
    }
