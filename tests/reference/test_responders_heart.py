"""The Stanford heart transplants: every responder method equals R's survival package."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.comparisons import (
    Comparison,
    compare_by_all_methods,
    summarise_responder_curves,
)
from prrt_outcomes.responders.states import BINARY, NON_RESPONDER, RESPONDER, derive_onset_history
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.endpoint_rows import EndpointRows

HERE = Path(__file__).parent / "r" / "responders"
SOURCE = "R 4.2.2, survival 3.5-3: coxph, survdiff, survfit on survival::heart"
LANDMARKS = (30, 60, 100)


@pytest.fixture(scope="module")
def expected():
    return pd.read_csv(HERE / "heart_expected.csv", float_precision="round_trip").set_index("name")["value"]


@pytest.fixture(scope="module")
def heart():
    rows = pd.read_csv(HERE / "heart.csv")
    people = rows.groupby("id").agg(time=("stop", "max"), event=("event", "max"), age=("age", "first"))
    wait = rows.loc[rows["tx"] == 1].groupby("id")["start"].min()
    history = derive_onset_history(wait.reindex(people.index, fill_value=np.inf).to_numpy(dtype=float))
    frame = pd.DataFrame({"age_years": people["age"].to_numpy()})
    times = EndpointRows("os", people["time"].to_numpy(dtype=float), people["event"].to_numpy(), None, frame)
    return times, history


@pytest.fixture(scope="module")
def compared(heart):
    times, history = heart
    comparison = Comparison(RESPONDER, NON_RESPONDER, history, times, times.frame, 0.95)
    return pd.DataFrame(compare_by_all_methods(comparison, LANDMARKS))


def pick(table, method, adjusted=False, landmark=None):
    rows = table.loc[(table["method"] == method) & (table["adjusted"] == adjusted)]
    return rows.loc[rows["landmark_months"] == landmark].iloc[0] if landmark else rows.iloc[0]


def test_time_dependent_cox(compared, expected, agree):
    row = pick(compared, "time_dependent_cox")
    for name in ("log_hazard_ratio", "std_error"):
        what = f"time-dependent Cox, {name}"
        agree(f"heart_td_{name}", what, row[name], expected[f"td_{name}"], 1e-6, SOURCE)
    row = pick(compared, "time_dependent_cox", adjusted=True)
    for name in ("log_hazard_ratio", "std_error"):
        what = f"time-dependent Cox adjusted for age, {name}"
        agree(f"heart_td_adjusted_{name}", what, row[name], expected[f"td_adjusted_{name}"], 1e-6, SOURCE)


def test_mantel_byar(compared, expected, agree):
    """The score test with exactly treated ties is the log-rank test with hypergeometric variance."""
    row = pick(compared, "mantel_byar")
    agree(
        "heart_mantel_byar",
        "Mantel-Byar chi-squared",
        row["statistic"],
        expected["mantel_byar_exact_ties"],
        1e-6,
        SOURCE,
    )
    assert np.isnan(row["log_hazard_ratio"])


def test_naive(compared, expected, agree):
    row = pick(compared, "naive")
    for name in ("log_hazard_ratio", "std_error"):
        agree(f"heart_naive_{name}", f"naive Cox, {name}", row[name], expected[f"naive_{name}"], 1e-6, SOURCE)
    agree("heart_naive_logrank", "naive log-rank", row["statistic"], expected["naive_logrank"], 1e-6, SOURCE)


@pytest.mark.parametrize("landmark", LANDMARKS)
def test_landmark(compared, expected, agree, landmark):
    row = pick(compared, "landmark", landmark=landmark)
    prefix = f"landmark_{landmark}"
    assert row["n"] == expected[f"{prefix}_n"]
    assert row["n"] + row["excluded"] == 103
    for ours, theirs in (
        ("log_hazard_ratio", "log_hazard_ratio"),
        ("std_error", "std_error"),
        ("statistic", "logrank"),
    ):
        what = f"landmark at {landmark} days, {theirs}"
        agree(f"heart_{prefix}_{theirs}", what, row[ours], expected[f"{prefix}_{theirs}"], 1e-6, SOURCE)


def test_simon_makuch(heart, expected, agree):
    times, history = heart
    curves = summarise_responder_curves(times, history, AnalysisSettings(landmark_months=LANDMARKS))
    curves = curves.loc[(curves["method"] == "simon_makuch") & (curves["landmark_months"] == 30)]
    for state, group in enumerate(BINARY):
        own = curves.loc[curves["group"] == group]
        for day in (100, 300, 600):
            survival = own.loc[own["time_months"] <= day, "survival"].iloc[-1]
            reference = expected[f"simon_makuch_30_tx={state}_{day}"]
            what = f"Simon-Makuch from day 30, {group} at {day} days"
            agree(f"heart_simon_makuch_{state}_{day}", what, survival, reference, 1e-6, SOURCE)
