"""Response rates with exact intervals, for the whole cohort and by what is known at the start of treatment."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from prrt_outcomes.cohort.grouping import derive_tumour_group
from prrt_outcomes.response.codes import COMPOSITES, RESPONSES
from prrt_outcomes.statistics.proportions import compute_proportion

CATEGORIES = (*RESPONSES, *COMPOSITES)


def derive_baseline_columns(
    best_responses: pd.DataFrame,
    patients: pd.DataFrame,
    treatment_periods: pd.DataFrame,
    names: Iterable[str],
) -> pd.DataFrame:
    """Columns known at the start of treatment, one row a row of `best_responses`.

    Parameters
    ----------
    names : columns of `treatment_periods` (radionuclide, known at the first cycle) or of `patients`

    Returns
    -------
    A frame with one column a name, typed as in its table; a name that neither table has is empty throughout.
    """
    by_patient = derive_tumour_group(patients).set_index("patient_id")
    by_period = treatment_periods.set_index(["patient_id", "period"])
    keys = pd.MultiIndex.from_frame(best_responses[["patient_id", "period"]])
    columns = {}
    for name in names:
        if name == "radionuclide":
            columns[name] = by_period[name].reindex(keys).array
        elif name in by_patient.columns:
            columns[name] = by_patient[name].reindex(best_responses["patient_id"]).array
        else:
            columns[name] = pd.array([pd.NA] * len(best_responses), dtype="string")
    return pd.DataFrame(columns, index=best_responses.index)


def summarise_response_rates(
    best: pd.DataFrame, group_by: tuple[str, ...], *, level: float = 0.95
) -> pd.DataFrame:
    """Number and share of every best response and of the composite rates, a row a group and category.

    Parameters
    ----------
    best : rows of `best_responses` of the primary reader and the initial period, with the groupings
    group_by : grouping columns of `best`; the whole cohort (all, all) comes first
    level : of the exact (Clopper-Pearson) interval

    Returns
    -------
    Result table `response_rates`; all treated patients of the group are the denominator.
    """
    frames = [_count_categories(best.assign(all="all"), "all")]
    frames += [_count_categories(best, name) for name in group_by]
    table = pd.concat(frames, ignore_index=True)
    table["group"] = table["group"].astype("string")
    counts = zip(table["n"], table["total"], strict=True)
    exact = [compute_proportion(n, total, confidence=level) for n, total in counts]
    table["proportion"] = [p.proportion for p in exact]
    table["proportion_low"] = [p.lower for p in exact]
    table["proportion_high"] = [p.upper for p in exact]
    table["status"] = [p.status for p in exact]
    order = {name: place for place, name in enumerate(("all", *group_by))}
    table["place"] = table["group_by"].map(order)
    criteria = {name: place for place, name in enumerate(best["criterion"].unique())}
    table["criterion_place"] = table["criterion"].map(criteria)
    ordered = table.sort_values(["criterion_place", "confirmed", "place"], kind="stable")
    return ordered.drop(columns=["place", "criterion_place"]).reset_index(drop=True)


def _count_categories(best: pd.DataFrame, name: str) -> pd.DataFrame:
    """Counts of one grouping, long over categories."""
    keys = ["criterion", "confirmed", name]
    counts = best.groupby([*keys, "best_response"], observed=False, sort=True).size().unstack("best_response")  # noqa: PD010
    counts = counts.reindex(columns=list(RESPONSES), fill_value=0)
    counts.columns = list(RESPONSES)
    total = counts.sum(axis=1)
    for composite, parts in COMPOSITES.items():
        counts[composite] = counts[list(parts)].sum(axis=1)
    counts["total"] = total
    counts = counts[counts["total"] > 0].reset_index().rename(columns={name: "group"})
    long = counts.melt(
        id_vars=["criterion", "confirmed", "group", "total"],
        value_vars=list(CATEGORIES),
        var_name="category",
        value_name="n",
    )
    long["category"] = pd.Categorical(long["category"], categories=list(CATEGORIES), ordered=True)
    long = long.sort_values(["criterion", "confirmed", "group", "category"], kind="stable")
    long["group_by"] = name
    columns = ["criterion", "confirmed", "group_by", "group", "category", "n", "total"]
    return long[columns].astype({"group": "object"})
