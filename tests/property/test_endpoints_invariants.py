"""What must hold of every endpoint, whatever happened to the patients."""

import importlib.util
from itertools import pairwise
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.patient_dates import derive_patient_dates
from prrt_outcomes.study.endpoints import PRESETS

spec = importlib.util.spec_from_file_location(
    "endpoint_cases", Path(__file__).parents[1] / "spec/endpoints/cases.py"
)
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)
NAMES = tuple(PRESETS)
RESPONSES = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE")
LAST = 2000
# The stage costs the same for one patient as for forty: few examples of many patients.
few = settings(
    max_examples=3,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@st.composite
def histories(draw):
    """Facts of one patient with consistent dates, in days from the first cycle."""
    end = draw(st.integers(1, LAST))
    days = st.integers(0, end)
    scans = draw(st.dictionaries(st.integers(-30, end), st.sampled_from(RESPONSES), max_size=6))
    therapies = draw(st.lists(days, max_size=2, unique=True))
    cycles = draw(st.lists(days, max_size=4, unique=True))
    status = draw(st.sampled_from(["alive", "dead", "lost"]))
    return {"end": end, "scans": scans, "therapies": therapies, "cycles": cycles, "status": status}


def to_rows(patients):
    """Rows of the input tables; scans belong to the period in which they were made."""
    rows = {name: [] for name in ("patients", "cycles", "therapies", "responses", "follow_up", "assessments")}
    for number, history in enumerate(patients):
        key = {"patient_id": f"p{number}"}
        rows["patients"].append(key)
        cycles = sorted({0, *history["cycles"]})
        starts = [b for a, b in pairwise(cycles) if b - a > 182 and b <= history["end"]]
        rows["cycles"] += [key | {"cycle_date": day(d), "radiopharmaceutical": "other"} for d in cycles]
        rows["therapies"] += [
            key | {"start_date": day(d), "kind": "chemotherapy", "drug": "x", "sequence": n}
            for n, d in enumerate(history["therapies"], start=1)
        ]
        for d, response in sorted(history["scans"].items()):
            period = 1 + sum(start < d for start in starts)
            row = {"assessment_date": day(d), "reader": "local", "criterion": "recist_1_1", "period": period}
            rows["responses"].append(key | row | {"overall_response": response})
        died = day(history["end"]) if history["status"] == "dead" else None
        rows["follow_up"].append(
            key
            | {
                "last_contact_date": day(history["end"]),
                "vital_status": history["status"],
                "death_date": died,
            }
        )
        rows["assessments"].append(key | {"assessment_date": day(-31)})
    return {name: content for name, content in rows.items() if content}


def day(number):
    return (cases.DAY_ZERO + pd.Timedelta(number, "D")).strftime("%Y-%m-%d")


def derive(patients, cutoff=3000, shuffle=False, names=NAMES):
    """All presets of all patients, by endpoint and patient."""
    study = cases.make_study(list(names), day(cutoff))
    tables = cases.make_tables(to_rows(patients), study)
    if shuffle:
        tables = {name: frame.iloc[::-1].reset_index(drop=True) for name, frame in tables.items()}
    dates = derive_patient_dates(tables, study)
    frames = [derive_endpoint(dates, definition, study) for definition in study.endpoints]
    return pd.concat(frames, ignore_index=True).set_index(["endpoint", "patient_id"]).sort_index()


cohorts = st.lists(histories(), min_size=10, max_size=40)


@few
@given(cohorts)
def test_one_row_or_one_reason(patients):
    rows = derive(patients)
    assert rows.index.is_unique
    assert len(rows) == len(NAMES) * len(patients)
    has_time = rows["exclusion"] == ""
    kept = rows[has_time]
    assert kept[["time_days", "entry_days", "end_date", "origin_date"]].notna().all().all()
    assert (kept["reason"] != "").all()
    assert (kept["time_days"] > kept["entry_days"]).all()
    assert kept["event"].isin([0, 1, 2]).all()
    assert kept.loc[kept["event"] == 2].index.get_level_values("endpoint").isin(["ttp", "tmn"]).all()


@few
@given(cohorts, st.integers(1, LAST), st.integers(0, 500))
def test_a_later_cutoff_never_shortens_a_time_or_undoes_an_event(patients, cutoff, later):
    early, late = derive(patients, cutoff), derive(patients, cutoff + later)
    early = early[early["exclusion"] == ""]
    late = late.loc[early.index]
    assert (late["exclusion"] == "").all()
    assert (late["time_days"] >= early["time_days"]).all()
    known = early["event"] > 0
    pd.testing.assert_frame_equal(
        early.loc[known, ["time_days", "event", "reason"]], late.loc[known, ["time_days", "event", "reason"]]
    )


@few
@given(cohorts, st.sampled_from(RESPONSES), st.integers(1, 300))
def test_a_scan_after_the_event_changes_nothing(patients, response, after):
    names = ("pfs", "pfs_fda", "ttp", "dor", "os")
    rows = derive(patients, names=names)
    for name in names:
        event = rows.loc[name]
        event = event[(event["exclusion"] == "") & (event["event"] > 0)]
        changed = []
        for number, history in enumerate(patients):
            scans = history["scans"]
            if f"p{number}" in event.index:
                end = (event.loc[f"p{number}", "end_date"] - cases.DAY_ZERO).days
                scans = scans | {end + after: response}
            changed.append(history | {"scans": scans})
        again = derive(changed, names=(name,)).loc[name].loc[event.index]
        columns = ["time_days", "event", "reason", "end_date"]
        pd.testing.assert_frame_equal(event[columns], again[columns])


@few
@given(cohorts)
def test_the_order_of_rows_does_not_matter(patients):
    columns = ["time_days", "event", "reason", "exclusion"]
    pd.testing.assert_frame_equal(derive(patients)[columns], derive(patients, shuffle=True)[columns])
