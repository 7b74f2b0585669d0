"""Numbers as text: rounding, missing values, limits that are not reached."""

import math

import pandas as pd
import pytest

from prrt_outcomes.wording import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0000001, "<0.001"),
        (0.00099, "<0.001"),
        (0.001, "0.001"),
        (0.0123, "0.012"),
        (0.0994, "0.099"),
        (0.0996, "0.10"),
        (0.5, "0.50"),
        (0.99, "0.99"),
        (0.994, ">0.99"),
        (1.0, ">0.99"),
        (math.nan, ""),
        (None, ""),
        (pd.NA, ""),
    ],
)
def test_p_values(value, text):
    assert numbers.format_p_value(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0001, "p < 0.001"), (0.03, "p = 0.030"), (0.999, "p > 0.99")])
def test_p_values_with_their_symbol(value, text):
    assert numbers.format_p_value(value, name="p") == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"),
        (0.001, "<1%"),
        (0.004999, "<1%"),
        (0.0151, "2%"),
        (0.5, "50%"),
        (0.575, "58%"),
        (0.425, "43%"),
        (0.045, "5%"),
        (0.995, ">99%"),
        (0.999, ">99%"),
        (1, "100%"),
    ],
)
def test_a_share_is_never_rounded_to_nobody_or_everybody(share, text):
    assert numbers.format_percent(share) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-0.04, "0.0"),
        (-1.25, "\u22121.3"),
        (0.35, "0.4"),
        (10.25, "10.3"),
        (1e30, "1" + "0" * 30 + ".0"),
        (3, "3.0"),
        (math.nan, ""),
        (math.inf, ""),
        (12.349, "12.3"),
    ],
)
def test_numbers_have_a_true_minus_and_no_negative_zero(value, text):
    assert numbers.format_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.558, "0.56"),
        (0.0312, "0.031"),
        (0.0001, "<0.001"),
        (9.999, "10.0"),
        (43.12, "43.1"),
        (250.4, "250"),
        (1e9, ">1000"),
        (0, "0"),
        (math.inf, ""),
    ],
)
def test_ratios(value, text):
    assert numbers.format_ratio(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (20.0, 28.94, "20.0\u201328.9"),
        (20.0, math.nan, "20.0\u2013NR"),
        (math.nan, math.nan, ""),
        (-3.0, 2.0, "\u22123.0 to 2.0"),
    ],
)
def test_ranges(low, high, text):
    assert numbers.format_range(low, high) == text


def test_a_range_of_shares_has_one_sign():
    assert numbers.format_range(0.22, 0.31, numbers.format_percent) == "22\u201331%"
    assert numbers.format_range(0.001, 0.02, numbers.format_percent) == "<1\u20132%"


@pytest.mark.parametrize(
    ("value", "low", "high", "status", "text"),
    [
        (24.13, 20.0, 28.94, "ok", "24.1 (20.0\u201328.9)"),
        (24.13, None, None, "ok", "24.1"),
        (None, 50.2, None, "not_reached", "not reached (50.2\u2013NR)"),
        (None, None, None, "too_few", "too few patients or too short a follow-up"),
        (None, None, None, "ok", "not estimable"),
        (None, None, None, None, "not estimable"),
    ],
)
def test_an_interval_says_why_there_is_no_value(value, low, high, status, text):
    assert numbers.format_interval(value, low, high, status=status) == text


def test_every_status_of_the_schema_has_words():
    from prrt_outcomes.tables.schema import load_schema

    for status in load_schema("cox").field("status").codes:
        assert status in numbers.STATUS_WORDS


def test_counts_and_dates():
    assert numbers.format_count(12345) == "12\u2009345"
    assert numbers.format_count(pd.NA) == ""
    assert numbers.format_date("2021-12-31") == "31 December 2021"
    assert numbers.format_level(0.975) == "97.5%"
