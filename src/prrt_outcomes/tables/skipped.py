"""What a stage hands out when the tables that it needs are empty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prrt_outcomes.attrition import attrition_frame
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.tables.frames import empty_table

if TYPE_CHECKING:
    import pandas as pd


def derive_skipped_tables(stage: str, outputs: Iterable[str], reason: str) -> dict[str, pd.DataFrame]:
    """Empty tables of a stage that was skipped, no losses, and why.

    Parameters
    ----------
    stage : name of the stage
    outputs : names of its tables
    reason : why, for a reader

    Returns
    -------
    Every table of `outputs`, empty and typed, with `attrition` and `stages` (status ``skipped``)
    """
    empty = {name: empty_table(name) for name in outputs}
    return empty | {"attrition": attrition_frame([]), "stages": stage_frame(stage, "skipped", reason)}
