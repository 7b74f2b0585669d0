"""The history of patients: each effect shows where it should, and vanishes when it is switched off."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.simulate.columns import MODEL
from prrt_outcomes.simulate.history import simulate_outcomes
from prrt_outcomes.simulate.lesions import RESPONSES
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.simulate.truth import compute_hazard_ratios, compute_state_hazard_ratio


def large(settings, parts=10, size=2000):
    return pd.concat([simulate_outcomes(settings, size, seed) for seed in range(parts)], ignore_index=True)


def time_dependent_ratio(drawn, endpoint):
    time = drawn[f"{endpoint}_days"].to_numpy(dtype=float)
    start = drawn["response_days"].fillna(np.inf).to_numpy()
    return compute_state_hazard_ratio(time, drawn[f"{endpoint}_event"] == 1, np.zeros(len(time)), start)


def test_the_published_orientation_is_met():
    drawn = large(SimulationSettings())
    share = pd.Series(np.array(RESPONSES)[drawn["best_response"]]).value_counts(normalize=True)
    objective = share["CR"] + share["PR"]
    assert objective == pytest.approx(0.25, abs=0.03)
    assert share["SD"] + share["NON-CR/NON-PD"] == pytest.approx(0.55, abs=0.05)
    assert share["PD"] == pytest.approx(0.20, abs=0.03)
    assert 1 - share["PD"] - share["NE"] == pytest.approx(0.80, abs=0.04)

    def median(part, endpoint="pfs"):
        from lifelines import KaplanMeierFitter

        fitted = KaplanMeierFitter().fit(part[f"{endpoint}_days"] / 30.4375, part[f"{endpoint}_event"])
        return fitted.median_survival_time_

    assert 24 <= median(drawn) <= 30
    assert 8 <= median(drawn[drawn["best_response"] == RESPONSES.index("PD")]) <= 12
    assert 50 <= median(drawn, "os") <= 75


@pytest.mark.parametrize("ratio", [1.0, 0.6])
def test_alone_the_effect_of_response_is_what_a_time_dependent_model_finds(ratio, only_response):
    drawn = large(only_response(ratio))
    for endpoint in ("pfs", "os"):
        assert time_dependent_ratio(drawn, endpoint) == pytest.approx(ratio, rel=0.07)


def test_without_effect_the_naive_comparison_favours_responders(only_response):
    drawn = large(only_response(), parts=5)
    time = drawn["pfs_days"].to_numpy(dtype=float)
    ever = np.where(drawn["response_days"].notna(), 0.0, np.inf)
    assert compute_state_hazard_ratio(time, drawn["pfs_event"] == 1, np.zeros(len(time)), ever) < 0.8


def test_hazard_ratios_of_groups_are_those_of_the_model_where_scans_are_exact(monkeypatch, only_response):
    ratios = ((1, 2, 1, 1), (1, 1, 3))
    for name in ("progression_ratios", "death_ratios"):
        monkeypatch.setattr(MODEL, name, ratios)
    for name in ("progressive_ratio", "ecog_ratio", "age_ratio_per_decade"):
        monkeypatch.setattr(MODEL, name, 1.0)
    drawn = large(only_response(1.0, "effects.prognosis_strength=1"))
    x = np.column_stack([drawn["grade"] == 1, drawn["grade"] == 2, drawn["tumour_group"] == 1]).astype(float)
    found = compute_hazard_ratios(drawn["pfs_days"].to_numpy(dtype=float), drawn["pfs_event"].to_numpy(), x)
    np.testing.assert_allclose(found, [1, 3, 2], rtol=0.08)
