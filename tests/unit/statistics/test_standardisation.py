import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.propensity import fit_propensity
from prrt_outcomes.statistics.standardisation import (
    compute_pseudo_observations,
    fit_standardised_survival,
)


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
