"""Nine patients of admiralonco's test of confirmed best response, under both of its settings."""

from __future__ import annotations

import pandas as pd
import pytest

from prrt_outcomes.response.best import derive_best_responses, find_confirmations, find_counted
from prrt_outcomes.response.codes import RESPONSES, convert_to_codes
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


START = pd.Timestamp("2020-01-01")


def derive_best(scans, courses, settings):
    """Confirmed best responses, as the stage makes them of the scans."""
    counted = scans[find_counted(scans, pd.Series(pd.NaT, index=courses.index))]
    counted = counted.assign(confirmation_date=find_confirmations(counted, settings))
    return derive_best_responses(counted, courses, settings, confirmed=True)


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
    origin = rows.drop_duplicates("patient_id").set_index("patient_id")["origin_date"].reindex(patients)
    courses = pd.DataFrame({"first_cycle": pd.to_datetime(origin.to_numpy()), "followed": True})
    rows = rows[rows["assessment_date"].notna()].sort_values(["patient_id", "assessment_date"])
    scans = pd.DataFrame(
        {
            "course": rows["patient_id"].map(patients.index),
            "date": pd.to_datetime(rows["assessment_date"]),
            "overall_response": convert_to_codes(rows["overall_response"], RESPONSES),
        }
    )
    best = derive_best(scans, courses, ResponseSettings.model_validate(SETTINGS[setting]))
    ours = {p: RESPONSES[code] for p, code in zip(patients, best["response"], strict=True)}
    dates = dict(zip(patients, best["date"], strict=True))
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
    days = pd.to_timedelta([4, 14, 57], unit="D")
    scans = pd.DataFrame({"course": 0, "date": START + days, "overall_response": [1, 0, 1]})
    courses = pd.DataFrame({"first_cycle": [START], "followed": True})
    assert derive_best(scans, courses, ResponseSettings())["complete_then_partial"].tolist() == [True]
