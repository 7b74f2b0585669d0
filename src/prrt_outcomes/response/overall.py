"""Overall response of every scan: targets, non-targets and new lesions combined, or the reader's report."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import (
    ABSENT,
    BASELINE,
    CR,
    FOLLOW_UP,
    MEASURED,
    MISSING,
    NE,
    NON_TARGET,
    NOT_EVALUATED,
    NT_CR,
    NT_NE,
    NT_NON,
    NT_NONE,
    NT_PD,
    PD,
    RULES,
    count_before,
    decide,
)
from prrt_outcomes.response.criteria import read_overall_table
from prrt_outcomes.study.response import CriterionDefinition

NOT_NEW, NEW_COUNTED, NEW_BY_MODALITY = range(3)


def derive_non_target_responses(
    scans: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition
) -> np.ndarray:
    """Code of the non-target response of each scan.

    The reader's opinion prevails; without one the rows of non-target lesions decide: CR when all have gone
    (nodes: normal), NE when one was not evaluated, else neither; PD is never read from sizes. A scan without
    opinion and rows is NE where the baseline had non-targets, else there are none.
    """
    n, baseline = len(scans), scans["baseline"].to_numpy()
    own = lesions[(lesions["role"] == NON_TARGET) & (lesions["kind"] >= BASELINE)]
    scan, state = own["scan"].to_numpy(), own["state"].to_numpy()
    normal = own["node"] & (state == MEASURED) & (own["perpendicular_mm"] < criterion.node_normal_mm)
    n_rows = np.bincount(scan, minlength=n)
    n_gone = np.bincount(scan[(state == ABSENT) | normal.to_numpy()], minlength=n)
    n_unseen = np.bincount(scan[(state == NOT_EVALUATED) | (state < 0)], minlength=n)
    read = scans["non_target_read"].to_numpy()
    expected = np.where(baseline >= 0, n_rows[baseline], 0)
    read_at_baseline = np.where(baseline >= 0, read[baseline], MISSING)
    had_any = (expected > 0) | (read_at_baseline > NT_NONE)
    from_rows = np.where(n_gone == n_rows, NT_CR, NT_NON)
    from_rows = np.where((n_unseen > 0) | (n_rows < expected), NT_NE, from_rows)
    from_rows = np.where(n_rows == 0, np.where(had_any, NT_NE, NT_NONE), from_rows)
    return np.where(read >= 0, read, from_rows).astype(np.int8)


def derive_new_lesions(
    scans: pd.DataFrame, lesions: pd.DataFrame, *, by_modality_counts: bool
) -> pd.DataFrame:
    """New lesion of each scan: none, one that counts, or one first seen by a modality not used before.

    Returns
    -------
    DataFrame
        new_lesion (code), new_lesion_id (empty where only the assessment says so), new_lesion_differs (assessment
        and lesion rows of the scan contradict each other), one row a scan.
    """
    n, course = len(scans), scans["course"].to_numpy()
    changed = scans["new_modality"].to_numpy()
    rows = lesions.loc[lesions["is_new"], ["scan", "series", "lesion_id"]]
    scan = rows["scan"].to_numpy()
    excused = changed[rows.groupby("series")["scan"].transform("first").to_numpy()]
    by_row = np.bincount(scan[~excused], minlength=n) > 0
    by_excused = np.bincount(scan[excused], minlength=n) > 0
    follow_up = (scans["kind"] == FOLLOW_UP).to_numpy()
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


def derive_overall_responses(
    scans: pd.DataFrame, reported: np.ndarray, criterion: CriterionDefinition
) -> pd.DataFrame:
    """Combine what each scan shows by the table of the criterion.

    Parameters
    ----------
    scans : with target_response, rule, non_target, new_lesion, baseline, has_lesions, fault (of the course)
    reported : code of the reported response by this criterion, -1 where none was given

    Returns
    -------
    DataFrame
        overall_response (code), reported (whether it is the reader's report) and rule (code of what decided the
        overall response, that of the targets where they did), one row a scan.

    Notes
    -----
    In the order of precedence: a structural fault (NE), no baseline (NE), a new lesion (PD), non-target
    progression (PD), the table. A scan without lesion rows takes the reported response where there is one.
    """
    target, non_target = scans["target_response"].to_numpy(), scans["non_target"].to_numpy()
    table = read_overall_table(criterion.overall_table)
    none = target == MISSING
    response = table[np.where(none, len(table) - 1, target), non_target]
    by_report = ~scans["has_lesions"].to_numpy() & (reported >= 0)
    sized = criterion.measure != "marker"
    again = (count_before(scans["course"], response == CR) > 0) & (non_target == NT_NON) & sized
    new = (scans["new_lesion"] == NEW_COUNTED).to_numpy() & sized
    cases = [
        ("report", reported, by_report),
        ("structure_fault", NE, (scans["fault"] != "").to_numpy()),
        ("no_baseline", NE, (scans["baseline"] < 0).to_numpy()),
        ("new_lesion", PD, new & ~again & (response != PD)),
        ("non_target_reappearance", PD, again),
        ("non_target", response, (non_target == NT_PD) & (target != PD) & sized),
        ("nothing", response, none & (non_target == NT_NONE)),
        ("table", response, response != np.where(none, MISSING, target)),
        (scans["rule"].to_numpy(), response, True),
    ]
    rule, response = decide(cases, RULES)
    return pd.DataFrame(
        {"overall_response": response, "rule": rule, "reported": by_report}, index=scans.index
    )
