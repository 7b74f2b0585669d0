"""Endpoints with a competing event: cumulative incidence, Gray's test and Fine-Gray for each cause."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import WHOLE, choose_references, compute_group, derive_covariates
from prrt_outcomes.statistics.cumulative_incidence import compute_gray_test, fit_cumulative_incidence
from prrt_outcomes.statistics.fine_gray import fit_fine_gray
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.survival.cox_models import RATIO, RATIO_COLUMNS
from prrt_outcomes.survival.endpoint_rows import select_known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.endpoints import EndpointDefinition
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


def name_causes(definition: EndpointDefinition) -> dict[int, str]:
    """Names of the event codes 1 and 2 of an endpoint."""
    if definition.progression == "event" and definition.death == "competing":
        return {1: "progression", 2: "death"}
    return {1: "event", 2: "competing_event"}


def summarise_competing_risks(
    rows: EndpointRows, groupings: Sequence[str], causes: dict[int, str], settings: AnalysisSettings
) -> dict[str, pd.DataFrame]:
    """Describe and compare both causes of an endpoint with competing events.

    `rows`: patients of one endpoint, events coded 0, 1, 2.
    Returns `competing_risks` (a row at 0 and at every distinct time, each cause and group), `competing_tests`
    (Gray) and `fine_gray` (multivariable). Gray's test and Fine-Gray are not defined with late entry and are then
    left out.
    """
    parts: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for code, cause in causes.items():
        for group_by in (WHOLE, *groupings):
            incidence = _tabulate_incidence(rows, group_by, code, settings)
            parts["competing_risks"].append(incidence.assign(cause=cause))
        if rows.entry_months is not None:
            continue
        tests = [_test_groups(rows, group_by, code) for group_by in groupings]
        parts["competing_tests"] += [test.assign(cause=cause) for test in tests if test is not None]
        model = _fit_subdistribution(rows, code, settings)
        if model is not None:
            parts["fine_gray"].append(model.assign(cause=cause))
    return {
        name: pd.concat(tables, ignore_index=True).assign(endpoint=rows.endpoint)
        for name, tables in parts.items()
        if tables
    }


def _tabulate_incidence(
    rows: EndpointRows, group_by: str, code: int, settings: AnalysisSettings
) -> pd.DataFrame:
    group = compute_group(rows.frame, group_by)
    tables = []
    for label, part in rows.split(group):
        curve = fit_cumulative_incidence(
            part.data, cause=code, interval=settings.confidence.type, confidence=settings.confidence.level
        )
        known = np.isfinite(curve.lower)
        status = np.where(known, "ok", np.where(curve.incidence == 0, "no_events", "too_few"))
        tables.append(
            pd.DataFrame(
                {
                    "group_by": group_by,
                    "group": label,
                    "time_months": np.concatenate(([0.0], curve.time)),
                    "cumulative_incidence": np.concatenate(([0.0], curve.incidence)),
                    "low": np.concatenate(([0.0], curve.lower)),
                    "high": np.concatenate(([0.0], curve.upper)),
                    "status": np.concatenate((["ok"], status)),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _test_groups(rows: EndpointRows, group_by: str, code: int) -> pd.DataFrame | None:
    known = select_known(rows, compute_group(rows.frame, group_by))
    if known is None:
        return None
    part, group = known
    test = compute_gray_test(compute_risk_table(part.data, group=group, cause=code))
    found = {name: getattr(test, name) for name in ("statistic", "p_value", "status")}
    df = float(test.degrees_of_freedom) if test.status == "ok" else np.nan
    return pd.DataFrame([{"group_by": group_by, "test": "gray", "df": df} | found])


def _fit_subdistribution(rows: EndpointRows, code: int, settings: AnalysisSettings) -> pd.DataFrame | None:
    names = tuple(name for name in settings.covariates if name in rows.frame.columns)
    covariates = derive_covariates(rows.frame, names)
    varying = covariates[[name for name in covariates.columns if covariates[name].dropna().nunique() > 1]]
    if varying.dropna().empty or not len(varying.columns):
        return None
    fit = fit_fine_gray(
        rows.data,
        varying,
        references=choose_references(varying, settings.reference),
        cause=code,
        confidence=settings.confidence.level,
    )
    table = fit.table.rename(columns=RATIO_COLUMNS | {"subdistribution_hazard_ratio": "hazard_ratio"})
    return table[["term", "level", "reference", *RATIO, "status"]]
