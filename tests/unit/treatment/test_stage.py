"""Stage treatment on a few patients whose every number can be counted by hand."""

import pandas as pd
import pytest

from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.treatment import stage
from prrt_outcomes.treatment.delivery import derive_years


def make_study(**changes) -> Study:
    plain = {"study": "s", "tables": {"patients": "p.csv", "follow_up": "f.csv"}}
    return Study.model_validate(plain | changes)


def make_tables(patients, cycles=(), therapies=(), labs=()) -> dict[str, pd.DataFrame]:
    rows = {"patients": patients, "cycles": cycles, "therapies": therapies, "labs": labs}
    return {
        name: conform_table(name, pd.DataFrame(list(content))) if content else empty_table(name)
        for name, content in rows.items()
    }


def cycle(patient, date, product="177Lu-DOTATATE", activity=7.4, amino_acids=True):
    return {
        "patient_id": patient,
        "cycle_date": date,
        "radiopharmaceutical": product,
        "activity_gbq": activity,
        "amino_acids": amino_acids,
    }


def injection(patient, date, kind="ssa_long_acting", end=None, sequence=1):
    return {
        "patient_id": patient,
        "start_date": date,
        "end_date": end,
        "kind": kind,
        "drug": "octreotide",
        "sequence": sequence,
    }


def periods_of(cycles, therapies=(), **settings):
    patients = [{"patient_id": name} for name in dict.fromkeys(row["patient_id"] for row in cycles)]
    tables = make_tables(patients, cycles, therapies)
    return stage.run(tables, make_study(treatment=settings))["treatment_periods"]


def test_a_gap_of_26_weeks_continues_and_one_day_more_starts_a_period():
    kept = periods_of([cycle("a", "2015-01-01"), cycle("a", "2015-07-02")])
    assert kept["period"].tolist() == [1]
    new = periods_of([cycle("a", "2015-01-01"), cycle("a", "2015-07-03")])
    assert new["period"].tolist() == [1, 2]
    assert new["kind"].tolist() == ["initial", "retreatment"]
    assert new["n_cycles"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("second", "kept", "broken"),
    [
        ("2015-02-11", 0, 1),  # 41 days
        ("2015-02-12", 1, 0),  # 42 days = 6 weeks
        ("2015-04-09", 1, 0),  # 98 days = 14 weeks
        ("2015-04-10", 0, 1),  # 99 days
    ],
)
def test_the_window_of_intervals_is_inclusive(second, kept, broken):
    row = periods_of([cycle("a", "2015-01-01"), cycle("a", second)]).iloc[0]
    assert (row["intervals_kept"], row["intervals_broken"]) == (kept, broken)


def test_the_first_cycle_names_the_radionuclide_and_activity_adds_up():
    rows = [
        cycle("a", "2015-03-12", "90Y-DOTATOC", 3.0),
        cycle("a", "2015-01-01", "177Lu-DOTATATE", 7.4),
        cycle("b", "2015-01-01", "90Y-DOTATOC", 3.0),
        cycle("b", "2015-01-01", "177Lu-DOTATATE", 5.0),
        cycle("c", "2015-01-01", "other", None),
    ]
    table = periods_of(rows).set_index("patient_id")
    assert table["radionuclide"].tolist() == ["177Lu", "other", "other"]
    assert table["several_radionuclides"].tolist() == [True, True, False]
    assert table["n_cycles"].tolist() == [2, 1, 1]
    assert table.loc["a", "cumulative_activity_gbq"] == pytest.approx(10.4)
    assert table.loc["b", "cumulative_activity_gbq"] == pytest.approx(8.0)
    assert pd.isna(table.loc["c", "cumulative_activity_gbq"])


def test_no_cycles_table_is_skipped_with_its_reason():
    result = stage.run(make_tables([{"patient_id": "a"}]), make_study())
    assert result["stages"].iloc[0].tolist()[:2] == ["treatment", "skipped"]
    assert "cycles" in result["stages"].loc[0, "reason"]
    assert all(result[name].empty for name in stage.OUTPUTS)


def test_losses_are_counted():
    patients = [{"patient_id": "a"}, {"patient_id": "b"}]
    cycles = [cycle("a", "2015-01-01"), cycle("a", "2015-01-01", "90Y-DOTATOC")]
    tables = make_tables(patients, cycles)
    lab = {"patient_id": "a", "sample_date": "2015-01-01", "analyte": "alt", "sequence": 1, "value": 50.0}
    labs = [lab | {"unit": "U/L"}, lab | {"unit": "odd"}, lab | {"unit": "odd", "upper_limit": 40.0}]
    tables["labs"] = conform_table("labs", pd.DataFrame(labs))
    attrition = stage.run(tables, make_study())["attrition"]
    assert attrition[["n_before", "n_lost", "n_after"]].to_numpy().tolist() == [
        [2, 1, 1],
        [2, 1, 1],
        [3, 1, 2],
    ]


def test_the_stage_does_not_edit_its_input():
    tables = make_tables([{"patient_id": "a"}], [cycle("a", "2015-01-01")], [injection("a", "2014-12-01")])
    before = {name: frame.copy(deep=True) for name, frame in tables.items()}
    stage.run(tables, make_study())
    for name, frame in before.items():
        pd.testing.assert_frame_equal(tables[name], frame)


def test_delivery_counts_and_exact_interval():
    cycles = [cycle("a", "2015-01-01"), cycle("a", "2015-03-12"), cycle("b", "2015-01-01", "90Y-DOTATOC")]
    cycles[1]["amino_acids"] = False
    tables = make_tables([{"patient_id": "a"}, {"patient_id": "b"}], cycles)
    table = stage.run(tables, make_study())["treatment_delivery"].set_index(["item", "group_by", "group"])
    amino = table.loc[("amino_acids_given", "all", "all")]
    assert (amino["n"], amino["total"]) == (2, 3)
    # Clopper-Pearson 2 of 3, from the closed form of the beta quantile (R: binom.test(2, 3))
    assert amino["low"] == pytest.approx(0.09429932, abs=1e-8)
    assert amino["high"] == pytest.approx(0.99159624, abs=1e-8)
    assert table.loc[("cycles_per_patient", "radionuclide", "177Lu"), "value"] == 2
    assert table.loc[("cumulative_activity_gbq", "radionuclide", "90Y"), "value"] == pytest.approx(7.4)
    assert table.loc[("long_acting_window_unknown", "all", "all"), "n"] == 3
    assert table.loc[("retreatment", "all", "all"), "high"] == pytest.approx(1 - 0.025 ** (1 / 2))


@pytest.mark.parametrize(
    ("years", "bands"),
    [
        ([2015], ["2015"]),
        ([2012, 2013, 2014, 2015], ["2012", "2013", "2014", "2015"]),
        ([2011, 2012, 2013, 2015], ["2011-2012", "2011-2012", "2013-2014", "2015"]),
        ([2005, 2008, 2009, 2020], ["2005-2008", "2005-2008", "2009-2012", "2017-2020"]),
    ],
)
def test_years_of_the_first_cycle_are_at_most_four_bands(years, bands):
    assert derive_years(pd.Series(pd.to_datetime([f"{year}-06-01" for year in years]))).tolist() == bands


def test_delivery_by_centre_and_year_and_why_it_was_stopped():
    cycles = [cycle("a", "2014-01-01"), cycle("b", "2015-01-01"), cycle("c", "2015-02-01")]
    people = [{"patient_id": name, "centre_id": "C1" if name == "a" else "C2"} for name in "abcd"]
    tables = make_tables(people, cycles)
    tables["patients"] = tables["patients"].assign(why=["toxicity", None, "completed", "death"])
    table = stage.run(tables, make_study(treatment={"stop_reason": "why"}))["treatment_delivery"]
    table = table.set_index(["group_by", "group", "item"]).sort_index()
    assert table.loc[("centre_id", "C2", "cycles_per_patient"), "total"] == 2
    assert table.loc[("treatment_years", "2015", "cycles_per_patient"), "total"] == 2
    reasons = table.loc[("all", "all")].filter(like="stop_reason_", axis=0)
    # A patient without a cycle has no reason to stop.
    assert reasons[["n", "total"]].T.to_dict("list") == {
        "stop_reason_toxicity": [1, 3], "stop_reason_unknown": [1, 3], "stop_reason_completed": [1, 3],
    }  # fmt: skip
    assert "stop_reason" not in " ".join(stage.run(tables, make_study())["treatment_delivery"]["item"])
