"""Tables of the OMOP common data model 5.4 in a folder, a DuckDB file or PostgreSQL, asked by SQL and only read."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml
from pyarrow import parquet

from prrt_outcomes.adopt.plan import say
from prrt_outcomes.cohort.sources.raw_table import CELL_BYTES, GB, MODEST_GB, MOST_RATIO
from prrt_outcomes.errors import InputError, UsageError, tell

PARQUET = (".parquet", ".pq")
GZIP = b"\x1f\x8b"
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", *PARQUET)
ROWS_AT_ONCE = 50_000
COLUMNS_OF_TABLES = """
select table_schema, table_name, column_name, data_type, table_schema = any(current_schemas(false))
from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema') order by ordinal_position
"""
EXTRA = "pip install 'prrt-outcomes[omop]'"


@cache
def load_tables() -> Mapping[str, Any]:
    """Which rows and columns of the tables of the model become which of ours."""
    return yaml.safe_load(Path(__file__).with_name("omop.yaml").read_text("utf-8"))


class OmopTables:
    """Tables by name in small letters, each with its columns: name in small letters to name as it is written.

    files : file of each table, where they are files of a folder
    database : what the tables stand in; empty for a folder
    persons : identifiers of the persons to whom tables with a person are narrowed; None for all
    """

    def __init__(self, connection: Any, database: str = "", files: Mapping[str, Path] | None = None):
        self._connection = connection
        self._is_server = database.startswith("PostgreSQL")
        self._places: dict[str, str] = {}
        self._types: dict[str, dict[str, str]] = {}
        self._extracts: dict[str, tuple[Sequence[str], Sequence[Mapping[str, Iterable[str]]]]] = {}
        self.database = database
        self.files = dict(files or {})
        self.columns: dict[str, dict[str, str]] = {}
        self.others: list[str] = []
        self.persons: list[str] | None = None
        try:
            self._list_tables()
        except BaseException:
            self.close()
            raise

    def _list_tables(self) -> None:
        """Find the tables; of one in several schemas that of the search path."""
        found: dict[str, dict[tuple[bool, str, str], dict[str, str]]] = {}
        rows = self._execute("the list of tables", COLUMNS_OF_TABLES).fetchall()
        for schema, table, column, kind, is_near in rows:
            place = found.setdefault(table.lower(), {}).setdefault((is_near, schema, table), {})
            place[column] = kind.lower()
        for table in (name for name in load_tables()["read"] if name in found):
            near = [place for place in found[table] if place[0]] or list(found[table])
            if len(near) > 1:
                names = ", ".join(sorted(schema for _, schema, _ in near))
                raise UsageError(say("several_schemas", table=table, names=names, first=near[0][1]))
            _, schema, written = near[0]
            self._places[table] = f"{_quote(schema)}.{_quote(written)}"
            columns = found[table][near[0]]
            self.columns[table] = {name.lower().strip(): name for name in columns}
            self._types[table] = {name.lower().strip(): kind for name, kind in columns.items()}
        self.others = [name for name in load_tables()["not_read"] if name in found]
        listed = load_tables()["read"].items()
        known = {table: names for table, names in listed if table in self.columns or table == "person"}
        lacking = [f"{table}.{c}" for table, names in known.items() for c in names if not self.has(table, c)]
        if lacking:
            words = {"lacking": ", ".join(lacking), "found": ", ".join(self.columns) or "no table of it"}
            raise InputError([tell("no_omop", "omop", None, "person", **words)])

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is a table with these columns."""
        return table in self.columns and set(columns) <= set(self.columns[table])

    def name(self, table: str, column: str) -> str:
        """A column as the file of a mapping writes it; an extract has all names in small letters."""
        return column if self.database else self.columns[table][column]

    def place(self, table: str) -> Path:
        """The file that mappings of the table read."""
        return self.files.get(table, Path(f"{table}.parquet"))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def read(
        self,
        table: str,
        columns: Sequence[str],
        where: Mapping[str, Iterable[str]] | None = None,
        *,
        filled: str = "",
        counted: bool = False,
    ) -> pd.DataFrame:
        """Columns of the rows with one of the values in each column of `where`, as text, empty where nothing stands.

        filled : a column that the rows fill
        counted : whether the distinct combinations are returned, with their number of rows in the column `n`
        """
        conditions, values = self._choose(table, self._of_persons(table) | dict(where or {}))
        conditions += [f"{self._text(table, filled)} <> ''"] if filled else []
        listed = ", ".join(self._text(table, name) for name in columns)
        places = ", ".join(map(str, range(1, len(columns) + 1)))
        group = f" group by {places} order by {places}" if counted else ""
        count, names = (", count(*)", [*columns, "n"]) if counted else ("", [*columns])
        query = f"select {listed}{count} from {self._places[table]}{_where(conditions)}{group}"
        return pd.DataFrame(self._execute(table, query, values).fetchall(), columns=names, dtype=object)

    def need(self, table: str, columns: Sequence[str], any_of: Sequence[Mapping[str, Iterable[str]]]) -> None:
        """Note what the extract of a table is to hold: columns, and rows that one of the choices makes."""
        self._extracts[table] = (columns, any_of)

    def extract(self, file: Path) -> pa.RecordBatchReader:
        """The rows and columns of a table that mappings need."""
        table = file.stem
        names, any_of = self._extracts[table]
        is_whole = {name: self._is_whole(table, name) for name in names}
        schema = pa.schema([(name, pa.int64() if is_whole[name] else pa.string()) for name in names])
        conditions, values = self._choose(table, self._of_persons(table))
        chosen = [self._choose(table, choice) for choice in any_of]
        if chosen and all(texts for texts, _ in chosen):
            conditions.append(f"({' or '.join(' and '.join(texts) for texts, _ in chosen)})")
            values += [value for _, own in chosen for value in own]
        written = {name: _quote(self.columns[table][name]) for name in names}
        columns = [f"cast({written[n]} as {'bigint' if is_whole[n] else 'varchar'})" for n in names]
        query = f"select {', '.join(columns)} from {self._places[table]}{_where(conditions)} order by 1"

        def read_batches() -> Iterator[pa.RecordBatch]:
            cursor = self._execute(table, query, values, "extract" if self._is_server else "")
            while rows := cursor.fetchmany(ROWS_AT_ONCE):
                arrays = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), schema, strict=True)]
                yield pa.record_batch(arrays, schema=schema)
            cursor.close()

        return pa.RecordBatchReader.from_batches(schema, read_batches())

    def _execute(self, table: str, query: str, values: Sequence = (), name: str = "") -> Any:
        """A cursor on the rows; with a name one that the server keeps, so that not all of them are sent at once."""
        try:
            cursor = self._connection.cursor(name=name) if name else self._connection.cursor()
            cursor.execute(query, list(values))
        # each library has errors of its own, all of which are those of the database
        except Exception as error:
            where = self.files[table].name if table in self.files else self.database
            raise _refuse(where, error, f"{table} cannot be read") from None
        return cursor

    def _of_persons(self, table: str) -> dict[str, Iterable[str]]:
        is_narrow = self.persons is not None and self.has(table, "person_id")
        return {"person_id": self.persons or ()} if is_narrow else {}

    def _choose(self, table: str, where: Mapping[str, Iterable[str]]) -> tuple[list[str], list[list]]:
        """Conditions that all have to hold, and their values."""
        conditions, values = [], []
        for name, texts in where.items():
            is_whole = self._is_whole(table, name)
            column = _quote(self.columns[table][name]) if is_whole else self._text(table, name)
            array = f"cast({'%s' if self._is_server else '?'} as {'bigint' if is_whole else 'text'}[])"
            conditions.append(f"{column} in (select unnest({array}))")
            values.append(sorted({int(text) for text in texts if text} if is_whole else set(texts)))
        return conditions, values

    def _is_whole(self, table: str, name: str) -> bool:
        """Whether a column has identifiers as numbers, also where a program has written them with a point."""
        return name.endswith("_id") and not re.search("char|text|string", self._types[table][name])

    def _text(self, table: str, name: str) -> str:
        column = _quote(self.columns[table][name])
        column = f"cast({column} as bigint)" if self._is_whole(table, name) else column
        return f"coalesce(cast({column} as varchar), '')"


def open_source(source: Path | str) -> OmopTables:
    """Open a folder of csv or parquet files, a path that ends in .duckdb, `duckdb:///path` or `postgresql://...`.

    Raises UsageError where the library for it is not installed or no such source is known; InputError where it cannot
    be opened.
    """
    if isinstance(source, Path) and source.is_dir():
        return _open_folder(source)
    kind, mark, place = str(source).partition("://")
    is_file = kind == "duckdb" if mark else kind.endswith(".duckdb")
    if not is_file and not (mark and kind in ("postgresql", "postgres")):
        raise UsageError(say("no_source", source=f"{kind}{mark}"))
    path = Path(place if mark else kind)
    if mark and place.startswith("/") and not path.exists():
        path = Path(place[1:])
    library = _import("duckdb" if is_file else "psycopg")
    try:
        if is_file and not path.is_file():
            raise OSError("there is no such file")
        connection = library.connect(str(path), read_only=True) if is_file else library.connect(str(source))
    except (library.Error, OSError) as error:
        raise _refuse(path.name if is_file else "PostgreSQL", error) from None
    if is_file:
        return OmopTables(connection, path.name)
    connection.read_only = True
    return OmopTables(connection, f"PostgreSQL database {connection.info.dbname}")


def _import(library: str) -> Any:
    try:
        return import_module(library)
    except ImportError:
        raise UsageError(f"this source of --omop is read with the library {library}: {EXTRA}") from None


def _open_folder(folder: Path) -> OmopTables:
    """Files of a folder, named as the tables, as views of a database in memory."""
    connection = _import("duckdb").connect()
    files: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.iterdir()):
        suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), "")
        table = path.name.lower().removesuffix(suffix)
        if not suffix or not path.is_file():
            continue
        if table in files:
            problems.append(tell("omop_twice", "omop", None, table, path.name, other=files[table].name))
        files.setdefault(table, path)
    if problems:
        raise InputError(problems)
    for table, path in files.items():
        _check_expansion(path)
        try:
            connection.execute(f"create view {_quote(table)} as select * from {_read_by(path)}")
        except Exception as error:  # whatever is wrong with a file
            raise _refuse(path.name, error, "the file cannot be read") from None
    return OmopTables(connection, files=files)


def _check_expansion(path: Path) -> None:
    """Refuse a parquet file, or one packed by gzip, that holds far more than its size; others are read in parts."""
    try:
        if path.name.lower().endswith(PARQUET):
            file = parquet.read_metadata(path)
            n_bytes = file.num_rows * CELL_BYTES * file.num_columns
        else:
            with path.open("rb") as stream:
                if stream.read(2) != GZIP:
                    return
                stream.seek(-4, 2)
                n_bytes = int.from_bytes(stream.read(4), "little")
    except (OSError, pa.ArrowException):
        return  # DuckDB says what is wrong with it
    if n_bytes > max(MODEST_GB * GB, MOST_RATIO * path.stat().st_size):
        found, words = f"{n_bytes / GB:.3g} GB", {"ratio": MOST_RATIO, "gb": MODEST_GB}
        raise InputError([tell("larger_than_it_looks", path.name, None, "", found, **words)])


def _read_by(path: Path) -> str:
    """How DuckDB reads a file: all cells as text. The vocabularies of OHDSI are parted by tabs and unquoted."""
    name = str(path).replace("'", "''")
    if path.name.lower().endswith(PARQUET):
        return f"read_parquet('{name}')"
    with pa.input_stream(path) as stream:
        head = stream.read(100_000).split(b"\n")[0].decode("utf-8-sig", "replace")
    delimiter = max(",\t;|", key=head.count)
    quote = "" if delimiter == "\t" and path.name.lower().startswith("concept") else '"'
    return f"read_csv('{name}', delim='{delimiter}', quote='{quote}', escape='{quote}', header=true, all_varchar=true)"


def _refuse(name: str, error: Exception, problem: str = "the database cannot be opened") -> InputError:
    first = (str(error).splitlines() or [""])[0]
    return InputError([tell("source_refused", name, problem=problem, error=first)])


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _where(conditions: Sequence[str]) -> str:
    return f" where {' and '.join(conditions)}" if conditions else ""
