"""Response categories as small integers, in the order of the contract, and the way back to words."""

from __future__ import annotations

import numpy as np
import pandas as pd

RESPONSES = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE")
CR, PR, MR, SD, NON_CR_NON_PD, PD, NE = range(7)
OBJECTIVE = ("CR", "PR")
"""Best responses that are an objective response."""
COMPOSITES = {
    "objective": OBJECTIVE,
    "objective_with_mr": (*OBJECTIVE, "MR"),
    "disease_control": (*OBJECTIVE, "MR", "SD", "NON-CR/NON-PD"),
}
"""Rates made of several best responses."""
NON_TARGETS = ("none", "CR", "non_CR_non_PD", "PD", "NE")
NT_NONE, NT_CR, NT_NON, NT_PD, NT_NE = range(5)
ROLES = ("target", "non_target", "new")
TARGET, NON_TARGET, NEW = range(3)
STATES = ("measured", "absent", "too_small", "not_evaluated")
MEASURED, ABSENT, TOO_SMALL, NOT_EVALUATED = range(4)
BASES = ("derived", "reported")
DERIVED, REPORTED = range(2)
MISSING = -1
"""No code: an empty cell, or no lesions of the kind."""

NS_PER_DAY = 86_400_000_000_000
NO_DAY = np.iinfo(np.int32).min


def convert_to_codes(column: pd.Series, levels: tuple[str, ...]) -> np.ndarray:
    """Integer codes of a text or category column; -1 where it is empty or no level."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        known = {level: code for code, level in enumerate(levels)}
        table = np.array([known.get(c, MISSING) for c in column.cat.categories] + [MISSING], dtype=np.int8)
        return table[column.cat.codes.to_numpy()]
    return pd.Categorical(column.astype(object), categories=list(levels)).codes.astype(np.int8)


def convert_to_category(codes: np.ndarray, levels: tuple[str, ...]) -> pd.Categorical:
    """Ordered category of codes; -1 becomes empty."""
    return pd.Categorical.from_codes(codes, categories=list(levels), ordered=True)


def convert_to_days(dates: pd.Series) -> np.ndarray:
    """Whole days since 1970 as int32; `NO_DAY` where the date is empty."""
    values = dates.to_numpy(dtype="datetime64[ns]")
    days = (values.view("int64") // NS_PER_DAY).astype(np.int64)
    return np.where(np.isnat(values), NO_DAY, days).astype(np.int32)


def convert_to_dates(days: np.ndarray) -> np.ndarray:
    """`datetime64[ns]` of days since 1970; empty for `NO_DAY`."""
    dates = days.astype("int64").astype("datetime64[D]").astype("datetime64[ns]")
    return np.where(days == NO_DAY, np.datetime64("NaT", "ns"), dates)


def convert_to_flags(column: pd.Series) -> np.ndarray:
    """Plain truth values of a boolean column; empty counts as false."""
    return column.astype("boolean").fillna(False).to_numpy(dtype=bool)


def factorize_runs(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and distinct values, as `pandas.factorize`; tables come sorted, so each run is looked up once."""
    if len(values) < 2:
        codes, uniques = pd.factorize(values)
        return codes.astype(np.int32), uniques
    begins = np.ones(len(values), dtype=bool)
    begins[1:] = values[1:] != values[:-1]
    codes, uniques = pd.factorize(values[begins])
    lengths = np.diff(np.append(np.flatnonzero(begins), len(values)))
    return np.repeat(codes.astype(np.int32), lengths), uniques


def encode_labels(column: pd.Series, labels: pd.Index) -> np.ndarray:
    """Position of each value among `labels`; -1 where it is not among them."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        places = labels.get_indexer(pd.Index(column.cat.categories, dtype=object))
        return np.append(places, MISSING)[column.cat.codes.to_numpy()].astype(np.int32)
    codes, uniques = factorize_runs(column.to_numpy(dtype=object, na_value=None))
    places = np.append(labels.get_indexer(pd.Index(uniques, dtype=object)), MISSING).astype(np.int32)
    return places[codes]
