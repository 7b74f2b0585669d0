"""Responders compared by every method, with survival by response: naive, landmark and time-dependent together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import select_comparable
from prrt_outcomes.responders.states import (
    StateHistory,
    compute_landmark_limit,
    compute_state_at,
    convert_state_rows,
    derive_state_rows,
    start_at_landmark,
)
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.logrank import compute_logrank, compute_mantel_byar, fit_simon_makuch
from prrt_outcomes.statistics.model_rows import derive_design_matrix
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.cox_models import RATIO, format_ratio, pool_ratio
from prrt_outcomes.survival.curves import fit_curve, tabulate_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows

STATE = "response_state"
EMPTY_RATIO = dict.fromkeys(RATIO, np.nan) | {"status": "too_few"}


@dataclass(frozen=True)
class Comparison:
    """A state held against a reference state.

    state, reference : names of states of `history`
    history : changes of state of the patients of `rows`
    covariates : baseline covariates of the same patients for the adjusted models; None for none
    imputed : covariates completed several times; none for complete cases alone
    """

    state: str
    reference: str
    history: StateHistory
    rows: EndpointRows
    covariates: pd.DataFrame | None
    confidence: float
    imputed: tuple[pd.DataFrame, ...] = ()

    @property
    def name(self) -> str:
        """`state:reference`, as result tables have it."""
        return f"{self.state}:{self.reference}"

    @property
    def positions(self) -> tuple[int, int]:
        """Positions of reference and state among the states."""
        return self.history.states.index(self.reference), self.history.states.index(self.state)

    def pool(self, fits: list[dict], coefficients: int = 1) -> dict:
        """One row of the same model in every imputed set."""
        counts = {name: fits[0][name] for name in ("n", "excluded", "events")}
        freedom = float(counts["events"] - coefficients)
        return counts | pool_ratio(fits, freedom, self.confidence) | {"imputed": True}

    def find_at_risk(self, state: np.ndarray, month: float) -> np.ndarray:
        """(n,) flags of who is at risk after a landmark (time > landmark) and in one of the two states at it."""
        return (self.rows.time_months > compute_landmark_limit(month)) & np.isin(state, self.positions)

    def describe(self, method: str, n: int, events: int, month: float | None = None) -> dict:
        """Row of `responders` that says who is compared and has no result yet; `month`: that of a landmark."""
        row = {"method": method, "comparison": self.name, "n": n, "events": events, "statistic": np.nan}
        row |= {"excluded": len(self.rows.time_months) - n}
        row |= dict.fromkeys(("adjusted", "weighted", "imputed"), False)
        return row | {"landmark_months": np.nan if month is None else month} | EMPTY_RATIO


def compare_by_all_methods(comparison: Comparison, landmark_months: Sequence[float]) -> list[dict]:
    """Compare two states by every method.

    Returns one row a method, landmark and adjustment with the columns of result table `responders` but for endpoint
    and criterion: the naive comparison always stands with the three that are free of its bias.
    Anderson, Cain and Gelber 1983, Journal of Clinical Oncology 1:710.
    """
    months = [float(month) for month in landmark_months]
    found = [row for month in (None, *months) for row in _compare_fixed(comparison, month)]
    return [*found, *_compare_moving(comparison), *(_compare_moving_from(comparison, m) for m in months)]


def _fix_states(history: StateHistory, month: float | None) -> tuple[str, float, np.ndarray]:
    """Method, start of time and states fixed at a landmark; naive without one: those of the end, as if known then."""
    if month is None:
        return "naive", 0.0, history.final
    return "landmark", month, compute_state_at(history, month)


def _compare_fixed(comparison: Comparison, month: float | None) -> list[dict]:
    """Groups fixed at a landmark; naive without one."""
    method, origin, state = _fix_states(comparison.history, month)
    chosen = comparison.find_at_risk(state, origin)
    rows = start_at_landmark(comparison.rows, chosen, origin)
    inside = state[chosen] == comparison.positions[1]
    base = comparison.describe(method, len(inside), int((rows.event == 1).sum()), month)
    if not 0 < inside.sum() < len(inside):
        return [base]
    test = compute_logrank(compute_risk_table(rows.cause_specific, group=inside))
    found = _fit_ratios(comparison, base, rows.cause_specific, inside, np.flatnonzero(chosen))
    found[0] |= {"statistic": test.statistic, "p_value": test.p_value}
    if test.status != "ok":
        found[0]["status"] = test.status
    return found


def _select_moving(
    comparison: Comparison, month: float = 0.0
) -> tuple[pd.DataFrame, np.ndarray, tuple[int, int]]:
    """Rows of patients in the two states, after a landmark; whether in the state; numbers of patients and events.

    Patients in other states are not at risk meanwhile.
    """
    rows = derive_state_rows(comparison.history.changes, comparison.rows)
    rows = rows.loc[rows["state"].isin(comparison.positions) & (rows["stop"] > compute_landmark_limit(month))]
    inside = (rows["state"] == comparison.positions[1]).to_numpy()
    counts = rows["patient"].nunique(), int((rows["event"] == 1).sum())
    return rows.assign(start=rows["start"].clip(lower=month)), inside, counts


def _compare_moving(comparison: Comparison) -> list[dict]:
    """Mantel-Byar and time-dependent Cox."""
    rows, inside, counts = _select_moving(comparison)
    byar, cox = (comparison.describe(method, *counts) for method in ("mantel_byar", "time_dependent_cox"))
    if not 0 < inside.sum() < len(inside):
        return [byar, cox]
    data = convert_state_rows(rows)
    test = compute_mantel_byar(data, inside)
    byar |= {"statistic": test.statistic, "p_value": test.p_value, "status": test.status}
    found = _fit_ratios(comparison, cox, data, inside, rows["patient"].to_numpy())
    return [byar, *(row | {"statistic": (row["log_hazard_ratio"] / row["std_error"]) ** 2} for row in found)]


def _compare_moving_from(comparison: Comparison, month: float) -> dict:
    """Time-dependent Cox of those at risk after a landmark: the ratio that belongs to Simon-Makuch curves from it."""
    rows, inside, counts = _select_moving(comparison, month)
    base = comparison.describe("simon_makuch", *counts, month)
    if not 0 < inside.sum() < len(inside):
        return base
    state = pd.DataFrame({STATE: inside.astype(float)})
    return base | _fit_ratio(comparison, convert_state_rows(rows), state, rows["patient"].to_numpy())


def _fit_ratios(
    comparison: Comparison, base: dict, data: SurvivalData, inside: np.ndarray, patient: np.ndarray
) -> list[dict]:
    """`base` with the hazard ratio of the state, and beside the baseline covariates: complete cases, and imputed."""
    state = pd.DataFrame({STATE: inside.astype(float)})
    found = [base | _fit_ratio(comparison, data, state, patient)]
    if comparison.covariates is not None:
        baseline = comparison.covariates.iloc[patient].reset_index(drop=True)
        covariates, _ = select_comparable(baseline.loc[:, baseline.nunique() > 1], {})
        if len(covariates.columns):
            both = pd.concat([state, covariates], axis=1)
            found.append(base | {"adjusted": True} | _fit_ratio(comparison, data, both, patient))
            names = [name for name in comparison.covariates if baseline[name].nunique() > 1]
            sets = [
                state.join(frame[names].iloc[patient].reset_index(drop=True)) for frame in comparison.imputed
            ]
            if sets:
                fits = [_fit_ratio(comparison, data, one, patient) for one in sets]
                coefficients = len(derive_design_matrix(sets[0]).columns)
                found.append(base | {"adjusted": True} | comparison.pool(fits, coefficients))
    return found


def _fit_ratio(
    comparison: Comparison, data: SurvivalData, covariates: pd.DataFrame, patient: np.ndarray
) -> dict:
    """Hazard ratio of the state with the patients and events of the rows in which every covariate is known."""
    complete = covariates.notna().all(axis=1).to_numpy()
    n = len(np.unique(patient[complete]))
    counts = {"n": n, "excluded": len(comparison.rows.time_months) - n}
    counts["events"] = int((data.event[complete] == 1).sum())
    if covariates.loc[complete, STATE].nunique() < 2:
        return counts | EMPTY_RATIO
    fit = fit_cox(data, covariates, confidence=comparison.confidence)
    return counts | format_ratio(fit.table.iloc[0])


def summarise_responder_curves(
    rows: EndpointRows, history: StateHistory, settings: AnalysisSettings
) -> pd.DataFrame:
    """Curves of responders and non-responders by every method.

    `settings`: landmark_months, confidence; Simon-Makuch curves start from 0 and from each landmark.
    Returns columns of result table `responder_curves` but for endpoint. Time counts from the landmark; each curve
    begins with a row at 0. Curves that start at 0 have tiny early risk sets in the responders: their status is
    ``too_few`` from where one early event takes them to 0.
    """
    months = [float(month) for month in settings.landmark_months]
    parts = [part for month in (None, *months) for part in _fit_fixed(rows, history, month, settings)]
    split = derive_state_rows(history.changes, rows)
    data = convert_state_rows(split, cause_specific=False)
    last = rows.time_months.max()
    how: dict = {"interval": settings.confidence.type, "confidence": settings.confidence.level}
    for month in (month for month in (0.0, *months) if month < last):
        curves = fit_simon_makuch(data, split["state"], landmark=month, **how)
        there = split.loc[(split["start"] <= month) & (split["stop"] > month), "state"]
        for position, name in enumerate(history.states):
            if position in curves:
                table = tabulate_curve(curves[position], int((there == position).sum()))
                parts.append(table.assign(method="simon_makuch", landmark_months=month, group=name))
    return pd.concat(parts, ignore_index=True).drop(columns="std_error")


def _fit_fixed(
    rows: EndpointRows, history: StateHistory, month: float | None, settings: AnalysisSettings
) -> Iterator[pd.DataFrame]:
    """Curves of groups fixed at a landmark; naive without one."""
    method, origin, state = _fix_states(history, month)
    after = rows.time_months > compute_landmark_limit(origin)
    for position, name in enumerate(history.states):
        chosen = after & (state == position)
        if chosen.any():
            part = start_at_landmark(rows, chosen, origin)
            table = tabulate_curve(fit_curve(part, settings), int((part.entry <= 0).sum()))
            yield table.assign(method=method, landmark_months=np.nan if month is None else month, group=name)
