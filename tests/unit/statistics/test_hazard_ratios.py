from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.hazard_ratios import (
    fit_piecewise_hazard_ratio,
    summarise_subgroup_hazard_ratios,
)


@pytest.fixture
def trial():
    rng = np.random.default_rng(12)
    n = 300
    arm = pd.Series(rng.choice(["control", "prrt"], n), name="arm")
    groups = pd.DataFrame(
        {"grade": rng.choice(["G1", "G2"], n), "site": rng.choice(["ileum", "pancreas"], n)}
    )
    time = rng.exponential(np.where(arm == "prrt", 30, 15))
    return time, rng.random(n) < 0.8, arm, groups


def test_forest_has_everybody_first_and_one_reference_throughout(trial):
    time, event, arm, groups = trial
    table = summarise_subgroup_hazard_ratios(SurvivalData(time, event), arm, groups, reference="control")
    assert table["subgroup"].tolist() == ["overall", "grade", "grade", "site", "site"]
    assert (table["reference"] == "control").all()
    assert (
        table["n_rows"].iloc[1:3].sum() == table["n_rows"].iloc[3:5].sum() == table["n_rows"].iloc[0] == 300
    )
    assert table["interaction_p_value"].iloc[1] == table["interaction_p_value"].iloc[2]


def test_a_level_without_the_reference_or_without_events_has_a_status(trial):
    time, event, arm, groups = trial
    only = pd.DataFrame(
        {"era": np.where(arm == "prrt", np.where(np.arange(300) % 7 == 0, "new", "old"), "old")}
    )
    table = summarise_subgroup_hazard_ratios(SurvivalData(time, event), arm, only, reference="control")
    new = table[table["subgroup_level"] == "new"].iloc[0]
    assert new["status"] == "not_estimable"
    assert np.isnan(new["hazard_ratio"])
    assert new["n_rows"] == (only["era"] == "new").sum()
    quiet = event & (groups["grade"] == "G1").to_numpy()
    table = summarise_subgroup_hazard_ratios(SurvivalData(time, quiet), arm, groups[["grade"]])
    assert table.set_index("subgroup_level").loc["G2", "status"] == "no_events"


def test_rows_with_an_unknown_level_are_in_none(trial):
    time, event, arm, groups = trial
    groups.loc[:19, "grade"] = None
    table = summarise_subgroup_hazard_ratios(SurvivalData(time, event), arm, groups[["grade"]])
    assert table["n_rows"].tolist()[0] == 300
    assert table["n_rows"].iloc[1:].sum() == 280


def test_interaction_status_is_that_of_the_interaction(trial):
    time, event, arm, groups = trial
    stratified = summarise_subgroup_hazard_ratios(
        SurvivalData(time, event, strata=groups["site"]), arm, groups[["site"]]
    )
    assert stratified["interaction_status"].tolist() == ["", "ok", "ok"]
    few = event & (np.cumsum(event) <= 20)
    table = summarise_subgroup_hazard_ratios(SurvivalData(time, few), arm, groups[["site"]])
    assert table["interaction_status"].iloc[1] == "few_events"
    none = summarise_subgroup_hazard_ratios(SurvivalData(time, np.zeros(300)), arm, groups[["site"]])
    assert none["interaction_status"].iloc[1] == "no_events"
    assert none["interaction_p_value"].isna().all()


def test_numeric_subgroups_are_refused(trial):
    time, event, arm, _ = trial
    with pytest.raises(ValueError, match="cut it into categories"):
        summarise_subgroup_hazard_ratios(
            SurvivalData(time, event), arm, pd.DataFrame({"age": np.arange(300.0)})
        )


def test_one_period_after_the_last_event_has_no_hazard_ratio(trial):
    time, event, arm, _ = trial
    result = fit_piecewise_hazard_ratio(SurvivalData(time, event), arm, [10, 1000])
    assert result.table["status"].tolist() == ["ok", "ok", "no_events"]
    assert result.table["period_start"].tolist() == [0, 10, 1000]
    assert np.isnan(result.table["period_stop"].iloc[-1])
    assert result.table["n_at_risk"].tolist() == [300, (time > 10).sum(), 0]
    assert result.equality.degrees_of_freedom == 1


def test_one_cut_before_all_events_gives_the_single_hazard_ratio(trial):
    time, event, arm, _ = trial
    result = fit_piecewise_hazard_ratio(SurvivalData(time + 1, event), arm, [0.5])
    assert result.table["coefficient"].iloc[1] == pytest.approx(result.single.coefficients[0], rel=1e-9)
    assert result.table["status"].iloc[0] == "no_events"


@pytest.mark.parametrize("cuts", [[], [0, 5], [5, 5], [9, 3], [np.inf]])
def test_cuts_must_rise_above_zero(trial, cuts):
    time, event, arm, _ = trial
    with pytest.raises(ValueError, match="cuts"):
        fit_piecewise_hazard_ratio(SurvivalData(time, event), arm, cuts)


def test_a_monotone_period_keeps_its_degree_of_freedom():
    """R survival 3.5: coxph of survSplit rows against coxph without periods, chi squared 5.539213 on 4 df."""
    rng = np.random.default_rng(5)
    group = pd.Series(np.repeat(["a", "b", "c"], 20), name="group")
    time = np.round(rng.exponential(10, 60) + 0.1, 1)
    event = (rng.random(60) < 0.8) & ~((group == "c") & (time <= 5)).to_numpy()
    result = fit_piecewise_hazard_ratio(SurvivalData(time, event), group, [5, 12], references={"group": "a"})
    assert (result.equality.statistic, result.equality.degrees_of_freedom) == (
        pytest.approx(5.539213, abs=1e-4),
        4,
    )
    table = result.table.set_index(["level", "period_start"])
    assert table.loc[("c", 0), "status"] == "separation"
    assert table[["n_at_risk", "n_events"]].to_numpy().tolist() == [
        [40, 9], [40, 5], [25, 13], [25, 12], [10, 7], [12, 9]
    ]  # fmt: skip


def test_a_period_in_which_neither_level_has_an_event_is_empty():
    group = pd.Series(["a", "b", "c"] * 10)
    time = np.arange(1.0, 31)
    event = (time > 15) | (group == "c").to_numpy()
    table = fit_piecewise_hazard_ratio(
        SurvivalData(time, event), group, [10], references={"effect": "a"}
    ).table
    early = table[(table["level"] == "b") & (table["period_start"] == 0)].iloc[0]
    assert (early["status"], early["n_events"]) == ("no_events", 0)
    assert np.isnan(early["hazard_ratio"])
