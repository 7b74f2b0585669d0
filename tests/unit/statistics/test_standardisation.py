import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.propensity import bootstrap_propensity, fit_propensity
from prrt_outcomes.statistics.standardisation import (
    bootstrap_standardised_survival,
    compute_pseudo_observations,
    fit_standardised_survival,
)
from prrt_outcomes.statistics.weights import draw_weights


@pytest.fixture
def confounded():
    # Cohort and control have the same survival given x; the cohort is fitter.
    rng = np.random.default_rng(51)
    n = 2000
    x = pd.DataFrame({"x": rng.normal(size=n)})
    cohort = rng.random(n) < 1 / (1 + np.exp(-x["x"]))
    time = rng.exponential(20 * np.exp(x["x"]))
    censoring = rng.uniform(5, 60, n)
    return np.minimum(time, censoring), time <= censoring, cohort.to_numpy(), x


def test_without_censoring_pseudo_observations_are_the_indicators():
    time = np.array([1.0, 2, 2, 5, 7])
    pseudo = compute_pseudo_observations(time, np.ones(5, dtype=bool), np.array([0.0, 2.0, 6.0, 9.0]))
    np.testing.assert_allclose(pseudo, time[:, None] > np.array([0.0, 2.0, 6.0, 9.0]), atol=1e-12)


def test_the_difference_is_adjusted_away_although_one_model_is_wrong(confounded):
    time, event, cohort, x = confounded
    naive = compute_pseudo_observations(time, event, np.array([12.0]))
    raw = naive[cohort].mean() - naive[~cohort].mean()
    assert raw > 0.15
    good, _ = fit_propensity(cohort, x)
    useless = pd.DataFrame({"noise": np.random.default_rng(0).normal(size=len(x))})
    for covariates, score in ((x, good), (useless, good), (x, np.full(len(x), cohort.mean()))):
        for estimand in ("ATT", "overlap", "ATE"):
            row = fit_standardised_survival(
                SurvivalData(time, event), cohort, covariates, score, [12.0], estimand=estimand
            ).iloc[0]
            assert abs(row["difference"]) < 0.06
            assert row["lower"] < row["difference"] < row["upper"]


def test_rows_without_score_or_covariate_are_left_out(confounded):
    time, event, cohort, x = confounded
    score = np.full(len(x), 0.5)
    score[:7] = np.nan
    x.loc[10:12, "x"] = np.nan
    known = np.isfinite(score) & x["x"].notna().to_numpy()
    tables = [
        fit_standardised_survival(SurvivalData(time[k], event[k]), cohort[k], x[k], score[k], [12.0])
        for k in (known, np.ones(len(x), dtype=bool))
    ]
    pd.testing.assert_frame_equal(*tables)


def test_a_milestone_beyond_follow_up_is_too_few(confounded):
    time, event, cohort, x = confounded
    table = fit_standardised_survival(
        SurvivalData(time, event), cohort, x, np.full(len(x), 0.5), [12.0, 400.0]
    )
    assert table["status"].tolist() == ["ok", "too_few"]
    assert table.iloc[1].drop(["time", "status"]).isna().all()


def test_without_an_outcome_model_only_the_weights_adjust(confounded):
    time, event, cohort, x = confounded
    table = fit_standardised_survival(
        SurvivalData(time, event & cohort), cohort, x, np.full(len(x), 0.5), [12.0]
    )
    assert table["survival_control"].iloc[0] == pytest.approx(1.0)


def test_faults(confounded):
    time, event, cohort, x = confounded
    score = np.full(len(x), 0.5)
    with pytest.raises(ValueError, match="both have rows"):
        fit_standardised_survival(SurvivalData(time, event), np.ones(len(x)), x, score, [12.0])
    with pytest.raises(ValueError, match="milestones"):
        fit_standardised_survival(SurvivalData(time, event), cohort, x, score, [-1.0])
    with pytest.raises(ValueError, match="estimand"):
        fit_standardised_survival(SurvivalData(time, event), cohort, x, score, [12.0], estimand="ATC")


def test_pseudo_observations_of_replicates_are_those_of_repeated_rows():
    rng = np.random.default_rng(3)
    time, event = rng.integers(1, 12, 30).astype(float), rng.random(30) < 0.6
    counts = rng.multinomial(30, np.full(30, 1 / 30), 5).astype(float)
    found = compute_pseudo_observations(time, event, np.array([4.0, 9.0]), counts)
    for k, times in enumerate(counts.astype(int)):
        repeated = compute_pseudo_observations(
            np.repeat(time, times), np.repeat(event, times), np.array([4.0, 9.0])
        )
        np.testing.assert_allclose(np.repeat(found[k], times, axis=0), repeated, atol=1e-12)


def test_with_saturated_scores_and_no_censoring_replicates_are_stratified_differences():
    # Scores of a binary covariate balance it exactly, so that the outcome models cancel out.
    rng = np.random.default_rng(8)
    n = 400
    x = rng.random(n) < 0.4
    cohort = rng.random(n) < np.where(x, 0.6, 0.3)
    time = rng.exponential(np.where(x, 10.0, 25.0))
    counts = rng.multinomial(n, np.full(n, 1 / n), 20).astype(float)
    score = bootstrap_propensity(cohort, pd.DataFrame({"x": x.astype(float)}), counts)
    data, frame = SurvivalData(time, np.ones(n, dtype=bool)), pd.DataFrame({"x": x.astype(float)})
    found = bootstrap_standardised_survival(data, cohort, frame, [12.0], counts, score, ("ATT", "ATE"))
    for k, target in enumerate((cohort, np.ones(n, dtype=bool))):
        expected = 0
        for level in (True, False):
            share = counts @ (target & (x == level)) / (counts @ target)
            survived = [
                counts @ (s & (time > 12)) / (counts @ s)
                for s in ((x == level) & cohort, (x == level) & ~cohort)
            ]
            expected = expected + share * (survived[0] - survived[1])
        np.testing.assert_allclose(found[k, :, 0], expected, atol=1e-6)


def test_one_of_each_row_is_the_estimate_and_the_spread_of_replicates_its_standard_error(confounded):
    time, event, cohort, x = (part[:600] for part in confounded)
    data, (score, _) = SurvivalData(time, event), fit_propensity(cohort, x)
    for estimand in ("ATT", "overlap", "ATE"):
        point = fit_standardised_survival(data, cohort, x, score, [12.0, 500.0], estimand=estimand)
        one = bootstrap_standardised_survival(
            data, cohort, x, [12.0, 500.0], np.ones((1, 600)), score[None], (estimand,)
        )
        np.testing.assert_allclose(one[0, 0], point["difference"], atol=1e-9)
        counts = next(draw_weights(600, 400, seed=1, stratum=cohort))
        scores = bootstrap_propensity(cohort, x, counts)
        found = bootstrap_standardised_survival(data, cohort, x, [12.0], counts, scores, (estimand,))
        assert found.std() == pytest.approx(point["std_error"][0], rel=0.12)


def test_a_group_without_events_survives_in_every_replicate(confounded):
    time, event, cohort, x = (part[:100] for part in confounded)
    scores, counts = np.full((3, 100), 0.5), np.ones((3, 100))
    scores[1] = np.nan
    data = SurvivalData(time, event & cohort)
    found = bootstrap_standardised_survival(data, cohort, x, [12.0], counts, scores, ("ATE",))[0, :, 0]
    alone = fit_standardised_survival(data, cohort, x, scores[0], [12.0], estimand="ATE")
    assert alone["survival_control"][0] == 1
    np.testing.assert_allclose(found[[0, 2]], alone["difference"][0], atol=1e-9)
    assert np.isnan(found[1])
