"""Endpoints with a competing event: cumulative incidence, Gray's test and Fine-Gray for each cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import (
    SIZES,
    WHOLE,
    add_absent_levels,
    compute_group,
    list_levels,
    select_comparable,
)
from prrt_outcomes.statistics.cumulative_incidence import (
    CumulativeIncidence,
    compute_gray_test,
    fit_cumulative_incidence,
    fit_fine_gray,
)
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.survival.cox_models import RATIO, RATIO_COLUMNS
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_known


def name_causes(definition: EndpointDefinition) -> dict[int, str]:
    """Names of the event codes 1 and 2 of an endpoint."""
    if definition.progression == "event" and definition.death == "competing":
        return {1: "progression", 2: "death"}
    return {1: "event", 2: "competing_event"}


def summarise_competing_risks(
    rows: EndpointRows, groupings: Sequence[str], causes: dict[int, str], settings: AnalysisSettings
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Describe and compare both causes of an endpoint with competing events.

    `rows`: patients of one endpoint, events coded 0, 1, 2.
    Yields names and parts of the result tables `competing_risks` (a row at 0 and at every distinct time, each cause
    and group), `competing_tests` (Gray) and `fine_gray` (multivariable), but for the column endpoint. Gray's test and
    Fine-Gray are not defined with late entry and are then left out.
    """
    for code, cause in causes.items():
        for group_by in (WHOLE, *groupings):
            for label, part in rows.split(compute_group(rows.frame, group_by)):
                curve = fit_cumulative_incidence(
                    part.data,
                    cause=code,
                    interval=settings.confidence.type,
                    confidence=settings.confidence.level,
                )
                labels = {"group_by": group_by, "group": label, "cause": cause}
                yield "competing_risks", _tabulate_incidence(curve).assign(**labels)
        if rows.entry_months is not None:
            continue
        for group_by in groupings:
            known = select_known(rows, compute_group(rows.frame, group_by))
            if known is not None:
                test = _test_groups(*known, code) | {"group_by": group_by, "cause": cause}
                yield "competing_tests", pd.DataFrame([test])
        model = _fit_subdistribution(rows, code, settings)
        if model is not None:
            yield "fine_gray", model.assign(cause=cause)


def _tabulate_incidence(curve: CumulativeIncidence) -> pd.DataFrame:
    status = np.where(np.isfinite(curve.lower), "ok", np.where(curve.incidence == 0, "no_events", "too_few"))
    return pd.DataFrame(
        {
            "time_months": np.append(0.0, curve.time),
            "cumulative_incidence": np.append(0.0, curve.incidence),
            "low": np.append(0.0, curve.lower),
            "high": np.append(0.0, curve.upper),
            "status": np.append("ok", status),
        }
    )


def _test_groups(rows: EndpointRows, group: pd.Series, code: int) -> dict:
    test = compute_gray_test(compute_risk_table(rows.data, group=group, cause=code))
    found = {name: getattr(test, name) for name in ("statistic", "p_value", "status")}
    return found | {"test": "gray", "df": test.degrees_of_freedom if test.status == "ok" else np.nan}


def _fit_subdistribution(rows: EndpointRows, code: int, settings: AnalysisSettings) -> pd.DataFrame | None:
    covariates = rows.derive_covariates(settings.covariates)
    varying = covariates.loc[:, covariates.nunique() > 1]
    comparable, references = select_comparable(varying, settings.reference)
    if not len(comparable.columns):
        return None
    fit = fit_fine_gray(
        rows.data,
        comparable,
        references=references,
        cause=code,
        confidence=settings.confidence.level,
    )
    table = add_absent_levels(fit, list_levels(varying, settings.reference, rows.event == code))
    table = table.rename(columns=RATIO_COLUMNS)
    return table[["term", "level", "reference", *RATIO, "status", *SIZES]]
