# ruff: noqa: E501
"""Mutants of a small clean cohort: each is refused or told as a warning, and none ends as a fault of the program."""

import numpy as np
import pandas as pd
import pytest
import yaml

from prrt_outcomes.cli.main import main
from prrt_outcomes.cohort.plausibility import load_rules

# table | rows | change | what `check` says
# `one` row of those that fit is drawn; `drop` leaves rows out, `copy` adds them again with the change behind it
CASES = """
patients          | one grade == 'G2'                                 | patient_id = patient_id.str.lower()  | unknown patient
patients          | copy patient_id == 'P1'                           | patient_id = 'p1'                    | differs from another patient only by case
control_patients  | copy patient_id == 'H1'                           | patient_id = 'h1'                    | differs from another patient only by case
patients          | one ki67_percent > 9                              | ki67_percent = ki67_percent / 100    | a fraction rather than a percentage
patients          |                                                   | ki67_percent = ki67_percent / 100    | no value is above 1, as of fractions
cycles            | one patient_id == 'P4'                            | activity_gbq = 0.1                   | unusual for this radionuclide
cycles            |                                                   | radiopharmaceutical = 'other'; activity_gbq = 0.2 | nearly all are below 0.5, as in Ci
cycles            | one                                               | kidney_dose_gy = 0.005               | implausible
cycles            | one                                               | marrow_dose_gy = 0.0002              | implausible
cycles            | one                                               | kidney_dose_gy = 500                 | out of range
cycles            | one                                               | kidney_dose_gy = 60                  | implausible
cycles            | one                                               | marrow_dose_gy = 60                  | out of range
cycles            | one                                               | marrow_dose_gy = 3                   | implausible
cycles            | one                                               | kidney_dose_gy = 0.9; marrow_dose_gy = 1.5 | above the dose of the kidneys
therapies         | one kind == 'chemotherapy'                        | dose_mg = 0.2                        | unusual for this kind of therapy
therapies         | one kind == 'surgery'                             | kind = 'ssa_long_acting'; dose_mg = 30000 | unusual for this kind of therapy
patients          | one grade == 'G1'                                 | ki67_percent = 40                    | does not fit the grade
patients          | one grade == 'G2'                                 | grade = 'G3'                         | does not fit the grade
patients          | one grade == 'G2'                                 | grade = 'G1'                         | does not fit the grade
patients          | one ecog == 0                                     | ecog = 3                             | does not fit ecog
patients          | one ecog == 1                                     | karnofsky = 30                       | does not fit ecog
patients          | one                                               | age_years = age_years + 10           | does not fit birth_year
follow_up         | one vital_status == 'alive'                       | death_date = '2017-05-05'            | a date of death although not dead
follow_up         | one vital_status == 'alive'                       | death_cause = 'tumour'               | a cause of death although not dead
adverse_events    | one patient_id in ['P2', 'P4', 'P6']              | grade = 5                            | a fatal event although not dead
cycles            | patient_id == 'P4' and cycle_date.str.endswith('03-01') | cycle_date = '2000-03-01'      | more than 12 years after the cycle before
labs              | one                                               | sample_date = '2005-03-01'           | long before the treatment or the diagnosis
assessments       | one                                               | assessment_date = '2005-03-01'       | long before the treatment
adverse_events    | one                                               | onset_date = '2005-03-01'            | long before the treatment
therapies         | one                                               | start_date = '2004-03'               | long before the diagnosis
therapies         | one kind == 'surgery'                             | end_date = '2016-01-01'              | long after the start
therapies         | one                                               | end_date = '2090-01-01'              | end after the last contact
adverse_events    | one                                               | end_date = '2090-01-01'              | end after the last contact
adverse_events    | one                                               | end_date = '2004-01-01'              | end before the onset
labs              | one                                               | sample_date = '2114-03-01'           | out of range
adverse_events    | one                                               | grade = 6                            | out of range
adverse_events    | one                                               | grade = 0                            | out of range
labs              | one                                               | unit = nan                           | empty
labs              | one analyte == 'creatinine'                       | upper_limit = upper_limit * 88.4     | an unusual limit in this unit
lesions           | one                                               | reader = 'Local'                     | levels differ only in capital letters
assessments       | one                                               | reader = 'Local'                     | levels differ only in capital letters
lesions           | one lesion_id == 'T1'                             | lesion_id = 't1'                     | differs from another lesion only by case
lesions           | one lesion_id == 'T1'                             | lesion_id = 'T7'                     | the target lesion has no row at the next scan
lesions           | drop patient_id == 'P1' and lesion_id == 'T1' and scan == 1 | | the target lesion has no row at the next scan
lesions           | drop patient_id == 'P2' and lesion_id == 'T2' and scan > 0 | | the target lesion has no row at the next scan
lesions           | drop patient_id == 'P3' and lesion_id == 'T2' and scan == 0 | | a target lesion that is first seen after the treatment began
lesions           | one scan == 1                                     | role = 'non_target'                  | a target lesion changes its role
lesions           | one scan == 2                                     | organ = 'pancreas'                   | a lesion changes its organ
lesions           | one scan == 2                                     | lymph_node = 'true'                  | a lesion changes between node and other tissue
lesions           | one scan == 2                                     | longest_mm = nan; perpendicular_mm = nan | measured, yet without a diameter
lesions           | one scan == 2                                     | perpendicular_mm = 90                | longer than the longest diameter
lesions           | one scan == 2                                     | perpendicular_mm = 0.012             | below 1 mm, which no scan shows
lesions           | one scan == 2                                     | longest_mm = 0.04                    | below 1 mm, which no scan shows
lesions           |                                                   | perpendicular_mm = perpendicular_mm / 10 | nearly all targets are below 5, as in cm
lesions           |                                                   | longest_mm = longest_mm / 10         | nearly all targets are below 10, as in cm
lesions           | patient_id == 'P5' and scan == 0                  | longest_mm = longest_mm / 10         | about ten times or a tenth of the scan before
lesions           | patient_id == 'P5' and scan == 2                  | longest_mm = longest_mm / 10         | about ten times or a tenth of the scan before
lesions           | patient_id == 'P5' and scan == 2                  | longest_mm = longest_mm / 10 * (lesion_id == 'T1') | about ten times or a tenth of the scan before
lesions           | copy patient_id == 'P6' and scan == 0             | assessment_date = '2014-02-20'; longest_mm = longest_mm * 2 | two baseline scans within 45 days disagree
assessments       | drop                                              |                                      | without a table assessments
control_outcomes  | drop                                              |                                      | without a table control_outcomes
control_curves    | drop                                              |                                      | without a table control_curves
labs              |                                                   | unit = 'mmol'                        | no unit known for this analyte
labs              | analyte == 'platelets'                            | unit = 'K/L'                         | no unit known for this analyte
labs              | one analyte == 'platelets'                        | value = value * 1000                 | hardly possible in this unit
labs              | one analyte == 'platelets'                        | value = value / 1000                 | hardly possible in this unit
labs              | one analyte == 'haemoglobin'                      | value = value * 10                   | hardly possible in this unit
labs              | one analyte == 'haemoglobin'                      | value = value / 10                   | hardly possible in this unit
labs              | one analyte == 'creatinine'                       | value = value * 88.4                 | hardly possible in this unit
labs              | one analyte == 'creatinine'                       | value = value / 88.4                 | hardly possible in this unit
labs              | one analyte == 'creatinine'                       | unit = 'mg/dL'                       | hardly possible in this unit
labs              | one analyte == 'haemoglobin'                      | unit = 'g/dL'                        | hardly possible in this unit
labs              | one analyte == 'creatinine'                       | value = value * 10                   | far from the other values of the patient
labs              | analyte == 'haemoglobin'                          | value = value / 16.114; unit = 'g/dL' | half of the values of the analyte are unusual
labs              | one analyte == 'haemoglobin'                      | lower_limit = 12                     | an unusual limit in this unit
labs              | one analyte == 'creatinine'                       | upper_limit = 1.2                    | an unusual limit in this unit
labs              | one analyte == 'creatinine'                       | lower_limit = 150                    | above the upper limit
labs              | patient_id == 'P3' and analyte == 'haemoglobin'   | value = 8.2; unit = sample_date.where(sample_date < '2014-06', 'mmol/L').where(sample_date > '2014-06', 'g/dL') | the number is like the other values
control_outcomes  |                                                   | time = time / 30.44                  | half of the times are below 30 days
control_outcomes  |                                                   | time = time * 24                     | half of the times are over 10 years
control_outcomes  | one                                               | entry_time = 3000                    | entry not before the end of follow-up
control_outcomes  |                                                   | entry_time = 0.04                    | half of the entries are below one day
control_curves    |                                                   | time_months = time_months / 12       | no time is over 6 months, as of years
control_curves    |                                                   | survival = survival / 100            | no value is above 0.2, as of another unit
control_curves    |                                                   | survival = survival * 100            | survival in percent
"""
SETTINGS = {
    "a claim that is no number": ({"claims": [{"id": "c", "quantity": "objective", "published": float("nan")}]}, "a finite number"),
    "a claim that is infinite": ({"claims": [{"id": "c", "quantity": "median_pfs_months", "published": float("inf")}]}, "a finite number"),
    "a control that is infinite": ({"controls": [{"id": "c", "kind": "published", "n": 9, "median_months": float("inf")}]}, "a finite number"),
    "a milestone that is no number": (
        {"controls": [{"id": "c", "kind": "published", "n": 9, "milestones": [{"months": float("nan"), "survival": 0.5}]}]},
        "a finite number",
    ),
    "a delimiter outside ASCII": ({"tables": {"labs": {"file": "labs.csv", "delimiter": "§"}}}, "cannot be a delimiter"),
    "a quotation mark for a delimiter": ({"tables": {"labs": {"file": "labs.csv", "delimiter": '"'}}}, "cannot be a delimiter"),
    "a path outside the study": ({"tables": {"labs": "../labs.csv"}}, "the file lies outside the study folder"),
}  # fmt: skip
BASE = ("patients", "cycles", "follow_up")
PARTNERS = {"assessments": "lesions", "control_at_risk": "control_curves"}
PARTNERS |= {"control_patients": "control_outcomes"}
PARTNERS |= {theirs: ours for ours, theirs in PARTNERS.items()}
LIMITS = {"creatinine": ("umol/L", 80, 50, 105), "haemoglobin": ("g/L", 130, 120, 160), "platelets": ("10^9/L", 200, 150, 400)}  # fmt: skip


def draw_cohort():
    """Eight patients treated from March 2014 with three scans, six controls and a curve, without any fault."""
    ids = [f"P{i}" for i in range(1, 9)]
    grades = ["G1", "G2", "G2", "G3"] * 2
    patients = pd.DataFrame(
        {
            "patient_id": ids,
            "tumour_type": "gep_pancreas",
            "birth_year": range(1950, 1958),
            "age_years": np.arange(64.0, 56.0, -1.0),
            "diagnosis_date": "2011-05",
            "grade": grades,
            "ki67_percent": [2, 10, 12, 35, 1, 15, 4, 50],
            "ecog": [0, 1] * 4,
            "karnofsky": [100, 80] * 4,
        }
    )
    scans = pd.DataFrame({"scan": [0, 1, 2], "assessment_date": ["2014-02-10", "2014-10-10", "2015-03-10"]})
    targets = pd.DataFrame(
        {"lesion_id": ["T1", "T2"], "organ": ["liver", "lung"], "longest_mm": [40.0, 25.0]}
    )
    own = patients[["patient_id"]]
    lesions = own.merge(scans, "cross").merge(targets, "cross")
    lesions["longest_mm"] *= 1 - lesions["scan"] / 10
    analytes = [(name, unit, float(value), low, high) for name, (unit, value, low, high) in LIMITS.items()]
    labs = pd.DataFrame(analytes, columns=["analyte", "unit", "value", "lower_limit", "upper_limit"])
    labs = own.merge(
        pd.DataFrame({"sample_date": ["2014-02-20", "2014-06-20", "2014-08-20"]}), "cross"
    ).merge(labs, "cross")
    is_dead = np.arange(8) % 2 == 0
    end = np.where(is_dead, "2016-05-05", "2017-05-05")
    follow_up = own.assign(last_contact_date=end, vital_status=np.where(is_dead, "dead", "alive"))
    follow_up = follow_up.assign(
        death_date=np.where(is_dead, end, ""), death_cause=np.where(is_dead, "tumour", "")
    )
    cycles = own.merge(pd.DataFrame({"cycle_date": ["2014-03-01", "2014-05-10"]}), "cross")
    events = own.assign(onset_date="2014-04-01", end_date="2014-04-09", term="nausea", grade=1)
    controls = pd.DataFrame({"patient_id": [f"H{i}" for i in range(1, 7)], "grade": "G2", "ki67_percent": 8})
    times = controls[["patient_id"]].assign(
        endpoint="pfs", time=np.arange(300.0, 900.0, 100), event=1, entry_time=0.0
    )
    curve = pd.DataFrame({"time_months": [0, 6, 12, 18, 24], "survival": [1.0, 0.8, 0.5, 0.4, 0.3]})
    key = {"control": "curve", "arm": "drug", "endpoint": "pfs"}
    return {
        "patients": patients,
        "cycles": cycles.assign(radiopharmaceutical="177Lu-DOTATATE"),
        "therapies": own.assign(start_date="2013-01", end_date="2013-02", kind=["surgery", "chemotherapy"] * 4),
        "assessments": own.merge(scans, "cross").assign(reader="local", reported_response="SD"),
        "lesions": lesions.assign(reader="local", role="target", lymph_node="false", perpendicular_mm=12.0, state="measured"),
        "labs": labs,
        "follow_up": follow_up,
        "adverse_events": events,
        "control_patients": controls,
        "control_outcomes": times,
        "control_curves": curve.assign(**key),
        "control_at_risk": pd.DataFrame({**key, "time_months": [0, 12], "n_at_risk": [50, 22]}),
    }  # fmt: skip


def mutate(tables, name, rows, change, generator):
    """Change the cells of some rows of a table, or leave rows or the table out."""
    frame = tables[name]
    word, _, condition = rows.partition(" ")
    if word not in ("one", "drop", "copy"):
        word, condition = "", rows
    chosen = frame.eval(condition, engine="python") if condition else pd.Series(True, frame.index)
    assert chosen.any()
    if word == "one":
        chosen = frame.index == generator.choice(frame.index[chosen])
    if word == "drop":
        left = frame[~chosen]
        return tables | {name: left} if len(left) else {n: t for n, t in tables.items() if n != name}
    changed = frame[chosen].astype(object)
    for one in filter(None, change.split("; ")):
        column, expression = one.split(" = ")
        value = np.nan if "nan" in expression else frame[chosen].eval(expression, engine="python")
        changed[column] = value
    kept = frame.iloc[:0] if chosen.all() else frame if word == "copy" else frame[~chosen]
    whole = pd.concat([kept.astype(object), changed]) if len(kept) else changed
    return tables | {name: whole.sort_index(kind="stable")}


@pytest.fixture
def check(tmp_path, capsys):
    """Write tables and settings as a study, check it, and give the exit status and what was said."""

    def run(cohort, **settings):
        folder = tmp_path / "study"
        folder.mkdir()
        for name, table in cohort.items():
            table.drop(columns="scan", errors="ignore").to_csv(folder / f"{name}.csv", index=False)
        if "labs" in cohort:
            cohort["labs"].to_csv(tmp_path / "labs.csv", index=False)
        paths = {name: f"{name}.csv" for name in cohort} | settings.pop("tables", {})
        curve = [{"id": "curve", "kind": "curve", "arm": "drug"}] if "control_curves" in cohort else []
        study = {"study": "s", "tables": paths, "data_cutoff": "2018-01-01", "controls": curve, **settings}
        (folder / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
        status = main(["check", str(folder)])
        return status, capsys.readouterr().out

    return run


def cases():
    return [[part.strip() for part in line.split("|")] for line in CASES.strip().splitlines()]


def test_the_clean_cohort_is_clean(check):
    status, said = check(draw_cohort())
    assert status == 0
    assert "warning" not in said


@pytest.mark.parametrize(("table", "rows", "change", "problem"), cases())
def test_mutant(check, table, rows, change, problem):
    generator = np.random.default_rng(len(table + rows + change))
    tables = {
        name: frame for name, frame in draw_cohort().items() if name in {*BASE, table, PARTNERS.get(table)}
    }
    status, said = check(mutate(tables, table, rows, change, generator))
    assert status in (0, 1)
    assert problem in said


@pytest.mark.parametrize(("settings", "problem"), SETTINGS.values(), ids=SETTINGS)
def test_setting(check, settings, problem):
    tables = {name: frame for name, frame in draw_cohort().items() if name in (*BASE, "labs")}
    status, said = check(tables, **settings)
    assert status in (0, 1)
    assert problem in said


def test_every_rule_has_a_mutant():
    told = [problem for *_, problem in cases()]
    rules = [
        rule for rule in load_rules()["rules"] if "limit" not in rule
    ]  # the others: test_order_of_dates.py
    assert [r["problem"] for r in rules if not any(r["problem"].startswith(one) for one in told)] == []
