"""Tables of the OMOP common data model in a folder of csv or parquet files, read as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from prrt_outcomes.errors import InputError, Problem

PERSON = "person"
READ = (
    PERSON, "death", "observation_period", "drug_exposure", "condition_occurrence", "measurement", "episode",
    "concept", "concept_ancestor",
)  # fmt: skip
NOT_READ = (
    "procedure_occurrence", "observation", "device_exposure", "visit_occurrence", "note", "specimen", "episode_event",
)  # fmt: skip
PARQUET = (".parquet", ".pq")
SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", *PARQUET)
DELIMITERS = ",\t;|"


class OmopTables(ABC):
    """Tables by name in small letters, each with its columns: name in small letters to name as it is written.

    persons : identifiers of the persons to whom tables with a person are narrowed; None for all
    """

    def __init__(self, columns: Mapping[str, Mapping[str, str]]):
        self.columns = {name: dict(found) for name, found in columns.items() if name in READ}
        self.others = [name for name in NOT_READ if name in columns]
        self.persons: list[str] | None = None
        lacking = [f"{PERSON}.{c}" for c in ("person_id", "year_of_birth") if not self.has(PERSON, c)]
        if lacking:
            found = ", ".join(self.columns) or "no table of it"
            expected = f"{', '.join(lacking)} of OMOP CDM 5.4; found {found}"
            raise InputError([Problem("omop", None, PERSON, "", "this is no OMOP data model", expected)])

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is a table with these columns."""
        return table in self.columns and set(columns) <= set(self.columns[table])

    def name(self, table: str, column: str) -> str:
        """A column as its file writes it."""
        return self.columns[table][column]

    @abstractmethod
    def close(self) -> None:
        """End what was opened for reading."""

    @abstractmethod
    def place(self, table: str) -> Path:
        """The file that mappings of the table read."""

    @abstractmethod
    def read(
        self, table: str, columns: Sequence[str], where: Mapping[str, Iterable[str]] | None = None
    ) -> pd.DataFrame:
        """Columns of the rows with one of the values in each column of `where`, as text, empty where nothing stands."""

    @abstractmethod
    def count(self, table: str, columns: Sequence[str]) -> pd.DataFrame:
        """Distinct combinations of columns, as text, with their number of rows in the column `n`."""

    @abstractmethod
    def need(self, table: str, columns: Iterable[str], chosen: Mapping[str, Iterable[str]]) -> None:
        """Note that a mapping reads these columns of the rows with one of the values in one column of `chosen`."""


class FolderTables(OmopTables):
    """Files of a folder, named as the tables."""

    def __init__(self, folder: Path):
        self._files: dict[str, Path] = {}
        problems = []
        for path in sorted(folder.iterdir()):
            suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), "")
            table = path.name.lower().removesuffix(suffix)
            if not suffix or not path.is_file():
                continue
            if table in self._files:
                expected = f"one file of the table; {self._files[table].name} is there too"
                problems.append(Problem("omop", None, table, path.name, "a table stands twice", expected))
            self._files.setdefault(table, path)
        if problems:
            raise InputError(problems)
        super().__init__({table: _list_columns(path) for table, path in self._files.items()})

    def place(self, table: str) -> Path:
        return self._files[table]

    def close(self) -> None:
        """Nothing is open."""

    def need(self, table: str, columns: Iterable[str], chosen: Mapping[str, Iterable[str]]) -> None:
        """Nothing to note: the file is copied whole."""

    def read(
        self, table: str, columns: Sequence[str], where: Mapping[str, Iterable[str]] | None = None
    ) -> pd.DataFrame:
        parts = list(self._read_batches(table, columns, where or {}))
        empty = pa.table({name: pa.array([], pa.string()) for name in columns})
        return (pa.Table.from_batches(parts) if parts else empty).to_pandas()

    def count(self, table: str, columns: Sequence[str]) -> pd.DataFrame:
        counts = [
            pa.Table.from_batches([batch]).group_by(list(columns)).aggregate([([], "count_all")])
            for batch in self._read_batches(table, columns, {})
        ]
        if not counts:
            return pd.DataFrame(columns=[*columns, "n"])
        summed = pa.concat_tables(counts).group_by(list(columns)).aggregate([("count_all", "sum")])
        return summed.to_pandas().rename(columns={"count_all_sum": "n"})

    def _read_batches(
        self, table: str, columns: Sequence[str], where: Mapping[str, Iterable[str]]
    ) -> Iterator[pa.RecordBatch]:
        """Batches of texts of the chosen rows, under the names in small letters."""
        if self.persons is not None and self.has(table, "person_id") and "person_id" not in where:
            where = {**where, "person_id": self.persons}
        wanted = {name: pa.array(sorted(set(values)), pa.string()) for name, values in where.items()}
        names = list(dict.fromkeys([*columns, *wanted]))
        theirs = [self.columns[table][name] for name in names]
        path = self._files[table]
        try:
            is_parquet = path.name.lower().endswith(PARQUET)
            batches = (
                pq.ParquetFile(path).iter_batches(columns=theirs) if is_parquet else _open_csv(path, theirs)
            )
            for found in batches:
                batch = pa.record_batch([_as_texts(found.column(name)) for name in theirs], names=names)
                for name, values in wanted.items():
                    batch = batch.filter(pc.is_in(batch.column(name), value_set=values))
                yield batch.select(list(columns))
        except (pa.ArrowException, OSError) as error:
            raise _refuse(path, error) from None


def _as_texts(values: pa.Array) -> pa.Array:
    """Cells as the text that a csv of the table would hold."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_nan(values), None, values)
    return values.cast(pa.string()).fill_null("")


def _open_csv(path: Path, names: Sequence[str] | None) -> pa_csv.CSVStreamingReader:
    """A reader of a csv; without names of all columns. The vocabularies of OHDSI are parted by tabs and unquoted."""
    with pa.input_stream(path) as stream:
        head = stream.read(100_000).split(b"\n")[0].decode("utf-8-sig", "replace")
    delimiter = max(DELIMITERS, key=head.count)
    is_quoted = not (delimiter == "\t" and path.name.lower().startswith("concept"))
    return pa_csv.open_csv(
        path,
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter,
            quote_char='"' if is_quoted else False,
            newlines_in_values=is_quoted,
        ),
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(names or ()),
            column_types=dict.fromkeys(names or (), pa.string()),
            strings_can_be_null=False,
        ),
    )


def _list_columns(path: Path) -> dict[str, str]:
    try:
        if path.name.lower().endswith(PARQUET):
            found = pq.read_schema(path).names
        else:
            found = _open_csv(path, None).schema.names
    except (pa.ArrowException, OSError) as error:
        raise _refuse(path, error) from None
    return {name.lower().strip(): name for name in found}


def _refuse(path: Path, error: Exception) -> InputError:
    expected = f"a csv in utf-8 with a header, or a parquet file ({str(error).splitlines()[0]})"
    return InputError([Problem(path.name, None, "", "", "the file cannot be read", expected)])
