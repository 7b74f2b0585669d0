"""Settings of a simulation from a file and from the command line."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prrt_outcomes.errors import InputError, Problem, nearest_name
from prrt_outcomes.simulate.settings import SimulationSettings

SOURCE = "simulation settings"


def read_simulation_settings(path: str | Path) -> SimulationSettings:
    """Read settings from a YAML file; keys that it does not name keep their default.

    Parameters
    ----------
    path : YAML file whose keys are those of `SimulationSettings`; the `settings` section of a
        `truth/parameters.yaml` is accepted as it is

    Raises
    ------
    InputError
        with every fault: an unknown key (and the nearest known one), a wrong type, a value out of range.
    """
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError([_fault("", Path(path).name, f"cannot be read: {error}", "a YAML file")]) from None
    content = {} if content is None else content
    if isinstance(content, dict) and "settings" in content and "effects" not in content:
        content = content["settings"]
    if not isinstance(content, dict):
        raise InputError([_fault("", str(content), "holds no keys", "sections such as effects and scans")])
    return _validate(content)


def apply_overrides(settings: SimulationSettings, overrides: Sequence[str]) -> SimulationSettings:
    """Set single values by their dotted name.

    Parameters
    ----------
    settings : settings to start from; they are left as they are
    overrides : texts `key=value` such as `effects.objective_response_hazard_ratio=1.0` or
        `effects.progression_grade.G3=1`; the value is read as YAML

    Returns
    -------
    SimulationSettings
        a new object with the values set.

    Raises
    ------
    InputError
        with every fault: no `=`, an unknown key (and the nearest known one), a section where a value is
        meant, a value of the wrong type or out of range.
    """
    import yaml

    content = settings.model_dump(mode="json")
    known = list_setting_names(settings)
    faults = []
    for text in overrides:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            faults.append(_fault(key, text, "is no key=value", "such as effects.confounding_strength=0"))
        elif key not in known:
            faults.append(_unknown_key(key, known))
        else:
            try:
                _set_value(content, key.split("."), yaml.safe_load(value))
            except yaml.YAMLError:
                faults.append(_fault(key, value, "is not a value", "a number, a date or a list"))
    if faults:
        raise InputError(faults)
    return _validate(content)


def list_setting_names(settings: SimulationSettings) -> tuple[str, ...]:
    """List the dotted names of all values that can be set, in their order."""

    def walk(content: Any, prefix: str) -> list[str]:
        if not isinstance(content, dict):
            return [prefix]
        return [name for key, inner in content.items() for name in walk(inner, f"{prefix}.{key}".lstrip("."))]

    return tuple(walk(settings.model_dump(mode="json"), ""))


def _validate(content: dict) -> SimulationSettings:
    """Build the settings, or tell every fault in our words."""
    from pydantic import ValidationError

    try:
        return SimulationSettings.model_validate(content)
    except ValidationError as error:
        known = list_setting_names(SimulationSettings())
        faults = []
        for fault in error.errors():
            key = ".".join(str(part) for part in fault["loc"])
            if fault["type"] == "extra_forbidden":
                faults.append(_unknown_key(key, known))
            else:
                faults.append(_fault(key, str(fault["input"])[:60], "does not fit", fault["msg"]))
        raise InputError(faults) from None


def _unknown_key(key: str, known: Sequence[str]) -> Problem:
    """An unknown key, with the nearest known one or the names of its section."""
    near = nearest_name(key, known) or _nearest_leaf(key, known)
    inside = [name for name in known if name.startswith(f"{key}.")]
    if inside:
        return _fault(key, key, "is a section, not a value", f"one of {', '.join(inside)}")
    expected = f"did you mean {near}?" if near else "a name of docs/simulation_model.md"
    return _fault(key, key, "unknown key", expected)


def _nearest_leaf(key: str, known: Sequence[str]) -> str | None:
    """The known key whose last part is most like that of `key`."""
    leaves = {name.rpartition(".")[2]: name for name in known}
    near = nearest_name(key.rpartition(".")[2], list(leaves))
    return leaves[near] if near else None


def _set_value(content: dict, path: list[str], value: Any) -> None:
    """Place one value at its path."""
    for part in path[:-1]:
        content = content[part]
    content[path[-1]] = copy.deepcopy(value)


def _fault(key: str, value: str, problem: str, expected: str) -> Problem:
    """One fault of the settings."""
    return Problem(SOURCE, None, key, value, problem, expected)
