"""Baseline predictors of response and of an event before the first evaluable scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import add_absent_levels, list_levels, select_comparable
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.cox_models import RATIO_COLUMNS
from prrt_outcomes.survival.endpoint_rows import EndpointRows

RESPONSE, EARLY = "response", "event_before_first_scan"


def summarise_predictors(
    rows: EndpointRows,
    onsets: tuple[np.ndarray, np.ndarray],
    covariates: pd.DataFrame,
    settings: AnalysisSettings,
) -> pd.DataFrame | None:
    """Baseline predictors of response, and of an event before any scan could be evaluated.

    `onsets`: (n,) months of the first response and of the first evaluable scan, infinite without one; `settings`:
    reference, confidence.level.
    Returns one row an outcome and coefficient: outcome (``response``: cause-specific hazard of the first response,
    the event censors it; ``event_before_first_scan``: hazard of the event, censored at the first evaluable scan),
    term, level, reference, n, events, log_hazard_ratio, std_error, hazard_ratio, hazard_ratio_low,
    hazard_ratio_high, p_value, status. None without a covariate that varies.
    """
    varying = covariates.loc[:, covariates.nunique() > 1]
    if not len(varying.columns) or varying.dropna().empty:
        return None
    response, scan = onsets
    outcomes = {
        RESPONSE: (response, response < rows.time_months),
        EARLY: (scan, (rows.event == 1) & (rows.time_months <= scan)),
    }
    parts = []
    for outcome, (end, event) in outcomes.items():
        time = np.minimum(end, rows.time_months)
        usable = time > rows.entry
        own = varying.loc[usable].reset_index(drop=True)
        comparable, references = select_comparable(own, settings.reference)
        if not len(comparable.columns):
            continue
        data = replace(rows, time_months=time, event=event).select(usable).data
        fit = fit_cox(data, comparable, references=references, confidence=settings.confidence.level)
        asked = list_levels(own, settings.reference, data.event == 1)
        parts.append(add_absent_levels(fit.table, asked).assign(outcome=outcome))
    if not parts:
        return None
    return pd.concat(parts, ignore_index=True).rename(columns=RATIO_COLUMNS).drop(columns="z")
