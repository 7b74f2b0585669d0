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
    RULES,
    SD,
    TARGET,
    count_before,
    decide,
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
    scans : course, date, kind, baseline
    lesions : from `derive_lesions`, with the columns of `compute_sizes`

    Returns
    -------
    DataFrame
        total (over the targets that were measured), complete, baseline_sum, nadir_sum, nadir_date, n_targets,
        n_measured, target_response (code), rule (what decided, code), deciding (row of `lesions`) and
        deciding_reference (smallest size of the lesion that decided by itself), one row a scan.

    Notes
    -----
    Thresholds are inclusive, with a relative slack of 1e-9. Where targets are missing, the sum of the others
    is a lower bound: it can make PD, nothing else. All targets gone (nodes: normal) is CR before any rule of
    PD is asked. The nadir is the smallest complete sum up to and including the previous scan.
    """
    sums = _sum_targets(scans, lesions)
    n_targets, n_measured, n_gone, total, baseline_sum, complete = (
        sums[name].to_numpy()
        for name in ("n_targets", "n_measured", "n_gone", "total", "baseline_sum", "complete")
    )
    usable = (scans["kind"] == FOLLOW_UP).to_numpy() & ~np.isnan(baseline_sum)
    all_gone = usable & complete & (n_gone == n_targets)
    was_gone = count_before(scans["course"], all_gone) > 0
    reference = sums[f"{criterion.progression_reference}_sum"].to_numpy()
    rose = exceeds_progression(total, reference, criterion)
    fall, slack = baseline_sum - total, TOLERANCE * baseline_sum
    minor = np.inf if criterion.minor_fall is None else criterion.minor_fall
    faulty = _find_first(lesions, (lesions["fault"] != "") & lesions["is_target"], scans)
    smallest, grown = _find_grown(lesions, criterion)
    grown, again = (_find_first(lesions, flag, scans) for flag in (grown, _find_again(lesions, criterion)))
    cases = [
        ("no_baseline", NE, (scans["baseline"] < 0).to_numpy()),
        ("no_targets", MISSING, n_targets == 0),
        ("baseline_fault", NE, np.isnan(baseline_sum)),
        ("not_measured", NE, ~usable),
        ("gone", CR, all_gone),
        ("reappearance", PD, was_gone & (n_measured > n_gone) & (criterion.reappearance != "never")),
        ("reappeared_lesion", PD, again >= 0),
        ("single_lesion", PD, grown >= 0),
        ("sum", PD, rose & (n_measured > 0) & (criterion.progression_unit == "sum")),
        ("fall", PR, complete & (fall >= criterion.partial_fall * baseline_sum - slack)),
        ("fall", MR, complete & (fall >= minor * baseline_sum - slack)),
        ("stable", SD, complete),
        ("size_fault", NE, faulty >= 0),
        ("not_measured", NE, True),
    ]
    rule, response = decide(cases, RULES)
    if sustain_response:
        responded = count_before(scans["course"], response == PR) > 0
        lasting = responded & ((response == SD) | (response == MR))
        response[lasting], rule[lasting] = PR, RULES.index("sustained")
    named = {
        "reappeared_lesion": again,
        "single_lesion": grown,
        "size_fault": faulty,
        "baseline_fault": faulty[scans["baseline"]],
    }
    deciding = np.select([rule == RULES.index(name) for name in named], list(named.values()), -1)
    least = np.where(deciding >= 0, smallest[deciding], np.nan) if len(lesions) else np.nan
    return sums.assign(target_response=response, rule=rule, deciding=deciding, deciding_reference=least)


def _find_first(lesions: pd.DataFrame, flag: pd.Series | np.ndarray, scans: pd.DataFrame) -> np.ndarray:
    """Row of the first of the flagged lesions at each scan, -1 where there is none."""
    rows = np.flatnonzero(flag)[::-1]
    first = np.full(len(scans), -1, dtype=np.int64)
    first[lesions["scan"].to_numpy()[rows]] = rows
    return first


def _sum_targets(scans: pd.DataFrame, lesions: pd.DataFrame) -> pd.DataFrame:
    """Sum of the targets of each scan, at baseline and at the nadir, and how many were measured and have gone."""
    n, course = len(scans), scans["course"]
    own = lesions.loc[lesions["is_target"], ["scan", "series", "kind", "size", "gone", "whole"]]
    own = own.assign(measured=own["size"].notna())
    total = np.bincount(own["scan"], weights=own["size"].fillna(0), minlength=n)
    n_targets = np.bincount(own.loc[own["kind"] == BASELINE, "scan"], minlength=n)
    if not own["whole"].all():  # Parts of a lesion are rows of their own: it counts where all of them do.
        own = own.groupby(["scan", "series"])[["measured", "gone"]].all().reset_index()
    n_measured = np.bincount(own.loc[own["measured"], "scan"], minlength=n)
    n_gone = np.bincount(own.loc[own["measured"] & own["gone"], "scan"], minlength=n)
    at = scans["baseline"].to_numpy()

    def at_baseline(values: np.ndarray) -> np.ndarray:
        return np.where(at >= 0, values[at], 0)

    n_targets = at_baseline(n_targets)
    complete = (n_measured == n_targets) & (n_targets > 0)
    sound = at_baseline(complete & (total > 0) & (n_gone < n_targets)) > 0
    sums = pd.Series(np.where(complete & (scans["kind"] >= BASELINE), total, np.inf), index=scans.index)
    nadir = sums.groupby(course, sort=False).cummin().groupby(course, sort=False).shift(1, fill_value=np.inf)
    lowest = scans["date"].where(sums < nadir).groupby(course, sort=False).ffill()
    return pd.DataFrame(
        {
            "total": total,
            "complete": complete,
            "baseline_sum": np.where(sound, at_baseline(total), np.nan),
            "nadir_sum": nadir.where(np.isfinite(nadir)),
            "nadir_date": lowest.groupby(course, sort=False).shift(1),
            "n_targets": n_targets,
            "n_measured": n_measured,
            "n_gone": n_gone,
        },
        index=scans.index,
    )


def _find_grown(lesions: pd.DataFrame, criterion: CriterionDefinition) -> tuple[np.ndarray, np.ndarray]:
    """Smallest size of each target before a scan (or that at baseline), and whether it makes PD by its rise from it."""
    if criterion.progression_unit != "lesion":
        return np.full(len(lesions), np.nan), np.zeros(len(lesions), dtype=bool)
    size, series, kind = lesions["size"], lesions["series"], lesions["kind"]
    target = lesions["is_target"] & lesions["whole"]
    values = size.where(target & (kind > PRIOR)).fillna(np.inf).groupby(series, sort=False)
    if criterion.progression_reference == "nadir":
        smallest = values.cummin().groupby(series, sort=False).shift(1).to_numpy()
    else:
        smallest = values.transform("first").to_numpy()
    grown = exceeds_progression(size.to_numpy(), smallest, criterion)
    return smallest, grown & (target & (kind == FOLLOW_UP)).to_numpy()


def _find_again(lesions: pd.DataFrame, criterion: CriterionDefinition) -> np.ndarray:
    """Lesions of the baseline that had gone and are there again, where that makes PD."""
    if criterion.reappearance != "any_lesion":
        return np.zeros(len(lesions), dtype=bool)
    seen = lesions["size"].notna() & (lesions["kind"] == FOLLOW_UP)
    was_gone = count_before(lesions["series"], seen & lesions["gone"]) > 0
    known = lesions["base_role"].isin([TARGET, NON_TARGET])
    return (seen & was_gone & known & ~lesions["gone"] & lesions["whole"]).to_numpy()
