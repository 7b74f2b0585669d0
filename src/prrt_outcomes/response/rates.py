"""Response rates with exact intervals, for the whole cohort and by what is known at the start of treatment."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.response.codes import RESPONSES
from prrt_outcomes.statistics.proportions import compute_proportion
from prrt_outcomes.treatment.groups import derive_tumour_group

COMPOSITES = {
    "objective": ("CR", "PR"),
    "objective_with_mr": ("CR", "PR", "MR"),
    "disease_control": ("CR", "PR", "MR", "SD", "NON-CR/NON-PD"),
}
CATEGORIES = (*RESPONSES, *COMPOSITES)
UNKNOWN = "unknown"


def derive_groupings(
    best_responses: pd.DataFrame,
    patients: pd.DataFrame,
    treatment_periods: pd.DataFrame,
    group_by: tuple[str, ...],
) -> pd.DataFrame:
    """Join the groupings of a study to rows of `best_responses`, same rows.

    Parameters
    ----------
    group_by : columns of `treatment_periods` (such as radionuclide, known at the first cycle) or of `patients`;
        `tumour_group` is derived from `tumour_type`

    Returns
    -------
    The rows with one category column a grouping; empty and `unknown` are one level `unknown`, the last one.
    A name that neither table has gives `unknown` throughout.
    """
    columns = _gather_columns(best_responses, patients, treatment_periods, group_by)
    return best_responses.assign(**{name: _join_unknown(values).array for name, values in columns.items()})


def derive_covariates(
    best_responses: pd.DataFrame,
    patients: pd.DataFrame,
    treatment_periods: pd.DataFrame,
    names: tuple[str, ...],
) -> pd.DataFrame:
    """Covariates of the rows of `best_responses`: numbers as they are, all else categories, `unknown` missing."""
    columns = {}
    for name, values in _gather_columns(best_responses, patients, treatment_periods, names).items():
        if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
            columns[name] = values.astype("Float64").astype("float64").array
        else:
            known = _join_unknown(values).cat.remove_categories([UNKNOWN])
            columns[name] = known.cat.remove_unused_categories().array
    return pd.DataFrame(columns, index=best_responses.index)


def _gather_columns(
    rows: pd.DataFrame, patients: pd.DataFrame, treatment_periods: pd.DataFrame, names: tuple[str, ...]
) -> dict[str, pd.Series]:
    """Columns of patients, or of their treatment periods, for each row; empty where neither table has them."""
    by_patient = derive_tumour_group(patients).set_index("patient_id")
    by_period = treatment_periods.set_index(["patient_id", "period"])
    keys = pd.MultiIndex.from_frame(rows[["patient_id", "period"]])
    columns = {}
    for name in names:
        if name == "radionuclide":
            columns[name] = by_period[name].reindex(keys)
        elif name in by_patient.columns:
            columns[name] = by_patient[name].reindex(rows["patient_id"])
        else:
            columns[name] = pd.Series(pd.NA, index=rows.index, dtype="string")
    return columns


def _join_unknown(values: pd.Series) -> pd.Series:
    """Category with empty and `unknown` as one last level; levels in schema order, else sorted."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        levels = [str(level) for level in values.cat.categories]
    elif pd.api.types.is_bool_dtype(values.dtype):
        values, levels = values.map({True: "yes", False: "no"}).astype("string"), ["yes", "no"]
    else:
        levels = [str(level) for level in sorted(values.dropna().unique())]
    levels = [level for level in levels if level != UNKNOWN] + [UNKNOWN]
    text = values.astype("string").fillna(UNKNOWN)
    return text.astype(pd.CategoricalDtype(levels, ordered=True))


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
