"""What became of a stage: done, skipped for want of tables, or done in part, with the reason in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

STAGE_STATUSES = ("done", "partial", "skipped")


def stage_frame(stage: str, status: str, reason: str = "") -> pd.DataFrame:
    """Return the one row that a stage adds to result table `stages`.

    Parameters
    ----------
    stage : name of the stage
    status : ``done``, ``partial`` or ``skipped``
    reason : why, for a reader; needed unless the stage is done

    Raises
    ------
    ValueError
        when the status is not known, or a stage that is not done gives no reason.
    """
    import pandas as pd

    if status not in STAGE_STATUSES:
        raise ValueError(f"a stage is {', '.join(STAGE_STATUSES)}, not {status!r}")
    if status != "done" and not reason:
        raise ValueError(f"{stage} is {status} without a reason")
    return pd.DataFrame({"stage": [stage], "status": [status], "reason": [reason]}, dtype="string")
