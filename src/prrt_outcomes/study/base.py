"""What all sections of a study file share, and how a table of another form is read as one of ours."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    model_validator,
)

from prrt_outcomes.errors import describe_fault

EARLIEST_DAY, LATEST_DAY = date(1900, 1, 1), date(2100, 12, 31)


def refuse(fault: str, /, **named: Any) -> ValueError:
    """What to raise where a setting contradicts another: a fault of `faults.yaml`, what works behind a semicolon."""
    return ValueError("; ".join(describe_fault(fault, **named)[:2]))


def _refuse_number(value: Any) -> Any:
    if isinstance(value, int | float):
        raise refuse("number_for_date")
    return value


# Neither a yes or no nor a text stands for a number.
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Day = Annotated[date, Field(ge=EARLIEST_DAY, le=LATEST_DAY), BeforeValidator(_refuse_number)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Title = Annotated[str, StringConstraints(max_length=300)]
Share = Annotated[Number, Field(ge=0, le=1)]
Count = Annotated[Whole, Field(ge=0, le=1_000_000)]
Year = Annotated[Whole, Field(ge=EARLIEST_DAY.year, le=LATEST_DAY.year)]
# No length of time is above a hundred years.
LONGEST_MONTHS = 1_200
Days = Annotated[Whole, Field(ge=0, le=36_525)]
PositiveDays = Annotated[Whole, Field(gt=0, le=36_525)]
Weeks = Annotated[Number, Field(gt=0, le=5_218)]
PositiveMonths = Annotated[Number, Field(gt=0, le=LONGEST_MONTHS, description="months of 30.4375 days")]
Factor = Annotated[Number, Field(ge=0.01, le=100)]
Size = Annotated[Number, Field(ge=0, le=1_000_000)]
ACRONYMS = frozenset(
    ["prrt", "ssa", "net", "ecog", "pfs", "os", "ttp", "dor", "ttnt", "mr", "swog", "recist", "who", "fda"]
)
WITHOUT_WIDTH = dict.fromkeys(map(ord, "\u200b\u2060\ufeff"))


def spell_name(name: str) -> str:
    """`arm_of_trial` as `Arm of trial`; a text that is no name stays as it is."""
    words = name.replace("_", " ").split(" ")
    text = " ".join(word.upper() if word in ACRONYMS else word for word in words)
    return text[:1].upper() + text[1:]


def check_distinct(names: Iterable, words: str) -> None:
    """Refuse, with these words, names of which one is given twice."""
    listed = list(names)
    twice = sorted({str(name) for name in listed if listed.count(name) > 1})
    if twice:
        raise refuse("given_twice", words=words, names=", ".join(twice))


class Section(BaseModel):
    """A section of `study.yaml`: every key is known, checked on creation and fixed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


def clean_text(text: str) -> str:
    """A name or level in one Unicode form, one blank where several stand, none around it, no signs without width."""
    return " ".join(unicodedata.normalize("NFC", text).translate(WITHOUT_WIDTH).split())


ColumnOfFile = Annotated[str, AfterValidator(clean_text)]
Scalar = str | bool | int | float
LineNumber = Annotated[Whole, Field(ge=1, le=100_000_000)]
Values = Annotated[tuple[str, ...], Field(min_length=1)]
DateFormats = str | Annotated[tuple[str, ...], Field(min_length=1)]


class FileSource(Section):
    """One file and how it is read; the file itself is never edited."""

    file: Annotated[str, Field(min_length=1, max_length=1_000)]
    """Path relative to the study folder: csv, tsv, csv.gz, xlsx, parquet, SAS (xpt, sas7bdat), SPSS (sav), Stata (dta),
    R (rds) or Dataset-JSON."""
    sheet: str | None = None
    """Sheet of a workbook, or table in the cells of an rds file; the first where it is not named."""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """Delimiter of a text file; found from the header where it is not named."""
    encoding: str = Field("utf-8", description="Encoding of a text file.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark of numbers in the file.")
    header_row: LineNumber | Annotated[tuple[LineNumber, ...], Field(min_length=1)] | None = None
    """Line of the file that holds the names of the columns; the first that is not blank where it is not named. Names
    in several lines are joined by a blank. What stands above is not read."""
    skip_rows: tuple[LineNumber, ...] = ()
    """Lines of the file below the names that are no rows, such as units or a sum; they are counted as left out."""
    last_row: LineNumber | None = None
    """Last line of the file that is read; the rows below are counted as left out."""
    names: tuple[ColumnOfFile, ...] = ()
    """Names of the columns in the order of the file, in place of those that stand there (labels of an export that
    are given twice)."""
    comment: Annotated[str, Field(min_length=1)] | None = None
    """Lines that begin with this text are no rows."""
    fill_down: tuple[ColumnOfFile, ...] = ()
    """Columns in which an empty cell stands for the one above it, as where cells were merged over several rows."""
    labels: bool = Field(False, description="Labels of values instead of codes, in files of SPSS and Stata.")
    largest_gb: Annotated[Number, Field(gt=0, le=10_000)] | None = None
    """What the file may hold in GB, unpacked and in memory; 100 times its size where it is not named, but 0.1 at least
    and 4 at most."""

    @property
    def header_lines(self) -> tuple[int, ...]:
        """Lines that the study names as those of the names of the columns; empty where it names none."""
        lines = self.header_row
        return () if lines is None else (lines,) if isinstance(lines, int) else lines


class RowSource(FileSource):
    """One file, and which of its rows are read."""

    missing: tuple[str, ...] = Field(("",), description="Texts that mean missing, besides the empty cell.")
    filter: dict[ColumnOfFile, Values] = Field(default_factory=dict)
    """The file's column: the values of the rows that are read; the other rows are counted as left out."""
    exclude: dict[ColumnOfFile, Values] = Field(default_factory=dict)
    """The file's column: the values of rows that are not read; they are counted as left out."""
    not_empty: tuple[ColumnOfFile, ...] = ()
    """Columns of the file; a row that is empty in one of them is not read, and counted as left out."""


class Join(RowSource):
    """Columns of another file, added to the rows with the same key."""

    on: ColumnOfFile | tuple[ColumnOfFile, ...] | dict[ColumnOfFile, ColumnOfFile] = Field()
    """Columns that are the key in both files, or those of the table's file: those of this one."""
    columns: tuple[ColumnOfFile, ...] = Field(min_length=1)
    """Columns of this file that are added."""
    prefix: str = Field("", description="Text before their names, where the table's file has the same.")
    earliest: ColumnOfFile | None = None
    """Column of dates of this file: of several rows with one key the one with the earliest date is joined."""
    latest: ColumnOfFile | None = None
    """Column of dates of this file: of several rows with one key the one with the latest date is joined."""
    after: ColumnOfFile | tuple[ColumnOfFile, ...] = ()
    """Column of dates of the table's file, or joined above: only rows with a later date are joined. Of several columns
    the earliest date counts."""

    @model_validator(mode="after")
    def check_order(self) -> Self:
        if self.earliest and self.latest:
            raise refuse("earliest_and_latest")
        if self.after and not self.by_date:
            raise refuse("after_without_date")
        return self

    @property
    def limits(self) -> tuple[str, ...]:
        """Columns of dates of which the earliest lies before the row that is joined."""
        return (self.after,) if isinstance(self.after, str) else self.after

    @property
    def by_date(self) -> str | None:
        """Column of dates by which one of several rows is chosen."""
        return self.earliest or self.latest

    @property
    def keys(self) -> dict[str, str]:
        """Columns of the key in the table's file: those in this file."""
        if isinstance(self.on, dict):
            return dict(self.on)
        names = (self.on,) if isinstance(self.on, str) else self.on
        return dict(zip(names, names, strict=True))

    @property
    def added(self) -> dict[str, str]:
        """Columns that are added: their names in this file."""
        return {clean_text(self.prefix + name): name for name in self.columns}


PLACEHOLDER = re.compile(r"\{([A-Za-z]\w*)\}")


class Unpivot(Section):
    """Columns to rows: a file with a column for each cycle, scan or analyte is read with a row for each."""

    columns: dict[ColumnOfFile, ColumnOfFile | tuple[ColumnOfFile, ...]] = Field(min_length=1)
    """New column: pattern of the file's columns, such as "{n}. PRRT", or their names. A placeholder is a column too;
    one of a single letter stands for a number, a longer one for any text."""
    names_to: ColumnOfFile | None = None
    """Column that gets the names, where columns are named and not given by a pattern."""

    @model_validator(mode="after")
    def check_columns(self) -> Self:
        lists = [names for names in self.columns.values() if isinstance(names, tuple)]
        if lists and len(lists) < len(self.columns):
            raise refuse("patterns_and_lists")
        if lists and len(set(map(len, lists))) > 1:
            raise refuse("lists_of_lengths")
        if self.names_to and not lists:
            raise refuse("names_of_placeholders")
        bare = [name for name in self.patterns if not self.placeholders(name)]
        if bare:
            raise refuse("no_placeholder", names=", ".join(bare))
        odd = {part for name in self.patterns for part in self.placeholders(name)} - set(self.made_names)
        if odd:
            held = ", ".join(self.made_names)
            raise refuse("foreign_placeholder", names=", ".join(sorted(odd)), held=held)
        check_distinct((*self.columns, *self.made_names), "columns: a column is made twice")
        return self

    @property
    def patterns(self) -> dict[str, str]:
        """New column: pattern; empty where columns are named."""
        return {name: text for name, text in self.columns.items() if isinstance(text, str)}

    def placeholders(self, name: str) -> tuple[str, ...]:
        """Placeholders of the pattern of a new column, each once."""
        return tuple(dict.fromkeys(PLACEHOLDER.findall(self.patterns[name])))

    @property
    def made_names(self) -> tuple[str, ...]:
        """Columns that say which row of the repetition it is: placeholders of the longest pattern, or ``names_to``."""
        if not self.patterns:
            return (self.names_to,) if self.names_to else ()
        return max(map(self.placeholders, self.patterns), key=len)


class Pivot(Section):
    """Rows to columns: a file with a row for each measurement is read with a column for each code."""

    by: ColumnOfFile = Field(description="Column of the file with the code that names the new column.")
    value: ColumnOfFile | Annotated[tuple[ColumnOfFile, ...], Field(min_length=1)]
    """Column with the value, or several of which the first that is not empty holds it."""
    keys: tuple[ColumnOfFile, ...] = Field(min_length=1)
    """Columns of which each combination is a row."""

    @property
    def values(self) -> tuple[str, ...]:
        """Columns of the value, in order."""
        return (self.value,) if isinstance(self.value, str) else self.value


class UnitColumn(Section):
    """A column of the file that holds the unit of each row."""

    column: ColumnOfFile = Field(description="Column of the file with the unit of each row.")


TIME_COLUMNS = ("time", "entry_time", "time_months")


class TableSource(RowSource):
    """One file that is read as (a part of) one of our tables."""

    join: tuple[Join, ...] = Field((), description="Other files of which columns are added by a key.")
    unpivot: Unpivot | None = None
    """Columns of the file that become rows, before anything else is read from it."""
    pivot: Pivot | None = None
    """Rows of the file that become columns, before anything else is read from it."""
    date_format: DateFormats | dict[str, DateFormats] | None = None
    """Format of dates as in strptime, such as %m/%d/%Y, or excel for serial numbers of Excel, or a list of formats of
    which one reads each date; ISO 8601 where it is not named. One for all columns, or our column: its formats. Typed
    dates of a workbook or parquet file are read whatever is named."""
    pivot_year: Annotated[Whole, Field(ge=0, le=99)] | None = None
    """Two-digit years (%y) up to this one are 20xx, those above it 19xx."""
    columns: dict[str, ColumnOfFile | tuple[ColumnOfFile, ...] | None] = Field(default_factory=dict)
    """Our column: the file's column. null numbers the rows, as sequence those alike in the rest of the key; a list
    takes the first that is not empty."""
    first_of: dict[str, Annotated[dict[ColumnOfFile, Scalar], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Our column: columns of the file that are boxes, each with our value where it is checked; the first one counts."""
    constants: dict[str, Scalar] = Field(default_factory=dict)
    """Our column: one value for all rows."""
    time_unit: Literal["days", "weeks", "months", "years"] | None = None
    """Unit of times (time, entry_time, time_months) in the file; that of the column where it is not named."""
    units: dict[str, str | UnitColumn] = Field(default_factory=dict)
    """Our column: its unit in the file, such as MBq, mCi or cm; or the column that holds the unit of each row."""
    values: dict[str, dict[str, Scalar | None]] = Field(default_factory=dict)
    """Our column: the file's value: our value."""
    default: dict[str, Scalar] = Field(default_factory=dict)
    """Our column: what an empty cell of the file means; a text that means missing stays missing."""
    add_days: dict[str, Annotated[Whole, Field(ge=-3660, le=3660)]] = Field(default_factory=dict)
    """Our column of dates: days that are added, such as 91 where a value is of three months after the date."""
    pad: dict[str, Annotated[Whole, Field(gt=0, le=40)]] = Field(default_factory=dict)
    """Our column: length up to which a text of digits alone gets leading zeros (4 reads 12 as 0012)."""
    ignore: tuple[ColumnOfFile, ...] = ()
    """Columns of the file that are known and not needed: no warning names them."""
    merge: bool = False
    """Whether rows fill the empty cells of the same key in earlier files; rows with a new key are added."""

    @property
    def unit_columns(self) -> dict[str, str]:
        """Our column: the column of the file that holds the unit of each row."""
        return {ours: unit.column for ours, unit in self.units.items() if isinstance(unit, UnitColumn)}

    @property
    def files(self) -> tuple[FileSource, ...]:
        """The file and those that are joined to it."""
        return (self, *self.join)

    def unit_of_column(self, name: str) -> str | None:
        """Unit that the mapping states for all values of one of our columns."""
        unit = self.units.get(name, self.time_unit if name in TIME_COLUMNS else None)
        return unit if isinstance(unit, str) else None

    def names_of_column(self, name: str) -> tuple[str, ...]:
        """Columns of the file that one of ours is read from: as the mapping says, else of the same name."""
        theirs = self.columns.get(name, name)
        return () if theirs is None else (theirs,) if isinstance(theirs, str) else theirs
