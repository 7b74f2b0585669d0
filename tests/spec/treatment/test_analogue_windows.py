"""Truth table of the wash-out of somatostatin analogues before a cycle on 2015-06-01."""

import pandas as pd
import pytest

from prrt_outcomes.study.model import TreatmentSettings
from prrt_outcomes.tables.frames import conform_table
from prrt_outcomes.treatment.delivery import derive_analogue_windows

CASES = """
kind          | start      | end        | state   | why
ssa_long_acting  | 2015-05-04 |            | kept    | 28 days before
ssa_long_acting  | 2015-05-05 |            | broken  | 27 days before
ssa_long_acting  | 2015-05-31 |            | broken  | the day before
ssa_long_acting  | 2015-06-01 |            | none    | an injection on the day of the cycle follows it
ssa_long_acting  | 2015-06-02 |            | none    | after the cycle
ssa_long_acting  | 2015-04    |            | kept    | all of April is early enough
ssa_long_acting  | 2015-05    |            | unknown | May holds both
ssa_long_acting  | 2015       |            | unknown | the year holds all
ssa_long_acting  | 2015-06    |            | none    | all of June is not before
ssa_long_acting  | 2014       |            | kept    | all of the year before is early enough
ssa_long_acting  | 2014-01-01 | 2015-05-04 | kept    | a course that ended in time
ssa_long_acting  | 2014-01-01 | 2015-05-20 | unknown | its last injection may lie on either side
ssa_long_acting  | 2015-05-10 | 2015-05-20 | broken  | all of the course lies inside
ssa_short_acting | 2015-05-31 |            | kept    | one day before
ssa_short_acting | 2015-06-01 |            | none    | on the day, after the cycle
ssa_short_acting | 2015-01-01 | 2015-05-31 | kept    | stopped the day before
ssa_short_acting | 2015-01-01 | 2015-06-01 | broken  | goes on over the cycle
ssa_short_acting | 2015-01-01 | 2015-07-01 | broken  | goes on over the cycle
ssa_short_acting | 2015-01-01 | 2015-06    | broken  | its end lies on or after the cycle
ssa_short_acting | 2015-01-01 | 2015       | unknown | the end may lie on either side
"""


def read_cases(text):
    header, *lines = [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]
    return [dict(zip(header, line, strict=True)) for line in lines]


@pytest.mark.parametrize("case", read_cases(CASES), ids=lambda case: f"{case['kind'][4:9]} {case['why']}")
def test_window(case):
    days = pd.DataFrame(
        {"patient_id": pd.array(["a"], "string"), "cycle_date": pd.to_datetime(["2015-06-01"])}
    )
    row = {"patient_id": "a", "start_date": case["start"], "end_date": case["end"] or None}
    row |= {"kind": case["kind"], "drug": "octreotide", "sequence": 1}
    therapies = conform_table("therapies", pd.DataFrame([row]))
    result = derive_analogue_windows(days, therapies, TreatmentSettings())
    acting = case["kind"].removeprefix("ssa_")
    assert result.loc[0, f"{acting}_window"] == case["state"]
    other = "short_acting" if acting == "long_acting" else "long_acting"
    assert result.loc[0, f"{other}_window"] == "unknown", "a kind that nobody records is unknown"


def test_the_last_injection_decides():
    days = pd.DataFrame(
        {"patient_id": pd.array(["a"], "string"), "cycle_date": pd.to_datetime(["2015-06-01"])}
    )
    rows = [
        {
            "patient_id": "a",
            "start_date": start,
            "kind": "ssa_long_acting",
            "drug": "octreotide",
            "sequence": 1,
        }
        for start in ("2015-03-01", "2015-05-20")
    ]
    result = derive_analogue_windows(
        days, conform_table("therapies", pd.DataFrame(rows)), TreatmentSettings()
    )
    assert result.loc[0, "long_acting_window"] == "broken"
