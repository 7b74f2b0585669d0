"""Nine patients of admiralonco's test of confirmed best response, under both of its settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.response.best import Sequence, derive_best_responses, find_counted
from prrt_outcomes.response.codes import RESPONSES, convert_to_codes, convert_to_days
from prrt_outcomes.study.response import ResponseSettings

SETTINGS = {
    "minimum_stable_days 28; confirmation_days 28; at most 1 NE between; SD not accepted between": {
        "minimum_stable_days": 28,
        "confirmation_days": 28,
        "confirmation_max_not_evaluable": 1,
    },
    "minimum_stable_days 28; confirmation_days 14; no NE between; SD accepted between; missing as NE": {
        "minimum_stable_days": 28,
        "confirmation_days": 14,
        "confirmation_max_not_evaluable": 0,
        "confirmation_accept_stable": True,
    },
}
# A treated patient always has a row: without assessments it is NE. The first setting leaves it missing.
DIFFERS_ON_PURPOSE = {("8", "MISSING"): "NE"}


@pytest.fixture(scope="module")
def reference(request):
    folder = request.getfixturevalue("shared_data").parent / "reference"
    read = {"dtype": {"patient_id": str}}
    return (
        pd.read_csv(folder / "confirmed_best_response.csv", **read),
        pd.read_csv(folder / "confirmed_best_response_expected.csv", **read),
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_confirmed_best_response(reference, agree, setting):
    rows, expected = reference
    patients = sorted(rows["patient_id"].unique())
    origin = convert_to_days(
        pd.to_datetime(rows.drop_duplicates("patient_id").set_index("patient_id")["origin_date"])
    )
    origin = dict(zip(rows["patient_id"].unique(), origin, strict=True))
    rows = rows[rows["assessment_date"].notna()].sort_values(["patient_id", "assessment_date"])
    sequence = Sequence(
        unit=rows["patient_id"].map(patients.index).to_numpy(),
        day=convert_to_days(pd.to_datetime(rows["assessment_date"])),
        response=convert_to_codes(rows["overall_response"], RESPONSES),
    )
    counted = find_counted(sequence, np.full(len(patients), np.iinfo(np.int32).max))
    inside = sequence.select(counted)
    shown = pd.to_datetime(rows["assessment_date"][counted].to_numpy())
    settings = ResponseSettings.model_validate(SETTINGS[setting])
    days = np.array([origin[p] for p in patients])
    best = derive_best_responses(inside, days, settings, confirmed=True)
    ours = {p: RESPONSES[code] for p, code in zip(patients, best.response, strict=True)}
    dates = {p: shown[at] if at >= 0 else pd.NaT for p, at in zip(patients, best.position, strict=True)}
    wanted = expected[expected["setting"] == setting]
    same = 0
    for row in wanted.itertuples():
        response = DIFFERS_ON_PURPOSE.get(
            (row.patient_id, row.confirmed_best_response), row.confirmed_best_response
        )
        assert ours[row.patient_id] == response, row.patient_id
        assert str(dates[row.patient_id])[:10] == str(pd.Timestamp(row.date))[:10], row.patient_id
        same += 1
    name = f"response_confirmed_{SETTINGS[setting]['confirmation_days']}_days"
    agree(name, "confirmed best responses that agree", same, len(wanted), 0, "admiralonco, nine patients")


def test_complete_then_partial_is_flagged(reference):
    """Patient 6: PR, CR, PR."""
    sequence = Sequence(np.array([0, 0, 0]), np.array([4, 14, 57]), np.array([1, 0, 1], dtype=np.int8))
    best = derive_best_responses(sequence, np.array([0]), ResponseSettings(), confirmed=True)
    assert best.complete_then_partial.tolist() == [True]
