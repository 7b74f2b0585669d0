"""Survival by response: naive, from each landmark, and by current state (Simon-Makuch), always together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.responders.states import (
    compute_landmark_limit,
    compute_state_at,
    convert_state_rows,
    derive_state_rows,
    start_at_landmark,
)
from prrt_outcomes.statistics.time_dependent import fit_simon_makuch
from prrt_outcomes.survival.curves import fit_curve, tabulate_curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prrt_outcomes.responders.states import StateHistory
    from prrt_outcomes.statistics.kaplan_meier import KaplanMeier
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


def summarise_responder_curves(
    rows: EndpointRows, history: StateHistory, settings: AnalysisSettings
) -> pd.DataFrame:
    """Curves of responders and non-responders by every method.

    `settings`: landmark_months, confidence; Simon-Makuch curves start from 0 and from each landmark.
    Returns columns of result table `responder_curves` but for endpoint. Time counts from the landmark; each curve
    begins with a row at 0. Curves that start at 0 have tiny early risk sets in the responders: their status is
    ``too_few`` where one early event takes them to 0.
    """
    parts = _fit_fixed(rows, history.final, history.states, None, settings)
    for month in settings.landmark_months:
        parts += _fit_fixed(rows, compute_state_at(history, month), history.states, float(month), settings)
    split = derive_state_rows(history.changes, rows)
    data = convert_state_rows(split, cause_specific=False)
    last = rows.time_months.max()
    for month in (0.0, *settings.landmark_months):
        if month >= last:
            continue
        curves = fit_simon_makuch(
            data,
            split["state"],
            landmark=float(month),
            interval=settings.confidence.type,
            confidence=settings.confidence.level,
        )
        there = split.loc[(split["start"] <= month) & (split["stop"] > month), "state"]
        for position, name in enumerate(history.states):
            if position in curves:
                table = _tabulate(curves[position], int((there == position).sum()))
                parts.append(table.assign(method="simon_makuch", landmark_months=float(month), group=name))
    return pd.concat(parts, ignore_index=True)


def _fit_fixed(
    rows: EndpointRows,
    state: np.ndarray,
    states: Sequence[str],
    month: float | None,
    settings: AnalysisSettings,
) -> list[pd.DataFrame]:
    """Curves of groups fixed at a landmark; naive without one."""
    method, origin = ("naive", 0.0) if month is None else ("landmark", month)
    after = rows.time_months > compute_landmark_limit(origin)
    tables = []
    for position, name in enumerate(states):
        chosen = after & (state == position)
        if chosen.any():
            part = start_at_landmark(rows, chosen, origin)
            table = _tabulate(fit_curve(part, settings), int((part.entry <= 0).sum()))
            landmark = np.nan if month is None else month
            tables.append(table.assign(method=method, landmark_months=landmark, group=name))
    return tables


def _tabulate(curve: KaplanMeier, at_start: int) -> pd.DataFrame:
    table = tabulate_curve(curve, at_start).drop(columns="std_error")
    status = np.where(table["survival"] > 0, "ok", "too_few").astype(object)
    if curve.status != "too_few":
        status[1:] = curve.status
    return table.assign(status=status)
