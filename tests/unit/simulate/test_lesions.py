"""Lesions that shrink by size and radionuclide, and the clinic's reading of its own scans, case by case."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.simulate.history import draw_history
from prrt_outcomes.simulate.lesions import (
    NE,
    PD,
    PR,
    RESPONSES,
    SD,
    Readings,
    derive_best_response,
    evaluate_readings,
)
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides


def read(sums, *, new=(), non_target_pd=(), non_target_cr=False, gone=(), attended=None, non_target=True):
    """Responses of one patient with one target whose diameters are `sums`."""
    scans = len(sums)

    def flags(columns):
        return np.isin(np.arange(scans), columns)[None]

    value = np.full((1, 5, scans), np.nan)
    value[0, 0] = sums
    present = np.array([[True, False, False, False, False]])
    readings = Readings(
        days=np.arange(scans)[None] * 90,
        attended=np.ones((1, scans), dtype=bool) if attended is None else np.array([attended]),
        value_mm=value,
        target_gone=flags(gone),
        non_target_pd=flags(non_target_pd),
        non_target_cr=np.full((1, scans), non_target_cr),
        new_lesion=flags(new),
    )
    codes = evaluate_readings(readings, present, np.array([non_target]))[0]
    return " ".join("-" if code < 0 else RESPONSES[code] for code in codes)


@pytest.mark.parametrize(
    ("sums", "expected"),
    [
        ([50, 35, 34], "- PR PR"),
        ([50, 36, 36], "- SD SD"),
        ([50, 60, 60], "- PD PD"),
        ([50, 59, 59], "- SD SD"),
        ([20, 24, 25], "- SD PD"),
        ([50, 30, 36], "- PR PD"),
        ([50, 30, 35], "- PR PR"),
        ([50, np.nan, 34], "- NE PR"),
        ([np.nan, 30, 20], "- NE NE"),
    ],
)
def test_target_thresholds(sums, expected):
    assert read(sums) == expected


def test_what_is_seen_besides_the_targets():
    assert read([50, 40, 40], new=[2]) == "- SD PD"
    assert read([50, 40, 40], non_target_pd=[1]) == "- PD SD"
    assert read([50, 0, 0], gone=[1, 2]) == "- PR PR"
    assert read([50, 0, 0], gone=[1, 2], non_target_cr=True) == "- CR CR"
    assert read([50, 0, 0], gone=[1, 2], non_target=False) == "- CR CR"


def test_scans_that_did_not_happen_are_no_nadir():
    assert read([50, 30, 40], attended=[True, False, True]) == "- - SD"
    assert read([50, 30, 40], attended=[True, True, True]) == "- PR PD"
    assert read([50, 30, 40], attended=[False, True, True]) == "- NE NE"


def test_best_response_stops_at_progression_and_at_another_therapy():
    days = np.array([[-10, 30, 120, 240]])
    never = np.array([np.inf])

    def best(codes, last=never):
        return RESPONSES[derive_best_response(np.array([codes]), days, last)[0]]

    assert best([-1, SD, PD, PR]) == "PD"
    assert best([-1, SD, SD, PD]) == "SD"
    assert best([-1, SD, PD, PD]) == "PD"
    assert best([-1, -1, SD, PR], np.array([130.0])) == "SD"
    assert best([-1, SD, -1, -1]) == "NE"
    assert best([-1, PR, -1, -1]) == "PR"
    assert best([-1, NE, NE, NE]) == "NE"


def shrinkage_by_size(settings):
    history = draw_history(settings, 20_000, 2)
    lesions = history.lesions
    frame = pd.DataFrame(
        {
            "shrinkage": lesions.log_shrinkage[lesions.present],
            "large": lesions.size_mm[lesions.present] > 40,
            "small": lesions.size_mm[lesions.present] < 20,
            "y90": np.broadcast_to(history.regimen.starts_with_y90[:, None], lesions.present.shape)[
                lesions.present
            ],
        }
    )
    large = frame[frame["large"]].groupby("y90")["shrinkage"].median()
    small = frame[frame["small"]].groupby("y90")["shrinkage"].median()
    return large[True] - large[False], small[True] - small[False]


def test_yttrium_does_better_in_large_lesions_and_lutetium_in_small_ones():
    settings = SimulationSettings()
    in_large, in_small = shrinkage_by_size(settings)
    assert in_large > 0.1
    assert in_small < -0.05
    off = apply_overrides(settings, ["effects.radionuclide_size_interaction=0"])
    assert shrinkage_by_size(off) == (pytest.approx(0, abs=0.02), pytest.approx(0, abs=0.02))
