"""The contract of `data_schema/` as frozen objects: names, types, units, codes and labels of every column."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from prrt_outcomes.errors import nearest_name
from prrt_outcomes.fingerprint import find_home

KINDS = ("input", "derived", "results")
MISSING_WORDS = frozenset(
    {"na", "n/a", "n.a.", "nan", "null", "none", ".", "-", "[not available]", "#n/a", "missing"}
)
MOST_SHOWN = 12
TRUTH = {"true": ("yes", "y", "present", "positive"), "false": ("no", "n", "absent", "negative")}


def read_data(path: Path) -> Any:
    """Read a YAML file that comes with the package, by the parser in C where there is one."""
    return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@dataclass(frozen=True)
class DoubtfulCodes:
    """Codes that a file probably means otherwise; the study says which with ``values`` for each of them."""

    problem: str
    values: Mapping[int, int]  # what each code probably means
    column: str = ""  # pattern of the file's column; empty where the codes alone tell
    present: int | None = None  # a code that stands in the column, or None
    absent: int | None = None  # a code that does not stand there, or None


@dataclass(frozen=True)
class Field:
    """One column of a table."""

    name: str  # as in the schema
    type: str  # ``string``, ``code``, ``partial``, ``integer``, ``number``, ``boolean`` or ``date``
    title: str
    description: str
    unit: str = ""  # empty where the column has none
    codes: tuple = ()  # allowed values in schema order; empty where any value is allowed
    labels: tuple[str, ...] = ()  # words for a reader, one for each code, in the same order
    required: bool = False  # whether the column must be there and filled
    minimum: float | str | None = None  # bounds (numbers, or ISO dates as text); None where there is none
    maximum: float | str | None = None
    plausible: tuple[float, float] | None = None  # bounds beyond which a value is a warning, or None
    pattern: str | None = None  # regular expression that the whole text must match, or None
    # what is expected where no row of a table fills the column, told as a warning; empty for nothing
    when_empty: str = ""
    key_default: str | int | None = None  # value that fills an absent key column, or None
    words: Mapping[str, tuple[str, ...]] | None = None  # for each code the words that files have for it
    # of a status, the columns that are empty where it says that there is no estimate
    estimate: tuple[str, ...] = ()
    doubtful: tuple[DoubtfulCodes, ...] = ()  # codes that need the consent of the study
    is_resolved: bool = False  # whether a date may lack its day, which it then gets by the rule of the study
    # whether the column is part of the typed table; False for what only gives the value of another
    is_kept: bool = True

    def label(self, code: object) -> str:
        """Words of a code for a reader; a value that is no code, such as a name from a study file, as text."""
        labels = {str(known): label for known, label in zip(self.codes, self.labels, strict=True)}
        return labels.get(str(code), str(code))


@dataclass(frozen=True)
class ForeignKey:
    """Columns of a table that must be found in another table."""

    columns: tuple[str, ...]
    table: str
    reference: tuple[str, ...]


@dataclass(frozen=True)
class TableSchema:
    """One table of the contract; ``kind`` is input, derived or results."""

    name: str
    kind: str
    title: str
    description: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    required: bool = False
    extra_columns: bool = False
    empty_without: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order, as they stand in a file."""
        return tuple(field.name for field in self.fields)

    @property
    def kept_fields(self) -> tuple[Field, ...]:
        """Columns of the typed table."""
        return tuple(field for field in self.fields if field.is_kept)

    def field(self, name: str) -> Field:
        """Return one column; KeyError names the table where it has no such column."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"table {self.name} has no column {name}")


@cache
def _schema_paths() -> dict[str, Path]:
    root = find_home() / "data_schema"
    return {path.stem: path for kind in KINDS for path in sorted((root / kind).glob("*.yaml"))}


def list_tables(kind: str) -> tuple[str, ...]:
    """Names of all tables of one kind (input, derived, results), sorted."""
    return tuple(name for name, path in _schema_paths().items() if path.parent.name == kind)


def schema_path(name: str) -> Path:
    """File of the schema of one table; raises KeyError when `data_schema/` holds no table of that name."""
    if name not in _schema_paths():
        raise KeyError(f"data_schema holds no table {name}")
    return _schema_paths()[name]


@cache
def load_schema(name: str) -> TableSchema:
    """Return the schema of one table; raises KeyError when `data_schema/` holds no table of that name."""
    path = schema_path(name)
    raw = read_data(path)
    keys = tuple(
        ForeignKey(tuple(k["fields"]), k["reference"]["resource"], tuple(k["reference"]["fields"]))
        for k in raw.get("foreignKeys", [])
    )
    return TableSchema(
        name=name,
        kind=path.parent.name,
        title=raw["title"],
        description=raw["description"],
        key=tuple(raw["primaryKey"]),
        fields=tuple(_read_field(field) for field in raw["fields"]),
        foreign_keys=keys,
        required=raw.get("required", False),
        extra_columns=raw.get("extraColumns", False),
        empty_without=tuple(raw.get("emptyWithout", ())),
    )


def _read_field(raw: dict) -> Field:
    """One field of a YAML file; `code` and `partial` are our refinements of a Table Schema string."""
    constraints = raw.get("constraints", {})
    codes = tuple(constraints.get("enum", ()))
    kind = raw["type"]
    if raw.get("partial"):
        kind = "partial"
    elif codes and kind == "string":
        kind = "code"
    bounds = raw.get("plausible")
    return Field(
        name=raw["name"],
        type=kind,
        title=raw["title"],
        description=raw["description"],
        unit=raw.get("unit", ""),
        codes=codes,
        labels=tuple(raw.get("labels", {}).get(str(code), str(code)) for code in codes),
        required=constraints.get("required", False),
        minimum=constraints.get("minimum", raw.get("earliest")),
        maximum=constraints.get("maximum", raw.get("latest")),
        plausible=(bounds["minimum"], bounds["maximum"]) if bounds else None,
        pattern=None if kind == "partial" else constraints.get("pattern"),
        when_empty=raw.get("whenEmpty", ""),
        key_default=raw.get("keyDefault"),
        words={code: tuple(words) for code, words in raw.get("words", {}).items()},
        estimate=tuple(raw.get("estimate", ())),
        doubtful=tuple(DoubtfulCodes(**rule) for rule in raw.get("doubtful", ())),
        is_resolved=raw.get("resolved", False),
        is_kept=not raw.get("notKept", False),
    )


def guess_code(field: Field, text: str) -> str | None:
    """Code that a text of a file probably means: by its words (`Field.words`), the nearest code, or how it begins."""
    codes = [str(code) for code in field.codes] or list(field.words or TRUTH)
    found = set(re.findall(r"[^\W\d_]+", text.casefold()))
    by_word = [code for code, words in (field.words or TRUTH).items() if code in codes and found & set(words)]
    if by_word:
        return by_word[0] if len(by_word) == 1 else None
    near = nearest_name(text.strip().replace(" ", "_"), codes)
    begun = [code for code in codes if text.strip() and code.casefold().startswith(text.strip().casefold())]
    return near or (begun[0] if len(begun) == 1 else None)


def format_values(column: str, values: Mapping[str, object]) -> str:
    """Entry ``values`` of a table in `study.yaml`, such as ``values: {event: {"1": 0, "2": 1}}``."""
    pairs = [f"{json.dumps(theirs, ensure_ascii=False)}: {ours}" for theirs, ours in values.items()]
    return f"values: {{{column}: {{{', '.join(pairs)}}}}}"


def advise_values(field: Field, texts: Iterable[str]) -> str:
    """The codes of a column, and the entry of `study.yaml` that reads texts of a file as codes."""
    codes = [str(code) for code in field.codes]
    values = {
        text: "null" if text.strip().lower() in MISSING_WORDS else guess_code(field, text) or "..."
        for text in sorted(set(texts))[:MOST_SHOWN]
    }
    rule = f"one of {', '.join(codes)}; or in study.yaml: " if codes else "in study.yaml: "
    return f"{rule}{format_values(field.name, values)}" + (
        ", ... being a code, or null where it is missing" if "..." in values.values() else ""
    )
