from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics import cox_diagnostics
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_diagnostics import (
    compute_concordance,
    compute_cox_concordance,
    compute_transformed_time,
    summarise_proportional_hazards,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.model_rows import derive_model_rows


def test_time_is_transformed_by_kaplan_meier():
    # Kaplan-Meier: 4/5 after 1, 3/5 after 2; the censoring at 2 stays in the risk set of 2.
    rows = derive_model_rows(SurvivalData([1, 2, 2, 4, 5], [1, 1, 0, 1, 0]))
    np.testing.assert_allclose(compute_transformed_time(rows), [0, 0.2, 0.4])


def test_a_hazard_ratio_that_turns_is_found():
    rng = np.random.default_rng(8)
    x = np.repeat([0.0, 1.0], 300)
    early = rng.exponential(np.where(x == 1, 5, 10))
    late = 6 + rng.exponential(np.where(x == 1, 20, 7))
    time = np.where(early < 6, early, late)
    result = summarise_proportional_hazards(fit_cox(SurvivalData(time, np.ones(600)), x))
    assert result["p_value"].iloc[0] < 1e-6


def test_global_of_one_coefficient_is_its_own_test():
    rng = np.random.default_rng(2)
    fit = fit_cox(SurvivalData(rng.exponential(1, 80), np.ones(80)), rng.normal(size=(80, 1)))
    table = summarise_proportional_hazards(fit)
    assert table["term"].tolist() == ["x1", "global"]
    assert table["chi_squared"].iloc[0] == pytest.approx(table["chi_squared"].iloc[1], rel=1e-9)


def test_models_that_cannot_be_tested_say_why():
    none = fit_cox(SurvivalData([1, 2], [0, 0]), [[1.0], [0.0]])
    assert summarise_proportional_hazards(none)["status"].tolist() == ["no_events", "no_events"]
    separated = fit_cox(SurvivalData([1, 2, 3, 4], [1, 1, 1, 1]), [[1.0], [1], [0], [0]])
    assert summarise_proportional_hazards(separated)["status"].tolist() == ["separation", "separation"]
    # A single event time: time does not vary.
    fit = fit_cox(SurvivalData([2, 2, 3, 4], [1, 1, 0, 0]), pd.DataFrame({"x": [0.0, 2.0, 1.0, 4.0]}))
    table = summarise_proportional_hazards(fit)
    assert table["status"].tolist() == ["too_few", "too_few"]
    assert table["p_value"].isna().all()


def test_pairs_by_hand():
    # Event at 1 meets 2, 3, 3: scores 5 against 4, 6, 5. Event at 3 meets the censoring at 3: 6 against 5.
    rows = derive_model_rows(SurvivalData([1, 2, 3, 3], [1, 0, 1, 0]))
    assert compute_concordance(rows, [5.0, 4.0, 6.0, 5.0]) == pytest.approx(2.5 / 4)


def test_late_entry_is_not_met_before():
    rows = derive_model_rows(SurvivalData([2, 9, 9], [1, 0, 0], entry=[0, 0, 4]))
    assert compute_concordance(rows, [3.0, 1.0, 5.0]) == 1


def test_every_pair_against_brute_force(monkeypatch):
    monkeypatch.setattr(cox_diagnostics, "BLOCK_PAIRS", 300)
    rng = np.random.default_rng(4)
    n = 60
    time, event = rng.integers(1, 15, n).astype(float), rng.random(n) < 0.6
    score, weight, stratum = (
        rng.integers(0, 6, n).astype(float),
        rng.uniform(0.5, 2, n),
        rng.integers(0, 2, n),
    )
    counts = np.zeros(3)
    for i in np.flatnonzero(event):
        for j in np.flatnonzero(stratum == stratum[i]):
            if time[j] > time[i] or (time[j] == time[i] and not event[j]):
                counts[int(np.sign(score[i] - score[j])) + 1] += weight[i] * weight[j]
    rows = derive_model_rows(SurvivalData(time, event, weights=weight, strata=stratum))
    expected = (counts[2] + counts[1] / 2) / counts.sum()
    assert compute_concordance(rows, score) == pytest.approx(expected, rel=1e-12)


def test_a_model_of_a_category_has_ties_in_its_predictor():
    fit = fit_cox(SurvivalData([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 0]), [[1.0], [0], [1], [0], [1], [0]])
    # Five of twelve pairs are tied: of the others, those with the covariate come first in four.
    assert compute_cox_concordance(fit) == pytest.approx((4 + 5 / 2) / 12)


def test_without_pairs_or_predictor_there_is_no_concordance():
    for event in ([0, 0], [1, 1]):
        assert np.isnan(compute_concordance(derive_model_rows(SurvivalData([1, 1], event)), [1.0, 2.0]))
    separated = fit_cox(SurvivalData([1, 2, 3, 4], [1, 1, 1, 1]), [[1.0], [1], [0], [0]])
    assert np.isnan(compute_cox_concordance(separated))


def test_faults():
    rows = derive_model_rows(SurvivalData([1, 2], [1, 0]))
    with pytest.raises(ValueError, match="score"):
        compute_concordance(rows, [1.0, np.nan])
