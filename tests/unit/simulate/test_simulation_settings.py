"""Settings of a simulation: files, overrides, and errors that name the nearest key."""

import pytest
import yaml

from prrt_outcomes.errors import InputError
from prrt_outcomes.simulate.overrides import (
    apply_overrides,
    list_setting_names,
    read_simulation_settings,
)
from prrt_outcomes.simulate.settings import SimulationSettings


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
            "effects.progression_grade.G3 = 4",
            "scans.interval_days=90",
            "cohort.tumour_types.lung=0.5",
            "treatment.cycle_shares=[0, 0, 1, 0]",
            "cohort.data_cutoff=2023-06-30",
        ],
    )
    assert after.effects.objective_response_hazard_ratio == 1.0
    assert after.effects.progression_grade.G3 == 4
    assert after.effects.progression_grade.G2 == before.effects.progression_grade.G2
    assert after.scans.interval_days == 90
    assert after.cohort.tumour_types["lung"] == 0.5
    assert after.treatment.cycle_shares == (0, 0, 1, 0)
    assert after.cohort.data_cutoff.isoformat() == "2023-06-30"
    assert before == SimulationSettings()


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("effects.objective_response_hazard_ratios=1", "effects.objective_response_hazard_ratio"),
        ("objective_response_hazard_ratio=1", "effects.objective_response_hazard_ratio"),
        ("scan.interval_days=90", "scans.interval_days"),
        ("effects.progression_grade.G4=2", "effects.progression_grade.G"),
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
        "scans.prompted_first_day=50",
        "lesions.number_shares=[1, 0]",
        "controls.source=Registry 1995",
    ],
)
def test_a_value_out_of_range_is_refused(override):
    (fault,) = faults([override])
    section = override.partition(".")[0]
    assert fault.column.startswith(section)
    assert fault.expected


def test_reading_a_file_keeps_the_defaults_of_unnamed_keys(tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("effects: {confounding_strength: 0}\nscans: {interval_days: 84}\n")
    settings = read_simulation_settings(path)
    expected = apply_overrides(
        SimulationSettings(), ["effects.confounding_strength=0", "scans.interval_days=84"]
    )
    assert settings == expected


def test_the_settings_of_a_truth_file_are_read_as_they_were_written(tmp_path):
    settings = apply_overrides(SimulationSettings(), ["effects.unmeasured_shift=0.8"])
    path = tmp_path / "parameters.yaml"
    path.write_text(
        yaml.safe_dump({"patients": 400, "seed": 1, "settings": settings.model_dump(mode="json")})
    )
    assert read_simulation_settings(path) == settings


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("effects: {confounding: 0}", "effects.confounding", "did you mean effects.confounding_strength?"),
        ("effects: 3", "effects", "valid"),
        ("- 1", "", "sections such as"),
        ("a: [", "", "a YAML file"),
        ("!!python/object/apply:os.system ['true']", "", "a YAML file"),
    ],
)
def test_a_faulty_file_is_told_in_words(tmp_path, text, column, said):
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_simulation_settings(path)
    (fault,) = caught.value.problems
    assert fault.column == column
    assert said in fault.expected


def test_a_missing_file_is_told_in_words(tmp_path):
    with pytest.raises(InputError) as caught:
        read_simulation_settings(tmp_path / "absent.yaml")
    assert "cannot be read" in caught.value.problems[0].problem


def test_every_listed_name_can_be_set_to_its_own_value():
    settings = SimulationSettings()
    content = settings.model_dump(mode="json")

    def value(name):
        inner = content
        for part in name.split("."):
            inner = inner[part]
        return inner

    names = list_setting_names(settings)
    assert len(names) > 80
    texts = [
        f"{name}={yaml.safe_dump(value(name), default_flow_style=True).split('...')[0]}" for name in names
    ]
    assert apply_overrides(settings, texts) == settings
