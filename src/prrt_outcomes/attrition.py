"""What a stage hands to the accounts of a run: each loss with step and reason, and what became of the stage."""

from collections.abc import Callable, Iterable, Mapping

import pandas as pd

ATTRITION_COLUMNS = ("table", "unit", "step", "reason", "n_before", "n_lost", "n_after")
STAGE_STATUSES = ("done", "partial", "skipped")


def attrition_row(table: str, unit: str, step: str, reason: str, n_before: int, n_lost: int) -> dict:
    """Describe one loss: `n_lost` of `n_before` rows or patients, with a reason in words for a reader.

    `step` is stage and action, such as ``response: baseline``; ValueError when more leave than were there.
    """
    if unit not in ("rows", "patients"):
        raise ValueError(f"attrition is counted in rows or patients, not in {unit!r}")
    if not 0 <= n_lost <= n_before:
        raise ValueError(f"{step}: {n_lost} lost of {n_before}")
    counts = (int(n_before), int(n_lost), int(n_before) - int(n_lost))
    return dict(zip(ATTRITION_COLUMNS, (table, unit, step, reason, *counts), strict=True))


def filter_counted(
    rows: pd.DataFrame, table: str, step: str, lost: Mapping[str, Callable[[pd.DataFrame], pd.Series]]
) -> tuple[pd.DataFrame, list[dict]]:
    """Take out the rows that each reason flags in turn; returns the others, and a row of attrition where some were."""
    losses = []
    for reason, flag in lost.items():
        gone = flag(rows)
        losses += [attrition_row(table, "rows", step, reason, len(rows), int(gone.sum()))] * bool(gone.any())
        rows = rows[~gone]
    return rows, losses


def attrition_frame(rows: Iterable[dict]) -> pd.DataFrame:
    """Gather rows of `attrition_row` into one table with fixed columns, empty where nothing was counted."""
    frame = pd.DataFrame(list(rows), columns=list(ATTRITION_COLUMNS))
    text = dict.fromkeys(("table", "unit", "step", "reason"), "string")
    counts = dict.fromkeys(("n_before", "n_lost", "n_after"), "int64")
    return frame.astype(text | counts)


def stage_frame(stage: str, status: str, reason: str = "") -> pd.DataFrame:
    """Return the one row that a stage adds to result table `stages`; a stage that is not done needs a reason.

    ValueError when the status is not known, or the reason is missing.
    """
    if status not in STAGE_STATUSES:
        raise ValueError(f"a stage is {', '.join(STAGE_STATUSES)}, not {status!r}")
    if status != "done" and not reason:
        raise ValueError(f"{stage} is {status} without a reason")
    return pd.DataFrame({"stage": [stage], "status": [status], "reason": [reason]}, dtype="string")
