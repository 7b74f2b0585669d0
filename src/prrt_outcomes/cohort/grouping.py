"""Groups, tumour groups, model covariates and reference levels as all results name them, and the baseline table.

Levels stand in schema order; `unknown` is the last level of a grouping and missing in a model; `all` is the whole
cohort.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from prrt_outcomes.cohort.levels import GROUP_OF_TYPE, PET_COLUMNS, UNKNOWN, WHOLE
from prrt_outcomes.errors import Problem, count_words, tell
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema

SIZES = ("n", "events", "n_reference", "events_reference", "n_model", "events_model")
NUMBERS = ("age_years", "ki67_percent", "karnofsky", "prior_lines", *PET_COLUMNS)
ORDER = (
    "age_years", "sex", "tumour_group", "tumour_type", "grade", "ki67_percent", "functioning", "liver_metastases",
    "bone_metastases", "progressive_at_baseline", "krenning_score", "ecog", "karnofsky", "prior_lines", "radionuclide",
    *PET_COLUMNS,
)  # fmt: skip
VALUE = "value"
COLUMNS = list(load_schema("baseline").names)
GROUP_BY = "tumour_group"
RATIO = ("hazard_ratio", "hazard_ratio_low", "hazard_ratio_high")
FEWEST = 5  # patients, and events, of a group that is compared or drawn alone


def compute_group(frame: pd.DataFrame, group_by: str) -> pd.Series:
    """Level of each row in a grouping.

    frame : one row a patient
    group_by : a column of `frame`, or ``all``
    Returns ordered category of the index of `frame`, without missing values: the levels that occur, in schema order
    (else sorted), with empty and ``unknown`` as one level ``unknown`` at the end; ``all`` everywhere where `group_by`
    is ``all``.
    Raises KeyError when the column is absent.
    """
    if group_by == WHOLE:
        return pd.Series(pd.Categorical([WHOLE] * len(frame), ordered=True), index=frame.index)
    values = frame[group_by]
    text = values.astype("string").fillna(UNKNOWN)
    if isinstance(values.dtype, pd.BooleanDtype):
        text = text.str.lower()
    present = set(text.unique())
    is_ordered = isinstance(values.dtype, pd.CategoricalDtype)
    order = [str(level) for level in values.cat.categories] if is_ordered else sorted(present)
    levels = [level for level in order if level in present and level != UNKNOWN]
    levels += [UNKNOWN] if UNKNOWN in present else []
    return pd.Series(pd.Categorical(text, categories=levels, ordered=True), index=frame.index)


def find_small(group: pd.Series, event: ArrayLike) -> dict[str, str]:
    """Why a level is not compared: `too_few` under five patients, else `too_few_events` under five events (`no_events`
    where no level has one).

    group : categories
    event : whether each row had the event
    """
    counts = pd.Series(event, index=group.index).groupby(group, observed=False).agg(["size", "sum"])
    few = counts.lt(FEWEST)
    rare = "too_few_events" if counts["sum"].any() else "no_events"
    return {str(g): "too_few" if row["size"] else rare for g, row in few.iterrows() if row.any()}


def name_few(models: pd.DataFrame) -> pd.Series:
    """`patients` or `events` of which a level or its reference has fewer than five, so that no ratio of it is shown.

    models : n, events, n_reference, events_reference and level of each row; a number has no level and is never small
    """
    sizes = {"events": ("events", "events_reference"), "patients": ("n", "n_reference")}
    found, is_level = pd.Series("", index=models.index), models["level"].fillna("").astype(str).ne("")
    for what, columns in sizes.items():
        few = models[list(columns)].astype("float64").lt(FEWEST).any(axis=1)
        found = found.mask(few & is_level, what)
    return found


def leave_out_few(models: pd.DataFrame) -> pd.DataFrame:
    """Rows of `cox` without the ratio and p-value of the small levels of `name_few`; their status says why in words."""
    few = name_few(models)
    blank = {c: models[c].mask(few.ne("")) for c in (*RATIO, "p_value")}
    status = models["status"].astype("string").mask(few.ne(""), f"fewer than {FEWEST} " + few)
    return models.assign(**blank, status=status)


def choose_reference(group: pd.Series, wanted: str | None) -> str | None:
    """Reference level of a grouping: the wanted one where it occurs, else the largest, ties in order; not `unknown`."""
    sizes = group[group.ne(UNKNOWN)].value_counts(sort=False)
    occurring = sizes[sizes > 0]
    if wanted is not None and str(wanted) in occurring.index:
        return str(wanted)
    return None if occurring.empty else str(occurring.idxmax())


def has_many_centres(patients: pd.DataFrame, fewest: int = 3) -> bool:
    """Whether there are three centres or more, so that results are looked at within and by centre."""
    return "centre_id" in patients.columns and patients["centre_id"].nunique() >= fewest


def fix_references(study: Study, patients: pd.DataFrame) -> Study:
    """The study with a reference level for every grouping, covariate and effect, so that all results share them.

    Where it names no strata, the centre is one from three centres on.
    patients : all patients of the analysis set; columns that it does not have are left out
    """
    analysis = study.analysis
    effects = () if analysis.subgroups is None else (analysis.subgroups.effect,)
    names = dict.fromkeys((*analysis.group_by, *analysis.covariates, *effects))
    wanted = analysis.reference
    found = {
        name: choose_reference(compute_group(patients, name), wanted.get(name))
        for name in names
        if name in patients.columns and patients[name].dtype != "float64"
    }
    references = {name: level for name, level in found.items() if level is not None}
    strata = analysis.strata
    if strata is None:
        strata = ("centre_id",) if has_many_centres(patients) else ()
    changed = analysis.model_copy(update={"reference": references, "strata": strata})
    return study.model_copy(update={"analysis": changed})


def derive_covariates(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Covariates of a model: numbers as they are, everything else as categories, `unknown` missing.

    A category keeps schema order and only the levels that occur.
    """
    columns: dict[str, pd.Series] = {}
    for name in names:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values.dtype) and not isinstance(values.dtype, pd.BooleanDtype):
            columns[name] = values.astype("Float64").astype("float64")
        else:
            group = compute_group(frame, name)
            known = group.cat.remove_categories([UNKNOWN]) if UNKNOWN in group.cat.categories else group
            columns[name] = known.cat.remove_unused_categories()
    return pd.DataFrame(columns, index=frame.index)


def select_comparable(
    covariates: pd.DataFrame, references: Mapping[str, str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Covariates that a model of the complete rows can hold, with the references of the categories among them.

    Left out are a covariate with one value in the complete rows and a category whose reference nobody has there.
    A row in which any covariate is missing is missing in all that are kept.
    """
    is_complete = covariates.notna().all(axis=1)
    complete = covariates.loc[is_complete]
    categories = map(str, complete.select_dtypes(exclude="number").columns)
    own = {name: references[name] for name in categories if name in references}
    held = [name for name in complete if name not in own or complete[name].eq(own[name]).any()]
    kept = [name for name in held if complete[name].nunique() > 1]
    return covariates[kept].where(is_complete), {name: own[name] for name in kept if name in own}


def list_levels(covariates: pd.DataFrame, references: Mapping[str, str], event: ArrayLike) -> pd.DataFrame:
    """Every coefficient asked of a model with its patients and events: of the level, its reference, and the model.

    covariates, references : as `select_comparable`
    event : whether each row of `covariates` had the event; rows are counted where all covariates are known
    Returns term, level (empty for a number), reference, and the columns in `SIZES`; those of the reference are empty
    for a number.
    """
    complete = covariates.notna().all(axis=1)
    happened = pd.Series(event, index=covariates.index)[complete]

    def count(members: pd.Series, of: str = "") -> dict:
        return {f"n{of}": len(members), f"events{of}": int(members.to_numpy().sum())}

    asked = []
    for name, values in covariates.loc[complete].items():
        is_number = pd.api.types.is_numeric_dtype(values)
        reference = "" if is_number else references.get(str(name), "")
        levels: Iterable = () if is_number else values.astype("category").cat.categories
        against = count(happened[values.eq(reference)], "_reference") if reference else {}
        for level in [str(level) for level in levels if level != reference] or [""]:
            row = {"term": name, "level": level, "reference": reference} | against | count(happened, "_model")
            asked.append(row | count(happened[values.eq(level)] if level else happened))
    return pd.DataFrame(asked, columns=["term", "level", "reference", *SIZES])


def add_absent_levels(table: pd.DataFrame, asked: pd.DataFrame) -> pd.DataFrame:
    """Coefficients of a model, `table`, with a row of status `not_estimable` for each of `asked` that it lacks."""
    found = table.drop(columns=["reference", "n", "n_events"], errors="ignore")
    joined = asked.merge(found, on=["term", "level"], how="left")
    return joined.assign(status=joined["status"].fillna("not_estimable"))


def derive_tumour_group(patients: pd.DataFrame) -> pd.DataFrame:
    """Add `tumour_group` where it is absent or empty: tumour types taken together.

    Returns the same rows with `tumour_group` (category gep < lung < neuroectodermal < other); a group that
    stands there already is kept, an empty tumour type stays empty.
    """
    levels = load_schema("analysis_set").field("tumour_group").codes
    group = patients["tumour_type"].astype("string").map(GROUP_OF_TYPE).astype("string")
    if "tumour_group" in patients:
        group = patients["tumour_group"].astype("string").fillna(group)
    return patients.assign(tumour_group=group.astype(pd.CategoricalDtype(list(levels), ordered=True)))


def summarise_baseline(
    analysis_set: pd.DataFrame, groupings: Sequence[str] = (GROUP_BY,), covariates: Iterable[str] = ()
) -> dict[str, pd.DataFrame]:
    """Count levels and give median and quartiles of numbers, of all patients and by each grouping.

    covariates : columns of the analysis set that are described beside those of `ORDER`
    Returns `baseline`, one row a term, level and group, and `baseline_differences`, one row a term. A category has a
    row for every level that occurs in the cohort, also where a group has nobody in it; an empty cell is the level
    ``unknown``. A number has a row with level ``value`` (n: patients who have it) and, where some lack it, one with
    level ``unknown``. A term that nobody has is left out. Differences are between the two largest known groups of the
    first grouping. Quartiles are interpolated linearly (type 7 of Hyndman and Fan 1996).
    """
    frame = analysis_set.reset_index(drop=True)
    known = [name for name in dict.fromkeys(groupings) if name in frame and frame[name].notna().any()]
    grouped = [(name, compute_group(frame, name)) for name in (WHOLE, *known)]
    terms = [t for t in dict.fromkeys((*ORDER, *covariates)) if t in frame and frame[t].notna().any()]
    parts = []
    for term in terms:
        count = _describe_number if _is_number(frame, term) else _count_levels
        parts += [count(frame, term, groups).assign(group_by=name) for name, groups in grouped]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    table["proportion"] = table["n"] / table["total"]
    differences = _compare_largest(frame, known[0], terms) if known else pd.DataFrame()
    return {"baseline": table.reindex(columns=COLUMNS), "baseline_differences": differences}


def _is_number(frame: pd.DataFrame, term: str) -> bool:
    """Whether a term is described by its median and not by its levels."""
    return term in NUMBERS or (term not in ORDER and pd.api.types.is_float_dtype(frame[term]))


def _compare_largest(frame: pd.DataFrame, group_by: str, terms: list[str]) -> pd.DataFrame:
    """Standardised difference of every other term between the two largest groups."""
    from prrt_outcomes.statistics.weights import compute_distance

    groups = compute_group(frame, group_by)
    sizes = groups[groups.ne(UNKNOWN)].value_counts(sort=False)
    two = list(map(str, sizes.sort_values(ascending=False, kind="stable").index[:2]))
    if len(two) < 2:
        return pd.DataFrame()
    own = groups.isin(two)
    is_first, rows = groups[own].eq(two[0]).to_numpy(), []
    for term in (term for term in terms if term != group_by):
        levels = None if _is_number(frame, term) else compute_group(frame[own], term)
        values = frame.loc[own, term] if levels is None else levels.where(levels.ne(UNKNOWN))
        smd, status = compute_distance(is_first, values)
        counts = {"n": int(values[is_first].count()), "n_reference": int(values[~is_first].count())}
        row = {"term": term, "group_by": group_by, "group": two[0], "reference": two[1], "smd": smd}
        rows.append(row | counts | {"status": status})
    return pd.DataFrame(rows)


def _count_levels(frame: pd.DataFrame, term: str, groups: pd.Series) -> pd.DataFrame:
    counts = pd.crosstab(groups.astype(str), compute_group(frame, term).astype(str))
    order = [str(c) for c in compute_group(frame, term).cat.categories]
    counts = counts.reindex(index=[str(c) for c in groups.cat.categories], columns=order, fill_value=0)
    counts = counts.rename_axis(index="group", columns=None).reset_index()
    long = counts.melt("group", var_name="level", value_name="n")
    return long.assign(term=term, total=long.groupby("group")["n"].transform("sum"))


def _describe_number(frame: pd.DataFrame, term: str, groups: pd.Series) -> pd.DataFrame:
    grouped = frame[term].astype("float64").groupby(groups.astype(str))
    found = grouped.agg(total="size", n="count", median="median")
    found = found.assign(lower_quartile=grouped.quantile(0.25), upper_quartile=grouped.quantile(0.75))
    found = found.reindex([str(c) for c in groups.cat.categories])
    parts = [found.assign(level=VALUE)]
    if frame[term].isna().any():
        parts.append(found[["total"]].assign(level=UNKNOWN, n=found["total"] - found["n"]))
    table = pd.concat(parts)
    return table.rename_axis("group").reset_index().assign(term=term)


# WHO 2019 and 2022: G1 below 3 %, G2 3 to 20 %, G3 above 20 %. Other tumours are not graded by Ki-67 alone.
LEAST_G2_PERCENT = 3.0
MOST_G2_PERCENT = 20.0
GRADED_BY_KI67 = "gep_"


def derive_grades(table: str, patients: pd.DataFrame) -> tuple[pd.DataFrame, list[Problem]]:
    """Fill an empty grade from Ki-67; a grade that is stated, `unknown` among them, stays.

    patients : typed: grade, ki67_percent, tumour_type
    Returns the patients, and a note that counts those whose grade was filled.
    """
    percent = patients["ki67_percent"]
    is_graded = patients["tumour_type"].astype("string").str.startswith(GRADED_BY_KI67).fillna(False)
    fills = (patients["grade"].isna() & percent.notna() & is_graded).to_numpy(bool)
    if not fills.any():
        return patients, []
    grade = np.select([percent < LEAST_G2_PERCENT, percent <= MOST_G2_PERCENT], ["G1", "G2"], "G3")
    stated = patients["grade"]
    filled = stated.astype("string").mask(fills, pd.Series(grade, patients.index, dtype="string"))
    n = count_words(int(fills.sum()), "patient")
    note = tell("grades_by_ki67", table, None, "grade", patients=n)
    return patients.assign(grade=filled.astype(stated.dtype)), [note]
