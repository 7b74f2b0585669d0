"""Best responses that the registry gives once a patient: rates, and no date."""

import pandas as pd
import pytest

from prrt_outcomes.response.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table


@pytest.fixture
def study():
    tables = {"patients": "p.csv", "follow_up": "f.csv"}
    return Study.model_validate({"study": "small", "tables": tables, "analysis": {"group_by": ["sex"]}})


def make_tables(responses):
    ids = [f"P{i}" for i in range(len(responses))]
    frames = {name: empty_table(name) for name in INPUTS}
    sex = ["male" if i % 2 else "female" for i in range(len(ids))]
    patients = pd.DataFrame({"patient_id": ids, "sex": sex, "reported_best_response": responses})
    frames["patients"] = conform_table("patients", patients)
    first = pd.Timestamp("2015-01-01")
    periods = pd.DataFrame(
        {"patient_id": ids, "period": 1, "first_cycle": first, "last_cycle": first, "n_cycles": 1}
    )
    frames["treatment_periods"] = conform_table("treatment_periods", periods)
    return frames


def test_rates_count_every_treated_patient(study):
    out = run(make_tables(["CR", "PR", "SD", "PD", None]), study)
    best = out["best_responses"]
    assert best["best_response"].astype(str).tolist() == ["CR", "PR", "SD", "PD", "NE"]
    assert best["best_response_date"].isna().all()
    assert set(best["basis"].astype(str)) == {"reported"}
    assert best["response_group"].tolist()[:4] == ["responder", "responder", "stable", "progressive"]
    rates = out["response_rates"].query("group == 'all'").set_index("category")
    assert (rates.loc["objective", "n"], rates.loc["objective", "total"]) == (2, 5)
    assert rates.loc["disease_control", "n"] == 3
    assert set(out["response_rates"]["group"]) == {"all", "female", "male"}
    assert out["responses"].empty
    assert out["waterfall"].empty
    assert out["stages"]["status"].tolist() == ["partial"]
    assert "without a date" in out["stages"]["reason"][0]


def test_without_any_best_response_the_stage_is_skipped(study):
    assert run(make_tables([None, None]), study)["stages"]["status"].tolist() == ["skipped"]
