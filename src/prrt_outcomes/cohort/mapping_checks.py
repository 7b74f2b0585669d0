"""What is wrong with a mapping: columns that are not there, keys that mean nothing, values that can never match."""

from collections import Counter
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.reshape import Reshaped
from prrt_outcomes.cohort.rows import check_twice, describe_nearest, tell_no_column, tell_unmatched
from prrt_outcomes.cohort.sources.raw_table import RawTable
from prrt_outcomes.errors import Problem, nearest_name, suggest, tell, tell_setting
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
                expected = suggest(key, list(types), f"columns of {table}: {', '.join(types)}")
                place = f"tables.{table}.{section}.{key}"
                problems.append(tell_setting("not_a_column", place, key, expected=expected))
    ways = Counter(key for section in WAYS for key in getattr(source, section))
    for key in sorted(key for key, n in ways.items() if n > 1):
        last = next(section for section in reversed(WAYS) if key in getattr(source, section))
        place = f"tables.{table}.{last}.{key}"
        problems.append(tell_setting("column_twice", place, key, ways=", ".join(WAYS)))
    for section, kind, fault in (("pad", "string", "not_a_text"), ("add_days", "date", "not_a_date")):
        known = ", ".join(name for name, own in types.items() if own == kind) or "none"
        for key in getattr(source, section):
            if types.get(key, kind) != kind:
                problems.append(tell_setting(fault, f"tables.{table}.{section}.{key}", key, known=known))
    if source.time_unit and table not in TIMED_TABLES:
        place, known = f"tables.{table}.time_unit", ", ".join(TIMED_TABLES)
        problems.append(tell_setting("no_time_unit", place, source.time_unit, tables=known))
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
            problems.append(tell("differs_within_pivot", table, 1, name, ours=ours))
        elif name not in raw.columns:
            problems.append(tell_no_column(table, name, found, ours))
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
            nearest = describe_nearest(name, found, "Then map it under columns in study.yaml. ")
            named = {"description": field.description, "expected": nearest}
            problems.append(tell("required_column", table, 1, name, **named))
        if name in raw.columns:
            ours = ", ".join(_find_readers(source, name))
            problems.append(tell("read_for_another", table, 1, name, ours=ours, name=name))
        for section in OF_A_COLUMN:
            if name in getattr(source, section):
                place = f"tables.{table}.{section}.{name}"
                problems.append(tell_setting("nothing_read_for_it", place, name, name=name))
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
            named = {"ours": ours, "name": name, "section": section.split(".")[0]}
            problems.append(tell_setting("read_nowhere", f"tables.{table}.{section}", name, **named))
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
    problems = [tell_setting("among_missing", place, key) for key in keys if clean_text(key) in missing]
    empty_stays = source.values[ours].get("", "") is None
    told = [key for key in keys if clean_text(key) not in missing and not (empty_stays and key == "")]
    return problems + check_twice(place, keys) + tell_unmatched(place, told, pc.drop_null(found))
