import numpy as np
import pytest

from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.firth import compute_penalised_likelihood, fit_firth_cox
from prrt_outcomes.statistics.model_rows import derive_model_rows


@pytest.fixture
def small():
    rng = np.random.default_rng(3)
    return np.ceil(rng.exponential(20, 25)), rng.random(25) < 0.5, rng.normal(size=(25, 2))


def test_score_is_the_derivative_of_the_penalised_likelihood(small):
    time, event, x = small
    entry = np.maximum(time - 15, 0)
    weights = np.linspace(0.5, 2, 25)
    rows = derive_model_rows(
        SurvivalData(time, event, entry=entry, weights=weights, strata=np.arange(25) % 2)
    )
    beta, step = np.array([0.4, -0.7]), 1e-5
    score = compute_penalised_likelihood(x, rows, beta)[1]
    for j in range(2):
        shift = step * np.eye(2)[j]
        up, down = (compute_penalised_likelihood(x, rows, beta + s * shift)[0] for s in (1, -1))
        assert score[j] == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_profile_bounds_lie_where_the_likelihood_has_dropped(small):
    time, event, x = small
    fit = fit_firth_cox(SurvivalData(time, event, strata=np.arange(25) % 2), x[:, :1])
    assert fit["status"].tolist() == ["ok"]
    rows = derive_model_rows(SurvivalData(time, event, strata=np.arange(25) % 2))
    centred = x[:, :1] - x[:, :1].mean(axis=0)
    highest = compute_penalised_likelihood(centred, rows, fit["coefficient"].to_numpy())[0]
    for bound in ("lower", "upper"):
        drop = highest - compute_penalised_likelihood(centred, rows, np.log(fit[bound].to_numpy()))[0]
        assert drop == pytest.approx(3.841458820694124 / 2, abs=1e-6)


def test_no_events_and_nothing_to_estimate():
    assert fit_firth_cox(SurvivalData([1, 2], [0, 0]), [[1.0], [0.0]])["status"].tolist() == ["no_events"]
    fit = fit_firth_cox(SurvivalData([1, 2, 3], [1, 1, 0]), [[1.0, 5.0], [0.0, 5.0], [1.0, 5.0]])
    assert fit["status"].iloc[1] == "not_estimable"
    assert np.isfinite(fit["coefficient"]).tolist() == [True, False]
