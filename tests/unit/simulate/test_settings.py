"""Settings of a simulation: overrides, and errors that name the nearest key."""

import pytest
import yaml

from prrt_outcomes.errors import InputError
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides, list_setting_names


def faults(overrides):
    with pytest.raises(InputError) as caught:
        apply_overrides(SimulationSettings(), overrides)
    return caught.value.problems


def test_overrides_set_values_at_every_depth_and_leave_the_original():
    before = SimulationSettings()
    after = apply_overrides(
        before,
        [
            "effects.objective_response_hazard_ratio=1.0",
            "effects.platelet_nadir.y90 = 0.4",
            "scans.interval_days=90",
            "cohort.data_cutoff=2023-06-30",
        ],
    )
    assert after.effects.objective_response_hazard_ratio == 1.0
    assert after.effects.platelet_nadir.y90 == 0.4
    assert after.effects.platelet_nadir.lu177 == before.effects.platelet_nadir.lu177
    assert after.scans.interval_days == 90
    assert after.cohort.data_cutoff.isoformat() == "2023-06-30"
    assert before == SimulationSettings()


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("effects.objective_response_hazard_ratios=1", "effects.objective_response_hazard_ratio"),
        ("objective_response_hazard_ratio=1", "effects.objective_response_hazard_ratio"),
        ("scan.interval_days=90", "scans.interval_days"),
        ("effects.platelet_nadir.y=2", "effects.platelet_nadir.y90"),
    ],
)
def test_an_unknown_key_names_the_nearest_one(override, near):
    (fault,) = faults([override])
    assert fault.problem == "unknown key"
    assert fault.expected.startswith(f"did you mean {near}")


def test_all_faults_come_at_once():
    found = faults(["effects=1", "scans.interval_days", "nonsense=2"])
    assert [f.column for f in found] == ["effects", "scans.interval_days", "nonsense"]
    assert found[0].problem == "is a section, not a value"
    assert "effects.confounding_strength" in found[0].expected
    assert found[1].problem == "is no key=value"


@pytest.mark.parametrize(
    "override",
    [
        "effects.objective_response_hazard_ratio=0",
        "effects.objective_response_hazard_ratio=high",
        "scans.missed_share=1.2",
        "scans.interval_days=90.5",
        "cohort.last_year=1999",
        "scans.prompted_delay_days=-1",
        "effects.platelet_nadir.y90=[1, 0]",
        "controls.patients=-1",
    ],
)
def test_a_value_out_of_range_is_refused(override):
    (fault,) = faults([override])
    section = override.partition(".")[0]
    assert fault.column.startswith(section)
    assert fault.expected


def test_every_listed_name_can_be_set_to_its_own_value():
    settings = SimulationSettings()
    content = settings.model_dump(mode="json")

    def value(name):
        inner = content
        for part in name.split("."):
            inner = inner[part]
        return inner

    names = list_setting_names(settings)
    assert len(names) == 40
    texts = [
        f"{name}={yaml.safe_dump(value(name), default_flow_style=True).split('...')[0]}" for name in names
    ]
    assert apply_overrides(settings, texts) == settings
