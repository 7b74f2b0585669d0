"""Our endpoint under the control's criterion is the one that a study with that criterion derives, shown beside ours."""

import pytest

from prrt_outcomes.controls import stage as controls
from prrt_outcomes.controls.sensitivity import derive_under_criterion
from prrt_outcomes.endpoints import stage as endpoints
from prrt_outcomes.response import stage as response
from prrt_outcomes.simulate.registry import simulate_registry
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.treatment import stage as treatment

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
    found = derive_under_criterion(tables, study, "pfs", "swog_mr")
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
