"""From laboratory rows to grades by period and phase, with every row that cannot be graded counted."""

import datetime

import pandas as pd
import pytest

from prrt_outcomes.laboratory import compute_egfr, convert_units_to_si
from prrt_outcomes.safety.course import summarise_lab_course
from prrt_outcomes.safety.grading import summarise_worst_grades
from prrt_outcomes.safety.kidney import derive_egfr_course
from prrt_outcomes.safety.stage import derive_lab_grades, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.schema import load_schema

NO_EVENTS = {name: empty_table(name) for name in ("cycles", "assessments", "adverse_events", "follow_up")}
STUDY = Study(study="small", tables={"patients": "p.csv", "follow_up": "f.csv"})


def patients(**columns):
    return conform_table("patients", pd.DataFrame({"patient_id": ["a", "b"]} | columns))


def periods():
    rows = [
        ("a", 1, "2010-03-01", "2010-09-01"),
        ("a", 2, "2012-03-01", "2012-05-01"),
        ("b", 1, "2011-01-01", "2011-01-01"),
    ]
    frame = pd.DataFrame(rows, columns=["patient_id", "period", "first_cycle", "last_cycle"])
    frame["radionuclide"] = "177Lu"
    return conform_table("treatment_periods", frame)


def labs(rows):
    columns = ["patient_id", "sample_date", "analyte", "value", "unit", "lower_limit", "upper_limit"]
    return conform_table("labs", pd.DataFrame(rows, columns=columns).assign(sequence=1))


def test_phases_and_baselines_follow_the_cycles():
    table = labs(
        [
            ("a", "2009-12-01", "platelets", 300, "10^9/L", 150, 400),
            ("a", "2010-02-01", "platelets", 200, "10^9/L", 150, 400),
            ("a", "2010-03-01", "platelets", 140, "10^9/L", 150, 400),
            ("a", "2010-03-02", "platelets", 70, "10^9/L", 150, 400),
            ("a", "2010-11-30", "platelets", 120, "10^9/L", 150, 400),
            ("a", "2010-12-01", "platelets", 160, "10^9/L", 150, 400),
            ("a", "2012-02-20", "platelets", 90, "10^9/L", 150, 400),
            ("a", "2012-04-01", "platelets", 40, "10^9/L", 150, 400),
        ]
    )
    graded, _ = derive_lab_grades(table, patients(), periods(), STUDY)
    seen = (
        graded[["period", "phase", "grade", "baseline_grade"]].astype("string").fillna("").to_numpy().tolist()
    )
    assert seen == [
        ["0", "before", "0", ""],
        ["0", "before", "0", ""],
        ["1", "baseline", "1", "1"],
        ["1", "treatment", "2", "1"],
        ["1", "treatment", "1", "1"],
        ["1", "late", "0", "1"],
        ["1", "late", "1", "1"],
        ["2", "baseline", "1", "1"],
        ["2", "treatment", "3", "1"],
    ]


def test_late_toxicity_before_a_retreatment_counts_in_the_period_before():
    """The last sample before the second period is its baseline, and the worst and the last value of the first."""
    table = labs(
        [
            ("a", "2010-02-20", "platelets", 200, "10^9/L", 150, 400),
            ("a", "2010-10-01", "platelets", 160, "10^9/L", 150, 400),
            ("a", "2012-02-20", "platelets", 40, "10^9/L", 150, 400),
            ("a", "2012-02-20", "creatinine", 200, "umol/L", None, None),
            ("a", "2012-04-01", "platelets", 30, "10^9/L", 150, 400),
        ]
    )
    people = patients(sex=["female", "female"], age_years=[50.0, 50.0])
    graded, losses = derive_lab_grades(table, people, periods(), STUDY)
    lost = {row["reason"]: (row["n_before"], row["n_lost"]) for row in losses}
    assert lost["no grade: the laboratory gave no limit"] == (6, 1)
    assert not graded.duplicated([*load_schema("lab_grades").key]).any()
    worst = summarise_worst_grades(graded).query("analyte == 'platelets'").set_index(["period", "phase"])
    assert worst["worst_grade"].to_dict() == {
        (1, "any"): 3,
        (1, "late"): 3,
        (1, "treatment"): 0,
        (2, "any"): 3,
        (2, "treatment"): 3,
    }
    assert worst["emergent_grade"].to_dict()[2, "any"] == 0
    course = summarise_lab_course(graded).query("analyte == 'platelets'").set_index("moment")["median"]
    assert course[["baseline", "worst", "last"]].tolist() == [200, 40, 40]
    first = periods().groupby("patient_id")["first_cycle"].min()
    egfr, dropped = derive_egfr_course(graded, people, first, "ckd_epi_2021")
    assert len(egfr) == 1
    assert (dropped[0]["n_before"], dropped[0]["n_lost"]) == (1, 0)


def test_a_raised_baseline_is_graded_against_the_laboratory_limit():
    table = labs(
        [
            ("b", "2010-12-20", "alt", 100, "U/L", 10, 50),
            ("b", "2011-02-01", "alt", 120, "U/L", 10, 50),
            ("b", "2011-03-01", "alt", 160, "U/L", 10, 50),
        ]
    )
    graded, _ = derive_lab_grades(table, patients(), periods(), STUDY)
    assert graded["grade"].tolist() == [1, 0, 1]
    assert graded["baseline_grade"].tolist() == [1, 1, 1]


def test_egfr_is_estimated_where_it_was_not_measured():
    table = labs(
        [
            ("b", "2011-01-01", "creatinine", 1.0, "mg/dL", 0.5, 1.1),
            ("b", "2011-06-01", "creatinine", 1.0, "mg/dL", 0.5, 1.1),
            ("b", "2011-06-01", "egfr", 55.0, "mL/min/1.73m2", None, None),
            ("a", "2010-03-01", "creatinine", 90.0, "µmol/L", 45, 100),
        ]
    )
    people = patients(sex=["unknown", "female"], age_years=[60.0, 50.0])
    graded, losses = derive_lab_grades(table, people, periods(), STUDY)
    rates = graded.loc[graded["analyte"].eq("egfr")]
    assert rates["value_si"].round(1).tolist() == [68.6, 55.0]
    assert rates["grade"].tolist() == [1, 2]
    lost = {row["reason"]: row["n_lost"] for row in losses}
    assert lost["eGFR not estimable: sex or age not known, or creatinine 0"] == 1


def test_every_row_that_cannot_be_graded_is_counted():
    table = labs(
        [
            ("a", "2010-04-01", "lymphocytes", 20, "%", 15, 40),
            ("a", "2010-04-01", "alt", 20, "U/L", None, None),
            ("a", "2013-04-01", "platelets", 200, "10^9/L", 150, 400),
            ("c", "2010-04-01", "platelets", 200, "10^9/L", 150, 400),
        ]
    )
    study = STUDY.model_copy(update={"data_cutoff": datetime.date(2012, 12, 31)})
    graded, losses = derive_lab_grades(table, patients(), periods(), study)
    assert graded["grade"].isna().tolist() == [True]
    lost = {row["reason"]: (row["n_before"], row["n_lost"]) for row in losses}
    assert lost["after the data cut-off"] == (4, 1)
    assert lost["patient without a cycle"] == (3, 1)
    assert lost["unit not known for the analyte"] == (2, 1)
    assert lost["no grade: the laboratory gave no limit"] == (1, 1)


def test_a_limit_or_a_baseline_of_0_is_none():
    table = labs(
        [
            ("a", "2010-02-20", "creatinine", 0, "umol/L", 0, 0),
            ("a", "2010-04-01", "creatinine", 80, "umol/L", 0, 0),
            ("a", "2010-04-01", "platelets", 120, "G/L", 0, 400),
            ("a", "2010-04-01", "alt", 30, "U/L", 0, 0),
        ]
    )
    graded, losses = derive_lab_grades(table, patients(), periods(), STUDY)
    after = graded[graded["phase"].ne("baseline") & graded["analyte"].ne("egfr")].set_index("analyte")
    assert after["grade"].isna().all()
    assert after["grade_at_most"].dropna().to_dict() == {"platelets": 1}
    lost = {row["reason"]: row["n_lost"] for row in losses}
    assert lost["no grade: the laboratory gave no limit"] == 3


def test_without_limits_values_that_are_not_high_grade_stay_in_the_denominator():
    """Of two patients without limits, one has a platelet count of 60 (grade 2), one of 200 (grade 0 or 1)."""
    table = labs(
        [
            ("a", "2010-04-01", "platelets", 60, "G/L", None, None),
            ("b", "2011-02-01", "platelets", 200, "G/L", None, None),
            ("a", "2010-02-20", "creatinine", 80, "umol/L", None, None),
            ("a", "2010-04-01", "creatinine", 130, "umol/L", None, None),
            ("b", "2010-12-20", "creatinine", 80, "umol/L", None, None),
            ("b", "2011-02-01", "creatinine", 90, "umol/L", None, None),
            ("b", "2011-02-01", "alt", 90, "U/L", None, None),
        ]
    )
    inputs = {"patients": patients(), "labs": table, "treatment_periods": periods()}
    analysis_set = conform_table("analysis_set", pd.DataFrame({"patient_id": ["a", "b"]}))
    out = run(NO_EVENTS | inputs | {"analysis_set": analysis_set}, STUDY)
    rates = out["safety_rates"][out["safety_rates"]["group_by"].eq("all")]
    rates = rates.set_index(["analyte", "phase", "grade_at_least"]).sort_index()
    for analyte in ("platelets", "creatinine", "any_haematological", "any_renal"):
        assert rates.loc[(analyte, "any", 2), ["n", "total"]].tolist() == [1, 2], analyte
        assert rates.loc[(analyte, "any", 1), ["n", "total"]].tolist() == [1, 1], analyte
    assert "alt" not in rates.index.get_level_values("analyte"), (
        "nothing bounds a liver value without a limit"
    )
    grades = out["safety_grades"].astype({"analyte": "string"})
    grades = grades[grades["analyte"].eq("platelets") & grades["phase"].eq("any")]
    assert grades[["worst_grade", "n", "total"]].astype("string").fillna("").to_numpy().tolist() == [
        ["2", "1", "2"],
        ["", "1", "2"],
    ]


def test_worst_grades_and_rates_add_up():
    table = labs(
        [
            ("a", "2010-03-01", "platelets", 200, "10^9/L", 150, 400),
            ("a", "2010-04-01", "platelets", 70, "10^9/L", 150, 400),
            ("a", "2011-04-01", "platelets", 40, "10^9/L", 150, 400),
            ("b", "2011-02-01", "platelets", 200, "10^9/L", 150, 400),
            ("b", "2011-02-01", "leukocytes", 1500, "/µL", 4000, 10000),
        ]
    )
    analysis_set = conform_table(
        "analysis_set", pd.DataFrame({"patient_id": ["a", "b"], "radionuclide": ["177Lu", "90Y"]})
    )
    inputs = {
        "patients": patients(),
        "labs": table,
        "treatment_periods": periods(),
        "analysis_set": analysis_set,
    }
    out = run(NO_EVENTS | inputs, STUDY)
    grades = out["safety_grades"].set_index(["analyte", "phase", "worst_grade"])
    assert grades.loc[("platelets", "treatment", 2), ["baseline_grade", "n", "total"]].tolist() == [0, 1, 2]
    assert grades.loc[("platelets", "any", 3), "n"] == 1
    assert (
        grades.groupby(level=["analyte", "phase"], observed=True)["n"]
        .sum()
        .eq(grades.groupby(level=["analyte", "phase"], observed=True)["total"].first())
        .all()
    )
    rates = out["safety_rates"].set_index(["analyte", "phase", "group_by", "group", "grade_at_least"])
    row = rates.loc[("any_haematological", "any", "all", "all", 3)]
    assert row[["n", "total", "proportion"]].tolist() == [2, 2, 1.0]
    assert row["proportion_low"] == pytest.approx(0.025 ** (1 / 2))
    assert rates.loc[("platelets", "any", "radionuclide", "90Y", 3), "n"] == 0
    assert out["stages"][["status", "reason"]].to_numpy().tolist() == [
        ["partial", "there are no adverse events"]
    ]


@pytest.mark.parametrize(
    ("empty", "reason"),
    [
        ("labs", "there are no laboratory values and no adverse events"),
        ("treatment_periods", "no cycles: nothing has a baseline or a start"),
    ],
)
def test_without_its_tables_the_stage_says_so(empty, reason):
    inputs = NO_EVENTS | {
        "patients": patients(),
        "labs": labs([("a", "2010-03-01", "platelets", 200, "10^9/L", 150, 400)]),
        "treatment_periods": periods(),
        "analysis_set": empty_table("analysis_set"),
    }
    out = run(inputs | {empty: empty_table(empty)}, STUDY)
    assert out["stages"]["status"].tolist() == ["skipped"]
    assert reason in out["stages"]["reason"].iloc[0]
    assert all(out[name].empty for name in ("lab_grades", "safety_grades", "safety_rates"))


@pytest.mark.parametrize(
    ("analyte", "unit", "factor"),
    [
        ("creatinine", "mg/dL", 88.42),
        ("creatinine", " µmol / l", 1.0),
        ("creatinine", "umol/L", 1.0),
        ("haemoglobin", "g/dl", 10.0),
        ("haemoglobin", "mmol/L", 16.114),
        ("platelets", "10^3/µL", 1.0),
        ("platelets", "×10⁹/L", 1.0),
        ("platelets", "10³/mm³", 1.0),
        ("egfr", "mL/min/1.73 m²", 1.0),
        ("platelets", "/mm3", 1e-3),
        ("leukocytes", "G/L", 1.0),
        ("alt", "µkat/L", 60.0),
        ("egfr", "mL/min/1.73 m2", 1.0),
        ("lymphocytes", "%", None),
        ("chromogranin_a", "nmol/L", None),
    ],
)
def test_units(analyte, unit, factor):
    found = convert_units_to_si(pd.Series([analyte]), pd.Series([unit])).iloc[0]
    assert (None if pd.isna(found) else found) == factor


def test_ckd_epi_2021_against_the_published_calculator():
    rates = compute_egfr([88.42, 88.42, 176.84], [50, 50, 70], ["female", "male", "male"])
    assert rates.round(0).tolist() == [69, 92, 35]
