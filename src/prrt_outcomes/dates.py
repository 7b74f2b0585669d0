"""Partial dates: what a year or a month can mean, and which day it becomes by a stated rule."""

import numpy as np
import pandas as pd

RULES = ("first", "middle", "last")
MIDDLE_DAY_OF_MONTH = 15
MIDDLE_OF_YEAR = "-07-01"


def compute_date_range(text: pd.Series) -> tuple[pd.Series, pd.Series]:
    """First and last day that a partial date can mean.

    text : ISO text of year (``2014``), month (``2014-05``) or day (``2014-05-07``), or missing, shape (n,)
    Returns earliest, latest : datetime64[ns], shape (n,), index of `text`; equal for a full date, NaT where missing.
    Raises ValueError when a text is none of the three; `prrt_outcomes.cohort` refuses such a text in a file.

    >>> earliest, latest = compute_date_range(pd.Series(["2016-02", "2014"]))
    >>> list(latest.dt.strftime("%Y-%m-%d"))
    ['2016-02-29', '2014-12-31']
    """
    codes, found = pd.factorize(text)
    unique = pd.Series(np.asarray(found, dtype=object), dtype="string")
    length = unique.str.len()
    padded = unique + length.map({4: "-01-01", 7: "-01", 10: ""}).astype("string")
    if padded.isna().any():
        raise ValueError(f"not an ISO date, month or year: {unique[padded.isna()].iloc[0]}")
    earliest = pd.to_datetime(padded, format="%Y-%m-%d").to_numpy("datetime64[D]")
    day = np.timedelta64(1, "D")
    month_end = (earliest.astype("datetime64[M]") + np.timedelta64(1, "M")).astype("datetime64[D]") - day
    year_end = (earliest.astype("datetime64[Y]") + np.timedelta64(1, "Y")).astype("datetime64[D]") - day
    size = length.to_numpy(int) if len(length) else np.array([], int)
    latest = np.select([size == 4, size == 7], [year_end, month_end], earliest)
    return _spread(earliest, codes, text.index), _spread(latest, codes, text.index)


def resolve_partial_dates(
    text: pd.Series,
    precision: pd.Series | None,
    rule: str,
    lower: pd.Series | pd.Timestamp | None = None,
    upper: pd.Series | pd.Timestamp | None = None,
) -> pd.Series:
    """Day that stands for each partial date.

    text : ISO text of year, month or day; missing allowed, shape (n,)
    precision : year, month or day for each, as typed frames hold it, or None; a day is never moved
    rule : ``first``, ``middle`` (the 15th; 1 July of a year) or ``last`` day
    lower, upper : dates that the result shall not pass (one for all, or shape (n,) with the index of
        `text`); NaT binds nothing
    Returns datetime64[ns], shape (n,), NaT where missing. The result always lies within the month or year that was
    written: where a bound lies outside, the nearest day inside is taken, and the contradiction stays visible.
    Raises ValueError when the rule is none of the three.

    >>> death = pd.Series(["2014-05"])
    >>> cycle = pd.Series(pd.to_datetime(["2014-05-20"]))
    >>> str(resolve_partial_dates(death, None, "middle", lower=cycle)[0].date())
    '2014-05-20'
    """
    if rule not in RULES:
        raise ValueError(f"rule of partial dates is one of {', '.join(RULES)}, not {rule}")
    earliest, latest = compute_date_range(text)
    point = {"first": earliest, "last": latest, "middle": _middle(text, precision, earliest)}[rule]
    lower, upper = (pd.Series(bound, text.index, dtype="datetime64[ns]") for bound in (lower, upper))
    low = np.fmin(np.fmax(earliest, lower), latest)
    high = np.fmax(np.fmin(latest, upper), earliest)
    return pd.Series(np.fmin(np.fmax(point, low), high)).where(point.notna())


def _middle(text: pd.Series, precision: pd.Series | None, earliest: pd.Series) -> pd.Series:
    known = text.str.len() if precision is None else precision.map({"year": 4, "month": 7, "day": 10})
    length = known.astype("float64")
    month = earliest + pd.Timedelta(MIDDLE_DAY_OF_MONTH - 1, "D")
    year = pd.to_datetime(text.where(length == 4).str.slice(0, 4) + MIDDLE_OF_YEAR, format="%Y-%m-%d")
    return earliest.where(length != 7, month).where(length != 4, year.astype("datetime64[ns]"))


def _spread(unique: np.ndarray, codes: np.ndarray, index: pd.Index) -> pd.Series:
    values = np.full(len(codes), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
    known = codes >= 0
    values[known] = unique.astype("datetime64[ns]")[codes[known]]
    return pd.Series(values, index=index)
