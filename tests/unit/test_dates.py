"""Partial dates: range, rule, bounds."""

import pandas as pd
import pytest

from prrt_outcomes.dates import compute_date_range, resolve_partial_dates


def iso(dates):
    return dates.dt.strftime("%Y-%m-%d").fillna("").tolist()


TEXT = pd.Series(["2016", "2016-02", "2016-02-07", None, "1999-12"], dtype="string")


def test_range_of_year_month_and_day():
    earliest, latest = compute_date_range(TEXT)
    assert iso(earliest) == ["2016-01-01", "2016-02-01", "2016-02-07", "", "1999-12-01"]
    assert iso(latest) == ["2016-12-31", "2016-02-29", "2016-02-07", "", "1999-12-31"]
    assert str(earliest.dtype) == "datetime64[ns]"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first", ["2016-01-01", "2016-02-01", "2016-02-07", "", "1999-12-01"]),
        ("middle", ["2016-07-01", "2016-02-15", "2016-02-07", "", "1999-12-15"]),
        ("last", ["2016-12-31", "2016-02-29", "2016-02-07", "", "1999-12-31"]),
    ],
)
@pytest.mark.parametrize("with_precision", [True, False])
def test_rules(rule, expected, with_precision):
    precision = pd.Series(["year", "month", "day", None, "month"], dtype="category")
    assert iso(resolve_partial_dates(TEXT, precision if with_precision else None, rule)) == expected


@pytest.mark.parametrize(
    ("text", "rule", "lower", "upper", "expected"),
    [
        ("2014-05", "middle", "2014-05-20", None, "2014-05-20"),  # death in the month of the cycle
        ("2014-05", "middle", "2014-05-10", None, "2014-05-15"),
        ("2014-05", "middle", None, "2014-05-03", "2014-05-03"),
        ("2014", "first", "2014-03-04", "2014-12-01", "2014-03-04"),
        ("2014", "last", "2014-03-04", "2014-12-01", "2014-12-01"),
        ("2014-05", "first", "2015-01-01", None, "2014-05-31"),  # contradiction: stays in the written month
        ("2014-05", "last", None, "2013-01-01", "2014-05-01"),
        ("2014-05-07", "middle", "2014-06-01", None, "2014-05-07"),  # a day is never moved
        ("2014-05-07", "middle", None, "2014-01-01", "2014-05-07"),
    ],
)
def test_bounds_hold_within_what_was_written(text, rule, lower, upper, expected):
    column = pd.Series([text], dtype="string")
    bounds = [None if b is None else pd.Series(pd.to_datetime([b])) for b in (lower, upper)]
    assert iso(resolve_partial_dates(column, None, rule, *bounds)) == [expected]
    scalars = [None if b is None else pd.Timestamp(b) for b in (lower, upper)]
    assert iso(resolve_partial_dates(column, None, rule, *scalars)) == [expected]


def test_missing_bound_binds_nothing_and_index_is_kept():
    column = pd.Series(["2014", "2014"], dtype="string", index=[7, 3])
    lower = pd.Series(pd.to_datetime(["2014-09-01", None]), index=[7, 3])
    resolved = resolve_partial_dates(column, None, "middle", lower=lower)
    assert resolved.index.tolist() == [7, 3]
    assert iso(resolved) == ["2014-09-01", "2014-07-01"]


def test_no_rows_and_all_missing():
    empty = pd.Series([], dtype="string")
    assert len(resolve_partial_dates(empty, None, "middle")) == 0
    missing = pd.Series([None, None], dtype="string")
    assert resolve_partial_dates(missing, None, "last").isna().all()


def test_what_is_no_date_is_refused():
    with pytest.raises(ValueError, match="201-5"):
        compute_date_range(pd.Series(["201-5"], dtype="string"))
    with pytest.raises(ValueError, match="first, middle, last"):
        resolve_partial_dates(TEXT, None, "mean")
