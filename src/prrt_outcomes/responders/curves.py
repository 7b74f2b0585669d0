"""Survival by response: naive, from each landmark, and by current state (Simon-Makuch), always together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from prrt_outcomes.responders.states import compute_landmark_limit, compute_state_at, derive_state_rows
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, fit_kaplan_meier
from prrt_outcomes.statistics.time_dependent import fit_simon_makuch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prrt_outcomes.responders.states import StateHistory, StateRows
    from prrt_outcomes.statistics.kaplan_meier import IntervalType
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


def summarise_responder_curves(
    rows: EndpointRows,
    history: StateHistory,
    landmark_months: Sequence[float],
    confidence: float,
    interval: IntervalType = "log-log",
) -> pd.DataFrame:
    """Curves of responders and non-responders by every method.

    `landmark_months`: landmarks; Simon-Makuch curves start from 0 and from each of them.
    Returns columns of result table `responder_curves` but for endpoint. Time counts from the landmark; each curve
    begins with a row at 0. Curves that start at 0 have tiny early risk sets in the responders: their status is
    ``too_few`` where one early event takes them to 0.
    """
    scale: dict[str, Any] = {"confidence": confidence, "interval": interval}
    parts = [_fixed(rows, history.final, history.states, None, scale)]
    for month in landmark_months:
        state = compute_state_at(history, month)
        parts.append(_fixed(rows, state, history.states, float(month), scale))
    state_rows = derive_state_rows(history, rows.time_months, rows.event, rows.entry_months)
    last = rows.time_months.max()
    for month in (0.0, *landmark_months):
        if month >= last:
            continue
        found = fit_simon_makuch(
            SurvivalData(state_rows.stop, state_rows.event, entry=state_rows.start, id=state_rows.patient),
            state_rows.state,
            landmark=float(month),
            **scale,
        )
        for name, curve in found.items():
            position = int(str(name))
            at_start = _count(state_rows, position, month)
            parts.append(_tabulate(curve, history.states[position], "simon_makuch", float(month), at_start))
    return pd.concat(parts, ignore_index=True)


def _fixed(
    rows: EndpointRows, state: np.ndarray, states: Sequence[str], month: float | None, scale: dict
) -> pd.DataFrame:
    origin = month or 0.0
    after = rows.time_months > compute_landmark_limit(origin)
    tables = []
    for position, name in enumerate(states):
        chosen = after & (state == position)
        if not chosen.any():
            continue
        entry = None if rows.entry_months is None else np.maximum(rows.entry_months[chosen] - origin, 0.0)
        curve = fit_kaplan_meier(
            SurvivalData(rows.time_months[chosen] - origin, rows.event[chosen], entry=entry), **scale
        )
        at_start = curve.n if entry is None else int((entry <= 0).sum())
        tables.append(_tabulate(curve, name, "naive" if month is None else "landmark", month, at_start))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _count(rows: StateRows, state: int, month: float) -> int:
    """Patients in the state at the landmark and at risk after it."""
    return int(((rows.state == state) & (rows.start <= month) & (rows.stop > month)).sum())


def _tabulate(
    curve: KaplanMeier, group: str, method: str, month: float | None, at_start: int
) -> pd.DataFrame:
    status = np.where(curve.survival > 0, "ok", "too_few").astype(object)
    if curve.status != "too_few":
        status[:] = "ok" if curve.status == "ok" else curve.status
    return pd.DataFrame(
        {
            "method": method,
            "landmark_months": np.nan if month is None else month,
            "group": group,
            "time_months": np.concatenate(([0.0], curve.time)),
            "n_at_risk": np.concatenate(([at_start], curve.at_risk)),
            "survival": np.concatenate(([1.0], curve.survival)),
            "survival_low": np.concatenate(([1.0], curve.lower)),
            "survival_high": np.concatenate(([1.0], curve.upper)),
            "n_event": np.concatenate(([0.0], curve.events)),
            "n_censored": np.concatenate(([0.0], curve.censored)),
            "status": np.concatenate((["ok"], status)),
        }
    )
