"""Picking the rows of a table that a figure shows, without computing anything."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd


def has_rows(table: pd.DataFrame | None) -> bool:
    """Tell whether there is a table with at least one row."""
    return table is not None and len(table) > 0


def pick_rows(table: pd.DataFrame | None, **values: str) -> pd.DataFrame:
    """Rows whose columns, as text, have the given values; an empty frame where there is no table."""
    if table is None:
        return pd.DataFrame()
    keep = pd.Series(True, index=table.index)
    for column, value in values.items():
        keep &= table[column].astype("string").fillna("") == value
    return table[keep]


def iterate_groupings(table: pd.DataFrame, *columns: str) -> Iterator[tuple[tuple[str, ...], pd.DataFrame]]:
    """Parts of a table by the text of some columns, in order of appearance."""
    text = table[list(columns)].astype("string").fillna("")
    for key in text.drop_duplicates().itertuples(index=False, name=None):
        yield key, table[(text == list(key)).all(axis=1)]
