import numpy as np
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.fine_gray import fit_fine_gray


@pytest.fixture
def competing():
    rng = np.random.default_rng(9)
    return np.ceil(rng.exponential(10, 150)), rng.choice([0, 1, 2], 150), rng.normal(size=(150, 2))


def test_without_competing_events_it_is_cox_with_breslow_ties(competing):
    time, cause, x = competing
    event = (cause == 1).astype(int)
    ours, cox = fit_fine_gray(time, event, x), fit_cox(time, event, x, ties="breslow", robust=True)
    np.testing.assert_allclose(ours.table["coefficient"], cox.coefficients, rtol=1e-9)
    np.testing.assert_allclose(ours.covariance, cox.covariance, rtol=1e-9)


def test_without_censoring_competing_rows_stay_at_risk_to_the_end(competing):
    time, cause, x = competing
    cause = np.where(cause == 0, 2, cause)
    forever = np.where(cause == 2, time.max() + 1, time)
    cox = fit_cox(forever, cause == 1, x, ties="breslow")
    np.testing.assert_allclose(
        fit_fine_gray(time, cause, x).table["coefficient"], cox.coefficients, rtol=1e-8
    )


def test_causes_may_have_names(competing):
    time, cause, x = competing
    named = np.array(["alive", "progression", "death"])[cause]
    ours = fit_fine_gray(time, named, x, event_of_interest="death", censored="alive")
    np.testing.assert_allclose(
        ours.table["coefficient"],
        fit_fine_gray(time, cause, x, event_of_interest=2).table["coefficient"],
        rtol=1e-12,
    )
    assert ours.n_competing == (cause == 1).sum()


def test_degenerate_input_is_a_status():
    assert fit_fine_gray([1, 2, 3], [0, 2, 2], [[1.0], [0], [1]]).status == "no_events"
    assert fit_fine_gray([1, 2, 3], [1, 2, 0], [[1.0], [1], [1]]).status == "not_estimable"
    separated = fit_fine_gray([1, 2, 3, 4], [1, 1, 0, 2], [[1.0], [1], [0], [0]])
    assert separated.status == "separation"
    assert separated.table["coefficient"].isna().all()


def test_missing_causes_are_an_error():
    with pytest.raises(ValueError, match="missing causes"):
        fit_fine_gray([1, 2], [1, None], [[1.0], [0.0]])
