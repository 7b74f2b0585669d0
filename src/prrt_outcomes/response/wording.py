"""Columns of words from columns of numbers, written and joined by Arrow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.response.codes import NO_DAY


def format_distinct(values: np.ndarray, write: Callable[[object], str]) -> pa.Array:
    """Text of each value; `write` is called once for each distinct one."""
    codes, uniques = pd.factorize(values, use_na_sentinel=False)
    words = pa.array([write(value) for value in uniques], type=pa.large_string())
    return words.take(pa.array(codes)) if len(codes) else pa.array([], type=pa.large_string())


_DECIMALS = pa.array(["", *(f".{digit}" for digit in range(1, 10))], type=pa.large_string())
_SIGNS = pa.array(["-", "", "+"], type=pa.large_string())


def _format_tenths(tenths: np.ndarray) -> tuple[pa.Array, pa.Array]:
    """Whole number and decimal (nothing for .0) of absolute tenths."""
    whole, digit = np.divmod(np.abs(tenths), 10)
    return pa.array(whole).cast(pa.large_string()), _DECIMALS.take(pa.array(digit))


def format_sizes(values: np.ndarray) -> pa.Array:
    """Sizes with at most one decimal, halves up: 50, 12.5; the noise of a change of unit tips no half."""
    tenths = np.floor(np.nan_to_num(values) * 10 + 0.5 + 1e-6).astype(np.int64)
    return join_words(len(tenths), *_format_tenths(tenths))


def format_changes(values: np.ndarray, unit: str) -> pa.Array:
    """Signed changes with at most one decimal, cut (not rounded) so that none seems to reach a threshold.

    `values` are shares where the unit is %.
    """
    scaled = np.nan_to_num(values) * (1000 if unit == "%" else 10)
    tenths = np.trunc(scaled + np.sign(scaled) * 1e-6).astype(np.int64)
    sign = _SIGNS.take(pa.array(np.sign(tenths) + 1))
    return join_words(len(tenths), sign, *_format_tenths(tenths), f" {unit}")


def format_days(days: np.ndarray) -> pa.Array:
    """ISO dates of days since 1970; empty for no day."""
    return format_distinct(days, lambda d: "" if d == NO_DAY else str(np.datetime64(int(d), "D")))


def format_labels(codes: np.ndarray, labels: pd.Index | tuple[str, ...]) -> pa.Array:
    """Label of each code; empty for -1."""
    return format_distinct(codes, lambda code: "" if code < 0 else str(labels[int(code)]))


def join_words(n: int, *parts: pa.Array | str) -> pa.Array:
    """Join columns of words, and words that are the same in every row, into one column of `n` texts."""
    if not n:
        return pa.array([], type=pa.large_string())
    columns = [part if isinstance(part, pa.Array) else pa.scalar(part, pa.large_string()) for part in parts]
    if all(isinstance(column, pa.Scalar) for column in columns):
        return pa.array(["".join(map(str, columns))] * n, type=pa.large_string())
    return pc.binary_join_element_wise(*columns, pa.scalar("", pa.large_string()))


def gather_texts(n: int, pieces: list[tuple[np.ndarray, pa.Array]]) -> pa.Array:
    """One column of `n` texts from pieces: (positions, texts); positions without a piece are empty."""
    place = np.zeros(n, dtype=np.int64)
    texts = [pa.array([""], type=pa.large_string())]
    offset = 1  # Place 0 is the empty text.
    for positions, words in pieces:
        place[positions] = np.arange(offset, offset + len(positions))
        offset += len(positions)
        texts.append(words)
    return pa.concat_arrays(texts).take(pa.array(place))


def convert_to_strings(words: pa.Array) -> pd.Series:
    """A pandas column of texts held by Arrow."""
    return pd.Series(pd.array(words, dtype=pd.StringDtype("pyarrow")))
