"""Comparisons by a state that patients enter during follow-up: Mantel-Byar and Simon-Makuch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from prrt_outcomes.statistics.kaplan_meier import IntervalType, KaplanMeier, fit_kaplan_meier_by_group
from prrt_outcomes.statistics.logrank import LogRank, TestWeight, compute_logrank
from prrt_outcomes.statistics.risk_rows import check_rows, compute_codes
from prrt_outcomes.statistics.risk_table import compute_risk_table


@dataclass(frozen=True, eq=False)
class SimonMakuch:
    """Curves by current state from a landmark on.

    Attributes
    ----------
    landmark : start of the curves, in the unit of the rows
    curves : one a state, keyed by state, time counted from the landmark; their at_risk rises where
        patients enter
    n, n_lost : patients at risk after the landmark, and patients whose observation had ended by then
    n_changed : patients who change state after the landmark
    """

    landmark: float
    curves: dict[object, KaplanMeier]
    n: int
    n_lost: int
    n_changed: int


def compute_mantel_byar(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    state: ArrayLike,
    row_id: ArrayLike,
    *,
    stratum: ArrayLike | None = None,
    weight: TestWeight = "logrank",
    cause: int = 1,
) -> LogRank:
    """Test whether the hazard depends on the state a patient is in at each moment.

    Parameters
    ----------
    start, stop, event : counting-process rows (start, stop]; the event closes the patient's last row
    state : state during the row; a state entered on a date begins with a row that starts there
    row_id : patient
    stratum : for the stratified test
    weight : as `compute_test_weights`

    Returns
    -------
    LogRank on the states

    Raises
    ------
    ValueError : overlapping rows of a patient, a row without length, rows after the patient's event

    References
    ----------
    Mantel and Byar 1974, JASA 69:81; Anderson, Cain and Gelber 1983, Journal of Clinical Oncology 1:710.
    """
    _check_last_event(start, event, row_id)
    table = compute_risk_table(
        stop, event, entry=start, group=state, stratum=stratum, row_id=row_id, cause=cause
    )
    return compute_logrank(table, weight)


def _check_last_event(start: ArrayLike, event: ArrayLike, row_id: ArrayLike) -> None:
    """Refuse rows after a patient's event."""
    starts = np.asarray(start, dtype=np.float64)
    ids = compute_codes(row_id, len(starts), "row_id")
    order = np.lexsort((starts, ids.code))
    followed = ids.code[order][:-1] == ids.code[order][1:]
    wrong = followed & (np.asarray(event, dtype=np.float64)[order][:-1] > 0)
    if wrong.any():
        found = ", ".join(str(ids.labels[c]) for c in ids.code[order][:-1][wrong][:5])
        raise ValueError(f"rows follow the event of {int(wrong.sum())} patients: {found}")


def fit_simon_makuch(
    start: ArrayLike,
    stop: ArrayLike,
    event: ArrayLike,
    state: ArrayLike,
    row_id: ArrayLike,
    *,
    landmark: float = 0.0,
    interval: IntervalType = "log-log",
    confidence: float = 0.95,
    cause: int = 1,
) -> SimonMakuch:
    """Fit one curve a state, in which patients count from when they enter the state until they leave it.

    Parameters
    ----------
    start, stop, event, state, row_id : as `compute_mantel_byar`
    landmark : curves start here with those still at risk (stop > landmark); from 0 the first risk sets of
        a late state are tiny, and one early event can take its curve to 0 (status ``too_few``)

    Returns
    -------
    SimonMakuch; a state nobody is in after the landmark has no curve

    Raises
    ------
    ValueError : as `compute_mantel_byar`; a negative landmark; nobody at risk after it

    References
    ----------
    Simon and Makuch 1984, Statistics in Medicine 3:35.
    """
    _check_last_event(start, event, row_id)
    rows = check_rows(stop, event, entry=start)
    compute_risk_table(stop, event, entry=start, row_id=row_id)
    if not landmark >= 0:
        raise ValueError(f"landmark must be 0 or more, not {landmark}")
    starts, stops = np.asarray(start, dtype=np.float64), np.asarray(stop, dtype=np.float64)
    ids = compute_codes(row_id, len(stops), "row_id").code
    states = compute_codes(state, len(stops), "state")
    last = np.zeros(ids.max() + 1)
    np.maximum.at(last, ids, stops)
    kept = stops > landmark
    if not kept.any():
        raise ValueError(f"nobody is at risk after the landmark {landmark}")
    order = np.lexsort((starts[kept], ids[kept]))
    patient, current = ids[kept][order], states.code[kept][order]
    changes = (patient[1:] == patient[:-1]) & (current[1:] != current[:-1])
    curves = fit_kaplan_meier_by_group(
        stops[kept] - landmark,
        rows.event[kept],
        pd.Categorical.from_codes(states.code[kept], list(states.labels)),
        entry=np.maximum(starts[kept] - landmark, 0.0),
        row_id=ids[kept],
        robust=False,
        interval=interval,
        confidence=confidence,
        cause=cause,
    )
    return SimonMakuch(
        landmark=landmark,
        curves=curves,
        n=int(np.sum(last > landmark)),
        n_lost=int(np.sum(last <= landmark)),
        n_changed=len(np.unique(patient[1:][changes])),
    )
