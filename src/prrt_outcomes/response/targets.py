"""Target response of every scan from the sizes of its lesions, by the row of a criterion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import (
    BASELINE,
    CR,
    FOLLOW_UP,
    MISSING,
    MR,
    NE,
    NON_TARGET,
    PD,
    PR,
    PRIOR,
    SD,
    TARGET,
)
from prrt_outcomes.response.criteria import TOLERANCE, exceeds_progression
from prrt_outcomes.study.response import CriterionDefinition


def derive_target_responses(
    scans: pd.DataFrame,
    lesions: pd.DataFrame,
    criterion: CriterionDefinition,
    *,
    sustain_response: bool = False,
) -> pd.DataFrame:
    """Target response of each scan and what it rests on.

    Parameters
    ----------
    scans : course, kind, baseline
    lesions : from `derive_lesions`, with the columns of `compute_sizes`

    Returns
    -------
    DataFrame
        total (over the targets that were measured), complete, baseline_sum, nadir_sum, nadir (row of `scans`),
        n_targets, n_measured, target_response (code), rule (what decided), deciding (row of `lesions`) and
        deciding_reference (smallest size of the lesion that decided by itself), one row a scan.

    Notes
    -----
    Thresholds are inclusive, with a relative slack of 1e-9. Where targets are missing, the sum of the others
    is a lower bound: it can make PD, nothing else. All targets gone (nodes: normal) is CR before any rule of
    PD is asked. The nadir is the smallest complete sum up to and including the previous scan.
    """
    sums = _sum_targets(scans, lesions)
    course, total, baseline_sum = scans["course"], sums["total"].to_numpy(), sums["baseline_sum"].to_numpy()
    usable = (scans["kind"] == FOLLOW_UP).to_numpy() & ~np.isnan(baseline_sum)
    n_measured, n_gone = sums["n_measured"].to_numpy(), sums["n_gone"].to_numpy()
    all_gone = usable & (sums["complete"] & (n_gone == sums["n_targets"])).to_numpy()
    rule = np.full(len(scans), "", dtype=object)
    deciding = np.full(len(scans), -1, dtype=np.int64)
    reference = sums["nadir_sum"].to_numpy() if criterion.progression_reference == "nadir" else baseline_sum
    if criterion.progression_unit == "sum":
        rule[usable & (n_measured > 0) & exceeds_progression(total, reference, criterion)] = "sum"
    least = np.full(len(scans), np.nan)
    for name, rows, smallest in _find_single_lesions(lesions, usable, criterion):
        _mark(lesions, rows, name, rule, deciding)
        least[lesions["scan"].to_numpy()[rows[::-1]]] = smallest[rows[::-1]]
    if criterion.reappearance != "never":
        was_gone = count_before(course, all_gone) > 0
        rule[usable & was_gone & (n_measured > n_gone)] = "reappearance"
    response = np.where(rule != "", PD, NE).astype(np.int8)
    complete = usable & sums["complete"].to_numpy()
    _classify_falls(response, rule, complete, total, baseline_sum, criterion)
    response[all_gone], rule[all_gone] = CR, "gone"
    _explain_not_evaluable(scans["baseline"].to_numpy(), sums, lesions, response, rule, deciding)
    if sustain_response:
        responded = count_before(course, (response == PR) & usable) > 0
        lasting = responded & ((response == SD) | (response == MR))
        response[lasting], rule[lasting] = PR, "sustained"
    response[rule == "no_targets"] = MISSING
    return sums.assign(target_response=response, rule=rule, deciding=deciding, deciding_reference=least)


def count_before(group: pd.Series | np.ndarray, flag: np.ndarray) -> np.ndarray:
    """How often the flag was true in earlier rows of the same group."""
    if not flag.any():
        return np.zeros(len(flag), dtype=np.int64)
    counts = pd.Series(flag.astype(np.int64)).groupby(np.asarray(group), sort=False).cumsum()
    return counts.to_numpy() - flag


def _sum_targets(scans: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """Sum of the targets of each scan, at baseline and at the nadir, and how many were measured and have gone."""
    n = len(scans)
    own = lesions.loc[lesions["is_target"], ["scan", "series", "kind", "size", "gone", "whole"]]
    scan, measured = own["scan"].to_numpy(), own["size"].notna().to_numpy()
    total = np.bincount(scan[measured], weights=own["size"].to_numpy()[measured], minlength=n)
    n_targets = np.bincount(scan[own["kind"].to_numpy() == BASELINE], minlength=n)
    if not own["whole"].all():  # Parts of a lesion are rows of their own: it counts where all of them do.
        parts = own.assign(measured=measured).groupby(["scan", "series"])[["measured", "gone"]].all()
        own = parts.reset_index()
        scan, measured = own["scan"].to_numpy(), own["measured"].to_numpy()
    n_measured = np.bincount(scan[measured], minlength=n)
    n_gone = np.bincount(scan[measured & own["gone"].to_numpy()], minlength=n)
    at = scans["baseline"].to_numpy()

    def at_baseline(values: np.ndarray) -> np.ndarray:
        return np.where(at >= 0, values[at], 0)

    n_targets = at_baseline(n_targets)
    complete = (n_measured == n_targets) & (n_targets > 0)
    sound = at_baseline(complete & (total > 0) & (n_gone < n_targets)) > 0
    course = scans["course"]
    sums = pd.Series(np.where(complete & (scans["kind"] >= BASELINE), total, np.inf), index=scans.index)
    nadir = sums.groupby(course, sort=False).cummin().groupby(course, sort=False).shift(1, fill_value=np.inf)
    lowest_at = pd.Series(np.where(sums < nadir, scans.index, np.nan), index=scans.index)
    lowest_at = lowest_at.groupby(course, sort=False).ffill().groupby(course, sort=False).shift(1)
    return pd.DataFrame(
        {
            "total": total,
            "complete": complete,
            "baseline_sum": np.where(sound, at_baseline(total), np.nan),
            "nadir_sum": nadir.where(np.isfinite(nadir)),
            "nadir": lowest_at.fillna(-1).astype(np.int64),
            "n_targets": n_targets,
            "n_measured": n_measured,
            "n_gone": n_gone,
        },
        index=scans.index,
    )


def _find_single_lesions(lesions: pd.DataFrame, usable: np.ndarray, criterion: CriterionDefinition):
    """Lesions that make PD by themselves, as (rule, rows, smallest size): one rose, or one had gone and is back."""
    if criterion.progression_unit != "lesion" and criterion.reappearance != "any_lesion":
        return
    size, series = lesions["size"].to_numpy(), lesions["series"].to_numpy()
    gone, kind, whole = (lesions[name].to_numpy() for name in ("gone", "kind", "whole"))
    follow_up = (kind == FOLLOW_UP) & usable[lesions["scan"].to_numpy()] & whole
    seen = ~np.isnan(size) & (kind > PRIOR)
    none = np.full(len(lesions), np.nan)
    if criterion.progression_unit == "lesion":
        is_target = lesions["is_target"].to_numpy()
        values = pd.Series(np.where(seen & is_target & whole, size, np.inf)).groupby(series, sort=False)
        if criterion.progression_reference == "nadir":
            reference = values.cummin().groupby(series, sort=False).shift(1).to_numpy()
        else:
            reference = values.transform("first").to_numpy()
        rose = follow_up & is_target & exceeds_progression(size, reference, criterion)
        yield "single_lesion", np.flatnonzero(rose), reference
    if criterion.reappearance == "any_lesion":
        known = lesions["base_role"].isin([TARGET, NON_TARGET]).to_numpy()
        was_gone = count_before(series, seen & gone & (kind == FOLLOW_UP)) > 0
        again = follow_up & was_gone & known & seen & ~gone
        yield "reappeared_lesion", np.flatnonzero(again), none


def _mark(lesions: pd.DataFrame, rows: np.ndarray, name: str, rule: np.ndarray, deciding: np.ndarray) -> None:
    """Write the rule at the scans of some rows, with the first of the rows as the deciding lesion."""
    scan = lesions["scan"].to_numpy()
    rule[scan[rows]] = name
    deciding[scan[rows[::-1]]] = rows[::-1]


def _classify_falls(
    response: np.ndarray,
    rule: np.ndarray,
    complete: np.ndarray,
    total: np.ndarray,
    baseline_sum: np.ndarray,
    criterion: CriterionDefinition,
) -> None:
    """SD, MR and PR of complete sums that are no PD."""
    undecided = complete & (rule == "")
    fall, slack = baseline_sum - total, TOLERANCE * baseline_sum
    response[undecided], rule[undecided] = SD, "stable"
    for code, share in ((MR, criterion.minor_fall), (PR, criterion.partial_fall)):
        if share is not None:
            fell = undecided & (fall >= share * baseline_sum - slack)
            response[fell], rule[fell] = code, "fall"


def _explain_not_evaluable(
    baseline: np.ndarray,
    sums: pd.DataFrame,
    lesions: pd.DataFrame,
    response: np.ndarray,
    rule: np.ndarray,
    deciding: np.ndarray,
) -> None:
    """Why a scan is not evaluable: no baseline, no targets, a fault at baseline, a fault or gap at the scan."""
    missing = response == NE
    rule[missing] = "not_measured"
    faulty = np.flatnonzero((lesions["fault"] != "") & lesions["is_target"])
    scan = lesions["scan"].to_numpy()[faulty]
    _mark(lesions, faulty[missing[scan]], "size_fault", rule, deciding)
    n_targets = sums["n_targets"].to_numpy()
    bad = missing & (baseline >= 0) & (n_targets > 0) & sums["baseline_sum"].isna().to_numpy()
    first = np.full(len(sums), -1, dtype=np.int64)
    first[scan[::-1]] = faulty[::-1]
    rule[bad], deciding[bad] = "baseline_fault", first[baseline[bad]]
    rule[missing & (baseline >= 0) & (n_targets == 0)] = "no_targets"
    rule[missing & (baseline < 0)] = "no_baseline"
