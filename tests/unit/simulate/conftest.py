"""Settings with one effect alone."""

import re
from pathlib import Path

import pytest

from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides

MODEL = (Path(__file__).parents[3] / "docs" / "simulation_model.md").read_text()


@pytest.fixture
def only_response():
    """The settings of the command that the documentation gives, with this effect of response."""
    alone = [
        name for name in re.findall(r"--set ([a-z_.]+=[0-9.]+)", MODEL) if "objective_response" not in name
    ]
    assert len(alone) == 10

    def set_response(ratio=1.0, *overrides):
        ratio = f"effects.objective_response_hazard_ratio={ratio}"
        return apply_overrides(SimulationSettings(), [*alone, ratio, *overrides])

    return set_response
