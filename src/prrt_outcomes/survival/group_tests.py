"""Tests between the groups of an endpoint: log-rank and its relatives, MaxCombo, difference of means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import choose_reference, compute_group
from prrt_outcomes.statistics.curve_summaries import compute_rmst_difference
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.logrank import MaxCombo, compute_holm, compute_logrank, compute_maxcombo
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.survival.endpoint_rows import select_known

if TYPE_CHECKING:
    from prrt_outcomes.statistics.risk_table import RiskTable
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

TESTS: dict[str, dict] = {
    "logrank": {"weight": "logrank"},
    "gehan": {"weight": "gehan"},
    "tarone_ware": {"weight": "tarone_ware"},
    "peto": {"weight": "peto"},
    "fh_1_0": {"weight": "fleming_harrington", "rho": 1.0, "gamma": 0.0},
    "fh_0_1": {"weight": "fleming_harrington", "rho": 0.0, "gamma": 1.0},
    "fh_1_1": {"weight": "fleming_harrington", "rho": 1.0, "gamma": 1.0},
}
MAXCOMBO = "maxcombo"


def summarise_group_tests(
    rows: EndpointRows, group_by: str, settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Test whether the groups differ, over all groups and pair by pair.

    `settings`: strata (adds the stratified tests), reference.
    Returns result table `logrank`: with all groups, one row a test (`group` and `reference` empty); with three or
    more groups also one row a test and pair, `p_adjusted` by Holm over the pairs of a test. None where there are
    fewer than two groups. Patients whose group is not known are left out.
    MaxCombo compares two groups and is not written with more. Its statistic is the largest absolute z and has no
    degrees of freedom.
    """
    known = select_known(rows, compute_group(rows.frame, group_by))
    if known is None:
        return None
    part, group = known
    tables: list[tuple[str, np.ndarray | None]] = [("", None)]
    # Within strata of the grouping itself there is nothing to compare.
    names = tuple(name for name in settings.strata if name != group_by)
    if names:
        tables.append(("+".join(names), _stratum(part.frame, names)))
    written = []
    for strata, stratum in tables:
        table = compute_risk_table(
            SurvivalData(part.time_months, part.event, entry=part.entry_months, strata=stratum), group=group
        )
        written.append(_test_all(table).assign(strata=strata))
        if len(table.groups) > 2:
            reference = choose_reference(group, settings.reference.get(group_by))
            written.append(_test_pairs(table, list(table.groups), reference).assign(strata=strata))
    return pd.concat(written, ignore_index=True).assign(endpoint=rows.endpoint, group_by=group_by)


def _stratum(frame: pd.DataFrame, strata: tuple[str, ...]) -> np.ndarray:
    labels = [compute_group(frame, name).astype(str) for name in strata]
    return np.array([" / ".join(row) for row in zip(*labels, strict=True)], dtype=object)


def _test(table: RiskTable, name: str) -> dict:
    result = compute_maxcombo(table) if name == MAXCOMBO else compute_logrank(table, **TESTS[name])
    if isinstance(result, MaxCombo):
        statistic, degrees = abs(result.statistic), np.nan
    else:
        statistic = result.statistic
        degrees = float(result.degrees_of_freedom) if result.status == "ok" else np.nan
    found = {"test": name, "statistic": statistic, "df": degrees}
    return found | {"p_value": result.p_value, "status": result.status}


def _test_all(table: RiskTable) -> pd.DataFrame:
    names = [*TESTS, MAXCOMBO] if len(table.groups) == 2 else list(TESTS)
    found = pd.DataFrame([_test(table, name) for name in names])
    return found.assign(group="", reference="", p_adjusted=np.nan)


def _test_pairs(table: RiskTable, labels: list[str], reference: str | None) -> pd.DataFrame:
    """One row a test and pair; a pair with the reference names it second, other pairs the earlier group."""
    written = []
    for name in TESTS:
        pairs = []
        for later in range(1, len(labels)):
            for earlier in range(later):
                first, second = labels[later], labels[earlier]
                if first == reference:
                    first, second = second, first
                pair = table.select_groups([table.groups.index(second), table.groups.index(first)])
                pairs.append(_test(pair, name) | {"group": first, "reference": second})
        frame = pd.DataFrame(pairs)
        written.append(frame.assign(p_adjusted=compute_holm(frame["p_value"].to_numpy(dtype=float))))
    return pd.concat(written, ignore_index=True)


def summarise_rmst_differences(
    rows: EndpointRows, group_by: str, settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Difference of restricted mean survival time of each group and the reference group.

    Returns result table `rmst_difference`, one row a group other than the reference; None with fewer than two
    groups.
    """
    known = select_known(rows, compute_group(rows.frame, group_by))
    if known is None:
        return None
    part, group = known
    reference = choose_reference(group, settings.reference.get(group_by))
    curves = {label: fit_kaplan_meier(own.data) for label, own in part.split(group)}
    written = []
    for label in group.cat.categories:
        if reference is None or label == reference:
            continue
        found = compute_rmst_difference(
            curves[label], curves[reference], settings.rmst_months, settings.confidence.level
        )
        written.append(
            {
                "group": label,
                "reference": reference,
                "horizon_months": float(settings.rmst_months),
                "difference_months": found.difference,
                "low": found.lower,
                "high": found.upper,
                "p_value": found.p_value,
                "status": found.status,
            }
        )
    return pd.DataFrame(written).assign(endpoint=rows.endpoint, group_by=group_by)
