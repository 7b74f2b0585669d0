"""Course, slope and loss of kidney function, and doses of kidneys and marrow, on small cohorts with known answers."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.safety.kidney import (
    compute_effective_dose,
    derive_egfr_course,
    derive_kidney_times,
    derive_organ_doses,
    summarise_course,
    summarise_kidney_events,
    summarise_organ_doses,
    summarise_slopes,
)
from prrt_outcomes.safety.stage import run
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

FIRST = pd.Timestamp("2010-01-01")


def make_course(**values):
    """Rows (days, egfr) of each patient; the first is the baseline."""
    rows = [(patient, days, egfr) for patient, own in values.items() for days, egfr in own]
    course = pd.DataFrame(rows, columns=["patient_id", "days", "egfr"]).astype({"patient_id": "string"})
    first = course.groupby("patient_id")["egfr"].transform("first")
    started = course.groupby("patient_id")["days"].transform("min") <= 0
    return course.assign(years=course["days"] / DAYS_PER_YEAR, baseline=first.where(started))


def make_groups(course, **columns):
    ids = pd.Index(course["patient_id"].unique(), name="patient_id", dtype="string")
    frame = pd.DataFrame({"ended_early": False, "kidney_dose_gy": np.nan}, index=ids)
    return frame.assign(**columns)


def test_the_course_begins_at_the_baseline_and_takes_the_mean_of_a_day():
    graded = pd.DataFrame(
        {
            "patient_id": ["a"] * 6,
            "sample_date": FIRST + pd.to_timedelta([-90, -10, 30, 30, 60, 60], unit="D"),
            "analyte": ["egfr"] * 5 + ["alt"],
            "phase": ["before", "baseline", "treatment", "treatment", "treatment", "treatment"],
            "value_si": [99.0, 90.0, 80.0, 84.0, 78.0, 20.0],
            "sequence": [1, 1, 1, 2, 1, 1],
        }
    )
    course, losses = derive_egfr_course(graded, pd.Series({"a": FIRST}))
    assert course[["days", "egfr", "baseline"]].to_numpy().tolist() == [
        [-10, 90, 90],
        [30, 82, 90],
        [60, 78, 90],
    ]
    assert [(row["reason"], row["n_before"], row["n_lost"]) for row in losses] == [
        ("eGFR before the baseline", 5, 1)
    ]


def balanced(slopes, at=(0, 365.25, 730.5, 1461)):
    """Straight lines, with a disturbance that leaves each slope as it is."""
    bump = np.array([1.0, -2.0, 1.0, 0.0])
    bump = bump - np.polyval(np.polyfit(at, bump, 1), at)
    return make_course(
        **{
            f"p{i}": [(d, 80 + 4 * i + slope * d / DAYS_PER_YEAR + b) for d, b in zip(at, bump, strict=True)]
            for i, slope in enumerate(slopes)
        }
    )


def test_slopes_of_balanced_patients_and_their_patterns():
    slopes = [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -4.0, -5.0]
    course = balanced(slopes)
    groups = make_groups(course, ended_early=[False] * 6 + [True] * 2)
    table = summarise_slopes(course, groups, ["all"], 6.0, 0.95).set_index(["analysis", "phase"])
    assert table.loc[("mixed", "all"), "slope_per_year"] == pytest.approx(np.mean(slopes))
    assert table.loc[("followed", "all"), "slope_per_year"] == pytest.approx(np.mean(slopes[:6]))
    assert table.loc[("ended_early", "all"), "slope_per_year"] == pytest.approx(np.mean(slopes[6:]))
    assert table.loc[("pattern_mixture", "all"), "slope_per_year"] == pytest.approx(np.mean(slopes))
    assert table["n"].tolist() == [8, 8, 8, 6, 2, 8]
    assert table["n_values"].tolist() == [32, 32, 32, 24, 8, 32]
    whole = table.loc[("mixed", "all")]
    assert whole["std_error"] == pytest.approx(np.std(slopes, ddof=1) / np.sqrt(8), rel=1e-3)
    assert whole["high"] - whole["slope_per_year"] == pytest.approx(2.364624 * whole["std_error"], rel=1e-6)
    assert whole["percent_per_year"] == pytest.approx(100 * whole["slope_per_year"] / whole["egfr_at_start"])
    # the variance of the share of those who ended early counts, so the interval is wider than that of the model
    assert table.loc[("pattern_mixture", "all"), "std_error"] > 0
    groups = groups.assign(radionuclide="177Lu")
    by_nuclide = summarise_slopes(course, groups, ["radionuclide"], 6.0, 0.95)
    course_table = summarise_course(course, groups, by_nuclide, 0.95)
    assert course_table["time_months"].round(6).tolist() == [0, 12, 24, 48]
    assert course_table["n"].tolist() == [8] * 4


def test_acute_and_chronic_slope_of_a_bent_line():
    at = np.array([0, 90, 182.625, 365.25, 730.5, 1095.75])
    years = at / DAYS_PER_YEAR
    fall = -10 * np.minimum(years, 0.5) - 2 * np.maximum(years - 0.5, 0)
    wave = np.tile([0.3, -0.5, 0.4, -0.3, 0.2, -0.1], 2)
    course = make_course(
        **{f"p{i}": list(zip(at, 80 + 3 * i + fall + wave[i : i + 6], strict=True)) for i in range(6)}
    )
    table = summarise_slopes(course, make_groups(course), ["all"], 6.0, 0.95).set_index(["analysis", "phase"])
    assert table.loc[("mixed", "acute"), "slope_per_year"] == pytest.approx(-10, abs=0.5)
    assert table.loc[("mixed", "chronic"), "slope_per_year"] == pytest.approx(-2, abs=0.2)


def test_the_slope_falls_by_what_each_ten_gray_add():
    doses = np.array([10.0, 15.0, 20.0, 25.0, 30.0, 35.0])
    course = balanced(list(-2.0 - 0.1 * doses))
    table = summarise_slopes(course, make_groups(course, kidney_dose_gy=doses), ["all"], 6.0, 0.95)
    row = table[table["analysis"] == "per_10_gy"].iloc[0]
    assert row["slope_per_year"] == pytest.approx(-1.0, abs=1e-6)


def test_groups_that_are_too_small_have_a_status_and_no_number():
    course = balanced([-1.0, -2.0, -3.0])
    table = summarise_slopes(course, make_groups(course), ["all"], 6.0, 0.95)
    assert table["status"].eq("too_few").all()
    assert table[["slope_per_year", "low", "high", "std_error"]].isna().all(axis=None)


TIMES = {
    # loss at day 100, seen again at day 200
    "a": [(-1, 100.0), (100, 59.0), (200, 58.0), (300, 90.0)],
    # loss at day 100, not seen again
    "b": [(0, 100.0), (100, 60.0), (110, 55.0), (200, 80.0)],
    # nothing, alive
    "c": [(0, 100.0), (400, 61.0)],
    # nothing, died 100 days after the last value
    "d": [(0, 100.0), (300, 90.0)],
    # died two years after the last value
    "e": [(0, 100.0), (300, 90.0)],
    # below 30, 40 % lost only later
    "f": [(0, 40.0), (50, 29.9), (150, 23.0)],
    # began below 30
    "g": [(0, 29.0), (50, 28.0)],
    # no baseline
    "h": [(20, 90.0), (50, 20.0)],
    # nothing after the baseline, alive
    "i": [(0, 90.0)],
    # nothing after the baseline, died
    "j": [(0, 90.0)],
}


@pytest.mark.parametrize(
    ("event", "confirmed", "expected"),
    [
        ("loss_40", "no", {"a": (100, 1), "b": (100, 1), "f": (150, 1), "g": (50, 0)}),
        ("loss_40", "yes", {"a": (100, 1), "b": (200, 0), "f": (150, 0), "g": (50, 0)}),
        ("stage_4", "no", {"a": (300, 0), "b": (200, 0), "f": (50, 1), "g": (50, 0)}),
        ("stage_4", "yes", {"a": (300, 0), "b": (200, 0), "f": (50, 1), "g": (50, 0)}),
        ("either", "no", {"a": (100, 1), "b": (100, 1), "f": (50, 1), "g": (50, 0)}),
    ],
)
def test_times_to_each_loss(event, confirmed, expected):
    same = {"c": (400, 0), "d": (400, 2), "e": (300, 0), "j": (70, 2)}
    death = pd.Series({"d": 400, "e": 300 + 730, "j": 70})
    times, losses = derive_kidney_times(make_course(**TIMES), death)
    own = times[times["event"].eq(event) & times["confirmed"].eq(confirmed)].set_index("patient_id")
    found = {
        patient: (round(row["time_months"] * DAYS_PER_MONTH), row["code"]) for patient, row in own.iterrows()
    }
    assert found == expected | same
    assert [(row["n_before"], row["n_lost"]) for row in losses] == [(10, 1), (9, 1)]


def test_incidence_with_death_competing_by_hand():
    course = make_course(**{k: TIMES[k] for k in "abcd"})
    times, _ = derive_kidney_times(course, pd.Series({"d": 300}))
    groups = make_groups(course, radionuclide=["177Lu", "90Y", "177Lu", "90Y"])
    table = summarise_kidney_events(times, groups, ["all", "radionuclide"], AnalysisSettings())
    own = table[table["event"].eq("loss_40") & table["confirmed"].eq("no") & table["group_by"].eq("all")]
    at = own.set_index("time_months")["cumulative_incidence"]
    assert at[12.0] == pytest.approx(0.5)  # two of four at day 100; one of the others dies at day 300
    assert own.set_index("time_months").loc[12.0, ["events", "competing_events", "n_at_risk"]].tolist() == [
        2,
        1,
        1,
    ]
    assert own.set_index("time_months").loc[60.0, "status"] == "too_few"
    both = table[table["group_by"].eq("radionuclide")]
    assert both["gray_p_value"].between(0, 1).any()
    assert table.loc[table["group_by"].eq("all"), "gray_p_value"].isna().all()


def make_cycles(rows):
    columns = ["patient_id", "cycle_date", "radiopharmaceutical", "kidney_dose_gy", "marrow_dose_gy"]
    return conform_table("cycles", pd.DataFrame(rows, columns=columns))


CYCLES = make_cycles(
    [
        ("a", "2010-01-01", "177Lu-DOTATATE", 12.0, 0.3),
        ("a", "2010-03-01", "177Lu-DOTATATE", 12.0, 0.3),
        ("b", "2010-01-01", "90Y-DOTATOC", 20.0, 1.0),
        ("b", "2010-03-01", "90Y-DOTATOC", None, 1.5),
        ("c", "2010-01-01", "225Ac-DOTATATE", 5.0, None),
    ]
)


def test_effective_dose_in_closed_form():
    lutetium = 75 * 159.5 / (75 + 159.5)
    expected = 8 + 64 / 2.6 * 2.8 / (2.8 + lutetium)
    assert compute_effective_dose([8.0, 8.0, np.nan], ["177Lu", "other", "177Lu"]) == pytest.approx(
        [expected, np.nan, np.nan], nan_ok=True
    )
    assert compute_effective_dose([8.0], ["90Y"])[0] > expected  # a faster dose rate is more effective


def test_doses_are_known_where_those_of_every_cycle_are():
    doses, losses = derive_organ_doses(CYCLES)
    assert doses["kidney", "absorbed_dose"].tolist() == pytest.approx([24.0, np.nan, 5.0], nan_ok=True)
    assert doses["marrow", "absorbed_dose"].tolist() == pytest.approx([0.6, 2.5, np.nan], nan_ok=True)
    assert doses["kidney", "effective_dose"].notna().tolist() == [True, False, False]
    assert [(row["n_before"], row["n_lost"]) for row in losses] == [(3, 1), (3, 1)]


def test_patients_over_each_limit():
    doses, _ = derive_organ_doses(CYCLES)
    groups = pd.DataFrame({"radionuclide": ["177Lu", "90Y", "225Ac"]}, index=["a", "b", "c"])
    table = summarise_organ_doses(doses, groups, ["all", "radionuclide"], 0.95)
    whole = table[table["group_by"] == "all"].set_index(["organ", "quantity", "limit_gy"])
    counts = whole[["n", "total", "n_unknown"]]
    assert counts.loc[("kidney", "absorbed_dose", 23)].tolist() == [1, 2, 1]
    assert counts.loc[("kidney", "effective_dose", 28)].tolist() == [1, 1, 2]
    assert counts.loc[("marrow", "absorbed_dose", 2)].tolist() == [1, 2, 1]
    nobody = table[table["group"].eq("90Y") & table["organ"].eq("kidney")]
    assert nobody["status"].eq("too_few").all()
    assert nobody["proportion"].isna().all()


@pytest.mark.parametrize(("equation", "expected"), [("ckd_epi_2021", 68.6), ("ckd_epi_2009", 65.6)])
def test_the_equation_of_the_study_is_used(equation, expected):
    tables = {"patients": "p.csv", "follow_up": "f.csv"}
    study = Study(study="small", tables=tables, safety={"egfr_equation": equation})
    patients = pd.DataFrame({"patient_id": ["a"], "sex": ["female"], "age_years": [50.0]})
    labs = pd.DataFrame(
        {"patient_id": ["a"], "sample_date": ["2010-01-01"], "analyte": ["creatinine"], "sequence": [1],
         "value": [88.42], "unit": ["umol/L"]}
    )  # fmt: skip
    periods = {"patient_id": ["a"], "period": 1, "first_cycle": ["2010-01-01"], "last_cycle": ["2010-01-01"]}
    given = {
        "patients": patients,
        "labs": labs,
        "treatment_periods": pd.DataFrame(periods),
        "analysis_set": pd.DataFrame({"patient_id": ["a"], "radionuclide": ["177Lu"]}),
        "cycles": pd.DataFrame({"patient_id": ["a"], "cycle_date": ["2010-01-01"],
                                "radiopharmaceutical": ["177Lu-DOTATATE"]}),
    }  # fmt: skip
    others = {name: empty_table(name) for name in ("assessments", "adverse_events", "follow_up")}
    made = run({name: conform_table(name, frame) for name, frame in given.items()} | others, study)
    egfr = made["lab_grades"].query("analyte == 'egfr'")["value_si"]
    assert egfr.round(1).tolist() == [expected]
    assert made["egfr_slope"]["status"].eq("too_few").all()
    assert made["organ_doses"].empty  # no cycle has a dose
