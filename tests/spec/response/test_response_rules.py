"""The truth tables beside this file, every row one case; `docs/response_rules.md` is made of the same text."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from prrt_outcomes.response.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

HERE = Path(__file__).parent
START = pd.Timestamp("2020-06-01")
TARGETS = {"CR": "30 > 0", "PR": "30 > 15", "SD": "30 > 30", "PD": "30 > 60", "NE": "30 > ne", "none": ""}
KINDS = {"therapy": "chemotherapy", "palliative": "surgery", "analogue": "ssa_long_acting"}


@lru_cache
def read_cases(name: str) -> tuple[dict[str, str], ...]:
    """Rows of the table in a text file, each a dict of its cells, numbered."""
    lines = [line for line in (HERE / f"{name}.md").read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, *rows = (row for row in cells if set("".join(row)) != {"-"})
    return tuple({"number": str(k), **dict(zip(head, row, strict=True))} for k, row in enumerate(rows))


def name_case(case: dict[str, str]) -> str:
    return "-".join([case["number"], case.get("criterion", ""), case.get("case", "")]).replace(" ", "_")


def read_target(text: str) -> list[dict]:
    """Rows of one target at one scan, from the notation of the tables."""
    if text == "-":
        return []
    if "+" in text:
        return [row | {"part": f".{k}"} for k, p in enumerate(text.split("+"), 1) for row in read_target(p)]
    row = {"lymph_node": text.startswith("n") and text != "ne", "state": "measured"}
    row["state"] = {"0": "absent", "ts": "too_small", "ne": "not_evaluated"}.get(text, "measured")
    if text.startswith("a"):
        row["state"] = "absent"
    sizes = re.fullmatch(r"[nam]?(-?[\d.]+)(?:x(-?[\d.]+))?", text)
    if sizes and text != "0":
        row["longest_mm"] = float(sizes[1])
        row["perpendicular_mm"] = float(sizes[2]) if sizes[2] else np.nan
    return [row]


def read_scan(text: str) -> list[dict]:
    """Lesion rows of one scan."""
    if text.startswith("merged "):
        return [row | {"lesion_id": "T1+T2"} for row in read_target(text.removeprefix("merged "))]
    rows = []
    for k, target in enumerate(filter(None, (t.strip() for t in text.split(","))), 1):
        rows += [row | {"lesion_id": f"T{k}{row.pop('part', '')}"} for row in read_target(target)]
    return rows


def build_tables(lesions=(), assessments=(), therapies=(), labs=(), patients=()) -> dict[str, pd.DataFrame]:
    """Typed tables of patients whose first cycle is `START`; rows hold `day` from it."""
    tables = {name: empty_table(name) for name in INPUTS}
    rows = {"lesions": lesions, "assessments": assessments, "therapies": therapies, "labs": labs}
    dates = {"therapies": "start_date", "labs": "sample_date"}
    filled = {
        "lesions": {"reader": "local", "role": "target"},
        "assessments": {"reader": "local", "reported_criterion": "any"},
        "therapies": {"drug": "unspecified", "sequence": 1},
        "labs": {"analyte": "chromogranin_a", "sequence": 1},
    }
    for name, given in rows.items():
        if not given:
            continue
        frame = pd.DataFrame([filled[name] | row for row in given])
        day = START + pd.to_timedelta(frame.pop("day"), unit="D")
        frame[dates.get(name, "assessment_date")] = (
            day.dt.strftime("%Y-%m-%d") if name == "therapies" else day
        )
        tables[name] = conform_table(name, frame)
    tables["patients"] = conform_table("patients", pd.DataFrame({"patient_id": list(patients)}))
    periods = {"patient_id": list(patients), "period": 1, "first_cycle": START, "last_cycle": START}
    tables["treatment_periods"] = conform_table("treatment_periods", pd.DataFrame(periods))
    return tables


def derive(tables: dict[str, pd.DataFrame], criterion: str, settings: str = "") -> dict[str, pd.DataFrame]:
    written = {key: yaml.safe_load(value) for key, value in (part.split("=") for part in settings.split())}
    study = {
        "study": "rules",
        "tables": {"patients": "p", "follow_up": "f"},
        "response": {"criteria": ["recist_1_1", *{criterion} - {"recist_1_1"}], **written},
        "analysis": {"group_by": [], "covariates": []},
    }
    out = run(tables, Study.model_validate(study))
    return {name: t[t["criterion"] == criterion] for name, t in out.items() if "criterion" in t}


def derive_cases(name: str, criterion: str | None = None, **rows_of) -> dict[str, dict[str, pd.DataFrame]]:
    """Run all cases of a file, each case a patient, once for every criterion and setting; results by case."""
    results = {}
    cases = pd.DataFrame(read_cases(name))
    cases["criterion"] = criterion or cases.get("criterion", "recist_1_1")
    cases["settings"] = cases.get("settings", "")
    for (own, settings), part in cases.groupby(["criterion", "settings"]):
        patients = part["number"].tolist()
        rows = {
            table: [
                {"patient_id": case["number"]} | row for case in part.to_dict("records") for row in read(case)
            ]
            for table, read in rows_of.items()
        }
        out = derive(build_tables(**rows, patients=patients), own, settings)
        for patient in patients:
            tables = {n: out[n][out[n]["patient_id"] == patient] for n in ("responses", "best_responses")}
            results[patient] = tables
    return results


def list_overall(out: dict[str, pd.DataFrame]) -> str:
    return " > ".join(out["responses"].sort_values("assessment_date")["overall_response"].astype(str))


def read_sizes(case: dict[str, str]) -> list[dict]:
    """Lesion rows of a case of scans parted by >."""
    scans = enumerate(case["scans"].split(">"))
    return [{"day": -7 if k == 0 else 60 * k} | row for k, scan in scans for row in read_scan(scan.strip())]


def read_days(case: dict[str, str]) -> list[dict]:
    """The scans themselves: one at which no target was recorded is still a scan."""
    return [{"day": -7 if k == 0 else 60 * k} for k in range(case["scans"].count(">") + 1)]


@lru_cache
def derive_sizes(name: str):
    return derive_cases(name, lesions=read_sizes, assessments=read_days)


@pytest.mark.parametrize("case", read_cases("thresholds"), ids=name_case)
def test_thresholds(case):
    out = derive_sizes("thresholds")[case["number"]]
    assert list_overall(out) == case["expected"], out["responses"]["reason"].tolist()


@pytest.mark.parametrize("case", read_cases("missing_and_special"), ids=name_case)
def test_missing_and_special(case):
    out = derive_sizes("missing_and_special")[case["number"]]
    assert list_overall(out) == case["expected"], out["responses"]["reason"].tolist()


@pytest.mark.parametrize("criterion", ["recist_1_1", "swog"])
def test_overall_table(criterion):
    lesions, assessments, patients = [], [], []
    for case in read_cases("overall"):
        patient = case["number"]
        patients.append(patient)
        scans = (
            [scan.strip() for scan in TARGETS[case["target"]].split(">")] if case["target"] != "none" else []
        )
        for day, scan in zip((-7, 60), scans, strict=False):
            rows = read_scan(scan if criterion == "recist_1_1" else re.sub(r"^(\d\d)$", r"\1x20", scan))
            lesions += [{"patient_id": patient, "day": day} | row for row in rows]
        given = {"patient_id": patient, "non_target": case["non-target"]}
        assessments.append(given | {"day": 60, "new_lesion": case["new lesion"] == "yes"})
        first = "none" if case["non-target"] == "none" else "non_CR_non_PD"
        assessments.append(given | {"day": -7, "non_target": first, "new_lesion": False})
    out = derive(build_tables(lesions, assessments, patients=patients), criterion)
    found = out["responses"].set_index("patient_id")["overall_response"].astype(str).to_dict()
    wanted = {case["number"]: case[criterion] for case in read_cases("overall")}
    assert {k: (v, found.get(k)) for k, v in wanted.items() if found.get(k) != v} == {}


def read_reports(case: dict[str, str]) -> list[dict]:
    """Reported responses of a case, and a scan before treatment."""
    pairs = [token.split(":") for token in case["assessments"].split() if ":" in token]
    return [{"day": -10}, *({"day": int(day), "reported_response": response} for day, response in pairs)]


def read_therapies(case: dict[str, str]) -> list[dict]:
    pairs = [token.split("@") for token in case["assessments"].split() if "@" in token]
    rows = [{"day": int(day), "kind": KINDS[kind], "intent": kind} for kind, day in pairs]
    return [row if row["intent"] == "palliative" else row | {"intent": None} for row in rows]


@lru_cache
def derive_best():
    return derive_cases("best", assessments=read_reports, therapies=read_therapies)


@pytest.mark.parametrize("case", read_cases("best"), ids=name_case)
def test_best_response(case):
    out = derive_best()[case["number"]]
    best = out["best_responses"].set_index("confirmed")["best_response"].astype(str)
    assert (best[False], best[True]) == (case["unconfirmed"], case["confirmed"]), out["responses"][
        "reason"
    ].tolist()


def read_course(text: str) -> tuple[list[dict], list[dict]]:
    """Lesion and assessment rows of a course in words."""
    lesions, assessments = [], []
    for scan in text.split(";"):
        day, _, rest = scan.strip().partition(":")
        head = {"day": int(day)}
        said = dict(head)
        modality = re.search(r"@(.+)$", rest)
        if modality:
            said["modality"] = modality[1]
            rest = rest[: modality.start()]
        for key, column in (("nt", "non_target"), ("report", "reported_response")):
            found = re.search(rf"{key}=(\S+)", rest)
            if found:
                said[column] = found[1]
                rest = rest.replace(found[0], "")
        role = re.search(r"role=(\S+)", rest)
        new_row = re.search(r"N=(\d+)", rest)
        twice = "twice" in rest
        if re.search(r"\bnew\b", rest):
            said["new_lesion"] = True
        sizes = re.sub(r"role=\S+|N=\d+|\bnew\b|twice", "", rest).strip()
        rows = [head | row for row in read_scan(sizes)]
        if role:
            rows = [row | {"role": role[1]} for row in rows]
        if new_row:
            state = "absent" if new_row[1] == "0" else "measured"
            size = {} if state == "absent" else {"longest_mm": float(new_row[1])}
            rows.append(head | {"lesion_id": "N1", "role": "new", "state": state} | size)
        lesions += rows * (2 if twice else 1)
        assessments.append(said)
    return lesions, assessments


@lru_cache
def derive_courses():
    read = {"lesions": 0, "assessments": 1}
    rows_of = {
        table: (lambda case, place=place: read_course(case["course"])[place]) for table, place in read.items()
    }
    return derive_cases("course", **rows_of)


@pytest.mark.parametrize("case", read_cases("course"), ids=name_case)
def test_course(case):
    table = derive_courses()[case["number"]]["responses"].sort_values("assessment_date")
    days = (table["assessment_date"] - START).dt.days.astype(str)
    found = " ".join(days + ":" + table["overall_response"].astype(str))
    assert found == case["expected"], table["reason"].tolist()


def read_samples(case: dict[str, str]) -> list[dict]:
    rows = []
    for k, sample in enumerate(case["values"].split(">")):
        value, _, unit = sample.strip().partition(" ")
        value, _, limit = value.partition("/")
        row = {"day": -7 if k == 0 else 60 * k, "value": float(value), "unit": unit or "ug/L"}
        rows.append(row | ({"upper_limit": float(limit)} if limit else {}))
    return rows


@lru_cache
def derive_markers():
    return derive_cases("chromogranin", "chromogranin_a", labs=read_samples)


@pytest.mark.parametrize("case", read_cases("chromogranin"), ids=name_case)
def test_marker(case):
    out = derive_markers()[case["number"]]
    assert list_overall(out) == case["expected"], out["responses"]["reason"].tolist()
    assert out["responses"]["reader"].eq("laboratory").all()


def test_there_are_enough_cases():
    names = ("thresholds", "missing_and_special", "overall", "best", "course", "chromogranin")
    assert sum(len(read_cases(name)) for name in names) >= 300
