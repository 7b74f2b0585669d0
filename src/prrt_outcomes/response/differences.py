"""Differences of response rates between groups, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, choose_reference_level
from prrt_outcomes.response.codes import COMPOSITES
from prrt_outcomes.statistics.proportions import compute_proportion_difference

METHODS = ("miettinen_nurminen", "newcombe")
DIFFERENCE_COLUMNS = (
    "criterion", "confirmed", "group_by", "group", "reference", "category", "method", "n", "total",
    "n_reference", "total_reference", "difference", "difference_low", "difference_high", "p_value", "status",
)  # fmt: skip


def summarise_rate_differences(
    rates: pd.DataFrame, references: Mapping[str, str], *, level: float = 0.95
) -> pd.DataFrame:
    """Result table `response_differences`: each group against the reference group, by both methods.

    Parameters
    ----------
    rates : table `response_rates`
    references : wanted reference level by grouping; else the largest group, ties in the order of the levels

    Returns
    -------
    One row a criterion, confirmation rule, grouping, group other than the reference, composite rate and
    method. `unknown` is no group here. The p-value is that of the score test (Miettinen-Nurminen).
    """
    rows = []
    known = rates[(rates["group_by"] != "all") & (rates["group"] != UNKNOWN)]
    known = known[known["category"].isin(list(COMPOSITES))]
    for (criterion, confirmed, group_by), part in known.groupby(
        ["criterion", "confirmed", "group_by"], sort=False
    ):
        sizes = part.drop_duplicates("group").set_index("group")["total"]
        if len(sizes) < 2:
            continue
        reference = choose_reference_level(sizes, references.get(group_by))
        counts = part.set_index(["group", "category"])[["n", "total"]]
        for group in sizes.index.drop(reference):
            for category in COMPOSITES:
                ours, theirs = counts.loc[(group, category)], counts.loc[(reference, category)]
                head = (criterion, confirmed, group_by, group, reference, category)
                rows += [(*head, *_compare(ours, theirs, method, level)) for method in METHODS]
    return pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))


def _compare(ours: pd.Series, theirs: pd.Series, method: str, level: float) -> tuple:
    """Method, counts, difference, interval, p-value and status of two rates."""
    counts = (int(ours["n"]), int(ours["total"]), int(theirs["n"]), int(theirs["total"]))
    found = compute_proportion_difference(*counts, method=method, confidence=level)
    return method, *counts, found.difference, found.lower, found.upper, found.p_value, found.status
