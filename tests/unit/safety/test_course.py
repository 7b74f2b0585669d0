"""Treatment-emergent grades, shifts, baseline to last, both rules of creatinine, nadir and recovery by cycle."""

import pandas as pd
import pytest

from prrt_outcomes.safety.stage import run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

STUDY = Study(study="small", tables={"patients": "p.csv", "follow_up": "f.csv"})
NO_EVENTS = {name: empty_table(name) for name in ("assessments", "adverse_events", "follow_up")}
RANGES = {
    "platelets": (150, 400, "10^9/L"),
    "lymphocytes": (1, 4, "10^9/L"),
    "creatinine": (45, 90, "umol/L"),
}


def run_labs(rows, cycle_days=("2020-01-01",)):
    """Run the stage on rows `patient day analyte value`, a dash for a missing limit; all have the same cycles."""
    table = pd.DataFrame(
        [row.split()[:4] for row in rows], columns=["patient_id", "sample_date", "analyte", "value"]
    )
    table["value"] = table["value"].astype(float)
    for place, name in enumerate(("lower_limit", "upper_limit", "unit")):
        table[name] = [RANGES[analyte][place] for analyte in table["analyte"]]
    table.loc[[row.endswith(" -") for row in rows], ["lower_limit", "upper_limit"]] = None
    people = pd.DataFrame({"patient_id": sorted(set(table["patient_id"]))})
    periods = people.assign(
        period=1, first_cycle=cycle_days[0], last_cycle=cycle_days[-1], radionuclide="177Lu"
    )
    cycles = people.merge(pd.DataFrame({"cycle_date": cycle_days}), how="cross")
    tables = {
        "patients": people,
        "labs": table.assign(sequence=1),
        "cycles": cycles.assign(radiopharmaceutical="177Lu-DOTATATE"),
        "treatment_periods": periods,
        "analysis_set": people,
    }
    return run(NO_EVENTS | {name: conform_table(name, frame) for name, frame in tables.items()}, STUDY)


# Platelets: a 0 -> 2, b 2 -> 2 (not emergent), c 1 -> 3, d without baseline -> 4, e 0 or 1 -> 0 or 1, f 0 or 1 -> 2.
PLATELETS = [
    "a 2019-12-30 platelets 200", "a 2020-02-01 platelets 60", "a 2020-03-01 platelets 180",
    "b 2019-12-30 platelets 70", "b 2020-02-01 platelets 60",
    "c 2019-12-30 platelets 140", "c 2020-02-01 platelets 40",
    "d 2020-02-01 platelets 20",
    "e 2019-12-30 platelets 200 -", "e 2020-02-01 platelets 180 -",
    "f 2019-12-30 platelets 200 -", "f 2020-02-01 platelets 60 -",
]  # fmt: skip


def pick_rates(out, analyte):
    rates = out["safety_rates"].query("analyte == @analyte and phase == 'any' and group_by == 'all'")
    return rates.set_index("grade_at_least")[["n", "total", "emergent_n", "emergent_total"]]


def test_a_grade_is_treatment_emergent_above_that_of_the_baseline():
    rates = pick_rates(run_labs(PLATELETS), "platelets")
    assert rates.loc[1].tolist() == [5, 5, 3, 4]  # e: whether 0 or 1 is not known, before and after
    assert rates.loc[2].tolist() == [5, 6, 3, 5]  # d: no baseline
    assert rates.loc[3].tolist() == [2, 6, 1, 5]
    assert rates.loc[4].tolist() == [1, 6, 0, 5]


def test_without_any_baseline_no_share_is_treatment_emergent_and_a_status_says_so():
    out = run_labs(["d 2020-02-01 platelets 20"])
    rates = out["safety_rates"]
    assert rates["emergent_total"].eq(0).all()
    assert rates["emergent_proportion"].isna().all()
    assert set(rates["emergent_status"]) == {"too_few"}
    assert out["lab_course"].empty


def test_an_organ_is_open_where_the_worst_of_it_has_no_baseline():
    """Of a, lymphocytes of grade 3 have no baseline; of b, the platelets are worse than these and are known."""
    rows = [
        "a 2019-12-30 platelets 200", "a 2020-02-01 platelets 100", "a 2020-02-01 lymphocytes 0.3",
        "b 2019-12-30 platelets 200", "b 2020-02-01 platelets 20", "b 2020-02-01 lymphocytes 0.3",
    ]  # fmt: skip
    out = run_labs(rows)
    assert pick_rates(out, "any_haematological").loc[3].tolist() == [2, 2, 1, 1]
    assert pick_rates(out, "any_haematological_without_lymphocytes").loc[3].tolist() == [1, 2, 1, 2]


def test_shifts_have_totals_of_rows_and_columns():
    shifts = run_labs(PLATELETS)["lab_shifts"].query("phase == 'any'").set_index("baseline")
    columns = [f"worst_{g}" for g in (0, 1, 2, 3, 4, "0_or_1")] + ["total"]
    assert shifts[columns].T.to_dict("list") == {
        "0": [0, 0, 1, 0, 0, 0, 1],
        "1": [0, 0, 0, 1, 0, 0, 1],
        "2": [0, 0, 1, 0, 0, 0, 1],
        "unknown": [0, 0, 1, 0, 1, 1, 3],
        "all": [0, 0, 3, 1, 1, 1, 6],
    }


def test_baseline_worst_and_last_are_of_the_same_patients():
    course = run_labs(PLATELETS)["lab_course"].set_index("moment")
    assert course.index.tolist() == ["baseline", "worst", "last"]
    assert course["n"].tolist() == [5, 5, 5]
    assert course["total"].tolist() == [6, 6, 6]
    assert course["median"].tolist() == [200, 60, 60]
    assert course.loc["last", ["n_grade_0", "n_grade_2", "n_grade_3", "n_grade_0_or_1"]].tolist() == [
        1,
        2,
        1,
        1,
    ]
    assert course["unit"].unique() == ["10^9/L"]


def test_the_worst_creatinine_is_the_highest():
    rows = [
        f"a {day} creatinine {value}"
        for day, value in (("2019-12-30", 50), ("2020-02-01", 95), ("2020-03-01", 60))
    ]
    course = run_labs(rows)["lab_course"].query("analyte == 'creatinine'").set_index("moment")
    assert course["median"].tolist() == [50, 95, 60]


def test_both_rules_of_creatinine_and_the_higher_of_both():
    """a: 1 by the limit, 2 by the baseline; b: 2 by the limit, 0 by the baseline; c has no baseline, d no limit."""
    rows = [
        "a 2019-12-30 creatinine 50", "a 2020-02-01 creatinine 100",
        "b 2019-12-30 creatinine 120", "b 2020-02-01 creatinine 150",
        "c 2020-02-01 creatinine 140",
        "d 2019-12-30 creatinine 50 -", "d 2020-02-01 creatinine 160 -",
    ]  # fmt: skip
    out = run_labs(rows)
    two = {
        name: pick_rates(out, name).loc[2, ["n", "total"]].tolist()
        for name in out["safety_rates"]["analyte"].unique()
    }
    assert two["creatinine_over_limit"] == [2, 3]
    assert two["creatinine_over_baseline"] == [2, 3]
    assert two["creatinine"] == [4, 4]
    assert set(out["safety_grades"]["analyte"]) == {"creatinine"}


CYCLES = ("2020-01-01", "2020-03-01")
NADIRS = [
    # back to grade 1 after 10 days
    "a 2020-01-01 platelets 200", "a 2020-01-20 platelets 60", "a 2020-01-30 platelets 100",
    "a 2020-03-01 platelets 160",
    # back on the day of the next cycle, which still belongs to the cycle before
    "b 2020-01-01 platelets 200", "b 2020-01-31 platelets 40", "b 2020-03-01 platelets 80",
    # grade 2 until the next cycle: censored after 20 days; after the last cycle seen back later than the window
    "c 2020-01-01 platelets 200", "c 2020-02-01 platelets 60", "c 2020-02-21 platelets 70", "c 2020-03-21 platelets 30",
    "c 2020-10-01 platelets 90",
    # baseline of grade 2: a nadir of grade 2 is nothing to recover from, one of grade 3 recovers to grade 2
    "d 2020-01-01 platelets 70", "d 2020-02-01 platelets 60", "d 2020-04-01 platelets 30", "d 2020-04-11 platelets 70",
    # the window after the last cycle ends after 90 days
    "e 2020-01-01 platelets 200", "e 2020-07-01 platelets 20",
]  # fmt: skip


def test_nadir_and_recovery_of_each_cycle():
    nadirs = run_labs(NADIRS, CYCLES)["lab_nadirs"].set_index("cycle")
    assert nadirs["total"].tolist() == [5, 5]
    assert nadirs["n"].tolist() == [4, 2]
    assert nadirs.loc[1, ["median", "days_to_nadir"]].tolist() == [
        60,
        30.5,
    ]  # of 60 40 60 60; after 19 30 31 31 days
    assert nadirs.loc[1, ["n_grade_2_or_worse", "n_grade_3_or_worse", "n_grade_4_or_worse"]].tolist() == [
        4,
        1,
        0,
    ]
    assert nadirs[["n_to_recover", "n_recovered"]].to_numpy().tolist() == [[3, 2], [2, 2]]
    # recovered after 10 and 30 days, censored after 20: S = 2/3, then 0
    assert nadirs.loc[1, "recovery_days"] == 30
    # recovered after 10 and 194 days: S = 1/2 from 10 to 194, whose midpoint is the median
    assert nadirs.loc[2, "recovery_days"] == pytest.approx((10 + 194) / 2)
    assert nadirs["status"].tolist() == ["ok", "ok"]


def test_a_nadir_without_a_later_sample_is_censored_and_nothing_is_estimated():
    nadirs = run_labs(["a 2020-01-01 platelets 200", "a 2020-01-20 platelets 60"])["lab_nadirs"]
    assert nadirs[["n_to_recover", "n_recovered", "status"]].to_numpy().tolist() == [[1, 0, "no_events"]]
    shallow = run_labs(["a 2020-01-01 platelets 200", "a 2020-01-20 platelets 100"])["lab_nadirs"]
    assert shallow[["n_to_recover", "n_recovered", "status"]].to_numpy().tolist() == [
        [0, 0, "none_to_recover"]
    ]


def test_values_before_the_first_cycle_alone_make_no_course():
    out = run_labs(["a 2020-01-01 platelets 200"])
    assert all(out[name].empty for name in ("safety_rates", "lab_shifts", "lab_course", "lab_nadirs"))
