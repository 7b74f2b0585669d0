"""Smallest, median and largest value of every column of numbers, and how many lie beyond what is plausible."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.assemble import CohortTable
from prrt_outcomes.cohort.data_quality import ALL
from prrt_outcomes.cohort.plausibility import load_rules
from prrt_outcomes.cohort.problem_places import locate_problems, tabulate_problems
from prrt_outcomes.cohort.read import CohortResult
from prrt_outcomes.laboratory import SI_UNITS, convert_units_to_si
from prrt_outcomes.study.model import INPUT_TABLES
from prrt_outcomes.tables.frames import stack_tables
from prrt_outcomes.tables.schema import Field, load_schema

BEYOND = ("out of range", "implausible", "hardly possible in this unit", "an unusual limit in this unit")
LABORATORY_BOUNDS = {
    "value": ("low", "high"),
    "upper_limit": ("upper_low", "upper_high"),
    "lower_limit": ("lower_low", "lower_high"),
}


def summarise_ranges(cohort: CohortResult) -> pd.DataFrame:
    """Describe the columns of numbers of every table as it was read; laboratory values by analyte, in SI units.

    Values that cannot be read, or that lie beyond the bounds of what is possible, are errors: they count as beyond and
    are not part of minimum, median and maximum.

    Returns result table `data_ranges`, one row a column (and analyte) that has a value or a fault.
    """
    problems = tabulate_problems(cohort.problems)
    problems = problems[problems["problem"].isin(BEYOND)]
    rows = []
    for name in INPUT_TABLES:
        if name in cohort.read:
            table = cohort.read[name]
            cells = locate_problems(table, problems)
            rows += [row | {"table": name} for row in _describe_table(name, table, cells)]
    return stack_tables("data_ranges", [pd.DataFrame(rows)])


def _describe_table(name: str, table: CohortTable, cells: pd.DataFrame) -> Iterator[dict]:
    """Ranges of the columns of numbers of one table."""
    for field in _list_number_fields(name, table.frame):
        beyond = cells.loc[cells["column"].eq(field.name), "position"].unique()
        if name == "labs":
            yield from _describe_laboratory(field, table.frame, beyond)
        elif table.frame[field.name].notna().any() or len(beyond):
            values = table.frame[field.name].to_numpy("float64", na_value=np.nan)
            bounds = field.plausible or (field.minimum, field.maximum)
            yield _describe(field, values, bounds, len(beyond)) | {"level": ALL, "unit": field.unit}


def _list_number_fields(name: str, frame: pd.DataFrame) -> list[Field]:
    """Columns that hold quantities, those beyond the schema included."""
    schema = load_schema(name)
    known = [field for field in schema.kept_fields if field.type in ("integer", "number")]
    own = [field for field in known if not field.codes and field.key_default is None]
    extra = frame.drop(columns=[column for column in frame if column in schema.names])
    numbers = map(str, extra.select_dtypes("number").columns)
    return own + [Field(column, "number", column, "") for column in numbers]


def _describe_laboratory(field: Field, labs: pd.DataFrame, beyond: np.ndarray) -> Iterator[dict]:
    """Ranges of one column of laboratory values in SI units, by analyte; values of an unknown unit are left out."""
    if labs[field.name].isna().all() and not len(beyond):
        return
    values = labs[field.name] * convert_units_to_si(labs["analyte"], labs["unit"])
    codes = labs["analyte"].cat.codes.to_numpy()
    n_beyond = np.bincount(codes[beyond][codes[beyond] >= 0], minlength=len(labs["analyte"].cat.categories))
    known = load_rules()["lookups"]["labs"]["analyte"]
    ends = LABORATORY_BOUNDS[field.name]
    for code, analyte in enumerate(labs["analyte"].cat.categories):
        own = values.to_numpy()[codes == code]
        if n_beyond[code] or not np.isnan(own).all():
            bounds = tuple(known[analyte].get(end) for end in ends)
            of_analyte = {"level": analyte, "unit": SI_UNITS[analyte]}
            yield _describe(field, own, bounds, int(n_beyond[code])) | of_analyte


def _describe(field: Field, values: np.ndarray, bounds: tuple, n_beyond: int) -> dict:
    """Count, minimum, median and maximum of the values that are known."""
    known = values[~np.isnan(values)]
    low, median, high = (known.min(), np.median(known), known.max()) if len(known) else (np.nan,) * 3
    summary = {"n": len(known), "minimum": low, "median": median, "maximum": high, "n_beyond": n_beyond}
    return {"column": field.name, **summary, "plausible_low": bounds[0], "plausible_high": bounds[1]}
