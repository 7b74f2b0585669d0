"""What one lesion counts under a criterion: its size, whether it has gone, and why it cannot be counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prrt_outcomes.response.codes import ABSENT, MEASURED, NOT_EVALUATED, TOO_SMALL
from prrt_outcomes.response.lesions import LesionRows, find_contradictions
from prrt_outcomes.study.response import CriterionDefinition

SOUND, NEGATIVE, NO_DIAMETER, NO_SHORT_AXIS, NO_SECOND_DIAMETER, CONTRADICTION, UNKNOWN_STATE = range(7)
SIZE_FAULTS = (
    "",
    "{lesion} has a negative diameter",
    "{lesion} is called measured and has no diameter",
    "node {lesion} has no short axis",
    "{lesion} has no second diameter",
    "{lesion} is called absent and has a size",
    "{lesion} has no state",
)


@dataclass(frozen=True)
class Sizes:
    """Size of each lesion row (nan: not counted), whether it has gone or is normal, and its fault."""

    size: np.ndarray
    gone: np.ndarray
    fault: np.ndarray


def compute_sizes(rows: LesionRows, criterion: CriterionDefinition) -> Sizes:
    """Size of each lesion row under a criterion.

    Returns
    -------
    Sizes
        mm for diameters, mm2 for products. A lesion that is too small counts `too_small_mm` (squared for
        products); one that is absent counts 0; a row with a fault or not evaluated counts nothing (nan).
        A node under the normal limit has gone and still adds its short axis to the sum. For a marker the first
        diameter is the value, the second the upper limit of the laboratory: at or under it the value is normal.
    """
    longest, perpendicular, state = rows.longest_mm, rows.perpendicular_mm, rows.state
    short_axis = rows.node & criterion.node_short_axis
    if criterion.measure == "product":
        size = longest * perpendicular
        floor = criterion.too_small_mm**2
    else:
        size = np.where(short_axis, perpendicular, longest)
        floor = criterion.too_small_mm
    measured = state == MEASURED
    size = np.where(measured, size, np.where(state == TOO_SMALL, floor, 0.0))
    fault = _find_faults(rows, criterion, size, short_axis)
    size[(fault != SOUND) | (state == NOT_EVALUATED)] = np.nan
    if criterion.measure == "marker":
        gone = size <= perpendicular * (1 + TOLERANCE)
    else:
        limit = np.where(rows.node & (criterion.node_normal_mm > 0), criterion.node_normal_mm, 0.0)
        gone = (size == 0) | (size < limit - TOLERANCE * limit)
    return Sizes(size=size, gone=gone, fault=fault)


TOLERANCE = 1e-9
"""Relative slack of every comparison with a threshold, far above rounding noise and far below any reading."""


def _find_faults(
    rows: LesionRows, criterion: CriterionDefinition, size: np.ndarray, short_axis: np.ndarray
) -> np.ndarray:
    """Fault of each row, `SOUND` where there is none."""
    measured = rows.state == MEASURED
    fault = np.zeros(rows.size, dtype=np.int8)
    missing = measured & np.isnan(size)
    if missing.any():
        no_longest = np.isnan(rows.longest_mm)
        fault[missing] = NO_DIAMETER
        fault[missing & short_axis] = NO_SHORT_AXIS
        if criterion.measure == "product":
            fault[missing & ~no_longest] = NO_SECOND_DIAMETER
    fault[(rows.state == ABSENT) & find_contradictions(rows)] = CONTRADICTION
    fault[rows.state < 0] = UNKNOWN_STATE
    fault[(rows.longest_mm < 0) | (rows.perpendicular_mm < 0)] = NEGATIVE
    return fault
