"""Who the patients are at the first cycle: the first table of every paper."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, WHOLE, compute_group

NUMBERS = ("age_years", "ki67_percent", "karnofsky", "prior_lines")
ORDER = (
    "age_years", "sex", "tumour_group", "tumour_type", "grade", "ki67_percent", "functioning", "liver_metastases",
    "bone_metastases", "progressive_at_baseline", "krenning_score", "ecog", "karnofsky", "prior_lines", "radionuclide",
)  # fmt: skip
VALUE = "value"
COLUMNS = (
    "term", "level", "group_by", "group", "n", "total", "proportion", "median", "lower_quartile", "upper_quartile",
)  # fmt: skip
GROUP_BY = "tumour_group"


def summarise_baseline(analysis_set: pd.DataFrame) -> pd.DataFrame:
    """Count levels and give median and quartiles of numbers, of all patients and by tumour group.

    Returns with `COLUMNS`, one row a term, level and group. A category has a row for every level that
    occurs in the cohort, also where a group has nobody in it; an empty cell is the level ``unknown``. A number has a
    row with level ``value`` (n: patients who have it) and, where some lack it, one with level ``unknown``. A term
    that nobody has is left out.
    Quartiles are interpolated linearly (type 7 of Hyndman and Fan 1996).
    """
    frame = analysis_set.reset_index(drop=True)
    groupings = [(WHOLE, compute_group(frame, WHOLE))]
    if GROUP_BY in frame and frame[GROUP_BY].notna().any():
        groupings.append((GROUP_BY, compute_group(frame, GROUP_BY)))
    parts = []
    for term in ORDER:
        if term not in frame or frame[term].isna().all():
            continue
        count = _describe_number if term in NUMBERS else _count_levels
        parts += [count(frame, term, groups).assign(group_by=name) for name, groups in groupings]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    table["proportion"] = table["n"] / table["total"]
    return table.reindex(columns=list(COLUMNS))


def _count_levels(frame: pd.DataFrame, term: str, groups: pd.Series) -> pd.DataFrame:
    """Patients with each level of a category in each group."""
    counts = pd.crosstab(groups.astype(str), compute_group(frame, term).astype(str))
    order = [str(c) for c in compute_group(frame, term).cat.categories]
    counts = counts.reindex(index=[str(c) for c in groups.cat.categories], columns=order, fill_value=0)
    long = (
        counts.rename_axis(index="group", columns=None)
        .reset_index()
        .melt("group", var_name="level", value_name="n")
    )
    return long.assign(term=term, total=long.groupby("group")["n"].transform("sum"))


def _describe_number(frame: pd.DataFrame, term: str, groups: pd.Series) -> pd.DataFrame:
    """Median and quartiles of a number in each group, and how many lack it."""
    values = frame[term].astype("float64")
    names = [str(c) for c in groups.cat.categories]
    grouped = values.groupby(groups.astype(str))
    total = grouped.size().reindex(names)
    known = grouped.count().reindex(names)
    described = pd.DataFrame(
        {
            "level": VALUE,
            "n": known,
            "median": grouped.median().reindex(names),
            "lower_quartile": grouped.quantile(0.25).reindex(names),
            "upper_quartile": grouped.quantile(0.75).reindex(names),
        }
    )
    parts = [described]
    if values.isna().any():
        parts.append(pd.DataFrame({"level": UNKNOWN, "n": total - known}))
    table = pd.concat([p.assign(total=total) for p in parts])
    return table.rename_axis("group").reset_index().assign(term=term)
