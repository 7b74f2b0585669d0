"""How deep, how soon and how long: best change, time to response, its duration, growth before and under treatment."""

from __future__ import annotations

import pandas as pd


def summarise_waterfall(
    responses: pd.DataFrame, best: pd.DataFrame, group_by: tuple[str, ...]
) -> pd.DataFrame:
    """Best change of the target sum of every patient with a measurable sum after baseline.

    Parameters
    ----------
    responses : rows of `responses` of the primary reader and the initial period
    best : rows of `best_responses` of the same (one confirmation rule), with the groupings

    Returns
    -------
    Result table `waterfall`, sorted by criterion and falling change. The change is the smallest among the
    assessments that count (not after progression or a new therapy); the first progression itself counts.
    """
    counted = responses[responses["counted"] & responses["change_from_baseline"].notna()]
    change = counted.groupby(["criterion", "patient_id"], sort=False)["change_from_baseline"].min()
    keys = pd.MultiIndex.from_frame(best[["criterion", "patient_id"]])
    table = best[["patient_id", "criterion", "best_response", *group_by]].copy()
    table["best_change"] = change.reindex(keys).to_numpy()
    table = table[table["best_change"].notna()]
    order = {name: place for place, name in enumerate(best["criterion"].unique())}
    table["place"] = table["criterion"].map(order)
    table = table.sort_values(
        ["place", "best_change", "patient_id"], ascending=[True, False, True], kind="stable"
    )
    return table[["patient_id", "criterion", "best_change", "best_response", *group_by]].reset_index(
        drop=True
    )
