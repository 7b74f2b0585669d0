"""Tables of the OMOP common data model in a database (DuckDB, PostgreSQL), which is only read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from prrt_outcomes.adopt.omop_source import READ, OmopTables
from prrt_outcomes.errors import InputError, Problem, UsageError

ROWS_AT_ONCE = 50_000
TABLES_OF_SCHEMAS = """
select table_schema, table_name, column_name, data_type, table_schema = any(current_schemas(false))
from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema') order by ordinal_position
"""
ARROW_TYPES = {
    "int": pa.int64(), "bigint": pa.int64(), "smallint": pa.int64(), "hugeint": pa.int64(), "date": pa.date32(),
    "timestamp": pa.timestamp("us"), "numeric": pa.float64(), "decimal": pa.float64(), "double": pa.float64(),
    "real": pa.float64(), "float": pa.float64(),
}  # fmt: skip
EXTRA = "pip install 'prrt-outcomes[omop]'"


def open_database(url: str) -> DatabaseTables:
    """Open `duckdb:///path.duckdb`, a path that ends in .duckdb, or `postgresql://user@host/name`, for reading alone.

    Raises UsageError where the library for it is not installed or no such database is known; InputError where it
    cannot be opened.
    """
    kind, mark, place = url.partition("://")
    if not mark or kind == "duckdb":
        connection, name = _open_duckdb(place if mark else url)
        return DatabaseTables(connection, name)
    if kind in ("postgresql", "postgres"):
        connection, name = _open_postgres(url)
        return DatabaseTables(connection, name, is_server=True)
    raise UsageError(
        f"{kind}:// is no source of --omop; duckdb:///path.duckdb, postgresql://user@host/name, or a folder of csv "
        "or parquet files"
    )


def _open_duckdb(place: str) -> tuple[Any, str]:
    try:
        import duckdb
    except ImportError:
        raise UsageError(f"a DuckDB file is read with the library duckdb: {EXTRA}") from None
    path = Path(place)
    if place.startswith("/") and not path.exists():
        path = Path(place[1:])
    try:
        if not path.is_file():
            raise OSError("there is no such file")
        return duckdb.connect(str(path), read_only=True), path.name
    except (duckdb.Error, OSError) as error:
        raise _refuse(path.name, error) from None


def _open_postgres(url: str) -> tuple[Any, str]:
    try:
        import psycopg
    except ImportError:
        raise UsageError(f"PostgreSQL is read with the library psycopg: {EXTRA}") from None
    try:
        connection = psycopg.connect(url)
        connection.read_only = True
        return connection, f"PostgreSQL database {connection.info.dbname}"
    except psycopg.Error as error:
        raise _refuse("PostgreSQL", error) from None


def _refuse(name: str, error: Exception, problem: str = "the database cannot be opened") -> InputError:
    expected = f"a database that can be read ({(str(error).splitlines() or [''])[0]})"
    return InputError([Problem(name, None, "", "", problem, expected)])


class DatabaseTables(OmopTables):
    """Tables of one database; what the mappings need of them becomes an extract in parquet files."""

    def __init__(self, connection: Any, name: str, *, is_server: bool = False):
        self._connection = connection
        self._is_server = is_server
        self._mark = "%s" if is_server else "?"
        self.database = name
        self._places: dict[str, str] = {}
        self._types: dict[str, dict[str, pa.DataType]] = {}
        self._needed: dict[str, tuple[dict[str, None], dict[str, set[str]]]] = {}
        try:
            super().__init__(self._list_tables())
        except BaseException:
            self.close()
            raise

    def _list_tables(self) -> dict[str, dict[str, str]]:
        """Columns of each table; of tables in several schemas those of the search path.

        Raises UsageError where that leaves two.
        """
        rows = self._execute("the list of tables", TABLES_OF_SCHEMAS, []).fetchall()
        found: dict[str, dict[tuple[bool, str, str], list[tuple[str, str]]]] = {}
        for schema, table, column, kind, is_near in rows:
            place = found.setdefault(table.lower(), {}).setdefault((is_near, schema, table), [])
            place.append((column, kind.lower()))
        listed = {}
        for table, places in found.items():
            near = [place for place in places if place[0]] or list(places)
            if len(near) > 1 and table in READ:
                names = ", ".join(sorted(schema for _, schema, _ in near))
                raise UsageError(
                    f"the table {table} stands in several schemas: {names}; name one in the URL, such as "
                    f"?options=-csearch_path%3D{near[0][1]}"
                )
            _, schema, written = near[0]
            self._places[table] = f"{_quote(schema)}.{_quote(written)}"
            self._types[table] = {name.lower(): _arrow_type(kind) for name, kind in places[near[0]]}
            listed[table] = {name.lower(): name for name, _ in places[near[0]]}
        return listed

    def place(self, table: str) -> Path:
        return Path(f"{table}.parquet")

    def name(self, table: str, column: str) -> str:
        """The extract has all names in small letters."""
        return column

    def need(self, table: str, columns: Iterable[str], chosen: Mapping[str, Iterable[str]]) -> None:
        names, values = self._needed.setdefault(table, ({}, {}))
        names |= dict.fromkeys(columns)
        for name, wanted in chosen.items():
            values.setdefault(name, set()).update(wanted)

    def read(
        self, table: str, columns: Sequence[str], where: Mapping[str, Iterable[str]] | None = None
    ) -> pd.DataFrame:
        conditions, values = self._conditions(table, where or {})
        listed = ", ".join(self._text(table, name) for name in columns)
        query = f"select {listed} from {self._places[table]}{_where(conditions)}"
        rows = self._execute(table, query, values).fetchall()
        return pd.DataFrame(rows, columns=list(columns), dtype=object)

    def count(self, table: str, columns: Sequence[str]) -> pd.DataFrame:
        conditions, values = self._conditions(table, {})
        listed = ", ".join(self._text(table, name) for name in columns)
        places = ", ".join(str(i) for i in range(1, len(columns) + 1))
        query = f"select {listed}, count(*) from {self._places[table]}{_where(conditions)} group by {places}"
        rows = self._execute(table, query, values).fetchall()
        return pd.DataFrame(rows, columns=[*columns, "n"])

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def extract(self, file: Path) -> pa.RecordBatchReader:
        """The rows and columns of a table that mappings need."""
        table = file.stem
        names, chosen = self._needed[table]
        columns = [name for name in self.columns[table] if name in names]
        schema = pa.schema([(name, self._types[table][name]) for name in columns])
        any_of, values = [], []
        for name, wanted in chosen.items():
            any_of.append(self._is_any(table, name))
            values.append(self._values(table, name, wanted))
        conditions, more = self._conditions(table, {})
        if any_of:
            conditions = [f"({' or '.join(any_of)})", *conditions]
        listed = ", ".join(_quote(self.columns[table][name]) for name in columns)
        query = f"select {listed} from {self._places[table]}{_where(conditions)} order by 1"

        def read_batches() -> Iterator[pa.RecordBatch]:
            cursor = self._execute(table, query, [*values, *more], "extract" if self._is_server else "")
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                cells = zip(*rows, strict=True)
                arrays = [_gather(column, field.type) for column, field in zip(cells, schema, strict=True)]
                yield pa.record_batch(arrays, schema=schema)
            cursor.close()

        return pa.RecordBatchReader.from_batches(schema, read_batches())

    def _execute(self, table: str, query: str, values: Sequence, name: str = "") -> Any:
        """A cursor on the rows; with a name one that the server keeps, so that not all of them are sent at once.

        Raises InputError when the database refuses.
        """
        try:
            cursor = self._connection.cursor(name=name) if name else self._connection.cursor()
            cursor.execute(query, values)
        except (
            Exception
        ) as error:  # each library has errors of its own, all of which are those of the database
            raise _refuse(self.database, error, f"{table} cannot be read") from None
        return cursor

    def _conditions(self, table: str, where: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list]]:
        """Conditions that all have to hold, those on persons among them, with their values."""
        wanted = dict(where)
        if self.persons is not None and "person_id" in self.columns[table] and "person_id" not in wanted:
            wanted["person_id"] = self.persons
        values = [self._values(table, name, texts) for name, texts in wanted.items()]
        return [self._is_any(table, name) for name in wanted], values

    def _is_any(self, table: str, name: str) -> str:
        is_number = pa.types.is_integer(self._types[table][name])
        column = _quote(self.columns[table][name])
        return (
            f"{column} = any({self._mark})" if is_number else f"cast({column} as varchar) = any({self._mark})"
        )

    def _values(self, table: str, name: str, texts: Iterable[str]) -> list:
        is_number = pa.types.is_integer(self._types[table][name])
        return sorted({int(text) for text in texts if text} if is_number else set(texts))

    def _text(self, table: str, name: str) -> str:
        return f"coalesce(cast({_quote(self.columns[table][name])} as varchar), '')"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _where(conditions: Sequence[str]) -> str:
    return f" where {' and '.join(conditions)}" if conditions else ""


def _arrow_type(kind: str) -> pa.DataType:
    """Type of a column of the extract: whole and other numbers, dates, moments; everything else is text."""
    first = kind.split("(")[0].split()[0] if kind else ""
    return ARROW_TYPES.get("int" if first in ("integer", "uinteger") else first, pa.string())


def _gather(cells: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Cells of one column as the database gives them."""
    if pa.types.is_floating(kind):
        return pa.array([None if cell is None else float(cell) for cell in cells], kind)
    if pa.types.is_string(kind):
        return pa.array([None if cell is None else str(cell) for cell in cells], kind)
    if pa.types.is_timestamp(kind):
        return pa.array([_without_zone(cell) for cell in cells], kind)
    return pa.array(cells, kind)


def _without_zone(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else moment.replace(tzinfo=None)
