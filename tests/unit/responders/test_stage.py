"""All responder tables of a small cohort: what belongs together comes together."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.stage import OUTPUTS, run
from prrt_outcomes.responders.states import derive_histories
from prrt_outcomes.simulate.registry import simulate_registry
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.statistics.clustered import compute_spline_basis
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import select_endpoint_rows
from prrt_outcomes.tables.frames import empty_table, pick_rows


@pytest.fixture(scope="module")
def study():
    analysis = {
        "group_by": ["tumour_group"],
        "covariates": ["age_years", "tumour_group"],
        "bootstrap": {"replicates": 50, "seed": 3},
        "weight_landmarks": True,
    }
    files = {"patients": "p.csv", "follow_up": "f.csv"}
    return Study(study="small", tables=files, endpoints=["pfs", "os", "dor"], analysis=analysis)


@pytest.fixture(scope="module")
def tables(study):
    from prrt_outcomes.endpoints import stage as endpoints
    from prrt_outcomes.response import stage as response
    from prrt_outcomes.treatment import stage as treatment

    made = dict(simulate_registry(SimulationSettings(), 250, 11))
    for stage in (treatment, response, endpoints):
        made |= stage.run({name: made[name] for name in stage.INPUTS}, study)
    return made


@pytest.fixture(scope="module")
def out(tables, study):
    from prrt_outcomes.responders import stage

    return run({name: tables[name] for name in stage.INPUTS}, study)


def test_the_naive_comparison_never_stands_alone(out):
    table = out["responders"]
    for _, part in table.groupby(["endpoint", "criterion", "comparison"]):
        methods = set(part["method"])
        assert methods == {"naive", "landmark", "mantel_byar", "time_dependent_cox", "simon_makuch"}
    for _, part in out["responder_curves"].groupby("endpoint"):
        assert set(part["method"]) == {"naive", "landmark", "simon_makuch"}


def test_endpoints_that_start_with_response_are_not_compared(out):
    assert set(out["responders"]["endpoint"]) == {"pfs", "os"}


def test_responders_against_all_others_are_always_there(out):
    comparisons = set(out["responders"]["comparison"])
    assert {"responder:non_responder", "responder:stable", "progressive:stable", "PR:SD"} <= comparisons


def test_the_naive_groups_are_those_of_the_best_response(out, tables):
    best = tables["best_responses"]
    best = best.loc[~best["confirmed"] & best["period"].eq(1) & best["criterion"].eq("recist_1_1")]
    counts = best.drop_duplicates("patient_id")["response_group"].value_counts()
    table = out["responders"]
    naive = (table["endpoint"] == "os") & (table["method"] == "naive") & ~table["adjusted"].astype(bool)
    rows = table.loc[naive].set_index("comparison")
    assert rows.loc["responder:stable", "n"] == counts["responder"] + counts["stable"]


def test_naive_flatters_responders_and_the_bias_is_measured(out):
    bias = out["responder_bias"].set_index("endpoint").loc["pfs"]
    assert bias["bias"] == pytest.approx(
        bias["naive_log_hazard_ratio"] - bias["time_dependent_log_hazard_ratio"]
    )
    assert bias["bias"] < 0
    assert bias["null_naive_rejected"] > bias["null_mantel_byar_rejected"]


def test_landmark_patients_add_up(out):
    landmark = out["responders"].query("method == 'landmark' and comparison == 'responder:non_responder'")
    plain = landmark.loc[~landmark["weighted"] & ~landmark["adjusted"]]
    assert (plain["n"] + plain["excluded"]).nunique() == 1
    weighted = landmark.loc[landmark["weighted"]]
    assert (weighted["ess"] <= weighted["n"] + 1e-9).all()


def test_adjusted_rows_carry_the_patients_and_events_of_their_own_fit(out, tables):
    table = out["responders"].query("endpoint == 'os' and comparison == 'responder:non_responder'")
    adjusted = table.loc[table["adjusted"] & ~table["weighted"] & table["method"].eq("naive")].iloc[0]
    patients = tables["analysis_set"]
    complete = patients["age_years"].notna() & patients["tumour_group"].notna()
    os = tables["endpoints"].query("endpoint == 'os'").set_index("patient_id")["event"]
    known = os.reindex(patients.loc[complete, "patient_id"]).dropna()
    assert (adjusted["n"], adjusted["events"]) == (len(known), (known == 1).sum())
    assert adjusted["n"] + adjusted["excluded"] == os.notna().sum()


def test_weights_for_the_landmark_balance_the_covariates(out):
    balance = out["responder_balance"].query("endpoint == 'pfs' and landmark_months == 12")
    assert balance["smd_weighted"].abs().max() < max(0.05, balance["smd"].abs().max())


def test_every_table_is_there_and_states_add_up(out):
    assert all(not out[name].empty for name in OUTPUTS)
    progressed = out["responder_states"].query("state == 'progressed'")
    assert progressed["endpoint"].unique().tolist() == ["os"]
    total = out["responder_states"].groupby(["endpoint", "time_months"])["probability"].sum()
    assert np.allclose(total, 1)
    months = out["responder_state_means"].groupby("endpoint")["expected_months"].sum()
    assert np.allclose(months, 60)


def test_progression_is_that_of_the_first_endpoint_that_it_ends(tables, study):
    endpoints = tables["endpoints"]
    rows = select_endpoint_rows(endpoints, tables["analysis_set"], "os")
    long = rows.frame["patient_id"][rows.time_months > 12].iloc[0]

    def find(name, **changes):
        changed = endpoints.copy()
        here = changed["endpoint"].eq(name) & changed["patient_id"].eq(long)
        for column, value in changes.items():
            changed.loc[here, column] = value
        course = derive_histories(tables | {"endpoints": changed}, rows, "recist_1_1", study).course
        own = course.changes["patient"].eq(rows.frame["patient_id"].tolist().index(long))
        return course.changes.loc[own & course.changes["state"].eq(2), "month"].tolist()

    origin = endpoints.loc[endpoints["patient_id"].eq(long), "origin_date"].iloc[0]
    clinical = origin + pd.Timedelta(61, "D")
    assert find("pfs", progression_date=clinical) == [61 / 30.4375]
    assert find("os", progression_date=clinical) == find("os")
    reported = {"progression_date": pd.NaT, "origin_date": pd.NaT, "event": 1, "time_days": 122.0}
    assert find("pfs", **reported) == [122 / 30.4375]


def test_deeper_response_has_the_lower_hazard(out):
    depth = out["responder_depth"].query("endpoint == 'os'")
    if len(depth):
        assert depth["change"].is_monotonic_increasing
        assert depth["hazard_ratio"].notna().all()


def test_without_responses_the_stage_is_skipped(tables, study):
    from prrt_outcomes.responders import stage

    inputs = {name: tables[name] for name in stage.INPUTS} | {"responses": empty_table("responses")}
    skipped = run(inputs, study)
    assert skipped["stages"]["status"].tolist() == ["skipped"]
    assert all(skipped[name].empty for name in OUTPUTS)


def test_no_function_of_the_package_gives_the_naive_result_alone():
    """Whoever asks the package for a comparison gets all methods; only private functions give one of them."""
    import inspect

    from prrt_outcomes.responders import comparisons

    public = [
        name
        for name, member in inspect.getmembers(comparisons, inspect.isfunction)
        if member.__module__ == comparisons.__name__ and not name.startswith("_")
    ]
    assert sorted(public) == ["compare_by_all_methods", "summarise_responder_curves"]


def test_the_spline_is_linear_beyond_its_knots():
    knots = np.array([-0.6, -0.3, -0.1, 0.1])
    beyond = compute_spline_basis([0.2, 0.3, 0.4], knots)
    assert np.allclose(np.diff(beyond, n=2, axis=0), 0)
    before = compute_spline_basis([-0.9, -0.8, -0.7], knots)
    assert np.allclose(before[:, 1:], 0)
    inside = compute_spline_basis(np.linspace(-0.6, 0.1, 9), knots)
    assert not np.allclose(np.diff(inside, n=2, axis=0)[:, 1:], 0)


def test_curves_have_the_intervals_that_the_study_asks_for(tables, study):
    from prrt_outcomes.responders import stage

    plain = study.model_copy(
        update={
            "analysis": study.analysis.model_copy(
                update={
                    "confidence": study.analysis.confidence.model_copy(update={"type": "plain"}),
                    "bootstrap": study.analysis.bootstrap.model_copy(update={"replicates": 0}),
                }
            )
        }
    )
    curves = run({name: tables[name] for name in stage.INPUTS}, plain)["responder_curves"]
    inside = curves.loc[curves["survival"].between(0.2, 0.8) & curves["survival_high"].lt(1)]
    middle = (inside["survival_low"] + inside["survival_high"]) / 2
    assert len(inside) > 50
    assert middle.to_numpy() == pytest.approx(inside["survival"].to_numpy(), abs=1e-9)


def test_who_ends_on_the_landmark_day_is_lost_and_who_responds_on_it_is_a_responder():
    import pandas as pd

    from prrt_outcomes.responders.comparisons import Comparison
    from prrt_outcomes.responders.states import (
        BINARY,
        compute_state_at,
        derive_onset_history,
        start_at_landmark,
    )
    from prrt_outcomes.survival.endpoint_rows import EndpointRows
    from prrt_outcomes.units import convert_days_to_months

    days = np.array([486.0, 487.0, 488.0, 900.0])
    rows = EndpointRows(
        "os", convert_days_to_months(days), np.ones(4, dtype=int), None, pd.DataFrame(index=range(4))
    )
    history = derive_onset_history(convert_days_to_months(np.array([np.inf, np.inf, 487.0, 488.0])))
    comparison = Comparison(*BINARY[::-1], history, rows, None, 0.95)
    state = compute_state_at(history, 16.0)
    chosen = comparison.find_at_risk(state, 16.0)
    time = start_at_landmark(rows, chosen, 16.0).time_months
    assert chosen.tolist() == [False, False, True, True]
    assert state[chosen].tolist() == [1, 0]
    assert time * 30.4375 == pytest.approx([1, 413])


def test_without_a_covariate_that_varies_nothing_is_weighted():
    import pandas as pd

    from prrt_outcomes.responders.bias import compare_weighted_landmark
    from prrt_outcomes.responders.comparisons import Comparison
    from prrt_outcomes.responders.states import BINARY, derive_onset_history
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

    rows = EndpointRows("os", np.arange(1.0, 9.0), np.ones(8, dtype=int), None, pd.DataFrame(index=range(8)))
    history = derive_onset_history(np.full(8, np.inf))
    comparison = Comparison(*BINARY[::-1], history, rows, pd.DataFrame({"sex": ["female"] * 8}), 0.95)
    assert compare_weighted_landmark(comparison, 3.0) is None


def test_no_public_function_gives_the_naive_comparison():
    import importlib
    import pkgutil

    import prrt_outcomes.responders as room

    names = [m.name for m in pkgutil.iter_modules(room.__path__)]
    modules = [importlib.import_module(f"prrt_outcomes.responders.{name}") for name in names]
    public = [n for m in modules for n in vars(m) if callable(getattr(m, n)) and not n.startswith("_")]
    assert "compare_by_all_methods" in public
    assert not [name for name in public if "naive" in name.lower()]


@pytest.fixture(scope="module")
def with_gaps(tables, study):
    """Results where the age of every fifth patient is missing, and the completed covariates."""
    from prrt_outcomes.responders import stage

    analysis = study.analysis.model_copy(update={"multiple_imputation_sets": 4})
    changed = study.model_copy(update={"analysis": analysis})
    patients = tables["analysis_set"].copy()
    patients.loc[patients.index % 5 == 0, "age_years"] = None
    given = {name: tables[name] for name in stage.INPUTS} | {"analysis_set": patients}
    return run(given, changed), len(patients)


def test_models_of_imputed_covariates_stand_beside_the_complete_cases(with_gaps, out):
    made, n = with_gaps
    rows = made["responders"]
    rows = rows[(rows["endpoint"] == "os") & (rows["comparison"] == "responder:non_responder")]
    adjusted = rows[rows["adjusted"].astype(bool) & ~rows["weighted"].astype(bool)].set_index("imputed")
    for method in ("naive", "landmark", "time_dependent_cox"):
        complete, imputed = (adjusted.loc[flag] for flag in (False, True))
        complete, imputed = (part[part["method"] == method] for part in (complete, imputed))
        assert len(complete) == len(imputed) > 0
        assert (imputed["n"].to_numpy() > complete["n"].to_numpy()).all()
        assert imputed["hazard_ratio"].notna().any()
    naive = adjusted[adjusted["method"] == "naive"]
    assert naive["n"].tolist() == [n - n // 5, n]
    weighted = made["responders"][made["responders"]["weighted"].astype(bool)]
    assert weighted["imputed"].astype(bool).tolist() == [False, True]
    assert weighted["n"].is_monotonic_increasing
    assert weighted["hazard_ratio"].notna().all()
    assert not out["responders"]["imputed"].astype(bool).any(), "nothing is imputed where nothing is missing"


def test_predictors_of_imputed_covariates_have_all_patients(with_gaps):
    table = with_gaps[0]["responder_predictors"]
    own = pick_rows(table, endpoint="os", outcome="response", term="age_years")
    assert own["imputed"].tolist() == [False, True]
    complete, imputed = own["n"]
    assert imputed > complete


def test_pooled_models_count_coefficients_not_covariates(monkeypatch):
    from prrt_outcomes.responders.comparisons import Comparison, compare_by_all_methods
    from prrt_outcomes.responders.states import BINARY, derive_onset_history
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

    n = 40
    grade = pd.DataFrame({"grade": pd.Categorical(["G1", "G2", "G3", "G4"] * (n // 4))})
    rows = EndpointRows(
        "os", np.arange(1.0, n + 1), np.ones(n, dtype=int), None, pd.DataFrame(index=range(n))
    )
    history = derive_onset_history(np.where(np.arange(n) % 3 == 0, 0.5, np.inf))
    comparison = Comparison(*BINARY[::-1], history, rows, grade, 0.95, (grade, grade))
    asked = []
    monkeypatch.setattr(
        Comparison, "pool", lambda self, fits, coefficients=1: asked.append(coefficients) or {}
    )
    compare_by_all_methods(comparison, [])
    assert set(asked) == {4}, "the state and three levels"
