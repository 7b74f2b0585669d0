"""A study and hand-made tables for the chapters of the report."""

import re

import pandas as pd
import pytest

from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.schema import list_tables


@pytest.fixture
def study() -> Study:
    """A study with two published controls, of which the second is the primary one."""
    control = {"kind": "published", "n": 97, "median_months": 4.0}
    return Study.model_validate(
        {
            "study": "s",
            "tables": {"patients": "p.csv", "cycles": "c.csv", "follow_up": "f.csv"},
            "controls": [{"id": "first"} | control, {"id": "second", "primary": True} | control],
        }
    )


@pytest.fixture
def tables():
    """All tables of results: the given rows by the name of their table, the others empty."""

    def fill(**given):
        frames = {name: conform_table(name, pd.DataFrame(rows)) for name, rows in given.items()}
        return {name: empty_table(name) for name in list_tables("results")} | frames

    return fill


@pytest.fixture
def plain():
    """The words of a markup without its tags."""
    return lambda markup: re.sub(r"<[^>]+>", "", str(markup))


@pytest.fixture
def rates() -> list[dict]:
    """Rows of `response_rates`: 26% objective responses among 400 patients, half of them confirmed."""
    shares = {
        "objective": (104, 0.26, 0.22, 0.31),
        "disease_control": (316, 0.79, 0.75, 0.83),
        "PD": (64, 0.16, 0.13, 0.2),
    }
    row = {"criterion": "recist_1_1", "group_by": "all", "group": "all", "total": 400, "status": "ok"}
    return [
        row
        | {"confirmed": confirmed, "category": code, "n": n, "proportion": p / (2 if confirmed else 1)}
        | {"proportion_low": low, "proportion_high": high}
        for confirmed in (False, True)
        for code, (n, p, low, high) in shares.items()
    ]
