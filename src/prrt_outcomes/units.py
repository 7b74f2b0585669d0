"""Units of time shared by all packages."""

from __future__ import annotations

DAYS_PER_WEEK = 7.0
DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
TIME_UNIT_DAYS = {"days": 1.0, "weeks": DAYS_PER_WEEK, "months": DAYS_PER_MONTH, "years": DAYS_PER_YEAR}


def convert_days_to_months(time_days):
    """Months from days: a month is 30.4375 days, a twelfth of 365.25."""
    return time_days / DAYS_PER_MONTH
