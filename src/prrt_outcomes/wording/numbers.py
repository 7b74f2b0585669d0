"""The one place where numbers become text, for figures and report alike."""

import math
import re
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

DASH = "\u2013"  # en dash
NOT_ESTIMABLE = "not estimable"
STATUS_WORDS = {
    "ok": "",
    "not_reached": "not reached",
    "no_events": "no events",
    "separation": "not estimable (all events in one group)",
    "too_few": "too few patients or too short a follow-up",
    "few_events": "few events: fewer than 10 a parameter",
    "too_few_events": "fewer than five events in a group",
    "not_estimable": "not estimable",
    "not_converged": "not estimable (the fit did not converge)",
    "no_bound": "no limit found",
    "competing_censored": "competing events taken as censored",
    "suppressed": "suppressed (small count)",
    "never": "significant whatever becomes of the censored patients",
    "not_significant": "not significant to begin with",
}


def is_missing(value: Any) -> bool:
    """Tell whether a cell of a table is empty."""
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA refuses to be a truth value
        return True


def format_unit(unit: str) -> str:
    """`10^9/L`, `umol/L` and `m2` as journals write them."""
    return re.sub("^u(?=[a-z])", "\u00b5", unit).replace("10^9", "10\u2079").replace("m2", "m\u00b2")


def write_rounded(value: Any, digits: int) -> str:
    """A number with fixed decimals, a half rounded away from zero: 57.5 is 58, also where the float is 57.4999...9."""
    known = Decimal(repr(round(float(value), 9)))
    return f"{known.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, Context(prec=400)):f}"


def format_count(value: Any) -> str:
    """Whole number with a thin space between thousands; empty for a missing one."""
    return "" if is_missing(value) else f"{int(write_rounded(value, 0)):,}".replace(",", "\u2009")


def format_number(value: Any, digits: int = 1) -> str:
    """Number with fixed decimals and a true minus sign; empty for a missing one, never `-0.0`."""
    if is_missing(value) or math.isinf(float(value)):
        return ""
    text = write_rounded(value, digits)
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def format_percent(proportion: Any, digits: int = 0) -> str:
    """Per cent of a proportion between 0 and 1, so rounded that a share is never shown as 0 or 100 by rounding.

    0.001 is `<1%` and 0.999 `>99%`: neither is nobody nor everybody.
    """
    if is_missing(proportion):
        return ""
    share = float(proportion)
    smallest = 10.0**-digits
    rounded = float(write_rounded(100 * share, digits))
    if share > 0 and rounded == 0:
        return f"<{smallest:.{digits}f}%"
    if share < 1 and rounded == 100:
        return f">{100 - smallest:.{digits}f}%"
    return f"{format_number(rounded, digits)}%"


def format_p_value(value: Any, *, name: str = "") -> str:
    """p-value as journals print it: `<0.001`, three decimals below 0.1, two above, `>0.99` near one.

    value : p-value, or missing
    name : symbol in front, such as `p`; then `p = 0.012`, `p < 0.001`
    """
    if is_missing(value):
        return ""
    p = float(value)
    if p < 0.001:
        sign, text = "<", "0.001"
    elif p > 0.99:
        sign, text = ">", "0.99"
    else:
        sign, text = "=", write_rounded(p, 3 if p < 0.0995 else 2)
    if name:
        return f"{name} {sign} {text}"
    return text if sign == "=" else f"{sign}{text}"


def format_ratio(value: Any) -> str:
    """Hazard ratio or its like: two decimals, fewer for large ones, three decimals below 0.1, `0` for zero."""
    if is_missing(value) or math.isinf(float(value)):
        return ""
    number = float(value)
    if number >= 99.95:
        return write_rounded(number, 0) if number < 1000 else ">1000"
    if number >= 9.995:
        return write_rounded(number, 1)
    if number == 0:
        return "0"
    if 0 < number < 0.001:
        return "<0.001"
    return write_rounded(number, 2 if number >= 0.0995 else 3)


def format_range(low: Any, high: Any, formatter=format_number, *, open_end: str = "NR") -> str:
    """`20.0-28.9` with an en dash; an end that is not reached is `NR`; `to` where a minus sign would meet the dash."""
    low_text = formatter(low) or open_end
    high_text = formatter(high) or open_end
    if low_text == open_end and high_text == open_end:
        return ""
    if low_text.endswith("%") and high_text.endswith("%"):
        low_text = low_text[:-1]
    between = " to " if "\u2212" in low_text + high_text else DASH
    return f"{low_text}{between}{high_text}"


def format_interval(
    value: Any, low: Any, high: Any, formatter=format_number, *, status: Any = "ok", label: str = ""
):
    """`24.1 (20.0-28.9)` with an en dash, or in words why there is no value.

    value, low, high : estimate and limits
    formatter : how one number is written
    status : code of the table's status column
    label : what stands before the limits, such as `95% CI `
    """
    text = formatter(value) or describe_status(status) or NOT_ESTIMABLE
    reach = format_range(low, high, formatter)
    return f"{text} ({label}{reach})" if reach else text


def describe_status(status: Any) -> str:
    """Words for a status code; nothing for `ok` and for a missing one."""
    return "" if is_missing(status) else STATUS_WORDS.get(str(status), str(status).replace("_", " "))


def describe_median_status(status: Any) -> str:
    """Why a median is missing: `not reached`, else `not estimable` with the reason."""
    if is_missing(status) or str(status) in ("not_reached", "no_events", "ok"):
        return STATUS_WORDS["not_reached"]
    words = describe_status(status)
    return words if words.startswith(NOT_ESTIMABLE) else f"{NOT_ESTIMABLE} ({words})"


def format_rate(value: Any) -> str:
    """A rate with two decimals where it is small."""
    return format_number(value, 1 if value >= 10 else 2)


def format_short(value: Any) -> str:
    """`24`, `24.5`: a decimal only where there is one; empty for a missing number."""
    return format_number(value).removesuffix(".0")


def describe_condition(months: Iterable[Any]) -> str:
    """`conditional on no event in the first 24 months`, of curves that begin late; nothing where all begin at 0."""
    late = [float(m) for m in months if not is_missing(m) and m > 0]
    if not late:
        return ""
    ends = dict.fromkeys(format_short(m) for m in (min(late), max(late)))
    return f"conditional on no event in the first {' to '.join(ends)} months"


def format_level(level: Any) -> str:
    """`95%` from 0.95, `97.5%` from 0.975."""
    return f"{100 * float(level):g}%"


def format_date(day: Any) -> str:
    """`31 December 2021`; empty where there is none."""
    if is_missing(day):
        return ""
    known = day if isinstance(day, date) else date.fromisoformat(str(day)[:10])
    return f"{known.day} {known:%B %Y}"
