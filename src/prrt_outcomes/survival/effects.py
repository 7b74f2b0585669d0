"""Hazard ratios by period of follow-up and by subgroup."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import select_comparable
from prrt_outcomes.statistics.cox_diagnostics import summarise_proportional_hazards
from prrt_outcomes.statistics.hazard_ratios import (
    fit_piecewise_hazard_ratio,
    summarise_subgroup_hazard_ratios,
)
from prrt_outcomes.statistics.logrank import compute_holm
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.cox_models import RATIO, RATIO_COLUMNS
from prrt_outcomes.survival.endpoint_rows import EndpointRows


def summarise_periods(
    rows: EndpointRows, groupings: Sequence[str], settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Hazard ratio of each group by period between the milestones, beside the single one.

    `settings`: milestones_months are the cuts, as far as events follow them; reference.
    Returns result table `hazard_ratio_periods` but for the column endpoint, one row a grouping, group and period, with
    the test that the ratio is the same in all periods, adjusted by Holm over the groupings whose ratios are all `ok`,
    and the proportional-hazards test of the single model. A grouping with fewer than two groups is left out; None
    where none is left or no milestone lies between events.
    """
    parts = [_summarise_periods(rows, group_by, settings) for group_by in groupings]
    fitted = [part for part in parts if part is not None]
    if not fitted:
        return None
    table = pd.concat(fitted, ignore_index=True)
    of_grouping = table.groupby("group_by", sort=False)
    tests = of_grouping["equality_p_value"].first()[of_grouping["status"].agg(lambda s: s.eq("ok").all())]
    adjusted = pd.Series(compute_holm(tests.to_numpy(dtype=float)), index=tests.index, dtype="float64")
    return table.assign(equality_p_adjusted=table["group_by"].map(adjusted))


def _summarise_periods(rows: EndpointRows, group_by: str, settings: AnalysisSettings) -> pd.DataFrame | None:
    groups, references = select_comparable(rows.derive_covariates((group_by,)), settings.reference)
    happened = rows.time_months[rows.event == 1]
    cuts = [m for m in settings.milestones_months if len(happened) and happened.min() <= m < happened.max()]
    if not len(groups.columns) or not cuts:
        return None
    fit = fit_piecewise_hazard_ratio(
        rows.cause_specific,
        groups[group_by],
        cuts,
        references=references,
        confidence=settings.confidence.level,
    )
    proportional = summarise_proportional_hazards(fit.single)["p_value"].iloc[-1]
    table = fit.table.rename(
        columns=RATIO_COLUMNS | {"period_start": "start_months", "period_stop": "stop_months"}
    )
    kept = ["level", "reference", "start_months", "stop_months", "n_at_risk", "events", *RATIO, "status"]
    return table[kept].assign(
        group_by=group_by,
        equality_df=fit.equality.degrees_of_freedom or np.nan,
        equality_p_value=fit.equality.p_value,
        proportional_p_value=proportional,
    )


def summarise_subgroups(rows: EndpointRows, settings: AnalysisSettings) -> pd.DataFrame | None:
    """Hazard ratio of one effect within the levels of other baseline columns, with interaction tests.

    `settings`: `subgroups`: the effect and the columns within whose levels it is estimated.
    Returns result table `subgroups` but for the column endpoint, ``overall`` first; None where the study names no
    effect or it does not vary.
    """
    wanted = settings.subgroups
    if wanted is None or wanted.effect not in rows.frame.columns:
        return None
    effect, references = select_comparable(rows.derive_covariates((wanted.effect,)), settings.reference)
    within = rows.derive_covariates(wanted.within)
    if not len(effect.columns) or not len(within.columns):
        return None
    found = summarise_subgroup_hazard_ratios(
        rows.cause_specific,
        effect[wanted.effect],
        within.loc[:, within.nunique() > 1],
        reference=references.get(wanted.effect),
        confidence=settings.confidence.level,
    )
    table = found.rename(columns=RATIO_COLUMNS | {"n_rows": "n"})
    kept = ["subgroup", "subgroup_level", "term", "level", "reference", "n", "events", *RATIO]
    return table[[*kept, "interaction_p_value", "status"]]
