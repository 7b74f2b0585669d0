"""A registry as of a later day holds what was known before, what came since, and stated corrections."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.errors import UsageError
from prrt_outcomes.simulate.columns import MODEL
from prrt_outcomes.simulate.history import draw_history
from prrt_outcomes.simulate.registry import draw_later_simulation, draw_simulation, write_simulated_study
from prrt_outcomes.simulate.safety_tables import derive_labs
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.study.load import load_study
from prrt_outcomes.tables.schema import load_schema

LATER = date(2022, 12, 31)
PATIENTS = 120


@pytest.fixture(scope="module")
def cuts():
    first, second = draw_later_simulation(SimulationSettings(), PATIENTS, 11, LATER)
    return first.tables, second.tables


def spell(table):
    return table.astype(object).where(table.notna(), "").astype(str)


def gone(cuts):
    return set(cuts[0]["patients"]["patient_id"]) - set(cuts[1]["patients"]["patient_id"])


def test_the_first_cut_is_the_registry_without_a_later_one(cuts):
    alone = draw_simulation(SimulationSettings(), PATIENTS, 11).tables
    for name, table in alone.items():
        pd.testing.assert_frame_equal(cuts[0][name], table)


@pytest.mark.parametrize("name", ["cycles", "therapies", "assessments", "lesions", "labs", "adverse_events"])
def test_rows_stay_and_others_follow_after_the_last_contact(cuts, name):
    key = list(load_schema(name).key)
    old, new = (spell(tables[name]) for tables in cuts)
    old = old[~old["patient_id"].isin(gone(cuts))]
    merged = old.merge(new, on=key, how="outer", indicator=True, suffixes=("", "_new"))
    assert merged["_merge"].ne("left_only").all()
    contact = cuts[0]["follow_up"].set_index("patient_id")["last_contact_date"]
    added = merged[merged["_merge"].eq("right_only") & merged["patient_id"].isin(contact.index)]
    assert len(added)
    assert (added[key[1]].str[:10] > added["patient_id"].map(contact)).all()
    free = {"therapies": {"end_date"}, "lesions": {"longest_mm"}}.get(name, set())
    both = merged[merged["_merge"].eq("both")]
    for column in set(old) - set(key) - free:
        assert both[column].equals(both[f"{column}_new"]), column


def test_corrections_and_withdrawals_are_as_many_as_the_model_says(cuts):
    assert len(gone(cuts)) == MODEL.corrections["withdrawn"]
    key = list(load_schema("lesions").key)
    old, new = (tables["lesions"].astype(dict.fromkeys(key, str)) for tables in cuts)
    both = old.merge(new, on=key, suffixes=("", "_new"))
    changed = both["longest_mm"].ne(both["longest_mm_new"]) & both["longest_mm"].notna()
    assert 0 < changed.sum() <= MODEL.corrections["lesions"]
    grades = [t["patients"].set_index("patient_id")["grade"].astype(str) for t in cuts]
    changed = grades[0][grades[0] != grades[1].reindex(grades[0].index)].drop(list(gone(cuts)))
    assert changed.eq("unknown").all()
    assert len(changed) <= MODEL.corrections["grades"]


def test_follow_up_goes_on_for_the_living_alone(cuts):
    old, new = (tables["follow_up"].set_index("patient_id") for tables in cuts)
    new = new.reindex(old.index.difference(list(gone(cuts))))
    old = old.reindex(new.index)
    alive = old["vital_status"].astype(str).eq("alive")
    assert (new.loc[alive, "last_contact_date"] > old.loc[alive, "last_contact_date"]).mean() > 0.9
    assert new.loc[~alive, "last_contact_date"].equals(old.loc[~alive, "last_contact_date"])
    died = new.loc[alive, "vital_status"].astype(str).eq("dead")
    assert died.any()
    known = old["progression_date"].notna()
    assert new.loc[known, "progression_date"].equals(old.loc[known, "progression_date"])


def test_new_patients_entered_in_the_years_between(cuts):
    new = cuts[1]["patients"]
    came = new[~new["patient_id"].isin(cuts[0]["patients"]["patient_id"])]["patient_id"]
    assert came.str.fullmatch(r"P0\d{3}").all()
    first = cuts[1]["cycles"].groupby("patient_id")["cycle_date"].min()[came]
    assert set(first.dt.year) == {2021}
    for name, table in cuts[1].items():
        known = (
            new["patient_id"]
            if not name.startswith("control_")
            else cuts[1]["control_patients"]["patient_id"]
        )
        if "patient_id" in table:
            assert table["patient_id"].isin(known).all(), name


def test_samples_of_a_patient_stay_at_the_level_of_the_patient():
    history, levels = draw_history(SimulationSettings(), PATIENTS, 11), {}
    means = []
    for seed in (1, 2):
        labs = derive_labs(history, np.random.default_rng(seed), levels)
        own = labs[labs["analyte"].astype(str).eq("platelets")]
        means.append(np.log(own["value"]).groupby(own["patient_id"].astype(str)).median())
    assert np.corrcoef(means)[0, 1] > 0.75
    assert {name: len(level) for name, level in levels.items()}["platelets"] == PATIENTS


def test_both_are_written_and_a_day_of_the_same_year_is_refused(tmp_path):
    options = {"patients": 20, "seed": 1, "truth_patients": None}
    with pytest.raises(UsageError, match="a day of a year after 2021"):
        write_simulated_study(tmp_path / "cut", **options, later_cutoff=date(2021, 12, 31))
    write_simulated_study(tmp_path / "cut", **options, later_cutoff=LATER)
    assert [load_study(tmp_path / name).data_cutoff.year for name in ("cut", "cut_2022")] == [2021, 2022]
    assert load_study(tmp_path / "cut_2022").study == "cut_2022"
