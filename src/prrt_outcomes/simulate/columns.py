"""Rates of the model, and columns of tables from arrays: dates from days, partial dates, missing cells."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import yaml

MODEL = SimpleNamespace(**yaml.safe_load(Path(__file__).with_name("model.yaml").read_text("utf-8")))
"""Rates and shares of the model that are no settings."""
Array = np.ndarray
Rng = np.random.Generator


def draw_shares(rng: Rng, shares: Sequence[float] | Array, size: int) -> Array:
    """Draw `size` codes by shares that need not add up to 1."""
    cumulative = np.cumsum(shares)
    uniform = rng.random(size) * cumulative[-1]
    return (uniform[:, None] >= cumulative).sum(axis=1).clip(max=len(cumulative) - 1)


def derive_dates(entry_day: Array, days: Array) -> Array:
    """Dates from days since the first cycle; missing where the day is not finite."""
    days = np.asarray(days, dtype=float)
    known = np.isfinite(days)
    total = entry_day + np.where(known, days, 0).astype(np.int64)
    dates = total.astype("datetime64[D]").astype("datetime64[ns]")
    return np.where(known, dates, np.datetime64("NaT", "ns"))


def format_partial_dates(dates: Array, rng: Rng | None = None, share: float = 0.0) -> Array:
    """ISO text of dates, None where missing; a `share` of them without day, a third of those without month."""
    dates = np.asarray(dates, dtype="datetime64[ns]")
    known = ~np.isnat(dates)
    text = np.datetime_as_string(np.where(known, dates, np.datetime64("2000-01-01", "ns")), unit="D")
    if rng is not None and share > 0:
        uniform = rng.random(len(text))
        text = np.where(uniform < share, text.astype("U7"), text)
        text = np.where(uniform < share / 3, text.astype("U4"), text)
    result = text.astype(object)
    result[~known] = None
    return result


def hide_values(values: Array, hidden: Array) -> pd.Series:
    """The values with missing cells; integers and booleans keep their type."""
    series = pd.Series(values)
    if series.dtype == bool:
        series = series.astype("boolean")
    elif pd.api.types.is_integer_dtype(series):
        series = series.astype("Int64")
    return series.mask(pd.Series(hidden))


def select_codes(names: tuple[str, ...] | Array, codes: Array) -> pd.Series:
    """Name of each code as a category, so that millions of rows stay small; negative codes are missing."""
    return pd.Series(pd.Categorical.from_codes(np.maximum(codes, -1).tolist(), categories=pd.Index(names)))
