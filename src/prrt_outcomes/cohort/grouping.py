"""Groups of patients as results name them: schema order, `unknown` as a level, `all` for the whole cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

WHOLE = "all"
UNKNOWN = "unknown"


def compute_group(frame: pd.DataFrame, group_by: str) -> pd.Series:
    """Level of each row in a grouping.

    Parameters
    ----------
    frame : one row a patient
    group_by : a column of `frame`, or ``all``

    Returns
    -------
    Ordered category of the index of `frame`, without missing values: the levels that occur, in schema order
    (else sorted), with empty and ``unknown`` as one level ``unknown`` at the end; ``all`` everywhere where
    `group_by` is ``all``.

    Raises
    ------
    KeyError
        when the column is absent.
    """
    import pandas as pd

    if group_by == WHOLE:
        return pd.Series(pd.Categorical([WHOLE] * len(frame), ordered=True), index=frame.index)
    values = frame[group_by]
    if isinstance(values.dtype, pd.CategoricalDtype):
        order = [str(level) for level in values.cat.categories]
    elif isinstance(values.dtype, pd.BooleanDtype):
        order = ["false", "true"]
    else:
        order = sorted(str(value) for value in values.dropna().unique())
    text = values.astype("string").fillna(UNKNOWN)
    if isinstance(values.dtype, pd.BooleanDtype):
        text = text.str.lower()
    present = set(text.unique())
    levels = [level for level in order if level in present and level != UNKNOWN]
    if UNKNOWN in present:
        levels.append(UNKNOWN)
    return pd.Series(pd.Categorical(text, categories=levels, ordered=True), index=frame.index)
