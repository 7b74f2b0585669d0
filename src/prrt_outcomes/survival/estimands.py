"""Medians and hazard ratios of every estimand of a study, and the times of the course of treatment."""

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import WHOLE, compute_group
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.cox_models import RATIO, RATIO_COLUMNS
from prrt_outcomes.survival.curves import describe_median, fit_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows, select_known
from prrt_outcomes.tables.frames import stack_tables
from prrt_outcomes.units import convert_days_to_months

INTERVALS = {
    "time_to_response": "time_to_response_days",
    "time_to_confirmed_response": "time_to_confirmed_response_days",
    "treatment_free_interval": "treatment_free_days",
}
TIMES = {"duration_of_response": False, "pfs_first": True, "pfs_retreatment": True}


def summarise_estimand_tables(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare all estimands of a study, and summarise the course of treatment.

    Returns result tables `estimand_comparison` and `course_summary`.
    """
    settings = study.analysis
    groupings = list_groupings(tables["analysis_set"], settings)
    analysis_set = tables["analysis_set"][["patient_id", *groupings[1:]]]
    compared = []
    for name, variant, table in split_estimands(tables, study):
        rows = select_endpoint_rows(table, analysis_set, name)
        if rows is not None:
            compared += [
                compare_groups(rows, group_by, settings).assign(endpoint=name, variant=variant)
                for group_by in groupings
            ]
    course = summarise_course(tables["treatment_course"], analysis_set, settings)
    return {"estimand_comparison": stack_tables("estimand_comparison", compared), "course_summary": course}


def list_groupings(analysis_set: pd.DataFrame, settings: AnalysisSettings) -> tuple[str, ...]:
    """`all` and the groupings of the study that the analysis set holds."""
    return (WHOLE, *[name for name in settings.group_by if name in analysis_set.columns])


def split_estimands(tables: dict[str, pd.DataFrame], study: Study) -> list[tuple[str, str, pd.DataFrame]]:
    """Name, variant (empty for the endpoint itself) and rows of each estimand."""
    variants = tables["endpoint_variants"]
    parts = []
    for definition in study.endpoints:
        parts.append((definition.name, "", tables["endpoints"]))
        own = variants[variants["endpoint"] == definition.name]
        for variant in own["variant"].cat.categories:
            chosen = own[own["variant"] == variant]
            if len(chosen):
                parts.append((definition.name, str(variant), chosen))
    return parts


def compare_groups(rows: EndpointRows, group_by: str, settings: AnalysisSettings) -> pd.DataFrame:
    """Median of each group and its hazard ratio against the reference.

    `rows`: patients of one estimand; competing events are censored (status `competing_censored`).
    Returns result table `estimand_comparison` but for endpoint and variant, one row a group. Patients whose group is
    not known have a median and no hazard ratio.
    """
    group = compute_group(rows.frame, group_by)
    table = pd.DataFrame(
        [
            describe_median(fit_curve(part, settings))
            | {"group": str(level), "n": part.n_patients, "events": int((part.event == 1).sum())}
            for level, part in rows.split(group)
        ]
    ).drop(columns="median_status")
    ratios = _fit_ratios(rows, group, group_by, settings) if group_by != WHOLE else None
    if ratios is None:
        empty = dict.fromkeys(RATIO[2:], np.nan)
        return table.assign(group_by=group_by, reference=None, hazard_ratio_status=None, **empty)
    return table.merge(ratios, on="group", how="left").assign(group_by=group_by)


def _fit_ratios(
    rows: EndpointRows, group: pd.Series, group_by: str, settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Hazard ratios of a univariable Cox model, one row a level; None without two groups or without the reference."""
    known = select_known(rows, group)
    reference = settings.reference.get(group_by)
    if known is None or reference not in known[1].cat.categories:
        return None
    part, members = known
    fit = fit_cox(
        part.cause_specific,
        pd.DataFrame({group_by: members.cat.set_categories(members.cat.categories, ordered=False)}),
        references={group_by: reference},
        confidence=settings.confidence.level,
    )
    table = fit.table.rename(columns=RATIO_COLUMNS | {"level": "group", "status": "hazard_ratio_status"})
    kept = ["group", *RATIO[2:], "hazard_ratio_status"]
    return table[kept].assign(group=table["group"].astype(str), reference=reference)


def summarise_course(
    course: pd.DataFrame, analysis_set: pd.DataFrame, settings: AnalysisSettings
) -> pd.DataFrame:
    """Time to response, treatment-free interval, duration of response, first and second PFS of the same patients.

    Returns the columns of result table `course_summary`. Retreated patients had to live long enough to be
    retreated: the row `pfs_first` describes them, not the cohort.
    """
    joined = course.merge(analysis_set, on="patient_id", how="left", suffixes=("", "_patient"))
    parts = []
    for group_by in list_groupings(joined, settings):
        for level, members in joined.groupby(compute_group(joined, group_by), observed=True):
            rows = [_quartiles(members, name, column) for name, column in INTERVALS.items()]
            rows += [_kaplan_meier(members, name, settings, again=again) for name, again in TIMES.items()]
            parts.append(pd.DataFrame(rows).assign(group_by=group_by, group=str(level), total=len(members)))
    return stack_tables("course_summary", parts)


def _quartiles(members: pd.DataFrame, name: str, column: str) -> dict:
    """Median and quartiles of an interval that is complete in those who have it."""
    months = convert_days_to_months(members[column].dropna().astype(float))
    low, median, high = months.quantile([0.25, 0.5, 0.75]) if len(months) else (np.nan,) * 3
    row = {"quantity": name, "n": len(months), "median_months": median, "low": low, "high": high}
    return row | {"spread": "quartiles", "status": "ok" if len(months) else "too_few"}


def _kaplan_meier(members: pd.DataFrame, name: str, settings: AnalysisSettings, *, again: bool) -> dict:
    """Median of a time to event by Kaplan-Meier; `again` keeps the retreated only."""
    chosen = members[members["retreated"].fillna(False).astype(bool)] if again else members
    chosen = chosen[chosen[f"{name}_days"].notna()]
    row = {"quantity": name, "n": len(chosen), "spread": "interval"}
    if chosen.empty:
        return row | {"status": "too_few"}
    months = convert_days_to_months(chosen[f"{name}_days"].to_numpy(float))
    rows = EndpointRows(name, months, chosen[f"{name}_event"].to_numpy("int64"), None, chosen)
    found = describe_median(fit_curve(rows, settings))
    names = {"events": "events", "median_months": "median_months", "low": "median_low", "high": "median_high"}
    return row | {name: found[own] for name, own in names.items()} | {"status": found["median_status"]}
