"""Tables that say nothing: no scan of a treated patient, empty cells, no dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.response.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

DAY = pd.Timestamp("2020-01-10")
STUDY = Study.model_validate(
    {
        "study": "nothing",
        "tables": {"patients": "p", "follow_up": "f"},
        "response": {"criteria": ["recist_1_1", "who", "chromogranin_a"], "adjudicator": "judge"},
        "analysis": {"group_by": ["sex", "unheard_of"], "covariates": ["age_years", "sex"]},
    }
)


def build(**changes) -> dict[str, pd.DataFrame]:
    row = {"patient_id": "A", "lesion_id": "T1", "reader": "local", "role": "target", "state": "measured"}
    lesions = pd.DataFrame([row | {"assessment_date": day} for day in (DAY, DAY + pd.Timedelta(days=90))])
    tables = {name: empty_table(name) for name in INPUTS}
    tables["lesions"] = conform_table("lesions", lesions.assign(longest_mm=20.0, **changes))
    tables["patients"] = conform_table("patients", pd.DataFrame({"patient_id": ["A", "B"]}))
    periods = pd.DataFrame({"patient_id": ["A", "B"], "period": 1, "first_cycle": DAY, "last_cycle": DAY})
    tables["treatment_periods"] = conform_table("treatment_periods", periods)
    return tables


@pytest.mark.parametrize(
    "changes",
    [
        {"patient_id": "foreign"},
        {"assessment_date": pd.NaT},
        {"lesion_id": pd.NA},
        {"role": pd.NA},
        {"state": pd.NA},
        {"longest_mm": np.nan},
        {"state": "not_evaluated", "longest_mm": np.nan},
        {"reader": pd.NA},
    ],
    ids=lambda changes: " ".join(f"{k}={v}" for k, v in changes.items()),
)
def test_everybody_is_not_evaluable_and_counted(changes):
    changes = dict(changes)
    size = changes.pop("longest_mm", 20.0)
    tables = build(**changes)
    tables["lesions"]["longest_mm"] = size
    out = run(tables, STUDY)
    assert out["best_responses"]["best_response"].eq("NE").all()
    readers = {"recist_1_1": "adjudicated", "who": "adjudicated", "chromogranin_a": "laboratory"}
    best = out["best_responses"]
    for criterion, reader in readers.items():
        assert len(best[(best["criterion"] == criterion) & (best["reader"] == reader)]) == 2 * 2
    patients = out["attrition"].query("table == 'best_responses'")
    assert patients["n_lost"].sum() == 2
    assert patients["n_after"].iloc[-1] == 0
    assert out["response_model"]["odds_ratio"].isna().all()


def test_scans_after_a_new_therapy_only_are_said_so():
    tables = build()
    therapy = {"patient_id": "A", "start_date": "2020-02", "kind": "chemotherapy", "drug": "x", "sequence": 1}
    tables["therapies"] = conform_table("therapies", pd.DataFrame([therapy]))
    best = run(tables, STUDY)["best_responses"]
    chosen = best[(best["patient_id"] == "A") & (best["reader"] == "local") & ~best["confirmed"]]
    assert set(chosen["reason"]) == {"NE: every assessment came after a new anticancer therapy"}
