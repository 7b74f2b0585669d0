"""Questionnaires and PET of 300 patients: bounds, who answers, and the effect of the radionuclide."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.quality_of_life.scores import fold, load_scales
from prrt_outcomes.simulate.columns import MODEL
from prrt_outcomes.simulate.history import draw_history, open_stream
from prrt_outcomes.simulate.optional_tables import derive_pet, derive_questionnaires
from prrt_outcomes.simulate.settings import SimulationSettings


@pytest.fixture(scope="module")
def history():
    return draw_history(SimulationSettings(), 300, 5)


@pytest.fixture(scope="module")
def answers(history):
    return derive_questionnaires(history, open_stream(5, "questionnaires"))


def test_scales_are_those_that_the_stage_knows_with_the_same_direction():
    known = load_scales()
    for row in MODEL.scales:
        assert known[fold(row["instrument"]), fold(row["scale"])] == [
            row["instrument"],
            row["scale"],
            row["better"],
        ]


def test_scores_lie_on_the_steps_of_their_scale(answers):
    steps = {row["scale"]: row["steps"] for row in MODEL.scales}
    table = answers[0].astype({"scale": str})
    place = table["score"] * table["scale"].map(steps) / 100
    assert table["score"].between(0, 100).all()
    assert np.abs(place - place.round()).max() < 0.01
    assert not table.duplicated(["patient_id", "visit_date", "instrument", "scale"]).any()


def test_fewer_answer_after_progression_and_with_time(history, answers):
    table = answers[0][answers[0]["scale"].eq("Fatigue")].astype({"patient_id": str})
    days = (table["visit_date"].to_numpy() - history.derive_dates(np.arange(300), np.zeros(300))[
        table["patient_id"].str[1:].astype(int) - 1
    ]).astype("timedelta64[D]").astype(int)  # fmt: skip
    counts = pd.Series(days).clip(lower=0).floordiv(61).value_counts()
    assert counts[0] > counts[5] > counts[11]


def test_fatigue_is_worse_during_cycles_of_90y(answers):
    truth = answers[1].query("scale == 'Fatigue' and month == 3").set_index("radionuclide")["mean_change"]
    assert truth["90Y"] > truth["177Lu"] + 2 > 4


def test_volume_follows_the_targets_and_most_are_scanned_again(history):
    pet = derive_pet(history, open_stream(5, "pet")).astype({"patient_id": str})
    first, second = (pet.groupby("patient_id")["sstr_volume_ml"].nth(n).median() for n in (0, 1))
    assert second < first
    assert 0.3 < pet["patient_id"].nunique() / 300 < 0.7
    assert pet["patient_id"].value_counts().mean() == pytest.approx(1.7, abs=0.2)
