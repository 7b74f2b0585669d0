"""How complete the tables of a study are, by column, centre and calendar year, and the ranges of their numbers."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.assemble import CohortTable
from prrt_outcomes.cohort.chronology import DATED_ROWS, compute_column_range
from prrt_outcomes.cohort.plausibility import load_rules
from prrt_outcomes.cohort.problem_places import locate_problems, tabulate_problems
from prrt_outcomes.cohort.read import CohortResult
from prrt_outcomes.laboratory import SI_UNITS, convert_units_to_si
from prrt_outcomes.study.model import INPUT_TABLES
from prrt_outcomes.tables.frames import put_columns, stack_tables
from prrt_outcomes.tables.schema import Field, load_schema

ALL = "all"
UNKNOWN = "unknown"
OTHER_CENTRES = "other centres"
MOST_GROUPS = 30
NOT_IN_FILE = "not in the files"
Groups = tuple[str, list[str], np.ndarray]  # column, levels, and of each row the place of its level


def summarise_data_quality(cohort: CohortResult) -> pd.DataFrame:
    """Count missing and doubtful cells of every table as it was read.

    A cell with a text that cannot be read is not missing but in doubt. A row belongs to the centre of its patient and
    to the year of its own date, else of the patient's first cycle. Rows after the data cut-off are included.

    Returns result table `data_quality`: of each column a row for the whole table, one a centre and one a year; a table
    without known centres, or years, has none of these.
    """
    problems = tabulate_problems(cohort.problems)
    read = _code_texts(cohort)
    parts = [pd.DataFrame(_count_table(name, read, problems)) for name in INPUT_TABLES if name in read]
    return stack_tables("data_quality", parts)


def _code_texts(cohort: CohortResult) -> dict[str, CohortTable]:
    """The tables as they were read, with repeated texts as categories, which are counted faster."""
    return {name: replace(t, frame=put_columns(t.frame, t.coded)) for name, t in cohort.read.items()}


def list_columns(frame: pd.DataFrame) -> list[str]:
    """Columns of a typed table without the precision of its partial dates."""
    names = list(map(str, frame.columns))
    return [name for name in names if name.removesuffix("_precision") not in set(names) - {name}]


def _count_table(name: str, read: Mapping[str, CohortTable], problems: pd.DataFrame) -> Iterator[dict]:
    """Rows of one table: of each grouping, column and group."""
    table = read[name]
    cells = locate_problems(table, problems)
    whole: Groups = ("year", [ALL], np.zeros(len(table.frame), np.int64))
    columns = list_columns(table.frame)
    doubtful = {column: found.unique() for column, found in cells.groupby("column")["position"]}
    doubtful[ALL] = cells["position"].unique()
    written = cells[cells["severity"].eq("error") & cells["value"].ne("")]
    missing: dict[str, np.ndarray | None] = {ALL: None}
    for column in columns:
        is_missing = table.frame[column].isna().to_numpy(bool, copy=True)
        is_missing[written.loc[written["column"].eq(column), "position"]] = False
        missing[column] = is_missing
    notes = _write_notes(name, table, cells, problems)
    none = np.array([], np.int64)
    for axis, levels, codes in filter(None, (whole, _find_centres(name, read), _find_years(name, read))):
        sizes = np.bincount(codes, minlength=len(levels)).tolist()
        for column in (ALL, *columns):
            place, empty = {"table": name, "column": column, "centre_id": ALL, "year": ALL}, missing[column]
            found_in = [none if empty is None else empty, doubtful.get(column, none)]
            counts = [np.bincount(codes[rows], minlength=len(levels)).tolist() for rows in found_in]
            for level, n, n_missing, n_doubtful in zip(levels, sizes, *counts, strict=True):
                if n or level == ALL:
                    note = notes.get(column, "") if level == ALL else ""
                    found = {"n": n, "n_missing": None if empty is None else n_missing}
                    yield place | {axis: level} | found | {"n_doubtful": n_doubtful, "note": note}


def _write_notes(
    name: str, table: CohortTable, cells: pd.DataFrame, problems: pd.DataFrame
) -> dict[str, str]:
    """For each column what was read by a rule, the problems with their counts, or that no file has it."""
    defaults = {field.name for field in load_schema(name).fields if field.key_default is not None}
    notes = {
        column: NOT_IN_FILE
        for column in list_columns(table.frame)
        if column not in table.given and (column in defaults or table.frame[column].isna().all())
    }
    of_columns = problems[problems["table"].isin({name, *table.labels}) & problems["row"].isna()]
    told = of_columns.assign(text=of_columns["problem"].str.extract("^([^:]*)")[0])[["column", "text"]]
    counts = cells.groupby(["column", "problem"], sort=False).size().reset_index(name="n")
    counts = counts.sort_values("n", ascending=False, kind="stable")
    counts["text"] = counts["problem"] + ": " + counts["n"].astype("string")
    for row in pd.concat([told, counts[["column", "text"]]]).drop_duplicates().to_dict("records"):
        notes[row["column"]] = "; ".join(filter(None, [notes.get(row["column"]), row["text"]]))
    return notes


def _find_centres(name: str, read: Mapping[str, CohortTable]) -> Groups | None:
    """Centre of each row; None where no patient has one, or the table has no patients."""
    frame = read[name].frame
    own = "centre_id" in frame
    parents = [key.table for key in load_schema(name).foreign_keys if "patient_id" in key.columns]
    parent = frame if own else read[parents[0]].frame if parents and parents[0] in read else None
    if parent is None or parent["centre_id"].isna().all():
        return None
    centre = parent["centre_id"].astype(object)
    kept = sorted(centre.value_counts().index[:MOST_GROUPS], key=_order_of_numbers)
    folded = centre.where(centre.isin(kept) | centre.isna(), OTHER_CENTRES)
    levels = list(dict.fromkeys([*kept, OTHER_CENTRES, UNKNOWN]))
    codes = pd.Series(pd.Categorical(folded.fillna(UNKNOWN), levels).codes, parent.index, dtype="int64")
    if not own:
        codes = _of_patients(frame, parent["patient_id"], codes).fillna(levels.index(UNKNOWN)).astype("int64")
    return "centre_id", levels, codes.to_numpy()


def _order_of_numbers(name: str) -> list[tuple[str, int]]:
    """Key that sorts `Centre 2` before `Centre 10`."""
    return [(text, int(number or 0)) for text, number in re.findall(r"(\D+|^)(\d*)", name)]


def _find_years(name: str, read: Mapping[str, CohortTable]) -> Groups | None:
    """Calendar year of each row; None where there is no date to tell it."""
    frame = read[name].frame
    if name in DATED_ROWS:
        days = compute_column_range(name, frame, DATED_ROWS[name])[0]
    elif "cycles" in read and "patients" in (name, *(key.table for key in load_schema(name).foreign_keys)):
        cycles = read["cycles"].frame
        first = cycles.groupby("patient_id", as_index=False, observed=True)["cycle_date"].min()
        days = _of_patients(frame, first["patient_id"], first["cycle_date"]).to_numpy("datetime64[ns]")
    else:
        return None
    is_known = ~np.isnat(days)
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    found = np.unique(years[is_known])
    if not len(found):
        return None
    shown = found[-MOST_GROUPS:]
    before = [f"before {shown[0]}"] if len(found) > len(shown) else []
    places = np.searchsorted(shown, years) + len(before)
    codes = np.where(is_known, np.where(years < shown[0], 0, places), len(shown) + len(before))
    return "year", [*before, *map(str, shown), UNKNOWN], codes


def _of_patients(frame: pd.DataFrame, patients: pd.Series, values: pd.Series) -> pd.Series:
    """What is known of the patient of each row; missing where the patient is not known."""
    known = pd.Series(values.to_numpy(), patients.to_numpy(object))
    known = known[known.index.notna() & ~known.index.duplicated()]
    codes, names = pd.factorize(frame["patient_id"])
    found = known.reindex(np.asarray(names, object)).array
    return pd.Series(found.take(codes, allow_fill=True), frame.index)


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
    read = _code_texts(cohort)
    located = {name: locate_problems(read[name], problems) for name in INPUT_TABLES if name in read}
    rows = [row | {"table": n} for n, cells in located.items() for row in _describe_table(n, read[n], cells)]
    return stack_tables("data_ranges", [pd.DataFrame(rows)])


def _describe_table(name: str, table: CohortTable, cells: pd.DataFrame) -> Iterator[dict]:
    for field in _list_number_fields(name, table.frame):
        beyond = cells.loc[cells["column"].eq(field.name), "position"].unique()
        if name == "labs":
            yield from _describe_laboratory(field, table.frame, beyond)
        elif table.frame[field.name].notna().any() or len(beyond):
            values = table.frame[field.name].to_numpy("float64", na_value=np.nan)
            bounds = field.plausible or (field.minimum, field.maximum)
            yield _describe(field, values, bounds, len(beyond)) | {"level": ALL, "unit": field.unit}


def _list_number_fields(name: str, frame: pd.DataFrame) -> list[Field]:
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
    known = values[~np.isnan(values)]
    low, median, high = (known.min(), np.median(known), known.max()) if len(known) else (np.nan,) * 3
    summary = {"n": len(known), "minimum": low, "median": median, "maximum": high, "n_beyond": n_beyond}
    return {"column": field.name, **summary, "plausible_low": bounds[0], "plausible_high": bounds[1]}
