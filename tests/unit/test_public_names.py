"""The packages offer their public names one level deep."""

from __future__ import annotations

import importlib
import pkgutil

import prrt_outcomes
from prrt_outcomes import statistics


def find_exposing_packages():
    """Every package whose `__init__` exposes names; without `expose` a package has no `__getattr__`."""
    found = pkgutil.walk_packages(prrt_outcomes.__path__, "prrt_outcomes.")
    packages = [importlib.import_module(entry.name) for entry in found if entry.ispkg]
    return [package for package in packages if hasattr(package, "__getattr__")]


def test_every_public_name_is_there():
    packages = find_exposing_packages()
    assert statistics in packages
    for package in packages:
        names = dir(package)
        assert names, package.__name__
        for name in names:
            assert getattr(package, name).__name__ == name, package.__name__


def test_a_fit_is_one_level_deep():
    curve = statistics.fit_kaplan_meier(statistics.SurvivalData([1, 2], [1, 0]))
    assert curve.survival.tolist() == [0.5, 0.5]
