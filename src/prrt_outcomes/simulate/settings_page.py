"""The table of all settings, for the page that documents the model."""

from __future__ import annotations

from pydantic import BaseModel

from prrt_outcomes.simulate.settings import SimulationSettings


def describe_settings(settings: SimulationSettings) -> list[tuple[str, object, str]]:
    """List dotted name, value and meaning of every setting, in their order."""
    return _describe(settings, "", "")


def format_settings_table(settings: SimulationSettings) -> str:
    """Markdown table of all settings with their values."""

    def show(value: object) -> str:
        if hasattr(value, "isoformat"):
            return value.isoformat()
        return str(list(value)) if isinstance(value, tuple) else str(value)

    lines = ["| name | default | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {show(value)} | {meaning} |" for name, value, meaning in describe_settings(settings)
    ]
    return "\n".join(lines)


def _describe(section: BaseModel, prefix: str, inherited: str) -> list[tuple[str, object, str]]:
    """Settings of one section and those below it; a section without words has those of its parent."""
    rows: list[tuple[str, object, str]] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        meaning = " ".join((field.description or inherited).split())
        if isinstance(value, BaseModel):
            rows += _describe(value, f"{prefix}{name}.", meaning if prefix else "")
        elif isinstance(value, dict):
            rows += [(f"{prefix}{name}.{key}", inner, meaning) for key, inner in value.items()]
        else:
            rows.append((f"{prefix}{name}", value, meaning))
    return rows
