"""E-values and tipping points against their definitions; our endpoint under the control's rules."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls import stage as controls
from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.observed_expected import (
    compare_with_published,
    cut_follow_up,
)
from prrt_outcomes.controls.sensitivity import (
    compute_tipping_factor,
    derive_under_criterion,
    move_to_grid,
    tabulate_bias_sensitivity,
)
from prrt_outcomes.endpoints import stage as endpoints
from prrt_outcomes.response import stage as response
from prrt_outcomes.simulate.registry import simulate_registry
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.study.controls import PublishedControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.treatment import stage as treatment


@pytest.mark.parametrize(("low", "high", "factor"), [(0.3, 0.6, 0.6), (0.8, 1.1, 1.0), (1.5, 2.0, 1.5)])
def test_tipping_factor(low, high, factor):
    assert compute_tipping_factor(low, high) == factor


def test_a_history_better_by_the_tipping_factor_loses_the_result():
    rng = np.random.default_rng(2)
    time = rng.exponential(30, 80)
    rows = EndpointRows("pfs", time, np.ones(80, dtype=int), None, pd.DataFrame(index=range(80)))
    control = PublishedControl(id="a", kind="published", n=100, median_months=8, events=70)
    found = compare_with_published(rows, control, 0.95)
    doubt = tabulate_bias_sensitivity(found, 1.0, {"none": 8.0})
    assert [row["estimate"] for row in doubt] == ["e_value", "tipping_factor", "tipping_median"]
    median = doubt[2]["value"]
    assert median == pytest.approx(8 / doubt[1]["value"])
    better = compare_with_published(rows, control.model_copy(update={"median_months": median}), 0.95)[1]
    assert better["high"] == pytest.approx(1.0, abs=0.06)
    assert "lower for the result to be lost" in doubt[1]["note"]


def test_what_has_no_estimate_has_no_e_value():
    assert (
        tabulate_bias_sensitivity([comparison_row("cox", "hazard_ratio", status="separation")], 0.5, {}) == []
    )


def test_e_value_of_a_rare_event_takes_the_ratio_as_it_is():
    row = comparison_row("cox", "hazard_ratio", value=0.5, low=0.25, high=0.8)
    rare, common = (tabulate_bias_sensitivity([row], share, {})[0] for share in (0.1, 0.5))
    assert rare["value"] == pytest.approx(2 + np.sqrt(2))
    assert common["value"] < rare["value"]


DAY = 30.4375


def cohort(days, event):
    ids = [f"p{i}" for i in range(len(days))]
    return EndpointRows("pfs", np.array(days) / DAY, np.array(event), None, pd.DataFrame({"patient_id": ids}))


def dates(days):
    return pd.Timestamp("2010-01-01") + pd.to_timedelta(pd.Series(days, dtype="float"), unit="D")


def table(rows, progression, previous, contact):
    return pd.DataFrame(
        {
            "patient_id": rows.frame["patient_id"],
            "origin_date": pd.Timestamp("2010-01-01"),
            "progression_date": dates(progression),
            "previous_assessment_date": dates(previous),
            "last_contact_date": dates(contact),
        }
    )


def test_progressions_move_to_the_scans_of_the_control():
    """Every 12 weeks is day 84, 168, 252, 336: seen on day 300 after a scan on day 100, it was there by day 168."""
    nan = np.nan
    rows = cohort([300, 300, 300, 300], [1, 1, 1, 0])
    ends = table(rows, [300, 300, nan, nan], [100, nan, 100, 100], [400, 310, 300, 300])
    moved = {name: np.round(r.time_months * DAY) for name, r in move_to_grid(rows, ends, 12).items()}
    assert moved["earliest"].tolist() == [168, 84, 300, 300]
    assert moved["latest"].tolist() == [336, 310, 300, 300]


def test_a_progression_on_the_grid_stays_where_it_is():
    rows = cohort([168], [1])
    moved = move_to_grid(rows, table(rows, [168], [84], [400]), 12)
    assert moved["earliest"].time_months[0] == pytest.approx(168 / DAY)
    assert moved["latest"].time_months[0] == pytest.approx(168 / DAY)


def test_without_dates_there_is_no_grid():
    rows = cohort([300], [1])
    assert move_to_grid(rows, table(rows, [np.nan], [np.nan], [np.nan]), 12) == {}


def test_follow_up_is_cut_without_events_after_it():
    cut = cut_follow_up(cohort([100, 300], [1, 1]), 200 / DAY)
    assert cut.event.tolist() == [1, 0]
    assert np.round(cut.time_months * DAY).tolist() == [100, 200]


CONTROL = {"id": "swog_series", "kind": "published", "n": 100, "median_months": 20, "criterion": "swog_mr"}


@pytest.fixture(scope="module")
def study():
    return Study(
        study="small",
        tables={"patients": "p.csv", "follow_up": "f.csv"},
        response={"criteria": ["recist_1_1", "swog_mr"]},
        endpoints=["pfs", {"name": "pfs_swog", "preset": "pfs", "criterion": "swog_mr"}],
        controls=[CONTROL],
        analysis={"group_by": [], "covariates": [], "bootstrap": {"replicates": 0}},
    )


@pytest.fixture(scope="module")
def tables(study):
    made = dict(simulate_registry(SimulationSettings(), 120, 5))
    for stage in (treatment, response, endpoints):
        made |= stage.run({name: made[name] for name in stage.INPUTS}, study)
    return made


def test_it_equals_the_endpoint_of_a_study_that_names_the_criterion(tables, study):
    found = derive_under_criterion(tables, study, study.endpoints[0], "swog_mr")
    every = tables["endpoints"].set_index("patient_id")
    named = every.loc[every["endpoint"] == "pfs_swog", ["time_days", "event"]].astype(float).sort_index()
    ours = every.loc[every["endpoint"] == "pfs", "time_days"].astype(float).sort_index()
    by_patient = found.set_index("patient_id")[["time_days", "event"]].astype(float).sort_index()
    assert by_patient["time_days"].tolist() == pytest.approx(named["time_days"].tolist())
    assert by_patient["event"].tolist() == named["event"].tolist()
    assert (ours != named["time_days"]).any()


def test_both_stand_side_by_side(tables, study):
    out = controls.run({name: tables[name] for name in controls.INPUTS}, study)
    rows = out["control_sensitivity"].set_index("kind")
    assert rows.loc[["criterion"], "item"].tolist() == ["swog_mr"]
    assert {"main", "criterion"} <= set(rows.index)
    assert rows.loc[["criterion"], "value"].notna().all()
