"""One comparison by every method: naive, landmark, Mantel-Byar and time-dependent Cox, always together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.responders.states import (
    StateHistory,
    StateRows,
    compute_landmark_limit,
    compute_state_at,
    derive_state_rows,
)
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.logrank import compute_logrank
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.statistics.time_dependent import compute_mantel_byar
from prrt_outcomes.survival.cox_models import RATIO, format_ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prrt_outcomes.survival.endpoint_rows import EndpointRows

STATE = "response_state"


@dataclass(frozen=True)
class Comparison:
    """A state held against a reference state.

    state, reference : names of states of `history`
    history : changes of state of the patients of `rows`
    rows : times of one endpoint
    covariates : baseline covariates of the same patients for the adjusted models; None for none
    references : reference level of each categorical covariate
    confidence : level of the intervals
    """

    state: str
    reference: str
    history: StateHistory
    rows: EndpointRows
    covariates: pd.DataFrame | None
    references: Mapping[str, str]
    confidence: float

    @property
    def name(self) -> str:
        """`state:reference`, as result tables have it."""
        return f"{self.state}:{self.reference}"

    @property
    def positions(self) -> tuple[int, int]:
        """Positions of reference and state among the states."""
        return self.history.states.index(self.reference), self.history.states.index(self.state)


def compare_by_all_methods(comparison: Comparison, landmark_months: Sequence[float]) -> list[dict]:
    """Compare two states by every method.

    Returns one row a method, landmark and adjustment with the columns of result table `responders` but for endpoint
    and criterion: the naive comparison always stands with the three that are free of its bias.
    Anderson, Cain and Gelber 1983, Journal of Clinical Oncology 1:710.
    """
    state_rows = derive_state_rows(
        comparison.history, comparison.rows.time_months, comparison.rows.event, comparison.rows.entry_months
    )
    found = _compare_fixed(comparison, comparison.history.final, 0.0, "naive")
    for month in landmark_months:
        state = compute_state_at(comparison.history, month)
        found += _compare_fixed(comparison, state, float(month), "landmark")
    found.append(_compare_mantel_byar(comparison, state_rows))
    found += _compare_time_dependent(comparison, state_rows)
    return [row | {"weighted": False} for row in found]


def select_landmark(
    comparison: Comparison, state: np.ndarray, month: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Patients still at risk after the landmark (time > landmark) and in one of the two states.

    Returns `chosen`: (n,) flags; `time`: times from the landmark, of the chosen; `entry`: late entries from the
    landmark, or None.
    """
    rows = comparison.rows
    chosen = (rows.time_months > compute_landmark_limit(month)) & np.isin(state, comparison.positions)
    entry = None if rows.entry_months is None else np.maximum(rows.entry_months[chosen] - month, 0.0)
    return chosen, rows.time_months[chosen] - month, entry


def _compare_fixed(comparison: Comparison, state: np.ndarray, month: float, method: str) -> list[dict]:
    """Groups fixed at a landmark; naive: at the end of observation, as if known at the start."""
    chosen, time, entry = select_landmark(comparison, state, month)
    inside = (state[chosen] == comparison.positions[1]).astype(float)
    counts = {
        "method": method,
        "comparison": comparison.name,
        "landmark_months": month if method == "landmark" else np.nan,
        "n": int(chosen.sum()),
        "excluded": int((~chosen).sum()),
        "events": int((comparison.rows.event[chosen] == 1).sum()),
    }
    if not 0 < inside.sum() < len(inside):
        return [_empty_ratio("too_few") | counts | {"adjusted": False, "statistic": np.nan}]
    data = SurvivalData(time, comparison.rows.event[chosen] == 1, entry)
    test = compute_logrank(compute_risk_table(data, group=inside))
    plain = counts | {"adjusted": False} | _fit_ratio(comparison, data, inside, None)
    plain |= {"statistic": test.statistic, "p_value": test.p_value}
    written = [plain if test.status == "ok" else plain | {"status": test.status}]
    if comparison.covariates is not None:
        adjusted = _fit_ratio(comparison, data, inside, np.flatnonzero(chosen))
        written.append(counts | {"adjusted": True, "statistic": np.nan} | adjusted)
    return written


def _select_states(comparison: Comparison, rows: StateRows) -> StateRows:
    """The rows in one of the two states."""
    used = np.isin(rows.state, comparison.positions)
    columns = {name: getattr(rows, name)[used] for name in ("patient", "start", "stop", "event", "state")}
    return replace(rows, **columns)


def _count_rows(comparison: Comparison, rows: StateRows) -> dict:
    n = len(np.unique(rows.patient))
    return {
        "comparison": comparison.name,
        "landmark_months": np.nan,
        "n": n,
        "excluded": len(comparison.rows.time_months) - n,
        "events": int((rows.event == 1).sum()),
    }


def _compare_mantel_byar(comparison: Comparison, state_rows: StateRows) -> dict:
    """Log-rank statistic on counting-process rows; patients in other states are not at risk meanwhile."""
    rows = _select_states(comparison, state_rows)
    base = _count_rows(comparison, rows) | {"method": "mantel_byar", "adjusted": False}
    inside = rows.state == comparison.positions[1]
    if not (0 < inside.sum() < len(inside)):
        return base | {"statistic": np.nan} | _empty_ratio("too_few")
    test = compute_mantel_byar(
        SurvivalData(rows.stop, rows.event == 1, entry=rows.start, id=rows.patient), inside.astype(int)
    )
    return base | _empty_ratio(test.status) | {"statistic": test.statistic, "p_value": test.p_value}


def _compare_time_dependent(comparison: Comparison, state_rows: StateRows) -> list[dict]:
    rows = _select_states(comparison, state_rows)
    base = _count_rows(comparison, rows) | {"method": "time_dependent_cox"}
    inside = (rows.state == comparison.positions[1]).astype(float)
    if not (0 < inside.sum() < len(inside)):
        return [base | {"adjusted": False, "statistic": np.nan} | _empty_ratio("too_few")]
    data = SurvivalData(rows.stop, rows.event == 1, rows.start)
    written = []
    for adjusted in (False, True):
        if adjusted and comparison.covariates is None:
            continue
        ratio = _fit_ratio(comparison, data, inside, rows.patient if adjusted else None)
        z = ratio["log_hazard_ratio"] / ratio["std_error"]
        written.append(base | {"adjusted": adjusted, "statistic": z * z} | ratio)
    return written


def _fit_ratio(
    comparison: Comparison, data: SurvivalData, inside: np.ndarray, patient: np.ndarray | None
) -> dict:
    """Hazard ratio of the state; with `patient` beside the baseline covariates of the patient of each row."""
    covariates = pd.DataFrame({STATE: inside})
    references = {}
    if comparison.covariates is not None and patient is not None:
        baseline = comparison.covariates.iloc[patient].reset_index(drop=True)
        complete = baseline.notna().all(axis=1)
        varying = [name for name in baseline.columns if baseline.loc[complete, name].nunique() > 1]
        covariates = pd.concat([covariates, baseline[varying]], axis=1)
        references = {
            name: level
            for name, level in comparison.references.items()
            if name in varying and level in set(baseline.loc[complete, name].dropna().astype(str))
        }
    if covariates.dropna()[STATE].nunique() < 2:
        return _empty_ratio("too_few")
    fit = fit_cox(data, covariates, references=references, confidence=comparison.confidence)
    return format_ratio(fit.table.loc[fit.table["term"] == STATE].iloc[0])


def _empty_ratio(status: str) -> dict:
    return dict.fromkeys(RATIO, np.nan) | {"status": status}
