"""The named response criteria as rows of data with their citations, and the tables that combine lesions.

One classifier reads these rows; a new criterion is a new row, here or in `study.yaml`.
"""

from pathlib import Path

import numpy as np
import yaml

from prrt_outcomes.response.codes import NON_TARGETS, RESPONSES
from prrt_outcomes.study.response import CriterionDefinition, MarkerSettings, ResponseSettings

_DATA = yaml.safe_load(Path(__file__).with_name("criteria.yaml").read_text("utf-8"))
_ROWS = {row["name"]: row for row in _DATA["criteria"]}


def _define(name: str, marker: MarkerSettings) -> CriterionDefinition:
    row = _ROWS[name]
    cuts = {"partial_fall": marker.fall, "progression_rise": marker.rise, "source": marker.source}
    return CriterionDefinition(**row, **(cuts if row["measure"] == "marker" else {}))


NAMED = {name: _define(name, MarkerSettings()) for name in _ROWS}
OVERALL_TABLES: dict[str, str] = _DATA["overall"]


def read_overall_table(name: str) -> np.ndarray:
    """Codes of the overall response, shape (8, 5): target response with none last, by non-target response."""
    lines = [line for line in OVERALL_TABLES[name].splitlines() if line.strip()]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    columns = [NON_TARGETS.index(cell) for cell in cells[0][1:]]
    table = np.full((len(RESPONSES) + 1, len(NON_TARGETS)), RESPONSES.index("NE"), dtype=np.int8)
    for target, *row in cells[1:]:
        place = len(RESPONSES) if target == "none" else RESPONSES.index(target)
        table[place, columns] = [RESPONSES.index(cell) for cell in row]
    return table


def resolve_criteria(settings: ResponseSettings) -> tuple[CriterionDefinition, ...]:
    """The study's criteria as definitions, in its order; the first is primary."""
    own = {definition.name: definition for definition in settings.definitions}
    return tuple(own.get(name) or _define(name, settings.chromogranin_a) for name in settings.criterion_names)


TOLERANCE = 1e-9
"""Relative slack of every comparison with a threshold, far above rounding noise and far below any reading."""


def compute_progression_threshold(reference: np.ndarray, criterion: CriterionDefinition) -> np.ndarray:
    """Size at or over which a rise from `reference` is PD."""
    by_share = reference + criterion.progression_rise * reference
    if criterion.progression_absolute is None:
        return by_share
    combine = np.maximum if criterion.progression_combine == "both" else np.minimum
    return combine(by_share, reference + criterion.progression_absolute)


def exceeds_progression(
    size: np.ndarray, reference: np.ndarray, criterion: CriterionDefinition
) -> np.ndarray:
    """Whether a size rose over its reference as the criterion demands; any rise over 0 does."""
    known = np.isfinite(reference)
    least = np.where(known, reference, 0.0)
    slack = TOLERANCE * np.maximum(np.abs(size), np.abs(least))
    rise = size - least
    needed = compute_progression_threshold(least, criterion) - least
    return known & (rise >= needed - slack) & (rise > slack)
