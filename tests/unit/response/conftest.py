"""Typed tables and studies of a few patients, from text."""

from __future__ import annotations

import io
from collections.abc import Callable

import pandas as pd
import pytest

from prrt_outcomes.response.stage import INPUTS
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table


def _build(lesions: str, periods: str, assessments: str = "", therapies: str = "") -> dict[str, pd.DataFrame]:
    tables = {name: empty_table(name) for name in (*INPUTS, "cycles")}

    def read(text: str, *dates: str) -> pd.DataFrame:
        return pd.read_csv(io.StringIO(text), parse_dates=list(dates))

    frame = read(lesions, "assessment_date")
    defaults = {"reader": "local", "role": "target", "state": "measured"}
    tables["lesions"] = conform_table(
        "lesions", frame.assign(**{k: v for k, v in defaults.items() if k not in frame})
    )
    cycles = read(periods, "first_cycle").assign(last_cycle=lambda t: t["first_cycle"])
    tables["treatment_periods"] = conform_table("treatment_periods", cycles)
    patients = pd.DataFrame({"patient_id": cycles["patient_id"].unique()})
    tables["patients"] = conform_table("patients", patients)
    if assessments:
        given = read(assessments, "assessment_date").assign(reported_criterion="any")
        tables["assessments"] = conform_table("assessments", given)
    if therapies:
        tables["therapies"] = conform_table(
            "therapies", read(therapies).assign(drug="unspecified", sequence=1)
        )
    return tables


def _study(**response) -> Study:
    return Study.model_validate(
        {
            "study": "courses",
            "tables": {"patients": "p", "follow_up": "f"},
            "response": response,
            "analysis": {"group_by": [], "covariates": []},
        }
    )


@pytest.fixture
def build() -> Callable[..., dict[str, pd.DataFrame]]:
    """Tables from text: lesions, treatment periods, assessments, therapies."""
    return _build


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """A study with the given keys of its section `response`."""
    return _study
