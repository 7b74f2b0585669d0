"""Groups, tumour groups, model covariates and reference levels as all results name them.

Levels stand in schema order; `unknown` is the last level of a grouping and missing in a model; `all` is the whole
cohort.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prrt_outcomes.cohort.levels import GROUP_OF_TYPE, UNKNOWN, WHOLE
from prrt_outcomes.tables.schema import load_schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


def compute_group(frame: pd.DataFrame, group_by: str) -> pd.Series:
    """Level of each row in a grouping.

    frame : one row a patient
    group_by : a column of `frame`, or ``all``
    Returns ordered category of the index of `frame`, without missing values: the levels that occur, in schema order
    (else sorted), with empty and ``unknown`` as one level ``unknown`` at the end; ``all`` everywhere where `group_by`
    is ``all``.
    Raises KeyError when the column is absent.
    """
    import pandas as pd

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


def choose_reference(group: pd.Series, wanted: str | None) -> str | None:
    """Reference level of a grouping, as `choose_reference_level`; `unknown` is none."""
    return choose_reference_level(group[group.ne(UNKNOWN)].value_counts(sort=False), wanted)


def choose_reference_level(sizes: pd.Series, wanted: str | None) -> str | None:
    """Reference among levels of known size: the wanted one where it occurs, else the largest, ties in order.

    sizes : number of patients by level, levels in schema order
    wanted : level that the study names (`analysis.reference`), or None
    """
    occurring = sizes[sizes > 0]
    if wanted is not None and str(wanted) in occurring.index:
        return str(wanted)
    return None if occurring.empty else str(occurring.idxmax())


def derive_covariates(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Covariates of a model: numbers as they are, everything else as categories, `unknown` missing.

    A category keeps schema order and only the levels that occur.
    """
    import pandas as pd

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


def choose_references(covariates: pd.DataFrame, wanted: Mapping[str, str]) -> dict[str, str]:
    """Reference level of each categorical covariate, as `choose_reference`."""
    import pandas as pd

    references = {}
    for name in covariates.columns:
        if isinstance(covariates[name].dtype, pd.CategoricalDtype):
            complete = covariates.loc[covariates.notna().all(axis=1), name].cat.remove_unused_categories()
            level = choose_reference(complete, wanted.get(name))
            if level is not None:
                references[name] = level
    return references


def derive_tumour_group(patients: pd.DataFrame) -> pd.DataFrame:
    """Add `tumour_group` where it is absent or empty: tumour types taken together.

    patients : table `patients` with `tumour_type`
    Returns the same rows with `tumour_group` (category gep < lung < neuroectodermal < other); a group that
    stands there already is kept, an empty tumour type stays empty.
    """
    import pandas as pd

    levels = load_schema("analysis_set").field("tumour_group").codes
    group = patients["tumour_type"].astype("string").map(GROUP_OF_TYPE).astype("string")
    if "tumour_group" in patients:
        group = patients["tumour_group"].astype("string").fillna(group)
    return patients.assign(tumour_group=group.astype(pd.CategoricalDtype(list(levels), ordered=True)))
