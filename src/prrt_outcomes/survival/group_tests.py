"""Groups of an endpoint compared: log-rank and its relatives, MaxCombo, restricted means, periods, subgroups."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import compute_group, find_small, select_comparable
from prrt_outcomes.statistics.curve_summaries import UNKNOWN_DIFFERENCE, compute_rmst_difference
from prrt_outcomes.statistics.hazard_ratios import (
    fit_piecewise_hazard_ratio,
    summarise_proportional_hazards,
    summarise_subgroup_hazard_ratios,
)
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.statistics.logrank import compute_holm, compute_logrank, compute_maxcombo
from prrt_outcomes.statistics.risk_table import RiskTable, compute_risk_table
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.cox_models import RATIO, RATIO_COLUMNS
from prrt_outcomes.survival.endpoint_rows import EndpointRows, find_start, select_known, start_at

TESTS: dict[str, dict] = {name: {"weight": name} for name in ("logrank", "gehan", "tarone_ware", "peto")}
TESTS |= {
    f"fh_{rho}_{gamma}": {"weight": "fleming_harrington", "rho": rho, "gamma": gamma}
    for rho, gamma in ((1, 0), (0, 1), (1, 1))
}
MAXCOMBO = "maxcombo"
# Events expected by group and period: the least, the usual minimum, and the share that may lie below it.
# Cochran 1954, Biometrics 10:417.
EXPECTED = (1, 5, 0.2)


def summarise_group_tests(
    rows: EndpointRows, group_by: str, settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Test whether the groups differ, over all groups and pair by pair.

    `settings`: strata (adds the stratified tests), reference.
    Returns result table `logrank` but for the column endpoint: with all groups, one row a test (`group` and
    `reference` empty); with three or more groups also one row a test and pair, `p_adjusted` by Holm over the pairs of
    a test. None where there are fewer than two groups. Patients whose group is not known are left out.
    Groups of fewer than five patients or events are not compared: the test over all groups is that of the others; a
    pair with one of them is empty with status `too_few` or `too_few_events`, as is a test for which
    fewer than two remain.
    MaxCombo compares two groups and is not written with more. Its statistic is the largest absolute z and has no
    degrees of freedom.
    """
    known = select_known(rows, compute_group(rows.frame, group_by))
    if known is None:
        return None
    part, group = known
    levels = list(group.cat.categories)
    small = find_small(group, part.event)
    kept = (~group.isin(list(small))).to_numpy()
    part, group = part.select(kept), group[kept].cat.remove_unused_categories()
    reference = settings.reference.get(group_by)
    # Within strata of the grouping itself there is nothing to compare.
    names = [name for name in settings.strata or () if name != group_by]
    written = []
    for strata in ([], names) if names else ([],):
        table = status = None
        if len(group.cat.categories) > 1:
            table = compute_risk_table(replace(part.data, strata=part.derive_strata(strata)), group=group)
        else:
            status = next(iter(small.values()))
        names_of_tests = [*TESTS, MAXCOMBO] if len(group.cat.categories) == 2 else list(TESTS)
        every = pd.DataFrame([_test(table, name, status) for name in names_of_tests])
        found = [every.assign(group="", reference="", p_adjusted=np.nan)]
        if len(levels) > 2:
            found.append(_test_pairs(table, levels, small, reference))
        written += [tests.assign(strata="+".join(strata)) for tests in found]
    return pd.concat(written, ignore_index=True).assign(group_by=group_by)


def _test(table: RiskTable | None, name: str, status: str | None = None) -> dict:
    """Row of a test; empty where a status says why there is none."""
    if table is None or status:
        return {"test": name, "statistic": np.nan, "df": np.nan, "p_value": np.nan, "status": status}
    result = compute_maxcombo(table) if name == MAXCOMBO else compute_logrank(table, **TESTS[name])
    degrees = float(result.degrees_of_freedom) if result.status == "ok" else np.nan
    found = {"test": name, "statistic": abs(result.statistic), "df": degrees}
    return found | {"p_value": result.p_value, "status": result.status}


def _test_pairs(
    table: RiskTable | None, levels: Sequence[str], small: Mapping[str, str], reference: str | None
) -> pd.DataFrame:
    """One row a test and pair; a pair with the reference names it second, other pairs the earlier group."""
    pairs = []
    for later, first in enumerate(levels):
        for second in levels[:later]:
            names = (second, first) if first == reference else (first, second)
            status = small.get(first) or small.get(second)
            pair = None
            if table is not None and not status:
                pair = table.select_groups([table.groups.index(name) for name in reversed(names)])
            pairs.append((pair, status, dict(zip(("group", "reference"), names, strict=True))))
    found = pd.DataFrame(
        [_test(pair, name, status) | names for name in TESTS for pair, status, names in pairs]
    )
    adjusted = found.groupby("test")["p_value"].transform(lambda p: compute_holm(p.to_numpy(dtype=float)))
    return found.assign(p_adjusted=adjusted)


def summarise_rmst_differences(
    rows: EndpointRows, group_by: str, settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Difference of restricted mean survival time of each group and the reference group.

    Returns result table `rmst_difference` but for the column endpoint, one row a group other than the reference,
    empty where either has fewer than five patients or events; None with fewer than two groups or without the
    reference.
    """
    known = select_known(rows, compute_group(rows.frame, group_by))
    reference = settings.reference.get(group_by)
    if known is None or reference is None or reference not in known[1].cat.categories:
        return None
    part, group = known
    # Groups are compared from the same month on.
    start = max(find_start(own) for _, own in part.split(group))
    observed = {label: start_at(own, start) for label, own in part.split(group)}
    curves = {label: fit_kaplan_meier(own.data) for label, own in observed.items() if own is not None}
    months, level = float(settings.rmst_months), settings.confidence.level
    small = find_small(group, part.event)
    written = []
    for label in (label for label in group.cat.categories if label != reference):
        found = replace(UNKNOWN_DIFFERENCE, status=small.get(label) or small.get(reference) or "too_few")
        if {label, reference} <= set(curves) - set(small):
            found = compute_rmst_difference(curves[label], curves[reference], months, level)
        written.append({"group": label, "reference": reference, "horizon_months": months, **vars(found)})
    names = {"difference": "difference_months", "lower": "low", "upper": "high"}
    table = pd.DataFrame(written).drop(columns="std_error").rename(columns=names)
    return table.assign(group_by=group_by)


def summarise_periods(
    rows: EndpointRows, groupings: Sequence[str], settings: AnalysisSettings
) -> pd.DataFrame | None:
    """Hazard ratio of each group by period between the milestones, beside the single one.

    `settings`: milestones_months are the cuts, as far as events follow them; reference.
    Returns result table `hazard_ratio_periods` but for the column endpoint, one row a grouping, group and period, with
    the test that the ratio is the same in all periods, adjusted by Holm over the groupings whose test and ratios are
    all `ok`, and the proportional-hazards test of the single model. The test is `few_events` where the events expected
    by group and period do not suffice (`EXPECTED`). A grouping with fewer than two groups is left out; None where none
    is left or no milestone lies between events.
    """
    parts = [_summarise_periods(rows, group_by, settings) for group_by in groupings]
    fitted = [part for part in parts if part is not None]
    if not fitted:
        return None
    table = pd.concat(fitted, ignore_index=True)
    sound = table["status"].eq("ok") & table["equality_status"].eq("ok")
    is_ok = sound.groupby(table["group_by"], sort=False).all()
    tests = table.groupby("group_by", sort=False)["equality_p_value"].first()[is_ok].dropna()
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
    least, usual, share = EXPECTED
    enough = (fit.expected >= least).all() and (fit.expected < usual).mean() <= share
    tested = "ok" if enough else "few_events"
    table = fit.table.rename(
        columns=RATIO_COLUMNS | {"period_start": "start_months", "period_stop": "stop_months"}
    )
    kept = ["level", "reference", "start_months", "stop_months", "n_at_risk", "events", *RATIO, "status"]
    return table[kept].assign(
        group_by=group_by,
        equality_df=fit.equality.degrees_of_freedom or np.nan,
        equality_p_value=fit.equality.p_value,
        equality_status=tested if fit.equality.degrees_of_freedom else "too_few",
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
