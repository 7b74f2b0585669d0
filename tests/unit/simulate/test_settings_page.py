"""The page that documents the model holds every setting as it is."""

from pathlib import Path

from prrt_outcomes.simulate.overrides import list_setting_names
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.simulate.settings_page import describe_settings, format_settings_table

PAGE = Path(__file__).parents[3] / "docs" / "simulation_model.md"


def test_every_setting_is_described():
    described = describe_settings(SimulationSettings())
    assert tuple(name for name, _, _ in described) == list_setting_names(SimulationSettings())
    assert [name for name, _, meaning in described if not meaning] == []


def test_the_page_is_not_stale():
    table = format_settings_table(SimulationSettings())
    assert "| `records.missing_share` | 0.04 | Share of missing values in covariates and doses" in table
    assert PAGE.read_text().endswith(f"{table}\n"), "write the table of the page again"
