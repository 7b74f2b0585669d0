import numpy as np
import pytest

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.fine_gray import fit_fine_gray


@pytest.fixture
def competing():
    rng = np.random.default_rng(9)
    return rng.exponential(10, 150), rng.choice([0, 1, 2], 150), rng.normal(size=(150, 2))


def test_without_competing_events_it_is_cox_with_robust_variance(competing):
    time, cause, x = competing
    event = (cause == 1).astype(int)
    ours, cox = (
        fit_fine_gray(SurvivalData(time, event), x),
        fit_cox(SurvivalData(time, event, weights=np.ones(150)), x),
    )
    np.testing.assert_allclose(ours.table["coefficient"], cox.coefficients, rtol=1e-9)
    np.testing.assert_allclose(ours.table["std_error"], cox.table["std_error"], rtol=1e-9)


def test_without_censoring_competing_rows_stay_at_risk_to_the_end(competing):
    time, cause, x = competing
    cause = np.where(cause == 0, 2, cause)
    forever = np.where(cause == 2, time.max() + 1, time)
    cox = fit_cox(SurvivalData(forever, cause == 1), x)
    np.testing.assert_allclose(
        fit_fine_gray(SurvivalData(time, cause), x).table["coefficient"], cox.coefficients, rtol=1e-8
    )


def test_degenerate_input_is_a_status():
    assert fit_fine_gray(SurvivalData([1, 2, 3], [0, 2, 2]), [[1.0], [0], [1]]).status == "no_events"
    assert fit_fine_gray(SurvivalData([1, 2, 3], [1, 2, 0]), [[1.0], [1], [1]]).status == "not_estimable"
    separated = fit_fine_gray(SurvivalData([1, 2, 3, 4], [1, 1, 0, 2]), [[1.0], [1], [0], [0]])
    assert separated.status == "separation"
    assert separated.table["coefficient"].isna().all()


def test_what_the_model_does_not_take_is_an_error():
    with pytest.raises(ValueError, match="takes no entry"):
        fit_fine_gray(SurvivalData([1, 2], [1, 0], entry=[0, 1]), [[1.0], [0.0]])
