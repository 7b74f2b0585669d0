"""Response of every scan under a criterion: its targets, non-targets and new lesions, and all of them combined."""

import numpy as np
import pandas as pd

from prrt_outcomes.response import codes
from prrt_outcomes.response.criteria import TOLERANCE, exceeds_progression, read_overall_table
from prrt_outcomes.study.response import CriterionDefinition, ResponseSettings

NOT_NEW, NEW_COUNTED, NEW_BY_MODALITY = range(3)


def derive_scan_responses(
    scans: pd.DataFrame,
    lesions: pd.DataFrame,
    reported: np.ndarray,
    criterion: CriterionDefinition,
    settings: ResponseSettings,
) -> pd.DataFrame:
    """Response of each scan and what it rests on.

    lesions : from `derive_lesions`, with the columns of `compute_sizes`
    reported : code of the reported response by this criterion, one a scan, -1 where none was given
    Returns the scans with total (over the targets that were measured), complete, baseline_sum,
    nadir_sum, nadir_date, n_targets, n_measured, target_response (code); non_target (code); new_lesion
    (code), new_lesion_id (empty where only the assessment says so), new_lesion_differs (assessment and lesion
    rows of the scan contradict each other); overall_response (code), reported (whether it is the reader's
    report), rule (code of what decided), deciding (row of `lesions`) and deciding_reference (smallest size of
    the lesion that decided by itself).
    """
    targets = _derive_target_responses(scans, lesions, criterion, sustain_response=settings.sustain_response)
    counts = settings.new_modality_lesion_is_progression
    new = _derive_new_lesions(scans, lesions, by_modality_counts=counts)
    scans = pd.concat([scans, targets, new], axis=1)
    scans["non_target"] = _derive_non_target_responses(scans, lesions, criterion)
    return _derive_overall_responses(scans, reported, criterion)


def _derive_target_responses(
    scans: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition, *, sustain_response: bool
) -> pd.DataFrame:
    """Target response of each scan: the first case that holds.

    Thresholds are inclusive, with a relative slack of 1e-9. Where targets are missing, the sum of the others
    is a lower bound: it can make PD, nothing else. All targets gone (nodes: normal) is CR before any rule of
    PD is asked. The nadir is the smallest complete sum up to and including the previous scan.
    """
    sums = _sum_targets(scans, lesions)
    n_targets, n_measured, n_gone, total, baseline_sum, complete = (
        sums[name].to_numpy()
        for name in ("n_targets", "n_measured", "n_gone", "total", "baseline_sum", "complete")
    )
    usable = (scans["kind"] == codes.FOLLOW_UP).to_numpy() & ~np.isnan(baseline_sum)
    all_gone = usable & complete & (n_gone == n_targets)
    was_gone = codes.count_before(scans["course"], all_gone) > 0
    reference = sums[f"{criterion.progression_reference}_sum"].to_numpy()
    rose = exceeds_progression(total, reference, criterion)
    fall, slack = baseline_sum - total, TOLERANCE * baseline_sum
    minor = np.inf if criterion.minor_fall is None else criterion.minor_fall
    faulty = _find_first(lesions, (lesions["fault"] != "") & lesions["is_target"], scans)
    smallest, grown = _find_grown(lesions, criterion)
    grown, again = (_find_first(lesions, flag, scans) for flag in (grown, _find_again(lesions, criterion)))
    cases = [
        ("no_baseline", codes.NE, (scans["baseline"] < 0).to_numpy()),
        ("no_targets", codes.MISSING, n_targets == 0),
        ("baseline_fault", codes.NE, np.isnan(baseline_sum)),
        ("not_measured", codes.NE, ~usable),
        ("gone", codes.CR, all_gone),
        ("reappearance", codes.PD, was_gone & (n_measured > n_gone) & (criterion.reappearance != "never")),
        ("reappeared_lesion", codes.PD, again >= 0),
        ("single_lesion", codes.PD, grown >= 0),
        ("sum", codes.PD, rose & (n_measured > 0) & (criterion.progression_unit == "sum")),
        ("fall", codes.PR, complete & (fall >= criterion.partial_fall * baseline_sum - slack)),
        ("fall", codes.MR, complete & (fall >= minor * baseline_sum - slack)),
        ("stable", codes.SD, complete),
        ("size_fault", codes.NE, faulty >= 0),
        ("not_measured", codes.NE, True),
    ]
    rule, response = codes.decide(cases, codes.RULES)
    if sustain_response:
        responded = codes.count_before(scans["course"], response == codes.PR) > 0
        lasting = responded & ((response == codes.SD) | (response == codes.MR))
        response[lasting], rule[lasting] = codes.PR, codes.RULES.index("sustained")
    named = {
        "reappeared_lesion": again,
        "single_lesion": grown,
        "size_fault": faulty,
        "baseline_fault": faulty[scans["baseline"]],
    }
    deciding = np.select([rule == codes.RULES.index(name) for name in named], list(named.values()), -1)
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
    n_targets = np.bincount(own.loc[own["kind"] == codes.BASELINE, "scan"], minlength=n)
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
    sums = pd.Series(np.where(complete & (scans["kind"] >= codes.BASELINE), total, np.inf), index=scans.index)
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
    values = size.where(target & (kind > codes.PRIOR)).fillna(np.inf).groupby(series, sort=False)
    if criterion.progression_reference == "nadir":
        smallest = values.cummin().groupby(series, sort=False).shift(1).to_numpy()
    else:
        smallest = values.transform("first").to_numpy()
    grown = exceeds_progression(size.to_numpy(), smallest, criterion)
    return smallest, grown & (target & (kind == codes.FOLLOW_UP)).to_numpy()


def _find_again(lesions: pd.DataFrame, criterion: CriterionDefinition) -> np.ndarray:
    """Lesions of the baseline that had gone and are there again, where that makes PD."""
    if criterion.reappearance != "any_lesion":
        return np.zeros(len(lesions), dtype=bool)
    seen = lesions["size"].notna() & (lesions["kind"] == codes.FOLLOW_UP)
    was_gone = codes.count_before(lesions["series"], seen & lesions["gone"]) > 0
    known = lesions["base_role"].isin([codes.TARGET, codes.NON_TARGET])
    return (seen & was_gone & known & ~lesions["gone"] & lesions["whole"]).to_numpy()


def _derive_non_target_responses(
    scans: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition
) -> np.ndarray:
    """Code of the non-target response of each scan.

    The reader's opinion prevails; without one the rows of non-target lesions decide: CR when all have gone
    (nodes: normal), NE when one was not evaluated, else neither; PD is never read from sizes. A scan without
    opinion and rows is NE where the baseline had non-targets, else there are none.
    """
    n, baseline = len(scans), scans["baseline"].to_numpy()
    own = lesions[(lesions["role"] == codes.NON_TARGET) & (lesions["kind"] >= codes.BASELINE)]
    scan, state = own["scan"].to_numpy(), own["state"].to_numpy()
    normal = own["node"] & (state == codes.MEASURED) & (own["perpendicular_mm"] < criterion.node_normal_mm)
    n_rows = np.bincount(scan, minlength=n)
    n_gone = np.bincount(scan[(state == codes.ABSENT) | normal.to_numpy()], minlength=n)
    n_unseen = np.bincount(scan[(state == codes.NOT_EVALUATED) | (state < 0)], minlength=n)
    read = scans["non_target_read"].to_numpy()
    expected = np.where(baseline >= 0, n_rows[baseline], 0)
    read_at_baseline = np.where(baseline >= 0, read[baseline], codes.MISSING)
    had_any = (expected > 0) | (read_at_baseline > codes.NT_NONE)
    from_rows = np.where(n_gone == n_rows, codes.NT_CR, codes.NT_NON)
    from_rows = np.where((n_unseen > 0) | (n_rows < expected), codes.NT_NE, from_rows)
    from_rows = np.where(n_rows == 0, np.where(had_any, codes.NT_NE, codes.NT_NONE), from_rows)
    return np.where(read >= 0, read, from_rows).astype(np.int8)


def _derive_new_lesions(
    scans: pd.DataFrame, lesions: pd.DataFrame, *, by_modality_counts: bool
) -> pd.DataFrame:
    """New lesion of each scan: none, one that counts, or one first seen by a modality not used before."""
    n, course = len(scans), scans["course"].to_numpy()
    changed = scans["new_modality"].to_numpy()
    rows = lesions.loc[lesions["is_new"], ["scan", "series", "lesion_id"]]
    scan = rows["scan"].to_numpy()
    excused = changed[rows.groupby("series")["scan"].transform("first").to_numpy()]
    by_row = np.bincount(scan[~excused], minlength=n) > 0
    by_excused = np.bincount(scan[excused], minlength=n) > 0
    follow_up = (scans["kind"] == codes.FOLLOW_UP).to_numpy()
    said = scans["new_lesion_read"].to_numpy(dtype=bool) & follow_up
    stated = scans["new_lesion_stated"].to_numpy(dtype=bool) & follow_up
    by_word = said & ~by_excused & ~by_row
    counted = by_row | (by_word & ~changed)
    flagged = (by_excused | (by_word & changed)) & ~counted
    status = np.select([counted, flagged], [NEW_COUNTED, NEW_BY_MODALITY], NOT_NEW)
    if by_modality_counts:
        status[status == NEW_BY_MODALITY] = NEW_COUNTED
    named = rows.drop_duplicates("scan").set_index("scan")["lesion_id"].astype(object)
    any_row = by_row | by_excused
    in_rows = np.isin(course, course[scan])
    return pd.DataFrame(
        {
            "new_lesion": status.astype(np.int8),
            "new_lesion_id": named.reindex(scans.index).fillna(""),
            "new_lesion_differs": (stated & ~said & any_row) | (said & ~any_row & in_rows),
        },
        index=scans.index,
    )


def _derive_overall_responses(
    scans: pd.DataFrame, reported: np.ndarray, criterion: CriterionDefinition
) -> pd.DataFrame:
    """Combine what each scan shows by the table of the criterion: the first case that holds.

    A scan without lesion rows takes the reported response where there is one.
    """
    target, non_target = scans["target_response"].to_numpy(), scans["non_target"].to_numpy()
    table = read_overall_table(criterion.overall_table)
    none = target == codes.MISSING
    response = table[np.where(none, len(table) - 1, target), non_target]
    by_report = ~scans["has_lesions"].to_numpy() & (reported >= 0)
    sized = criterion.measure != "marker"
    again = (
        (codes.count_before(scans["course"], response == codes.CR) > 0) & (non_target == codes.NT_NON) & sized
    )
    new = (scans["new_lesion"] == NEW_COUNTED).to_numpy() & sized
    cases = [
        ("report", reported, by_report),
        ("structure_fault", codes.NE, (scans["fault"] != "").to_numpy()),
        ("no_baseline", codes.NE, (scans["baseline"] < 0).to_numpy()),
        ("new_lesion", codes.PD, new & ~again & (response != codes.PD)),
        ("non_target_reappearance", codes.PD, again),
        ("non_target", response, (non_target == codes.NT_PD) & (target != codes.PD) & sized),
        ("nothing", response, none & (non_target == codes.NT_NONE)),
        ("table", response, response != np.where(none, codes.MISSING, target)),
        (scans["rule"].to_numpy(), response, True),
    ]
    rule, response = codes.decide(cases, codes.RULES)
    return scans.assign(overall_response=response, rule=rule, reported=by_report)
