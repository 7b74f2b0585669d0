"""The weights of the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from prrt_outcomes.statistics.resampling import draw_weights


def test_counts_add_up_within_each_stratum():
    stratum = np.array(["a"] * 7 + ["b"] * 3)
    weights = np.concatenate(list(draw_weights(10, 900, seed=4, stratum=stratum)))
    assert weights.shape == (900, 10)
    assert (weights[:, :7].sum(axis=1) == 7).all()
    assert (weights[:, 7:].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(10), abs=0.15)


def test_each_patient_is_drawn_as_often_as_a_binomial_count():
    weights = np.concatenate(list(draw_weights(50, 4000, seed=1)))
    assert weights.var() == pytest.approx(1 - 1 / 50, abs=0.02)
