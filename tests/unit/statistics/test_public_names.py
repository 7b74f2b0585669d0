"""The package offers its public names one level deep."""

from __future__ import annotations

import prrt_outcomes.statistics as statistics


def test_every_public_name_is_there():
    for name in dir(statistics):
        assert getattr(statistics, name).__name__ == name


def test_a_fit_is_one_level_deep():
    curve = statistics.fit_kaplan_meier(statistics.SurvivalData([1, 2], [1, 0]))
    assert curve.survival.tolist() == [0.5, 0.5]
