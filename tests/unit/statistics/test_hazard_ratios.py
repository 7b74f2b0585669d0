from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics import hazard_ratios
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.hazard_ratios import (
    compute_concordance,
    compute_cox_concordance,
    compute_transformed_time,
    fit_piecewise_hazard_ratio,
    summarise_proportional_hazards,
    summarise_subgroup_hazard_ratios,
)
from prrt_outcomes.statistics.model_rows import derive_model_rows


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


def test_expected_events_add_up_to_those_of_each_period_and_level(trial):
    time, event, arm, _ = trial
    result = fit_piecewise_hazard_ratio(SurvivalData(time, event), arm, [10, 1000])
    assert result.expected.sum(axis=1) == pytest.approx([event[time <= 10].sum(), event[time > 10].sum()])
    assert result.expected.sum(axis=0)[1] == pytest.approx(result.single.table["n_events"].item())


def test_one_cut_before_all_events_gives_the_single_hazard_ratio(trial):
    time, event, arm, _ = trial
    result = fit_piecewise_hazard_ratio(SurvivalData(time + 1, event), arm, [0.5])
    assert result.table["coefficient"].iloc[1] == pytest.approx(result.single.coefficients[0], rel=1e-9)
    assert result.table["status"].iloc[0] == "no_events"


@pytest.mark.parametrize("shift", [1e-9, -1e-9])
def test_a_time_that_differs_from_a_cut_by_rounding_is_that_cut(trial, shift):
    time, event, arm, _ = trial
    time = np.append(time, [10.0, 20.0])
    data = SurvivalData(time, np.append(event, [1, 1]), np.where(time == 20, 10.0, 0.0))
    arm = np.append(arm, ["prrt", "prrt"])
    exact, near = (fit_piecewise_hazard_ratio(data, arm, [cut]) for cut in (10.0, 10.0 + shift))
    numbers = ["n_at_risk", "n_events", "coefficient"]
    assert exact.table[numbers].to_numpy(float) == pytest.approx(
        near.table[numbers].to_numpy(float), rel=1e-12
    )


@pytest.mark.parametrize("cuts", [[], [0, 5], [5, 5], [9, 3], [np.inf]])
def test_cuts_must_rise_above_zero(trial, cuts):
    time, event, arm, _ = trial
    with pytest.raises(ValueError, match="cuts"):
        fit_piecewise_hazard_ratio(SurvivalData(time, event), arm, cuts)


@pytest.mark.parametrize("seed", [1, 33, 40])
def test_each_period_has_the_likelihood_of_its_own_model(seed):
    """No risk set reaches over a cut, so likelihoods add up, also where small groups have no events or all."""
    rng = np.random.default_rng(seed)
    group = pd.Series(np.repeat(list("abcd"), [68, 9, 7, 3]), name="group")
    time, event = rng.exponential(24, 87) + 0.01, (rng.random(87) < 0.9).astype(int)
    edges = np.array([0, 12, 24, 60, np.inf])
    result = fit_piecewise_hazard_ratio(SurvivalData(time, event), group, edges[1:-1])
    alone = 0.0
    for start, stop in pairwise(edges):
        there = time > start
        ends = SurvivalData(np.minimum(time, stop)[there], (event * (time <= stop))[there])
        alone += fit_cox(ends, group[there]).log_likelihood
    expected = 2 * (alone - result.single.log_likelihood)
    assert result.equality.statistic == pytest.approx(expected, abs=1e-5)


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


def test_time_is_transformed_by_kaplan_meier():
    # Kaplan-Meier: 4/5 after 1, 3/5 after 2; the censoring at 2 stays in the risk set of 2.
    rows = derive_model_rows(SurvivalData([1, 2, 2, 4, 5], [1, 1, 0, 1, 0]))
    np.testing.assert_allclose(compute_transformed_time(rows), [0, 0.2, 0.4])


def test_a_hazard_ratio_that_turns_is_found():
    rng = np.random.default_rng(8)
    x = np.repeat([0.0, 1.0], 300)
    early = rng.exponential(np.where(x == 1, 5, 10))
    late = 6 + rng.exponential(np.where(x == 1, 20, 7))
    time = np.where(early < 6, early, late)
    result = summarise_proportional_hazards(fit_cox(SurvivalData(time, np.ones(600)), x))
    assert result["p_value"].iloc[0] < 1e-6


def test_global_of_one_coefficient_is_its_own_test():
    rng = np.random.default_rng(2)
    fit = fit_cox(SurvivalData(rng.exponential(1, 80), np.ones(80)), rng.normal(size=(80, 1)))
    table = summarise_proportional_hazards(fit)
    assert table["term"].tolist() == ["x1", "global"]
    assert table["chi_squared"].iloc[0] == pytest.approx(table["chi_squared"].iloc[1], rel=1e-9)


def test_models_that_cannot_be_tested_say_why():
    none = fit_cox(SurvivalData([1, 2], [0, 0]), [[1.0], [0.0]])
    assert summarise_proportional_hazards(none)["status"].tolist() == ["no_events", "no_events"]
    separated = fit_cox(SurvivalData([1, 2, 3, 4], [1, 1, 1, 1]), [[1.0], [1], [0], [0]])
    assert summarise_proportional_hazards(separated)["status"].tolist() == ["separation", "separation"]
    # A single event time: time does not vary.
    fit = fit_cox(SurvivalData([2, 2, 3, 4], [1, 1, 0, 0]), pd.DataFrame({"x": [0.0, 2.0, 1.0, 4.0]}))
    table = summarise_proportional_hazards(fit)
    assert table["status"].tolist() == ["too_few", "too_few"]
    assert table["p_value"].isna().all()


def test_pairs_by_hand():
    # Event at 1 meets 2, 3, 3: scores 5 against 4, 6, 5. Event at 3 meets the censoring at 3: 6 against 5.
    rows = derive_model_rows(SurvivalData([1, 2, 3, 3], [1, 0, 1, 0]))
    assert compute_concordance(rows, [5.0, 4.0, 6.0, 5.0]) == pytest.approx(2.5 / 4)


def test_late_entry_is_not_met_before():
    rows = derive_model_rows(SurvivalData([2, 9, 9], [1, 0, 0], entry=[0, 0, 4]))
    assert compute_concordance(rows, [3.0, 1.0, 5.0]) == 1


def test_every_pair_against_brute_force(monkeypatch):
    monkeypatch.setattr(hazard_ratios, "BLOCK_PAIRS", 300)
    rng = np.random.default_rng(4)
    n = 60
    time, event = rng.integers(1, 15, n).astype(float), rng.random(n) < 0.6
    score, weight, stratum = (
        rng.integers(0, 6, n).astype(float),
        rng.uniform(0.5, 2, n),
        rng.integers(0, 2, n),
    )
    counts = np.zeros(3)
    for i in np.flatnonzero(event):
        for j in np.flatnonzero(stratum == stratum[i]):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                counts[int(np.sign(score[i] - score[j])) + 1] += weight[i] * weight[j]
    rows = derive_model_rows(SurvivalData(time, event, weights=weight, strata=stratum))
    expected = (counts[2] + counts[1] / 2) / counts.sum()
    assert compute_concordance(rows, score) == pytest.approx(expected, rel=1e-12)


def test_a_model_of_a_category_has_ties_in_its_predictor():
    fit = fit_cox(SurvivalData([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0]), [[1.0], [0], [1], [0], [1], [0]])
    # Five of twelve pairs are tied: of the others, those with the covariate come first in four.
    assert compute_cox_concordance(fit) == pytest.approx((4 + 5 / 2) / 12)


def test_without_pairs_or_predictor_there_is_no_concordance():
    for event in ([0, 0], [1, 1]):
        assert np.isnan(compute_concordance(derive_model_rows(SurvivalData([1, 1], event)), [1.0, 2.0]))
    separated = fit_cox(SurvivalData([1, 2, 3, 4], [1, 1, 1, 1]), [[1.0], [1], [0], [0]])
    assert np.isnan(compute_cox_concordance(separated))


def test_faults():
    rows = derive_model_rows(SurvivalData([1, 2], [1, 0]))
    with pytest.raises(ValueError, match="score"):
        compute_concordance(rows, [1.0, np.nan])
