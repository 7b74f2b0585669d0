"""Response rates and their differences between groups, with intervals, by what is known at the start of treatment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, derive_tumour_group
from prrt_outcomes.response.codes import COMPOSITES, RESPONSES
from prrt_outcomes.statistics.proportions import compute_clopper_pearson, compute_proportion_difference


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
    low, high = compute_clopper_pearson(table["n"], table["total"], level)
    share = table["n"] / table["total"]
    table = table.assign(proportion=share, proportion_low=low, proportion_high=high, status="ok")
    order = {name: place for place, name in enumerate(best["criterion"].unique())}
    table["place"] = table["criterion"].map(order)
    return table.sort_values(["place", "confirmed"], ignore_index=True).drop(columns="place")


def _count_categories(best: pd.DataFrame, name: str) -> pd.DataFrame:
    """Counts of one grouping, long over categories."""
    parts = {response: (response,) for response in RESPONSES} | COMPOSITES
    hits = pd.DataFrame({category: best["best_response"].isin(part) for category, part in parts.items()})
    keys = [best["criterion"], best["confirmed"], best[name].rename("group")]
    groups = hits.rename_axis(columns="category").groupby(keys, observed=True)
    counts = pd.DataFrame({"n": groups.sum().stack(future_stack=True)}).reset_index()  # noqa: PD013
    return counts.assign(
        group_by=name,
        group=counts["group"].astype("string"),
        category=pd.Categorical(counts["category"], categories=list(parts), ordered=True),
        total=groups.size().repeat(len(parts)).to_numpy(),
    )


Method = Literal["miettinen_nurminen", "newcombe"]
METHODS: tuple[Method, ...] = get_args(Method)
DIFFERENCE_COLUMNS = (
    "criterion", "confirmed", "group_by", "group", "reference", "category", "method", "n", "total",
    "n_reference", "total_reference", "difference", "difference_low", "difference_high", "p_value", "status",
)  # fmt: skip


def summarise_rate_differences(
    rates: pd.DataFrame, references: Mapping[str, str], *, level: float = 0.95
) -> pd.DataFrame:
    """Result table `response_differences`: each group against the reference group, by both methods.

    Parameters
    ----------
    rates : table `response_rates`
    references : reference level by grouping; nothing is compared where nobody has it

    Returns
    -------
    One row a criterion, confirmation rule, grouping, group other than the reference, composite rate and
    method. `unknown` is no group here. The p-value is that of the score test (Miettinen-Nurminen).
    """
    rows = []
    known = rates[(rates["group_by"] != "all") & (rates["group"] != UNKNOWN)]
    known = known[known["category"].isin(list(COMPOSITES))]
    for (criterion, confirmed, group_by), part in known.groupby(
        ["criterion", "confirmed", "group_by"], sort=False
    ):
        sizes = part.drop_duplicates("group").set_index("group")["total"]
        reference = references.get(str(group_by))
        if len(sizes) < 2 or reference not in sizes.index:
            continue
        counts = part.set_index(["group", "category"])[["n", "total"]]
        for group in [level for level in sizes.index if level != reference]:
            for category in COMPOSITES:
                ours, theirs = (counts.loc[[(name, category)]].iloc[0] for name in (group, reference))
                head = (criterion, confirmed, group_by, group, reference, category)
                rows += [(*head, *_compare(ours, theirs, method, level)) for method in METHODS]
    return pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))


def _compare(ours: pd.Series, theirs: pd.Series, method: Method, level: float) -> tuple:
    """Method, counts, difference, interval, p-value and status of two rates."""
    counts = (int(ours["n"]), int(ours["total"]), int(theirs["n"]), int(theirs["total"]))
    found = compute_proportion_difference(*counts, method=method, confidence=level)
    return method, *counts, found.difference, found.lower, found.upper, found.p_value, found.status
