"""Nothing after the data cut-off is known: later rows leave the cohort, counted; later follow-up is told.

A last contact, a death or a progression after the cut-off stays in `follow_up` and is censored at the cut-off by
the endpoints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.chronology import DATED_ROWS, compute_column_range
from prrt_outcomes.errors import Problem
from prrt_outcomes.tables.faults import CellFaults

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

FOLLOW_UP_DATES = ("last_contact_date", "death_date", "progression_date")


def filter_after_cutoff(
    tables: dict[str, pd.DataFrame], data_cutoff: date | None
) -> tuple[dict[str, pd.DataFrame], list[Problem], list[dict]]:
    """Leave out rows that are dated after the data cut-off (a partial date: surely after it).

    Returns
    -------
    tables without those rows, one warning for each table that lost some, and rows of attrition.
    """
    if data_cutoff is None:
        return tables, [], []
    import numpy as np

    kept, problems, attrition = dict(tables), [], []
    limit = np.datetime64(data_cutoff, "ns")
    for name, (column, _) in DATED_ROWS.items():
        if name not in tables:
            continue
        earliest, _ = compute_column_range(name, tables[name], column)
        is_late = earliest > limit
        n_lost = int(is_late.sum())
        if n_lost:
            kept[name] = tables[name][~is_late].reset_index(drop=True)
            expected = f"dates up to {data_cutoff}: nothing after the cut-off is known"
            problem = "rows after the data cut-off, left out"
            problems.append(Problem(name, None, column, f"{n_lost} rows", problem, expected, "warning"))
            attrition.append(
                attrition_row(
                    name, "rows", "cohort: data cut-off", "dated after the cut-off", len(is_late), n_lost
                )
            )
    return kept, problems, attrition


def check_follow_up_after_cutoff(follow_up: pd.DataFrame, data_cutoff: date | None) -> list[CellFaults]:
    """List the dates of follow-up after the cut-off, as warnings."""
    import numpy as np

    if data_cutoff is None:
        return []
    faults = []
    for column in FOLLOW_UP_DATES:
        earliest, _ = compute_column_range("follow_up", follow_up, column)
        positions = np.flatnonzero(earliest > np.datetime64(data_cutoff, "ns"))
        if len(positions):
            found = follow_up[column].iloc[positions].tolist()
            expected = f"censored at the cut-off {data_cutoff}"
            faults.append(CellFaults(column, positions, found, "after the data cut-off", expected, "warning"))
    return faults
