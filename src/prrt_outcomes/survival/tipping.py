"""Tipping point of informative censoring: how many of the censored must have had the event to lose a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import WHOLE, choose_reference
from prrt_outcomes.statistics.logrank import compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.survival.endpoint_rows import select_endpoint_rows
from prrt_outcomes.survival.group_tests import select_known

if TYPE_CHECKING:
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


def find_tipping_points(
    rows: pd.DataFrame, groupings: tuple[str, ...], analysis_set: pd.DataFrame, settings: AnalysisSettings
) -> pd.DataFrame:
    """Tipping point of each comparison of a group with its reference.

    Parameters
    ----------
    rows : one endpoint
    groupings : columns of `analysis_set`; `all` is left out
    settings : reference and alpha

    Returns
    -------
    DataFrame
        rows of table `sensitivity` (`analysis = tipping_point`), one a group other than the reference: p_value of the
        log-rank test before, n_eligible censored patients of the group that does better, n_changed how many of them,
        earliest censored first, must have had the event when they were censored for the p-value to rise to alpha.
        Status `not_significant` where there is nothing to lose, `never` where even all of them do not suffice.
    """
    patients = select_endpoint_rows(rows, analysis_set, str(rows["endpoint"].iloc[0]))
    found = []
    for group_by in groupings:
        known = select_known(patients, group_by) if group_by != WHOLE and patients is not None else None
        if known is None:
            continue
        part, group = known
        reference = choose_reference(group, settings.reference.get(group_by))
        for level in group.cat.categories:
            if level != reference:
                pair = group.isin([level, reference]).to_numpy()
                found.append(
                    _find_tipping_point(part.select(pair), (group[pair] == level).to_numpy(), settings.alpha)
                    | {"group_by": group_by, "group": str(level), "reference": reference}
                )
    return pd.DataFrame(found).assign(analysis="tipping_point") if found else pd.DataFrame()


def _find_tipping_point(rows: EndpointRows, member: np.ndarray, alpha: float) -> dict:
    """Search the smallest number of censorings that must be events."""
    event = (rows.event == 1).astype(int)
    p_value, z, status = _test(rows, event, member)
    row = {"n": len(event), "events": int(event.sum()), "p_value": p_value, "hazard_ratio_status": None}
    if status != "ok" or not p_value < alpha:
        return row | {"status": status if status != "ok" else "not_significant"}
    better = ~member if z > 0 else member
    censored = np.flatnonzero(better & (rows.event == 0))
    order = censored[np.argsort(rows.time_months[censored], kind="stable")]
    row["n_eligible"] = len(order)
    low, high = 0, len(order)
    if not _p_after(rows, event, member, order) >= alpha:
        return row | {"status": "never"}
    while high - low > 1:
        middle = (low + high) // 2
        if _p_after(rows, event, member, order[:middle]) >= alpha:
            high = middle
        else:
            low = middle
    return row | {"n_changed": high, "status": "ok"}


def _p_after(rows: EndpointRows, event: np.ndarray, member: np.ndarray, changed: np.ndarray) -> float:
    """p-value where the chosen censorings are events; 1 where the better group does not do better any more."""
    _, before, _ = _test(rows, event, member)
    turned = event.copy()
    turned[changed] = 1
    p_value, z, _ = _test(rows, turned, member)
    return 1.0 if z * before <= 0 else p_value


def _test(rows: EndpointRows, event: np.ndarray, member: np.ndarray) -> tuple[float, float, str]:
    """p-value, signed root and status of the log-rank test; positive where the group has more events."""
    table = compute_risk_table(rows.time_months, event, entry=rows.entry_months, group=member.astype(int))
    test = compute_logrank(table)
    return float(test.p_value), float(test.z), test.status
