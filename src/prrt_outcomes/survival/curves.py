"""Tables of an endpoint's curves: Kaplan-Meier with its summary and numbers at risk, and cumulative incidence."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from prrt_outcomes.cohort import grouping
from prrt_outcomes.statistics import cumulative_incidence
from prrt_outcomes.statistics.curve_summaries import compute_quantile, compute_rmst, summarise_milestones
from prrt_outcomes.statistics.kaplan_meier import KaplanMeier, fit_kaplan_meier, fit_reverse_kaplan_meier
from prrt_outcomes.statistics.logrank import GroupTest
from prrt_outcomes.statistics.risk_table import compute_risk_table, flag_at_risk
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.survival.cox_models import RATIO, RATIO_COLUMNS
from prrt_outcomes.survival.endpoint_rows import EndpointRows, find_start, select_known, start_at

TICK_STEPS_MONTHS = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240)
MAXIMUM_TICKS = 10


def summarise_curves(
    rows: EndpointRows, group_by: str, settings: AnalysisSettings
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Fit a curve to each group and write what readers look up in it.

    Yields names and parts of the result tables `km_curve` (a row at 0 and at each distinct time), `km_summary`,
    `km_at_risk` (axis ticks, counted just before the tick) and `milestones`, but for the column endpoint; one or
    several rows a group, groups in schema order.
    """
    ticks = choose_ticks(float(rows.time_months.max()))
    for label, part in rows.split(grouping.compute_group(rows.frame, group_by)):
        curve = fit_curve(part, settings)
        made = {
            "km_curve": tabulate_curve(curve, int((part.entry <= 0).sum())),
            "km_summary": _summarise_curve(curve, part, settings),
            "km_at_risk": _count_at_ticks(part, ticks),
            "milestones": tabulate_milestones(curve, part, settings),
        }
        for name, table in made.items():
            yield name, table.assign(group_by=group_by, group=label)


def fit_curve(rows: EndpointRows, settings: AnalysisSettings) -> KaplanMeier:
    """Kaplan-Meier curve of the patients, with the intervals that the study asks for.

    With late entry it is conditional on no event until the first month with enough patients at risk (`find_start`).
    """
    observed = start_at(rows, find_start(rows))
    return fit_kaplan_meier(
        (observed or rows).data, interval=settings.confidence.type, confidence=settings.confidence.level
    )


def choose_ticks(longest_months: float) -> np.ndarray:
    """Ticks of a time axis from 0 to the longest time: whole steps a reader counts in, ten at most."""
    rounded = float(np.ceil(longest_months / (MAXIMUM_TICKS - 1) / 120) * 120)
    step = next((s for s in TICK_STEPS_MONTHS if longest_months / s < MAXIMUM_TICKS), rounded)
    return np.arange(0.0, longest_months + 1e-9, step)


def tabulate_curve(curve: KaplanMeier, at_start: float) -> pd.DataFrame:
    """One row at 0, where survival is 1 by definition and `at_start` are at risk, and one at each distinct time."""
    columns = {
        "time_months": (0.0, curve.time),
        "n_at_risk": (at_start, curve.at_risk),
        "n_event": (0, curve.events),
        "n_censored": (0, curve.censored),
        "survival": (1.0, curve.survival),
        "std_error": (0.0, curve.std_error),
        "survival_low": (1.0, curve.lower),
        "survival_high": (1.0, curve.upper),
    }
    table = pd.DataFrame({name: np.append(first, values) for name, (first, values) in columns.items()})
    unknown = np.where(table["survival"] == 1.0, "no_events", "too_few")
    status = np.where(np.isfinite(table["survival_low"]), "ok", unknown).astype(object)
    if curve.status == "competing_censored":
        status[1:] = curve.status
    return table.assign(status=status)


def describe_median(curve: KaplanMeier) -> dict:
    """Patients, events and median of a curve; `status` is that of the curve, else of the median (`median_status`)."""
    median = compute_quantile(curve, 0.5)
    return {
        "n": curve.n,
        "events": curve.n_events,
        "median_months": median.time,
        "median_low": median.lower,
        "median_high": median.upper,
        "status": median.status if curve.status == "ok" else curve.status,
        "median_status": median.status,
    }


def _summarise_curve(curve: KaplanMeier, part: EndpointRows, settings: AnalysisSettings) -> pd.DataFrame:
    mean = compute_rmst(curve, settings.rmst_months)
    row = describe_median(curve) | {
        "follow_up_months": compute_quantile(fit_reverse_kaplan_meier(part.data), 0.5).time,
        "rmst_months": mean.rmst,
        "rmst_std_error": mean.std_error,
        "rmst_horizon_months": float(settings.rmst_months),
        "rmst_status": mean.status,
        "conditional_from_months": find_start(part),
    }
    return pd.DataFrame([row])


def _count_at_ticks(part: EndpointRows, ticks: np.ndarray) -> pd.DataFrame:
    at_risk, ended = flag_at_risk(part.data, ticks)
    happened = part.event == 1
    return pd.DataFrame(
        {
            "time_months": ticks,
            "n_at_risk": at_risk.sum(axis=1),
            "n_events_before": (ended & happened).sum(axis=1),
            "n_censored_before": (ended & ~happened).sum(axis=1),
        }
    )


def tabulate_milestones(curve: KaplanMeier, part: EndpointRows, settings: AnalysisSettings) -> pd.DataFrame:
    """Columns of result table `milestones` of one curve, one row a milestone."""
    months = np.asarray(settings.milestones_months, dtype=float)
    names = {"time": "time_months", "lower": "survival_low", "upper": "survival_high"}
    found = summarise_milestones(curve, months).rename(columns=names).drop(columns=["std_error", "at_risk"])
    start = find_start(part)
    before = (months <= start) & (start > 0)
    numbers = ["survival", "survival_low", "survival_high"]
    found.loc[before, numbers] = np.nan
    at_risk = flag_at_risk(part.data, months)[0].sum(axis=1)
    return found.assign(n_at_risk=at_risk, status=found["status"].mask(before, "too_few"))


def name_causes(definition: EndpointDefinition) -> dict[int, str]:
    """Names of the event codes 1 and 2 of an endpoint."""
    if definition.progression == "event" and definition.death == "competing":
        return {1: "progression", 2: "death"}
    return {1: "event", 2: "competing_event"}


def summarise_competing_risks(
    rows: EndpointRows, groupings: Sequence[str], causes: dict[int, str], settings: AnalysisSettings
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Describe and compare both causes of an endpoint with competing events.

    Yields names and parts of the result tables `competing_risks` (a row at 0 and at every distinct time, each cause
    and group), `competing_tests` (Gray) and `fine_gray` (multivariable), but for the column endpoint. Gray's test and
    Fine-Gray are not defined with late entry and are then left out.
    """
    for code, cause in causes.items():
        for group_by in (grouping.WHOLE, *groupings):
            for label, part in rows.split(grouping.compute_group(rows.frame, group_by)):
                curve = cumulative_incidence.fit_cumulative_incidence(
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
            known = select_known(rows, grouping.compute_group(rows.frame, group_by))
            if known is not None:
                test = compare_incidences(*known, code)
                row = vars(test) | {"test": "gray", "group_by": group_by, "cause": cause}
                df = row.pop("degrees_of_freedom")
                yield "competing_tests", pd.DataFrame([row | {"df": df if test.status == "ok" else np.nan}])
        model = _fit_subdistribution(rows, code, settings)
        if model is not None:
            yield "fine_gray", model.assign(cause=cause)


def compare_incidences(rows: EndpointRows, group: pd.Series, cause: int = 1) -> GroupTest:
    """Gray's test without groups of fewer than five patients or events; empty where fewer than two remain."""
    small = grouping.find_small(group, rows.event == cause)
    kept = ~group.isin(list(small)).to_numpy()
    if group[kept].nunique() < 2:
        return GroupTest(np.nan, 0, np.nan, next(iter(small.values())))
    left = group[kept].cat.remove_unused_categories()
    return cumulative_incidence.compute_gray_test(
        compute_risk_table(rows.select(kept).data, group=left, cause=cause)
    )


def _tabulate_incidence(curve: cumulative_incidence.CumulativeIncidence) -> pd.DataFrame:
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


def _fit_subdistribution(rows: EndpointRows, code: int, settings: AnalysisSettings) -> pd.DataFrame | None:
    covariates = rows.derive_covariates(settings.covariates)
    varying = covariates.loc[:, covariates.nunique() > 1]
    comparable, references = grouping.select_comparable(varying, settings.reference)
    if not len(comparable.columns):
        return None
    fit = cumulative_incidence.fit_fine_gray(
        rows.data, comparable, references=references, cause=code, confidence=settings.confidence.level
    )
    table = grouping.add_absent_levels(
        fit, grouping.list_levels(varying, settings.reference, rows.event == code)
    )
    table = table.rename(columns=RATIO_COLUMNS)
    return table[["term", "level", "reference", *RATIO, "status", *grouping.SIZES]]
