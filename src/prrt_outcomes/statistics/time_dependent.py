"""Comparisons by a state that patients enter during follow-up: Mantel-Byar and Simon-Makuch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from prrt_outcomes.statistics.data import SurvivalData, compute_codes
from prrt_outcomes.statistics.kaplan_meier import IntervalType, KaplanMeier, fit_kaplan_meier_by_group
from prrt_outcomes.statistics.logrank import LogRank, compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table


def compute_mantel_byar(data: SurvivalData, state: ArrayLike) -> LogRank:
    """Test whether the hazard depends on the state a patient is in at each moment.

    Parameters
    ----------
    data : counting-process rows with entry and id; the event closes the patient's last row; strata make the
        test stratified
    state : state during the row; a state entered on a date begins with a row that starts there

    Raises
    ------
    ValueError : no entry or id, rows after the patient's event

    References
    ----------
    Mantel and Byar 1974, JASA 69:81; Anderson, Cain and Gelber 1983, Journal of Clinical Oncology 1:710.
    """
    _check_last_event(data)
    return compute_logrank(compute_risk_table(data, state))


def _check_last_event(data: SurvivalData) -> None:
    """Refuse rows that are no counting process, and rows after a patient's event."""
    if data.entry is None or data.id is None:
        raise ValueError("states that change need counting-process rows: give entry and id")
    order = np.lexsort((data.entry, data.id.code))
    patient = data.id.code[order]
    wrong = (patient[:-1] == patient[1:]) & (data.event[order][:-1] > 0)
    if wrong.any():
        found = ", ".join(str(data.id.labels[c]) for c in patient[:-1][wrong][:5])
        raise ValueError(f"rows follow the event of {int(wrong.sum())} patients: {found}")


def fit_simon_makuch(
    data: SurvivalData,
    state: ArrayLike,
    *,
    landmark: float = 0.0,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
) -> dict[object, KaplanMeier]:
    """Fit one curve a state, in which patients count from when they enter the state until they leave it.

    Parameters
    ----------
    data, state : as `compute_mantel_byar`
    landmark : curves start here with those still at risk (time > landmark); from 0 the first risk sets of
        a late state are tiny, and one early event can take its curve to 0 (status ``too_few``)

    Returns
    -------
    curve by state, time counted from the landmark, at_risk rising where patients enter; a state nobody is in after
    the landmark has none

    References
    ----------
    Simon and Makuch 1984, Statistics in Medicine 3:35.
    """
    _check_last_event(data)
    if not landmark >= 0:
        raise ValueError(f"landmark must be 0 or more, not {landmark}")
    kept = data.time > landmark
    if not kept.any():
        raise ValueError(f"nobody is at risk after the landmark {landmark}")
    rows, current = data.select(kept), compute_codes(state, data.n, "state").select(kept)
    rows = replace(rows, time=rows.time - landmark, entry=np.maximum(rows.entry - landmark, 0.0))
    return fit_kaplan_meier_by_group(rows, current, interval=interval, confidence=confidence)
