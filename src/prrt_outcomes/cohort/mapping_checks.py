"""What is wrong with a mapping: columns that are not there, keys that mean nothing, values that can never match."""

from collections import Counter
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.reshape import Reshaped
from prrt_outcomes.cohort.rows import check_twice, describe_nearest, tell_unmatched
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, nearest_name, study_problem, suggest
from prrt_outcomes.study.base import TableSource, clean_text
from prrt_outcomes.tables.schema import Field

TIMED_TABLES = ("reported_outcomes", "control_outcomes", "control_curves", "control_at_risk")
WAYS = ("columns", "first_of", "constants")
OF_A_COLUMN = ("default", "pad", "add_days", "units")


def check_mapping(table: str, source: TableSource, fields: Sequence[Field]) -> list[Problem]:
    """List keys of the mapping that name no column of ours, or the same column twice."""
    types = {field.name: field.type for field in fields}
    problems = []
    for section in (*WAYS, "values", *OF_A_COLUMN):
        for key in getattr(source, section):
            if key not in types:
                place = f"tables.{table}.{section}.{key}"
                expected = suggest(key, list(types), f"columns of {table}: {', '.join(types)}")
                problems.append(study_problem(place, key, "not a column of the table", expected))
    ways = Counter(key for section in WAYS for key in getattr(source, section))
    for key in sorted(key for key, n in ways.items() if n > 1):
        last = next(section for section in reversed(WAYS) if key in getattr(source, section))
        place = f"tables.{table}.{last}.{key}"
        expected = f"one of {', '.join(WAYS)}, not both"
        problems.append(study_problem(place, key, "the column is given twice", expected))
    for key in source.pad:
        if types.get(key, "string") != "string":
            expected = f"a column of text: {', '.join(n for n, kind in types.items() if kind == 'string')}"
            problems.append(study_problem(f"tables.{table}.pad.{key}", key, "not a text", expected))
    for key in source.add_days:
        if types.get(key, "date") != "date":
            expected = (
                f"a column of dates: {', '.join(n for n, kind in types.items() if kind == 'date') or 'none'}"
            )
            problems.append(study_problem(f"tables.{table}.add_days.{key}", key, "not a date", expected))
    if source.time_unit and table not in TIMED_TABLES:
        place = f"tables.{table}.time_unit"
        expected = f"only {', '.join(TIMED_TABLES)} have times with a unit"
        problems.append(study_problem(place, source.time_unit, "no such unit here", expected))
    return problems


def check_columns(
    table: str, reshaped: Reshaped, source: TableSource, fields: Sequence[Field]
) -> list[Problem]:
    """List columns that the mapping names and the file lacks, and columns of ours that nobody gives."""
    raw = reshaped.raw
    found = list(raw.columns)
    asked = [(name, ours) for ours in source.columns for name in source.names_of_column(ours)]
    asked += [(name, ours) for ours, boxes in source.first_of.items() for name in boxes]
    asked += [(name, "units") for name in source.unit_columns.values()]
    asked += [(name, "ignore") for name in source.ignore if name not in reshaped.used | reshaped.dropped]
    problems = []
    for name, ours in asked:
        if name in reshaped.dropped:
            problem = f"the column differs within the keys of the pivot (for {ours})"
            expected = "a column with one value for each key, more keys, or a value of the pivot"
            problems.append(Problem(table, 1, name, "", problem, expected))
        elif name not in raw.columns:
            problem = f"the file has no such column (for {ours})"
            problems.append(Problem(table, 1, name, "", problem, describe_nearest(name, found)))
    for field in fields:
        name = field.name
        is_given = (
            name in source.columns
            or name in source.constants
            or name in source.first_of
            or find_names(raw, source, name)
        )
        if is_given:
            continue
        if field.required and field.key_default is None:
            advice = "Then map it under columns in study.yaml. "
            expected = f"{field.description}. {describe_nearest(name, found, advice)}"
            problems.append(Problem(table, 1, name, "", "a required column is missing", expected))
        if name in raw.columns:
            ours = ", ".join(_find_readers(source, name))
            expected = f"if it is meant for both, name it in study.yaml: columns: {{{name}: {name}}}"
            problem = f"the column is read for {ours}, and not for {name}"
            problems.append(Problem(table, 1, name, "", problem, expected, "note"))
        for section in OF_A_COLUMN:
            if name in getattr(source, section):
                expected = f"a column of the file for {name}, or constants: {{{name}: ...}} for all rows"
                place = f"tables.{table}.{section}.{name}"
                problems.append(study_problem(place, name, "no column is read for it", expected))
    return problems


def find_names(raw: RawTable, source: TableSource, name: str) -> tuple[str, ...]:
    """Columns of the file that one of ours is read from, those that are there.

    A column that the mapping reads for another of ours is not taken for its own name as well, unless it is one of
    several there (``last_contact_date: [death_date, last_seen]``).
    """
    if name not in source.columns and _find_readers(source, name):
        return ()
    return tuple(n for n in source.names_of_column(name) if n in raw.columns)


def tell_unread(
    table: str, reshaped: Reshaped, source: TableSource, fields: Sequence[Field], used: Collection[str]
) -> list[Problem]:
    """Warn of columns that the mapping makes or joins and then reads nowhere: what they hold would be lost.

    used : columns that are read
    """
    made = [(name, "unpivot") for name in (source.unpivot.columns if source.unpivot else ())]
    made += [(name, f"join.{i}") for i, join in enumerate(source.join) for name in join.added]
    free = [field.name for field in fields if field.name not in source.columns]
    problems = []
    for name, section in made:
        if name in reshaped.raw.columns and name not in used and name not in reshaped.used:
            ours = nearest_name(name, free) or "..."
            expected = f"in study.yaml columns: {{{ours}: {name}}}, or the column left out of {section.split('.')[0]}"
            place = f"tables.{table}.{section}"
            problems.append(study_problem(place, name, "nothing reads this column", expected, "warning"))
    return problems


def _find_readers(source: TableSource, name: str) -> list[str]:
    """Columns of ours that are read from a column of the file alone."""
    alone = [ours for ours in source.columns if source.names_of_column(ours) == (name,)]
    alone += [f"the unit of {ours}" for ours, theirs in source.unit_columns.items() if theirs == name]
    return alone + [ours for ours, boxes in source.first_of.items() if name in boxes]


def check_values(table: str, source: TableSource, ours: str, found: pa.Array) -> list[Problem]:
    """List keys of ``values`` that can never match, or that no cell of the file has.

    found : distinct texts of the file for this column
    """
    place = f"tables.{table}.values.{ours}"
    keys = list(source.values[ours])
    missing = {clean_text(text) for text in source.missing} - {""}
    expected = "a value for it, or the text among missing, not both"
    problems = [
        study_problem(place, key, "the text is among missing and never read", expected)
        for key in keys
        if clean_text(key) in missing
    ]
    empty_stays = source.values[ours].get("", "") is None
    told = [key for key in keys if clean_text(key) not in missing and not (empty_stays and key == "")]
    return problems + check_twice(place, keys) + tell_unmatched(place, told, pc.drop_null(found))
