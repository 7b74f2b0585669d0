from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.cox import compute_e_value, fit_cox
from prrt_outcomes.statistics.data import SurvivalData


@pytest.fixture
def cohort():
    rng = np.random.default_rng(5)
    n = 200
    x = pd.DataFrame({"age": rng.normal(60, 9, n), "sex": rng.choice(["f", "m"], n)})
    time = np.ceil(rng.exponential(20, n) * np.exp(-0.03 * (x["age"] - 60)))
    return time.to_numpy(), rng.random(n) < 0.7, x


def test_lifelines_gives_the_same_numbers(cohort):
    from lifelines import CoxPHFitter

    time, event, x = cohort
    ours = fit_cox(SurvivalData(time, event), x, references={"sex": "f"})
    frame = pd.DataFrame(
        {"age": x["age"], "male": x["sex"].eq("m").astype(float), "time": time, "event": event}
    )
    theirs = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-12})
    assert ours.status == "ok"
    np.testing.assert_allclose(ours.coefficients, theirs.params_.to_numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.table["std_error"], theirs.standard_errors_.to_numpy(), rtol=1e-6)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood_, rel=1e-9)


def test_no_events_is_a_status_with_everything_empty():
    fit = fit_cox(SurvivalData([1, 2, 3], [0, 0, 0]), [[1.0], [0.0], [2.0]])
    assert (fit.status, fit.reason) == ("no_events", "no events")
    assert fit.table[["coefficient", "std_error", "hazard_ratio", "lower", "p_value"]].isna().all(axis=None)
    assert np.isnan(fit.likelihood_ratio.p_value)


def test_a_constant_covariate_is_not_estimable_and_the_rest_is(cohort):
    time, event, x = cohort
    fit = fit_cox(SurvivalData(time, event), x.assign(site="Basel", zero=0.0))
    assert fit.status == "not_estimable"
    assert fit.table["status"].tolist() == ["ok", "ok", "not_estimable", "not_estimable"]
    assert "site" in fit.reason
    alone = fit_cox(SurvivalData(time, event), x)
    np.testing.assert_allclose(fit.coefficients[:2], alone.coefficients, rtol=1e-9)
    assert fit.likelihood_ratio.degrees_of_freedom == 2


def test_of_collinear_columns_the_later_one_is_empty(cohort):
    time, event, x = cohort
    fit = fit_cox(SurvivalData(time, event), x[["age"]].assign(months=x["age"] * 12 + 3))
    assert fit.table["status"].tolist() == ["ok", "not_estimable"]


def test_a_covariate_that_varies_only_outside_risk_sets_is_not_estimable():
    fit = fit_cox(SurvivalData([1, 5, 6, 7], [0, 1, 1, 1]), [[1.0], [0.0], [0.0], [0.0]])
    assert fit.status == "not_estimable"
    assert fit.log_likelihood == fit.log_likelihood_null


def test_perfect_separation_is_a_status_without_infinite_numbers():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fit_cox(SurvivalData([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1]), [[1.0], [1], [1], [0], [0], [0]])
    assert fit.status == "separation"
    assert "monotone" in fit.reason
    assert fit.table[["coefficient", "hazard_ratio", "upper"]].isna().all(axis=None)
    assert np.isfinite(fit.log_likelihood)


def test_separation_leaves_the_other_terms_their_limit(cohort):
    time, event, x = cohort
    spared = np.arange(len(time)) % 10 == 0
    fit = fit_cox(SurvivalData(time, event & ~spared), x[["age"]].assign(spared=spared))
    assert fit.table["status"].tolist() == ["ok", "separation"]
    # Those spared leave the likelihood as their hazard goes to 0.
    without = fit_cox(SurvivalData(time[~spared], event[~spared]), x.loc[~spared, ["age"]])
    np.testing.assert_allclose(fit.coefficients[0], without.coefficients[0], rtol=1e-6)


def test_under_ten_events_a_parameter_is_few_events_and_estimated(cohort):
    time, event, x = cohort
    few = event & (np.cumsum(event) <= 19)
    fit = fit_cox(SurvivalData(time, few), x)
    assert fit.status == "few_events"
    assert fit.estimated.all()
    assert fit.reason == "19 events for 2 parameters, under 10 each"
    enough = event & (np.cumsum(event) <= 20)
    assert fit_cox(SurvivalData(time, enough), x).status == "ok"


def test_one_patient_and_a_group_of_one():
    assert fit_cox(SurvivalData([3], [1]), [[1.0]]).status == "not_estimable"
    fit = fit_cox(SurvivalData([1, 2, 3, 4], [1, 1, 1, 0]), pd.DataFrame({"arm": ["a", "b", "b", "b"]}))
    assert fit.status == "separation"


def test_missing_covariates_are_left_out_and_counted(cohort):
    time, event, x = cohort
    holes = x.copy()
    holes.loc[:9, "age"] = np.nan
    fit = fit_cox(SurvivalData(time, event), holes)
    assert ((~fit.design.complete).sum(), fit.rows.n) == (10, 190)
    np.testing.assert_allclose(
        fit.coefficients, fit_cox(SurvivalData(time[10:], event[10:]), x.iloc[10:]).coefficients, rtol=1e-9
    )


def test_variance_is_robust_with_weights_or_clusters(cohort):
    time, event, x = cohort
    plain, weighted, clustered = (
        fit_cox(SurvivalData(time, event, **parts), x).table["std_error"]
        for parts in ({}, {"weights": np.ones(200)}, {"cluster": np.arange(200)})
    )
    np.testing.assert_allclose(weighted, clustered, rtol=1e-12)
    assert (np.abs(weighted / plain - 1) > 1e-3).all()


def test_a_single_cluster_has_no_robust_variance(cohort):
    time, event, x = cohort
    with pytest.raises(ValueError, match="at least two clusters"):
        fit_cox(SurvivalData(time, event, cluster=np.zeros(len(time))), x)


def test_unknown_options_are_errors(cohort):
    time, event, x = cohort
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        fit_cox(SurvivalData(time, event), x, confidence=1.0)


def test_counts_of_levels(cohort):
    time, event, x = cohort
    row = fit_cox(SurvivalData(time, event), x[["sex"]], references={"sex": "m"}).table.iloc[0]
    female = (x["sex"] == "f").to_numpy()
    assert (row["level"], row["reference"]) == ("f", "m")
    assert (row["n"], row["n_events"]) == (female.sum(), (female & event).sum())


def test_in_the_limit_of_separation_events_meet_only_their_equals():
    # Nobody with spared = 1 has an event, and of the rest the late entrants meet nobody but themselves.
    rng = np.random.default_rng(17)
    n = 150
    x = pd.DataFrame(
        {"age": rng.normal(size=n), "spared": rng.integers(0, 2, n), "arm": rng.choice(["a", "b"], n)}
    )
    time = np.ceil(rng.exponential(12, n) * np.exp(-0.5 * x["age"])) + 1
    entry = np.floor(rng.random(n) * time / 2)
    event = (rng.random(n) < 0.8) & (x["spared"] == 0)
    strata = rng.integers(0, 2, n)
    data = SurvivalData(time, event, entry, rng.exponential(1, n), strata)
    fit = fit_cox(data, x, references={"arm": "a"})
    assert fit.table["status"].tolist() == ["ok", "separation", "ok"]
    rest = (x["spared"] == 0).to_numpy()
    without = fit_cox(data.select(rest), x.loc[rest, ["age", "arm"]], references={"arm": "a"})
    numbers = ["coefficient", "std_error"]
    np.testing.assert_allclose(fit.table[numbers].iloc[[0, 2]], without.table[numbers], rtol=1e-8)
    assert fit.log_likelihood == pytest.approx(without.log_likelihood, rel=1e-9)


def test_coefficients_that_run_to_infinity_together_leave_the_others_alone():
    # One group fails first, one last: age is compared within the groups only.
    time = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    first = np.array([1.0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    last = np.array([0.0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1])
    age = np.array([3.0, 1, 2, 5, 2, 4, 1, 3, 2, 4, 1, 5])
    fit = fit_cox(SurvivalData(time, np.ones(12)), np.column_stack([age, first, last]))
    assert fit.table["status"].tolist() == ["few_events", "separation", "separation"]
    group = first + 2 * last
    alone = fit_cox(SurvivalData(time, np.ones(12), strata=group), age)
    assert fit.coefficients[0] == pytest.approx(alone.coefficients[0], rel=1e-8)
    assert fit.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-8)


def test_inverse_ratios_have_the_same_e_value():
    for options in ({}, {"common_outcome": False}):
        low, high = compute_e_value(0.5, 0.4, 0.8, **options), compute_e_value(2.0, 1.25, 2.5, **options)
        assert low == pytest.approx(high)


def test_rare_outcome_takes_the_hazard_ratio_as_it_is():
    assert compute_e_value(2.0, 1.5, 2.5, common_outcome=False)[0] == pytest.approx(2 + np.sqrt(2))


def test_an_interval_that_holds_1_needs_no_confounder():
    assert compute_e_value(0.8, 0.6, 1.1)[1] == 1
    assert compute_e_value(1.3, 0.9, 1.7)[1] == 1
    assert compute_e_value(1.0, 0.9, 1.1)[0] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((0.0, 0.0, 1.0), "above 0"), ((1.0, 0.5, np.nan), "finite"), ((1.2, 1.3, 1.5), "not inside")],
)
def test_faults(arguments, message):
    with pytest.raises(ValueError, match=message):
        compute_e_value(*arguments)
