"""The rules of a release, named as in the guidance that they follow.

OpenSAFELY, Statistical disclosure control (docs.opensafely.org/outputs/sdc): redact counts of 7 or fewer, then round to
the nearest 5; delay the steps of a Kaplan-Meier curve until enough events have occurred; no minima and maxima.
Handbook on Statistical Disclosure Control for Outputs (Safe Data Access Professionals, 2019; 2nd edition 2024): a
threshold on every count, and on what stands on it; secondary suppression; no statistic of single units.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.stats import beta

RULES: dict = yaml.safe_load(Path(__file__).with_name("rules.yaml").read_text("utf-8"))
DIGITS = 2


@dataclass(frozen=True)
class Rounding:
    """Counts to the nearest multiple of `minimum`; those that come to `minimum` or less, zero among them, are hidden.

    With 5: 0 to 7 are hidden, 8 to 12 are 10. A hidden count may be zero and may be as large as a count that could be
    shown, so that no single sum or difference of rounded counts leaves one value for a count below the minimum.
    """

    minimum: int

    def round(self, counts: pd.Series) -> pd.Series:
        """Rounded counts; hidden and missing ones are missing."""
        rounded = self.minimum * np.floor(counts.astype("float64") / self.minimum + 0.5)
        return rounded.mask(rounded <= self.minimum)  # type: ignore[attr-defined]

    def hides(self, counts: pd.Series) -> pd.Series:
        """Whether a count is there and is not shown."""
        return counts.notna() & self.round(counts).isna()

    def share(self, shares: pd.Series, base: pd.Series) -> pd.Series:
        """Shares of a rounded base whose numerator is rounded; missing where either is hidden."""
        return (self.round(shares.astype("float64") * base) / self.round(base)).clip(upper=1.0)


def shorten(values: pd.Series) -> pd.Series:
    """Numbers to two significant digits."""
    found = values.astype("float64")
    size = np.floor(np.log10(found.abs().where(found != 0)))
    scale = 10.0 ** (size - DIGITS + 1)
    return (np.round(found / scale) * scale).round(12).where(found != 0, found)  # type: ignore[attr-defined]


def hide_second(hidden: pd.Series, counts: pd.Series, block: pd.Series) -> pd.Series:
    """`hidden`, and where one part of a total is hidden alone the smallest of the other parts with it."""
    alone = hidden.groupby(block).transform("sum").eq(1)
    others = counts.where(alone & ~hidden)
    smallest = others.groupby(block).transform("min")
    return hidden | (others.notna() & others.eq(smallest))


def bound_share(n: pd.Series, total: pd.Series, level: float) -> tuple[pd.Series, pd.Series]:
    """Clopper-Pearson limits of a share of rounded counts."""
    tail = (1 - level) / 2
    low = pd.Series(beta.ppf(tail, n, total - n + 1), n.index)
    high = pd.Series(beta.ppf(1 - tail, n + 1, total - n), n.index)
    return low.where(n.isna() | (n > 0), 0.0), high.where(n.isna() | (n < total), 1.0)
