"""Cohort and control side by side: their patients stacked, and hazard ratio, medians, survival and restricted means."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import compute_group, derive_covariates
from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.curve_summaries import (
    compute_milestone_difference,
    compute_quantile,
    compute_rmst_difference,
)
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, fit_kaplan_meier
from prrt_outcomes.statistics.weights import compute_effective_sample_size
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.units import convert_days_to_months

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import ControlBase, PatientsControl


@dataclass(frozen=True)
class TwoSamples:
    """Cohort and control stacked, one element a patient, the cohort first.

    Attributes
    ----------
    time_months, event : end of observation and 0/1 (competing events are censored)
    entry_months : late entry, or None where nobody enters late
    in_cohort : True for our patients
    covariates : baseline covariates that both sides have; no columns where the control names none
    centre : side and centre of each patient, within which patients are resampled
    """

    time_months: np.ndarray
    event: np.ndarray
    entry_months: np.ndarray | None
    in_cohort: np.ndarray
    covariates: pd.DataFrame
    centre: np.ndarray

    def select(self, rows: np.ndarray) -> TwoSamples:
        """The patients where `rows` is true."""
        entry = None if self.entry_months is None else self.entry_months[rows]
        return TwoSamples(
            self.time_months[rows],
            self.event[rows],
            entry,
            self.in_cohort[rows],
            self.covariates.loc[rows].reset_index(drop=True),
            self.centre[rows],
        )

    def start_at(self, months: float) -> TwoSamples:
        """Those still observed after some months, who enter observation then at the earliest."""
        entry = np.zeros(len(self.time_months)) if self.entry_months is None else self.entry_months
        late = replace(self, entry_months=np.maximum(entry, months))
        return late.select(self.time_months > late.entry_months)


def label_centres(frame: pd.DataFrame, side: str) -> np.ndarray:
    """Side and centre of each row; one centre where the table names none."""
    if "centre_id" not in frame.columns:
        return np.full(len(frame), side, dtype=object)
    return (side + ":" + frame["centre_id"].astype("string").fillna("")).to_numpy(dtype=object)


def select_cohort(
    tables: dict[str, pd.DataFrame], control: ControlBase
) -> tuple[EndpointRows | None, list[dict]]:
    """Our patients whom a control is compared with.

    Parameters
    ----------
    tables : endpoints, analysis_set
    control : `endpoint`, and `within` (column: levels)

    Returns
    -------
    rows : None where nobody is left
    attrition : one row a column of `within`
    """
    rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], control.endpoint)
    losses: list[dict] = []
    if rows is None:
        return None, losses
    for column, levels in control.within.items():
        inside = compute_group(rows.frame, column).astype(str).isin(levels).to_numpy()
        step = f"controls: {control.id}"
        reason = f"{column} is not {' or '.join(levels)}"
        losses.append(attrition_row("endpoints", "patients", step, reason, len(inside), int((~inside).sum())))
        rows = rows.select(inside)
    return (rows if len(rows.time_months) else None), losses


def stack_samples(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: PatientsControl, endpoint: str = ""
) -> tuple[TwoSamples | None, list[dict]]:
    """Stack our patients and the rows of a control with individual patients.

    Parameters
    ----------
    tables : control_patients, control_outcomes
    cohort : our patients
    control : `source`, `endpoint`, `covariates`
    endpoint : another endpoint of the control's patients, where it is not the control's

    Returns
    -------
    samples : None where the control has no row for the endpoint
    attrition : control patients of another source, without a time for the endpoint, or never under observation
    """
    import pandas as pd

    people, outcomes = tables["control_patients"], tables["control_outcomes"]
    endpoint = endpoint or control.endpoint
    step, losses = f"controls: {control.id}", []
    if control.source is not None:
        inside = people["source"].eq(control.source).fillna(False)
        reason = f"source is not {control.source}"
        losses.append(
            attrition_row("control_patients", "patients", step, reason, len(people), int((~inside).sum()))
        )
        people = people.loc[inside]
    own = outcomes.loc[outcomes["endpoint"].eq(endpoint)]
    joined = people.merge(own, on="patient_id", how="inner", validate="one_to_one")
    reason = f"no {endpoint} in control_outcomes"
    missing = len(people) - len(joined)
    losses.append(attrition_row("control_patients", "patients", step, reason, len(people), missing))
    unseen = joined["entry_time"].ge(joined["time"].clip(lower=0.5)).fillna(False).to_numpy(dtype=bool)
    reason = "comes under observation only at or after the end of it"
    losses.append(attrition_row("control_patients", "patients", step, reason, len(joined), int(unseen.sum())))
    joined = joined.loc[~unseen]
    if joined.empty:
        return None, losses
    entry_days = joined["entry_time"].to_numpy(dtype=float, na_value=np.nan)
    entry = convert_days_to_months(np.nan_to_num(entry_days))
    ours = np.zeros(len(cohort.time_months)) if cohort.entry_months is None else cohort.entry_months
    entries = np.concatenate([ours, entry])
    days = joined["time"].to_numpy(dtype=float)
    times = convert_days_to_months(np.where(days == 0, 0.5, days))
    names = control.covariates
    covariates = pd.concat([cohort.frame[list(names)], joined[list(names)]], ignore_index=True)
    return (
        TwoSamples(
            time_months=np.concatenate([cohort.time_months, times]),
            event=np.concatenate([cohort.event, joined["event"].to_numpy(dtype="int64")]) == 1,
            entry_months=entries if (entries > 0).any() else None,
            in_cohort=np.arange(len(entries)) < len(ours),
            covariates=derive_covariates(_align(covariates, cohort.frame), names),
            centre=np.concatenate([label_centres(cohort.frame, "cohort"), label_centres(joined, "control")]),
        ),
        losses,
    )


def _align(stacked: pd.DataFrame, template: pd.DataFrame) -> pd.DataFrame:
    """Give stacked columns the types of our side: concatenating two categories may have made text of them."""
    return stacked.astype({name: template[name].dtype for name in stacked.columns})


COHORT = "cohort"


def compare_two_samples(
    samples: TwoSamples,
    settings: AnalysisSettings,
    *,
    weights: np.ndarray | None = None,
    label: str = "none",
    cluster: np.ndarray | None = None,
) -> list[dict]:
    """Compare cohort and control, weighted or not.

    Parameters
    ----------
    samples : cohort and control
    settings : confidence, milestones_months, rmst_months
    weights : (n,) balancing weights above 0, or None
    label : code of the weighting for the column `weights`
    cluster : (n,) matched set of each patient, whose errors go together, or None

    Returns
    -------
    Rows of `controls`: hazard ratio (Cox, Efron; robust variance when weighted), median of both sides,
    difference of survival at each milestone and of the restricted mean, cohort minus control.
    """
    group = samples.in_cohort
    sizes = {"n": int(group.sum()), "n_control": int((~group).sum())}
    for name, members in (("ess", group), ("ess_control", ~group)):
        own = np.ones(int(members.sum())) if weights is None else weights[members]
        sizes[name] = compute_effective_sample_size(own)
    curves = fit_both_curves(samples, settings, weights, cluster)
    shared = sizes | {"weights": label, "observed": float(samples.event[group].sum())}
    return [
        compare_hazards(samples, weights, settings, shared, cluster),
        *_compare_medians(curves, shared),
        *_compare_milestones(curves, settings, shared),
        _compare_means(curves, settings, shared),
    ]


def fit_both_curves(
    samples: TwoSamples,
    settings: AnalysisSettings,
    weights: np.ndarray | None = None,
    cluster: np.ndarray | None = None,
) -> dict[str, KaplanMeier]:
    """Kaplan-Meier curves of `cohort` and `control`, weighted or not; parameters as `compare_two_samples`."""
    curves = {}
    for name, members in (("cohort", samples.in_cohort), ("control", ~samples.in_cohort)):
        own = samples.select(members)
        curves[name] = fit_kaplan_meier(
            own.time_months,
            own.event,
            entry=own.entry_months,
            weights=None if weights is None else weights[members],
            cluster=None if cluster is None else cluster[members],
            robust=weights is not None,
            interval=settings.confidence.type,
            confidence=settings.confidence.level,
        )
    return curves


def compare_hazards(
    samples: TwoSamples,
    weights: np.ndarray | None,
    settings: AnalysisSettings,
    shared: dict,
    cluster: np.ndarray | None = None,
) -> dict:
    """Row of `controls` with the hazard ratio of the cohort; `shared` fills columns of the row."""
    import pandas as pd

    fit = fit_cox(
        samples.time_months,
        samples.event.astype(float),
        pd.DataFrame({COHORT: samples.in_cohort.astype(float)}),
        entry=samples.entry_months,
        weights=weights,
        cluster=cluster,
        robust=weights is not None,
        confidence=settings.confidence.level,
    )
    row = fit.table.iloc[0]
    return comparison_row(
        "cox",
        "hazard_ratio",
        value=row["hazard_ratio"],
        low=row["lower"],
        high=row["upper"],
        std_error=row["std_error"],
        statistic=row["z"],
        p_value=row["p_value"],
        status=row["status"],
        **shared,
    )


def _compare_medians(curves: dict[str, KaplanMeier], shared: dict) -> list[dict]:
    rows = []
    for name, estimate in (("cohort", "median"), ("control", "median_control")):
        found = compute_quantile(curves[name], 0.5)
        rows.append(
            comparison_row(
                "kaplan_meier",
                estimate,
                value=found.time,
                low=found.lower,
                high=found.upper,
                status=found.status,
                **shared,
            )
        )
    return rows


def _compare_milestones(
    curves: dict[str, KaplanMeier], settings: AnalysisSettings, shared: dict
) -> list[dict]:
    rows = []
    for month in settings.milestones_months:
        found = compute_milestone_difference(
            curves["cohort"], curves["control"], float(month), settings.confidence.level
        )
        rows.append(_difference_row("kaplan_meier", "survival_difference", found, float(month), shared))
    return rows


def _compare_means(curves: dict[str, KaplanMeier], settings: AnalysisSettings, shared: dict) -> dict:
    horizon = float(settings.rmst_months)
    found = compute_rmst_difference(curves["cohort"], curves["control"], horizon, settings.confidence.level)
    return _difference_row("rmst", "rmst_difference", found, horizon, shared)


def _difference_row(method: str, estimate: str, found, horizon: float, shared: dict) -> dict:
    return comparison_row(
        method,
        estimate,
        horizon_months=horizon,
        value=found.difference,
        low=found.lower,
        high=found.upper,
        std_error=found.std_error,
        p_value=found.p_value,
        status=found.status,
        **shared,
    )
