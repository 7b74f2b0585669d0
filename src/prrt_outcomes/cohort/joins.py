"""Columns of other files, added to the rows of a file by a key; each cell keeps its place in its own file."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.cells import choose_format, known_texts, pad_digits
from prrt_outcomes.cohort.rows import choose_rows, tell_no_column
from prrt_outcomes.cohort.sources.raw_table import TWICE, RawTable, SourceResult
from prrt_outcomes.errors import Problem, tell, tell_setting
from prrt_outcomes.study.base import FileSource, Join, TableSource
from prrt_outcomes.tables.parse_dates import parse_dates
from prrt_outcomes.tables.places import CellPlaces
from prrt_outcomes.tables.schema import Field

Read = Callable[[str, FileSource], SourceResult]


@dataclass(frozen=True)
class Reshaped:
    """A raw table in its new shape."""

    raw: RawTable
    used: frozenset[str]  # columns of the file that went into it
    n_read: int  # rows of the file
    problems: tuple[Problem, ...]
    # for each file that was joined, its columns that went into the table
    taken: tuple[tuple[Join, frozenset[str]], ...]
    dropped: frozenset[str] = frozenset()  # columns that differ within the keys of a pivot, and are left out
    n_lost: int = 0  # rows that were made, hold nothing and are left out
    # row of the file, from 1, that each row is of; None where they are the same
    numbers: np.ndarray | None = None


def join_files(table: str, raw: RawTable, source: TableSource, read: Read) -> Reshaped:
    """Add to each row the columns of the one row with the same key in each file that is joined.

    Rows without such a row have empty cells. A key that occurs twice in the joined file is an error, unless a date
    says which of its rows is joined.
    """
    n_read, problems = raw.n_rows, []
    used: set[str] = set()
    taken: list[tuple[Join, frozenset[str]]] = []
    for i, join in enumerate(source.join):
        place = f"tables.{table}.join.{i}"
        label = f"{table} ({join.file})"
        own_mark = "decimal" in join.model_fields_set
        join = join if own_mark else join.model_copy(update={"decimal": source.decimal})
        result = read(label, join)
        named = [*join.keys.values(), *join.columns, *filter(None, [join.by_date])]
        own = {*named, *join.filter, *join.exclude, *join.not_empty}
        problems += [p for p in result.problems if p.problem != TWICE or p.column in own]
        if result.raw is None:
            continue
        rows, _, told = choose_rows(label, result.raw, join, place)
        problems += told
        ours = [*join.keys, *join.limits]
        lacking = [
            tell_no_column(name_of, name, list(held.columns), "join")
            for name_of, held, wanted in ((table, raw, ours), (label, result.raw, named))
            for name in dict.fromkeys(wanted)
            if name not in held.columns
        ]
        lacking += [tell_setting("join_takes_name", place, n) for n in join.added if n in raw.columns]
        problems += lacking
        if lacking:
            continue
        used |= set(ours)
        taken.append((join, frozenset(own)))
        right = result.raw
        if join.decimal != source.decimal:  # numbers that are added get the decimal mark of the table's file
            pattern = rf"^\s*([+-]?[0-9]*){re.escape(join.decimal)}([0-9]+)\s*$"
            form = rf"\1{source.decimal}\2"
            marked = {n: pc.replace_substring_regex(right.columns[n], pattern, form) for n in join.columns}
            right = replace(right, columns={**right.columns, **marked})
        sides = ((raw, join.keys), (right, join.keys.values()))
        ours_of, theirs_of = (_gather_keys(side, list(names), source, join) for side, names in sides)
        rows = rows[theirs_of.iloc[rows].notna().all(axis=1).to_numpy()]
        found, told = _match_rows((table, label), (raw, right), (ours_of, theirs_of), rows, source, join)
        problems += told
        is_found = found >= 0
        if not is_found.all():
            counts = {"n": int((~is_found).sum()), "total": len(found), "added": ", ".join(join.added)}
            severity = "note" if is_found.any() else "warning"
            keyed = ", ".join(join.keys)
            problems.append(tell("join_unmatched", label, None, keyed, **counts, severity=severity))
        chosen = pa.array(np.maximum(found, 0), mask=~is_found)
        lines = np.where(is_found, right.lines[np.maximum(found, 0)] if right.n_rows else 0, raw.lines)
        columns, places, at = dict(raw.columns), dict(raw.places), pa.array(is_found.astype(np.int32))
        labels = pa.DictionaryArray.from_arrays(at, pa.array(["", label]))
        for name, theirs in join.added.items():
            columns[name] = pc.fill_null(right.columns[theirs].take(chosen), "")
            shown = pa.DictionaryArray.from_arrays(at, pa.array(["", theirs]))
            places[name] = CellPlaces(lines, shown, labels)
        raw = replace(raw, columns=columns, places=places)
    return Reshaped(raw, frozenset(used), n_read, tuple(problems), tuple(taken))


def _match_rows(
    labels: tuple[str, str],
    files: tuple[RawTable, RawTable],
    keys: tuple[pd.DataFrame, pd.DataFrame],
    rows: np.ndarray,
    source: TableSource,
    join: Join,
) -> tuple[np.ndarray, list[Problem]]:
    """Position of the row of the joined file for each row, -1 where there is none."""
    problems: list[Problem] = []
    ours, theirs = keys[0].assign(at=range(files[0].n_rows)).dropna(), keys[1].iloc[rows].assign(row=rows)
    if join.by_date:
        theirs["date"], problems = _read_dates(labels[1], files[1], join.by_date, rows, source, join.added)
        theirs = theirs.dropna().sort_values(["date", "row"], ascending=[bool(join.earliest), True])
    elif keys[1].iloc[rows].duplicated().any():
        own, lines, name = keys[1].iloc[rows], files[1].lines[rows], ", ".join(join.keys.values())
        firsts = pd.Series(lines, own.index).groupby([own[i] for i in own], sort=False).transform("first")
        is_again = own.duplicated().to_numpy()
        texts = own[is_again].astype("string").agg(", ".join, axis=1).tolist()
        told = zip(lines[is_again].tolist(), firsts[is_again].tolist(), texts, strict=True)
        problems = [
            tell("join_key_twice", labels[1], line, name, value, name=name, first=first)
            for line, first, value in told
        ]
    pairs = ours.merge(theirs, on=list(keys[0]))
    n_pairs = len(pairs)
    if join.limits:
        every = np.arange(files[0].n_rows)
        read = [_read_dates(labels[0], files[0], name, every, source, {}) for name in join.limits]
        problems += [problem for _, told in read for problem in told]
        begun = pd.DataFrame({i: dates for i, (dates, _) in enumerate(read)}).fillna("~").min(axis=1)
        pairs = pairs[pairs["date"].to_numpy() > begun.iloc[pairs["at"]].to_numpy()]
    chosen = pairs.drop_duplicates("at")
    found = np.full(files[0].n_rows, -1)
    found[chosen["at"]] = chosen["row"]
    if join.by_date and n_pairs > len(chosen):
        limits = f" after {', '.join(join.limits)}" if join.limits else ""
        named = {"n": n_pairs - len(chosen), "which": "earliest" if join.earliest else "latest"}
        named |= {"date": join.by_date, "limits": limits}
        problems.append(tell("join_rows_left", labels[1], None, join.by_date, **named))
    return found, problems


def _read_dates(
    label: str, raw: RawTable, name: str, rows: np.ndarray, source: TableSource, added: Mapping[str, str]
) -> tuple[np.ndarray, list[Problem]]:
    """Dates of some rows as ISO texts that sort, missing where there is none; an error for what is no date."""
    shown = {name, *(here for here, theirs in added.items() if theirs == name)}
    ours = next((ours for ours in source.columns if shown & set(source.names_of_column(ours))), "")
    texts = known_texts(raw.columns[name].take(pa.array(rows)), source.missing).dictionary_encode()
    field = Field(name, "partial", name, "")
    values, faulty = parse_dates(texts.dictionary, field, choose_format(source, ours, raw.day_zero))
    codes = texts.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    problems = [
        Problem(label, int(raw.lines[rows[i]]), name, texts.dictionary[codes[i]].as_py(), problem, expected)
        for problem, expected, which in faulty
        for i in np.flatnonzero(np.append(which, False)[codes])
    ]
    return values.array.take(codes, allow_fill=True), problems


def _gather_keys(raw: RawTable, names: Sequence[str], source: TableSource, join: Join) -> pd.DataFrame:
    """Cleaned texts of the key, missing where a part is empty; padded as a column of ours that is read from it."""
    widths = {name: width for ours, width in source.pad.items() for name in source.names_of_column(ours)}
    keys = {}
    for i, (name, own) in enumerate(zip(names, join.keys, strict=True)):
        texts = known_texts(raw.columns[name], join.missing)
        keys[i] = (pad_digits(texts, widths[own]) if own in widths else texts).to_pandas()
    return pd.DataFrame(keys)
