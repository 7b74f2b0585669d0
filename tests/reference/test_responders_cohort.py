"""The responder stage against R on rows built patient by patient: several states, late entry, progression, depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

HERE = Path(__file__).parent / "r" / "responders"
FIRST = pd.Timestamp("2010-01-04")


@pytest.fixture(scope="module")
def held(agree):
    path = HERE / "cohort_expected.csv"
    values = pd.read_csv(path, comment="#", float_precision="round_trip").set_index("id")["value"]
    stamp = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").replace("; ", ", ")

    def hold(id, what, ours, tolerance=1e-6):
        ours = np.asarray(ours, dtype=float)
        expected = values.filter(regex=rf"^{id}\.\d+$").to_numpy() if ours.ndim else values[id]
        source = f"r/responders/cohort.R, {stamp}"
        agree(f"responders_{id}", f"responder stage: {what}", ours, expected, tolerance, source)

    return hold


def respond(late=False):
    people, scans = pd.read_csv(HERE / "cohort_patients.csv"), pd.read_csv(HERE / "cohort_scans.csv")
    ids = "p" + people["id"].astype(str).str.zfill(3)
    endpoints = pd.DataFrame({"patient_id": ids, "endpoint": "os", "origin_date": FIRST})
    endpoints = endpoints.assign(
        time_days=people["time"].astype(float),
        event=people["event"],
        entry_days=people["entry"].astype(float) if late else 0.0,
    )
    analysis_set = pd.DataFrame({"patient_id": ids, "age_years": people["age"], "sex": people["sex"]})
    responses = pd.DataFrame(
        {
            "patient_id": "p" + scans["id"].astype(str).str.zfill(3),
            "criterion": "recist_1_1",
            "reader": "local",
            "period": 1,
            "assessment_date": FIRST + pd.to_timedelta(scans["day"], unit="D"),
            "overall_response": scans["code"],
            "change_from_baseline": scans["change"],
            "primary_reader": True,
        }
    )
    is_pd = responses["overall_response"].eq("PD")
    responses["counted"] = is_pd.groupby(responses["patient_id"]).cumsum() - is_pd == 0
    first_pd = responses[is_pd].groupby("patient_id")["assessment_date"].min()
    endpoints["progression_date"] = ids.map(first_pd)
    periods = pd.DataFrame({"patient_id": ids, "period": 1, "first_cycle": FIRST})
    made = {
        "endpoints": endpoints,
        "analysis_set": analysis_set,
        "responses": responses,
        "treatment_periods": periods,
    }
    tables = {name: conform_table(name, made[name]) if name in made else empty_table(name) for name in INPUTS}
    study = Study(
        study="cohort",
        tables={"patients": "p.csv", "follow_up": "f.csv"},
        endpoints=["os"],
        response={"criteria": ["recist_1_1"], "primary_rate": "unconfirmed"},
        analysis={
            "covariates": ["age_years", "sex"],
            "landmark_months": [8],
            "weight_landmarks": True,
            "bootstrap": {"replicates": 0},
        },
    )
    return run(tables, study)


@pytest.fixture(scope="module", params=[False, True], ids=["from the start", "late entry"])
def compared(request):
    return "late_" if request.param else "", respond(request.param)["responders"]


@pytest.fixture(scope="module")
def out():
    return respond()


def pick(table, comparison, method, *, adjusted=False, weighted=False):
    own = table.loc[(table["comparison"] == comparison) & (table["method"] == method)]
    return own.loc[(own["adjusted"] == adjusted) & (own["weighted"] == weighted)].iloc[0]


def hold_ratio(held, id, what, row):
    held(f"{id}_coef", f"{what}, log hazard ratio", row["log_hazard_ratio"])
    held(f"{id}_se", f"{what}, standard error", row["std_error"])


@pytest.mark.parametrize(
    ("id", "comparison"),
    [
        ("responder_td", "responder:non_responder"),
        ("responder_stable_td", "responder:stable"),
        ("progressive_stable_td", "progressive:stable"),
        ("PR_SD_td", "PR:SD"),
        ("CR_SD_td", "CR:SD"),
        ("PD_SD_td", "PD:SD"),
    ],
)
def test_time_dependent_cox(held, compared, id, comparison):
    tag, table = compared
    what = f"time-dependent Cox, {comparison}{', late entry' if tag else ''}"
    hold_ratio(held, f"{tag}{id}", what, pick(table, comparison, "time_dependent_cox"))
    if id == "responder_td":
        row = pick(table, comparison, "time_dependent_cox", adjusted=True)
        hold_ratio(held, f"{tag}{id}_adjusted", f"{what}, adjusted", row)
        row = pick(table, comparison, "simon_makuch")
        hold_ratio(held, f"{tag}{id}_from_8", f"{what}, from 8 months", row)


@pytest.mark.parametrize("pair", ["responder:non_responder", "responder:stable", "progressive:stable"])
def test_mantel_byar(held, compared, pair):
    tag, table = compared
    id = {"responder:non_responder": "responder"}.get(pair, pair.replace(":", "_"))
    held(f"{tag}{id}_mantel_byar", f"Mantel-Byar, {pair}", pick(table, pair, "mantel_byar")["statistic"])


def test_landmark(held, out):
    pair = "responder:non_responder"
    row = pick(out["responders"], pair, "landmark")
    held("landmark_n", "landmark at 8 months, patients", row["n"], 0)
    hold_ratio(held, "landmark", "landmark at 8 months", row)
    held("landmark_logrank", "landmark at 8 months, log-rank", row["statistic"])
    row = pick(out["responders"], pair, "landmark", adjusted=True)
    hold_ratio(held, "landmark_adjusted", "landmark, adjusted", row)
    row = pick(out["responders"], pair, "landmark", weighted=True)
    hold_ratio(held, "landmark_weighted", "landmark, weighted for reaching it", row)


def test_state_occupation(held, out):
    states = out["responder_states"]
    names = {"response": "in_response", "progressed": "progressed", "gone": "after_event"}
    for id, state in ((f"occupied_{name}", state) for name, state in names.items()):
        own = states.loc[states["state"] == state]
        at = np.searchsorted(own["time_months"], np.array([6, 12, 24, 36]) + 1e-9) - 1
        held(id, f"probability of {state}", own["probability"].iloc[at])


def test_depth(held, out):
    depth = out["responder_depth"].iloc[[0, 10, 20, 30, 40]]
    held("depth_log_ratio", "depth of response, spline", depth["log_hazard_ratio"])
    held("depth_se", "depth of response, standard error", depth["std_error"])
    held("depth_p", "depth of response at all", depth["p_value"].iloc[0])
