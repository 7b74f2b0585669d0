"""The named response criteria as rows of data with their citations, and the tables that combine lesions.

One classifier reads these rows; a new criterion is a new row, here or in `study.yaml`.
"""

from __future__ import annotations

import numpy as np

from prrt_outcomes.response.codes import NON_TARGETS, RESPONSES
from prrt_outcomes.study.response import CriterionDefinition, ResponseSettings

_RECIST_1_1 = {
    "measure": "diameter",
    "node_short_axis": True,
    "node_normal_mm": 10.0,
    "node_target_minimum_mm": 15.0,
    "targets_maximum": 5,
    "targets_maximum_organ": 2,
    "partial_fall": 0.30,
    "progression_rise": 0.20,
    "progression_absolute": 5.0,
    "progression_combine": "both",
}
_SWOG = {
    "measure": "product",
    "partial_fall": 0.50,
    "progression_rise": 0.50,
    "progression_absolute": 1000.0,
    "progression_combine": "either",
    "reappearance": "any_lesion",
    "overall_table": "swog",
}

NAMED: dict[str, CriterionDefinition] = {
    row.name: row
    for row in (
        CriterionDefinition(
            name="recist_1_1",
            title="RECIST 1.1",
            source="Eisenhauer 2009, Eur J Cancer 45:228, sections 3 and 4, tables 1 to 3",
            **_RECIST_1_1,
        ),
        CriterionDefinition(
            name="recist_1_0",
            title="RECIST 1.0",
            source="Therasse 2000, J Natl Cancer Inst 92:205, table 3",
            measure="diameter",
            targets_maximum=10,
            targets_maximum_organ=5,
            partial_fall=0.30,
            progression_rise=0.20,
        ),
        CriterionDefinition(
            name="recist_mr",
            title="RECIST 1.1 with minor response",
            source="van Vliet 2013 (there called modified RECIST); otherwise Eisenhauer 2009",
            minor_fall=0.13,
            **_RECIST_1_1,
        ),
        CriterionDefinition(
            name="swog",
            title="SWOG",
            source="Green and Weiss 1992, Invest New Drugs 10:239",
            **_SWOG,
        ),
        CriterionDefinition(
            name="swog_mr",
            title="SWOG with minor response",
            source="Kwekkeboom 2005, J Clin Oncol 23:2754; van Vliet 2013; otherwise Green and Weiss 1992",
            minor_fall=0.25,
            **_SWOG,
        ),
        CriterionDefinition(
            name="who",
            title="WHO",
            source="Miller 1981, Cancer 47:207 (reference of a rise: the smallest size, our choice)",
            measure="product",
            partial_fall=0.50,
            progression_rise=0.25,
            progression_unit="lesion",
        ),
        CriterionDefinition(
            name="chromogranin_a",
            title="Chromogranin A",
            source="our thresholds, in the way of tumour markers: normal, half of baseline, a quarter over nadir",
            measure="marker",
            analyte="chromogranin_a",
            target_minimum_mm=0.0,
            partial_fall=0.50,
            progression_rise=0.25,
            reappearance="never",
            overall_table="marker",
            confirmation=False,
        ),
    )
}

OVERALL_TABLES = {
    "recist": """
        target        | none          | CR            | non_CR_non_PD | PD | NE
        none          | NE            | CR            | NON-CR/NON-PD | PD | NE
        CR            | CR            | CR            | PR            | PD | PR
        PR            | PR            | PR            | PR            | PD | PR
        MR            | MR            | MR            | MR            | PD | MR
        SD            | SD            | SD            | SD            | PD | SD
        PD            | PD            | PD            | PD            | PD | PD
        NE            | NE            | NE            | NE            | PD | NE
    """,
    "swog": """
        target        | none          | CR            | non_CR_non_PD | PD | NE
        none          | NE            | CR            | NON-CR/NON-PD | PD | NE
        CR            | CR            | CR            | PR            | PD | NE
        PR            | PR            | PR            | PR            | PD | NE
        MR            | MR            | MR            | MR            | PD | NE
        SD            | SD            | SD            | SD            | PD | NE
        PD            | PD            | PD            | PD            | PD | PD
        NE            | NE            | NE            | NE            | PD | NE
    """,
    "marker": """
        target        | none          | CR            | non_CR_non_PD | PD | NE
        none          | NE            | NE            | NE            | NE | NE
        CR            | CR            | CR            | CR            | CR | CR
        PR            | PR            | PR            | PR            | PR | PR
        MR            | MR            | MR            | MR            | MR | MR
        SD            | SD            | SD            | SD            | SD | SD
        PD            | PD            | PD            | PD            | PD | PD
        NE            | NE            | NE            | NE            | NE | NE
    """,
}
"""Overall response without new lesions, by target (rows) and non-target response (columns).

recist: Eisenhauer 2009 tables 1 and 2 (Therasse 2000 and Miller 1981 do not speak of non-targets that were not
evaluated: read as RECIST 1.1). swog: every measurable and evaluable site must be assessed for CR, PR and stable
disease, else the response is unknown (Green and Weiss 1992). A new lesion makes PD in all but `marker`.
"""


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
    marker = settings.chromogranin_a
    cuts = {"partial_fall": marker.fall, "progression_rise": marker.rise, "source": marker.source}
    own["chromogranin_a"] = NAMED["chromogranin_a"].model_copy(update=cuts)
    return tuple(own.get(name) or NAMED[name] for name in settings.criterion_names)


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
