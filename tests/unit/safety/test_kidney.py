"""Course, slope and loss of kidney function, and doses of kidneys and marrow, on small cohorts with known answers."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.safety.kidney import (
    compute_effective_dose,
    derive_egfr_course,
    derive_kidney_times,
    derive_observed_days,
    derive_organ_doses,
    flag_ended_early,
    summarise_course,
    summarise_dose_distribution,
    summarise_kidney_events,
    summarise_organ_doses,
    summarise_slopes,
)
from prrt_outcomes.safety.stage import run
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import SafetySettings, Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.units import DAYS_PER_MONTH, DAYS_PER_YEAR

FIRST = pd.Timestamp("2010-01-01")
SAFETY = SafetySettings()
EQUATION = "ckd_epi_2021"


def make_days(death=None, seen=None, ids=()):
    """Days of death, and of the end of observation: those of the living are 10,000 unless given."""
    death = pd.Series(death or {}, dtype="float64")
    seen = pd.Series(seen or {}, dtype="float64")
    index = pd.Index([*ids], dtype="string").union(death.index).union(seen.index)
    death = death.reindex(index)
    return pd.DataFrame({"death_days": death, "seen_days": death.fillna(seen.reindex(index)).fillna(10_000)})


def make_course(**values):
    """Rows (days, egfr) of each patient; the first is the baseline."""
    rows = [(patient, days, egfr) for patient, own in values.items() for days, egfr in own]
    course = pd.DataFrame(rows, columns=["patient_id", "days", "egfr"]).astype({"patient_id": "string"})
    first = course.groupby("patient_id")["egfr"].transform("first")
    started = course.groupby("patient_id")["days"].transform("min") <= 0
    return course.assign(years=course["days"] / DAYS_PER_YEAR, baseline=first.where(started))


def make_patients(*ids):
    rows = {"patient_id": list(ids), "sex": "female", "age_years": 70.0, "birth_year": np.nan}
    return pd.DataFrame(rows).astype({"patient_id": "string"})


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
    course, losses = derive_egfr_course(graded, make_patients("a"), pd.Series({"a": FIRST}), EQUATION)
    assert course[["days", "egfr", "baseline"]].to_numpy().tolist() == [
        [-10, 90, 90],
        [30, 82, 90],
        [60, 78, 90],
    ]
    assert [(row["reason"], row["n_before"], row["n_lost"]) for row in losses] == [
        ("eGFR measured, of a patient with estimates", 5, 0),
        ("eGFR before the baseline", 5, 1),
    ]


@pytest.mark.parametrize("measured_at", [-5, 0])
def test_egfr_of_a_patient_is_of_one_kind(measured_at):
    """A measured baseline beside estimates from a constant creatinine is no loss of 40 %."""
    days = [measured_at, -5, 100, 400]
    graded = pd.DataFrame(
        {
            "patient_id": ["a"] * 4 + ["b"] * 2,
            "sample_date": FIRST + pd.to_timedelta([*days, 0, 100], unit="D"),
            "analyte": ["egfr"] + ["creatinine"] * 3 + ["egfr"] * 2,
            "phase": ["baseline", "baseline", "treatment", "late", "baseline", "treatment"],
            "value_si": [95.0, 105.0, 105.0, 105.0, 80.0, 70.0],
            "sequence": range(6),
        }
    )
    first = pd.Series({"a": FIRST, "b": FIRST})
    course, losses = derive_egfr_course(graded, make_patients("a", "b"), first, EQUATION)
    own = course[course["patient_id"].eq("a")]
    assert own["days"].tolist() == [-5, 100, 400]
    assert own["egfr"].max() < 1.02 * own["egfr"].min()
    assert course.loc[course["patient_id"].eq("b"), "egfr"].tolist() == [80, 70]
    assert [row["n_lost"] for row in losses] == [1, 0]
    times, _ = derive_kidney_times(course, make_days(ids="ab"))
    assert not times["code"].eq(1).any()


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
    table = summarise_slopes(course, groups, ["all"], SAFETY, 0.95).set_index(["analysis", "phase"])
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
    # delta method with the covariance of the lines of the patients
    lines = [np.polyfit(own["years"], own["egfr"], 1) for _, own in course.groupby("patient_id")]
    by_both = 100 * np.array([1, -np.mean(slopes) / whole["egfr_at_start"]]) / whole["egfr_at_start"]
    error = np.sqrt(by_both @ np.cov(np.transpose(lines)) @ by_both / 8)
    reach = whole["percent_high"] - whole["percent_per_year"]
    assert reach == pytest.approx(2.364624 * error, rel=1e-3)
    # the variance of the share of those who ended early counts, so the interval is wider than that of the model
    assert table.loc[("pattern_mixture", "all"), "std_error"] > 0
    groups = groups.assign(radionuclide="177Lu")
    by_nuclide = summarise_slopes(course, groups, ["radionuclide"], SAFETY, 0.95)
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
    table = summarise_slopes(course, make_groups(course), ["all"], SAFETY, 0.95).set_index(
        ["analysis", "phase"]
    )
    assert table.loc[("mixed", "acute"), "slope_per_year"] == pytest.approx(-10, abs=0.5)
    assert table.loc[("mixed", "chronic"), "slope_per_year"] == pytest.approx(-2, abs=0.2)


def test_groups_that_are_too_small_have_a_status_and_no_number():
    course = balanced([-1.0, -2.0, -3.0])
    table = summarise_slopes(course, make_groups(course), ["all"], SAFETY, 0.95)
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
        ("loss_40", "no", {"a": (100, 1), "b": (100, 1), "f": (150, 1), "g": (415, 0)}),
        ("loss_40", "yes", {"a": (100, 1), "b": (565, 0), "f": (515, 0), "g": (415, 0)}),
        ("stage_4", "no", {"a": (665, 0), "b": (565, 0), "f": (50, 1)}),
        ("stage_4", "yes", {"a": (665, 0), "b": (565, 0), "f": (50, 1)}),
        ("either", "no", {"a": (100, 1), "b": (100, 1), "f": (50, 1), "g": (415, 0)}),
    ],
)
def test_times_to_each_loss(event, confirmed, expected):
    """Who began below 30 has no time to a fall below 30."""
    same = {"c": (600, 0), "d": (400, 2), "e": (665, 0), "i": (365, 0), "j": (70, 2)}
    days = make_days({"d": 400, "e": 300 + 730, "j": 70}, {"c": 600})
    times, losses = derive_kidney_times(make_course(**TIMES), days)
    own = times[times["event"].eq(event) & times["confirmed"].eq(confirmed)].set_index("patient_id")
    found = {
        patient: (round(row["time_months"] * DAYS_PER_MONTH), row["code"]) for patient, row in own.iterrows()
    }
    assert found == expected | same
    assert [(row["n_before"], row["n_lost"]) for row in losses] == [(10, 1), (9, 0), (9, 1)]


def test_a_loss_at_the_last_visit_is_as_frequent_as_it_is():
    """2,000 patients with a last visit at days 1400 to 1500, where 21 % have a loss: not more by leaving."""
    rng = np.random.default_rng(1)
    last, is_hit = rng.integers(1400, 1501, 2000), rng.random(2000) < 0.212
    values = {
        f"p{i}": [(0, 100.0), (int(day), 50.0 if hit else 95.0)]
        for i, (day, hit) in enumerate(zip(last, is_hit, strict=True))
    }
    course = make_course(**values)
    times, _ = derive_kidney_times(course, make_days(ids=values, seen=dict.fromkeys(values, 1800)))
    table = summarise_kidney_events(times, make_groups(course), ["all"], AnalysisSettings())
    own = table[table["event"].eq("loss_40") & table["confirmed"].eq("no")].set_index("time_months")
    assert own["cumulative_incidence"].max() == pytest.approx(is_hit.mean())
    assert own.loc[[12.0, 24.0, 36.0, 48.0], "n_at_risk"].min() > 1000


def test_sampling_that_ended_as_planned_did_not_end_early():
    """Last values of a schedule of two years: neither an old cohort nor a late entry is dropout."""
    last = pd.Series({f"p{i}": 730.0 for i in range(40)} | {"quit": 200.0, "new": 150.0, "dead": 730.0})
    days = make_days({"dead": 900}, {"new": 200}, last.index)
    early = flag_ended_early(last, days, None)
    assert early[early].index.tolist() == ["quit", "dead"]
    assert flag_ended_early(last, days, 60.0).sum() == 42  # all but the one who came late
    assert not flag_ended_early(last.drop("dead"), days, 12.0).any()


def test_observation_ends_at_death_else_contact_else_cutoff():
    dates = {"first_cycle": [FIRST] * 3, "death_date": [pd.NaT, FIRST + pd.Timedelta(days=9), pd.NaT]}
    dates |= {"last_contact_date": [pd.NaT, FIRST + pd.Timedelta(days=20), FIRST + pd.Timedelta(days=20)]}
    observed = SimpleNamespace(patients=pd.DataFrame(dates), cutoff=FIRST + pd.Timedelta(days=30))
    days = derive_observed_days(observed)
    assert days["seen_days"].tolist() == [30, 9, 20]
    assert days["death_days"].tolist() == pytest.approx([np.nan, 9, np.nan], nan_ok=True)


def test_the_slope_by_dose_rests_on_values_from_the_landmark_on():
    """Values before month 12 fall steeply in patients of low dose; after it the slope follows the dose."""
    doses = np.array([10.0, 15.0, 20.0, 25.0, 30.0, 35.0])
    course = balanced(list(-2.0 - 0.1 * doses), at=(400, 700, 1000, 1461))
    early = make_course(**{f"p{i}": [(0, 300.0 - dose), (200, 90.0)] for i, dose in enumerate(doses)})
    both = pd.concat([early, course], ignore_index=True)
    table = summarise_slopes(both, make_groups(both, kidney_dose_gy=doses), ["all"], SAFETY, 0.95)
    row = table[table["analysis"] == "per_10_gy"].iloc[0]
    assert row["slope_per_year"] == pytest.approx(-1.0, abs=1e-6)
    assert row["n_values"] == 24


def test_incidence_with_death_competing_by_hand():
    course = make_course(**{k: TIMES[k] for k in "abcd"})
    times, _ = derive_kidney_times(course, make_days({"d": 300}, ids="abc"))
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
    assert both["gray_p_value"].isna().all()  # two patients a group
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


def test_the_distribution_of_doses_meets_the_share_over_the_limit():
    doses, _ = derive_organ_doses(CYCLES)
    groups = pd.DataFrame({"radionuclide": ["177Lu", "90Y", "225Ac"]}, index=["a", "b", "c"])
    table = summarise_dose_distribution(doses, groups, ["all", "radionuclide"])
    whole = table[table["group_by"].eq("all")].set_index(["organ", "dose_gy"])
    counts = whole[["n", "total"]]
    assert counts.loc[("kidney", 23.0)].tolist() == [1, 2]
    assert counts.loc[("kidney", 5.0)].tolist() == [1, 2]
    assert counts.loc[("kidney", 4.0)].tolist() == [2, 2]
    assert counts.loc[("marrow", 2.0)].tolist() == [1, 2]
    last = table.groupby(["group_by", "group", "organ"])["n"].last()
    assert last.eq(0).all()
    assert summarise_dose_distribution(doses * np.nan, groups, ["all"]).empty


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
