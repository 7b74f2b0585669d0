import numpy as np
import pytest

from prrt_outcomes.statistics.concordance import compute_concordance, compute_cox_concordance
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import derive_model_rows


def test_pairs_by_hand():
    # Event at 1 meets 2, 3, 3: scores 5 against 4, 6, 5. Event at 3 meets the censoring at 3: 6 against 5.
    result = compute_concordance(
        derive_model_rows(SurvivalData([1, 2, 3, 3], [1, 0, 1, 0])), [5.0, 4.0, 6.0, 5.0]
    )
    assert (result.concordant, result.discordant, result.tied) == (2, 1, 1)
    assert result.concordance == pytest.approx(2.5 / 4)


def test_late_entry_is_not_met_before():
    result = compute_concordance(
        derive_model_rows(SurvivalData([2, 9, 9], [1, 0, 0], entry=[0, 0, 4])), [3.0, 1.0, 5.0]
    )
    assert (result.concordant, result.discordant) == (1, 0)


def test_every_pair_against_brute_force():
    rng = np.random.default_rng(4)
    n = 60
    time, event = rng.integers(1, 15, n).astype(float), rng.random(n) < 0.6
    score, weight = rng.integers(0, 6, n).astype(float), rng.uniform(0.5, 2, n)
    counts = np.zeros(3)
    for i in np.flatnonzero(event):
        for j in range(n):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                counts[int(np.sign(score[i] - score[j])) + 1] += weight[i] * weight[j]
    result = compute_concordance(derive_model_rows(SurvivalData(time, event, weights=weight)), score)
    np.testing.assert_allclose([result.discordant, result.tied, result.concordant], counts, rtol=1e-12)


def test_a_model_of_a_category_has_ties_in_its_predictor():
    fit = fit_cox(SurvivalData([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0]), [[1.0], [0], [1], [0], [1], [0]])
    assert compute_cox_concordance(fit).tied == 5


def test_nothing_to_compare_is_a_status():
    assert (
        compute_concordance(derive_model_rows(SurvivalData([1, 2], [0, 0])), [1.0, 2.0]).status == "no_events"
    )
    lonely = compute_concordance(derive_model_rows(SurvivalData([1, 1], [1, 1])), [1.0, 2.0])
    assert lonely.status == "too_few"
    assert np.isnan(lonely.concordance)


def test_faults():
    rows = derive_model_rows(SurvivalData([1, 2], [1, 0]))
    with pytest.raises(ValueError, match="score"):
        compute_concordance(rows, [1.0, np.nan])
