"""Data sets of CDISC (SDTM and ADaM), whatever kind of file holds them, and mappings of their variables."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import pandas as pd

from prrt_outcomes.adopt.layout import Column
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, name_some
from prrt_outcomes.cohort.sources.files import find_kind, read_source
from prrt_outcomes.errors import InputError, tell
from prrt_outcomes.study.base import FileSource
from prrt_outcomes.tables.schema import load_schema, read_data

BEST_FIRST = (".sas7bdat", ".xpt", ".json", ".parquet")
WHOLE, PARTS = "9999-99-99", ("9999-99", "9999")
TIMED = {
    f"{WHOLE}{mark}{clock}": f"%Y-%m-%d{mark}{form}"
    for mark in "T "
    for clock, form in {"99:99": "%H:%M", "99:99:99": "%H:%M:%S"}.items()
}


@cache
def load_terms() -> Mapping[str, Any]:
    """Words of the controlled terminology, and of drugs."""
    return read_data(Path(__file__).with_name("cdisc.yaml"))


@dataclass
class DataSet:
    """One data set, such as the domain DM or the analysis data set ADTTE, as text."""

    name: str
    file: Path
    frame: pd.DataFrame
    used: set[str] = field(default_factory=set)  # variables that went into a table

    def is_filled(self, name: str) -> bool:
        """Whether there is a variable that holds anything."""
        return name in self.frame and bool((self.frame[name] != "").any())


def first_filled(frame: pd.DataFrame, names: Iterable[str]) -> pd.Series:
    """First text that is not empty among some variables, those that there are."""
    texts = pd.Series("", frame.index)
    for name in (name for name in names if name in frame):
        texts = texts.where(texts != "", frame[name])
    return texts


def find_data_sets(
    paths: Sequence[Path], pattern: str, standard: str, plan: StudyPlan
) -> dict[str, list[DataSet]]:
    """Data sets in folders or among files, by the names of the files.

    pattern : of the name of a file without the suffix, for the name of a data set in its braces
    standard : ``sdtm`` or ``adam``; a data set without the variables that it needs is left out, which is a doubt
    Files of other names, and of data sets that another kind of file holds too, are noted as left out.
    Raises InputError when a file cannot be read.
    """
    needed = load_terms()["needed"][standard]
    names = {name: pattern.format(name.lower()) for name in needed}
    given = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    files = [file for file in given if file.is_file()]
    known = [file for file in files if find_kind(FileSource(file=file.name)) is not None]
    rank = {suffix: i for i, suffix in enumerate(BEST_FIRST)}
    stems: dict[str, Path] = {}
    for file in sorted(known, key=lambda file: rank.get(file.suffix.lower(), len(rank))):
        stems.setdefault(file.name.lower().partition(".")[0], file)
    found: dict[str, list[DataSet]] = {name: [] for name in names}
    for stem, file in sorted(stems.items()):
        name = next((name for name, pattern in names.items() if re.fullmatch(pattern, stem)), None)
        if name is None:
            continue
        data = DataSet(name, file, _read(file))
        lacking = [variable for variable in needed[name] if variable not in data.frame]
        if lacking:
            plan.doubts.append(f"{file.name} is left out: it has no {', '.join(lacking)}")
        else:
            found[name].append(data)
    read = {data.file for sets in found.values() for data in sets}
    left = [file.name for file in files if file not in read]
    if left:
        plan.notes.append(f"files left out: {', '.join(left)}")
    return found


def _read(file: Path) -> pd.DataFrame:
    result = read_source(file.parent, file.name, FileSource(file=file.name))
    if result.raw is None:
        raise InputError(list(result.problems))
    frame = pd.DataFrame({name: cells.to_pandas() for name, cells in result.raw.columns.items()})
    return frame.apply(lambda texts: texts.str.split().str.join(" ")) if len(frame) else frame


def refuse_without(
    data_sets: Mapping[str, list[DataSet]], name: str, standard: str, paths: Sequence[Path]
) -> DataSet:
    """The first data set of a name; raises InputError when there is none."""
    if data_sets[name]:
        return data_sets[name][0]
    words = {"name": name, "file": name.lower(), "columns": ", ".join(load_terms()["needed"][standard][name])}
    raise InputError([tell("no_data_set", ", ".join(map(str, paths)), **words)])


class Reading:
    """Builds one mapping of a data set as a part of one of our tables.

    rows : the rows that are read as filters narrow them; values and evidence come from these
    """

    def __init__(self, plan: StudyPlan, table: str, data: DataSet):
        self.plan = plan
        self.table = table
        self.data = data
        self.rows = data.frame
        self.source = SourcePlan(data.file)

    def choose(self, name: str, values: Iterable[str], *, out: bool = False) -> Self:
        """Keep the rows that have one of some values, or those that have none of them."""
        held = self.rows[name].isin(list(values))
        present = sorted(self.rows.loc[held, name].unique())
        every = (self.data.frame if name in self.data.frame else self.rows)[name].nunique()
        if present and (out or len(present) < every):
            self.source.settings.setdefault("exclude" if out else "filter", {})[name] = present
            self.data.used.add(name)
        self.rows = self.rows[~held if out else held]
        return self

    def require(self, name: str) -> None:
        """Leave out rows in which a variable is empty."""
        n = int((self.rows[name] == "").sum())
        if n:
            self.source.settings.setdefault("not_empty", []).append(name)
            self.source.evidence["not_empty"] = f"{name} is empty in {n} rows"
            self.rows = self.rows[self.rows[name] != ""]

    def texts(self, *names: str) -> pd.Series:
        """First text that is not empty among some variables."""
        return first_filled(self.rows, names)

    def column(self, ours: str, *theirs: str) -> tuple[str, ...]:
        """Read one of our columns from the first variable that is filled, and return those that hold anything."""
        names = tuple(name for name in theirs if name in self.rows and (self.rows[name] != "").any())
        if names:
            n = int((self.texts(*names) != "").sum())
            self.source.add_column(ours, names, f"{n} of {len(self.rows)} filled")
            self.data.used.update(names)
        return names

    def fill(self, columns: Mapping[str, str | Sequence[str]]) -> None:
        """Read columns of ours from variables, dates and codes as such; of several the first that is filled."""
        for ours, theirs in columns.items():
            names = [theirs] if isinstance(theirs, str) else theirs
            if ours == "sequence":
                if not self.column(ours, *names):
                    why = f"there is no {names[0]}; rows that are alike are numbered"
                    self.source.add_column(ours, None, why)
            elif load_schema(self.table).field(ours).type in ("date", "partial"):
                self.date(ours, *names)
            elif ours in load_terms():
                self.codes(ours, *names)
            else:
                self.column(ours, *names)

    def codes(self, ours: str, *theirs: str, known: Mapping[str, Any] | None = None) -> bool:
        """Read a column of codes; a text that is not known is missing, which is a doubt."""
        known = load_terms()[ours] if known is None else known
        names = self.column(ours, *theirs)
        if not names:
            return False
        counts = self.texts(*names).value_counts(sort=False).drop("", errors="ignore")
        values = {text: known.get(text.upper()) for text in counts.index}
        self.source.add_values(ours, values)
        unknown = [f"{text!r} ({counts[text]})" for text, code in values.items() if code is None]
        if unknown:
            self.doubt(f"{name_some(unknown)} of {names[0]} are not known and read as missing")
        return True

    def date(self, ours: str, *theirs: str) -> bool:
        """Read a date: the day of one with a time; rows that lack a day where one is needed are left out.

        Variables that mostly hold something else, such as numbers of days, are not read.
        """
        names = self.column(ours, *(name for name in theirs if self._holds_dates(name)))
        if not names:
            return False
        wanted = load_schema(self.table).field(ours)
        if wanted.required and len(names) == 1:
            self.require(names[0])
        texts = self.texts(*names)
        shapes = texts.str.replace(r"\d", "9", regex=True)
        forms = [form for shape, form in TIMED.items() if (shapes == shape).any()]
        if forms:
            self.source.settings.setdefault("date_format", {})[ours] = ["%Y-%m-%d", *forms]
            self.source.evidence["date_format"] = "the time of day is ignored"
        allowed = {"", WHOLE, *TIMED, *(PARTS if wanted.type == "partial" else ())}
        bad = texts[~shapes.isin(allowed)]
        found = sorted(bad.unique())
        is_left_out = wanted.required and len(names) == 1
        n = int(self.data.frame[names[0]].isin(found).sum()) if len(names) == 1 else len(bad)
        if found and is_left_out:
            self.choose(names[0], found, out=True)
        elif found:
            self.source.add_values(ours, dict.fromkeys(found))
        if found:
            words = "rows are left out" if is_left_out else "dates are read as missing"
            whose = f"{names[0]} of {self.data.file.name} does not say the day ({name_some(found)})"
            self.doubt(f"{whose}, so that {words}: {n}")
        return True

    def _holds_dates(self, name: str) -> bool:
        texts = self.rows[name] if name in self.rows else pd.Series(dtype=str)
        return bool((texts[texts != ""].str.match(r"\d{4}(-|$)")).mean() > 0.5)

    def join(
        self, data: DataSet, keys: Mapping[str, str], columns: Sequence[str], latest: str = "", **more: Any
    ) -> None:
        """Add variables of another data set by a key.

        keys : variables of this data set to those of the other
        latest : date by which one of several rows is chosen; a row whose date does not say the day is left out
        more : further settings of the join, such as ``filter`` and ``prefix``
        """
        right = data.frame
        for name, values in more.get("filter", {}).items():
            right = right[right[name].isin(values)]
        if latest:
            is_whole = right[latest].str.replace(r"\d", "9", regex=True).isin([WHOLE, *TIMED])
            left_out = sorted(set(right.loc[~is_whole, latest]) - {""})
            more |= {"latest": latest, **({"exclude": {latest: left_out}} if left_out else {})}
            right = right[is_whole].sort_values(latest).drop_duplicates(list(keys.values()), keep="last")
        on = list(keys) if list(keys) == list(keys.values()) else dict(keys)
        entry = {"file": data.file, "on": on, "columns": list(columns), **more}
        self.source.settings.setdefault("join", []).append(entry)
        right = right[(right[list(keys.values())] != "").all(axis=1)]
        names = {name: f"{more.get('prefix', '')}{name}" for name in columns}
        added = right[[*keys.values(), *columns]].rename(columns=names)
        added = added.rename(columns={theirs: ours for ours, theirs in keys.items()})
        self.rows = self.rows.merge(added, on=list(keys), how="left").fillna("")
        data.used.update((*keys.values(), *columns, *more.get("filter", {})))
        self.data.used.update(keys)

    def doubt(self, sentence: str) -> None:
        """Note what changes a number and was guessed; once."""
        self.plan.doubt(f"{self.table}: {sentence}")

    def unit(self, ours: str, theirs: str, usual: str) -> None:
        """The unit of a column: none where it is the usual one, else one for all rows or one a row."""
        units = sorted(set(self.rows[theirs]) - {""}) if theirs in self.rows else []
        if not units:
            self.doubt(f"{ours} is in {usual}: {theirs} does not say the unit")
        elif units != [usual]:
            self.source.settings["units"] = {ours: units[0] if len(units) == 1 else {"column": theirs}}
            self.source.evidence[f"units.{ours}"] = f"from {theirs}"

    def close(self, *, merge: bool = False) -> None:
        """Add the mapping to the plan, unless no row is left; as one that fills rows of those before it."""
        if len(self.rows):
            if merge and self.table in self.plan.tables:
                self.source.settings["merge"] = True
            self.plan.add(self.table, self.source)


def place_patient(reading: Reading) -> None:
    """Identifier, centre, sex and age of a patient, as DM and ADSL have them."""
    reading.fill(load_terms()["columns"]["patients"])
    if not set(reading.rows.get("AGEU", ())) <= {"", "YEARS"}:
        reading.source.settings["units"] = {"age_years": {"column": "AGEU"}}


def place_vital_status(reading: Reading, *names: str) -> bool:
    """Who is dead, by the first variable that says it; whether any does."""
    if not reading.codes("vital_status", *names):
        return False
    reading.source.settings["default"] = {"vital_status": "alive"}
    reading.source.evidence["default.vital_status"] = "DTHFL is Y for the dead and empty for the others"
    return True


def place_arm(reading: Reading, *names: str) -> None:
    """The arm of a trial as a further column and grouping, where there are several arms."""
    name = next((name for name in names if reading.data.is_filled(name)), None)
    if name is None:
        return
    levels = sorted(set(reading.rows[name]) - {""})
    none = [level for level in levels if level.upper() in load_terms()["no_arm"]]
    if not 1 < len(levels) - len(none) <= 12:
        return
    reading.column("arm", name)
    reading.source.add_values("arm", dict.fromkeys(none))
    reading.plan.settings["extra_columns"] = {"arm": "category"}
    reading.plan.settings["analysis"] = {"group_by": ["arm"]}


def list_unplaced(plan: StudyPlan, data_sets: Mapping[str, list[DataSet]]) -> None:
    """Name the variables that went into no table, and let the first mapping of each file say that they are known."""
    for data in (data for sets in data_sets.values() for data in sets):
        left = [str(name) for name in data.frame if name and name not in data.used]
        unseen = [name for name in left if name not in load_terms()["passed_over"]]
        columns = (Column(name, i, data.frame[name].tolist()) for i, name in enumerate(unseen))
        plan.leave_out(data.file.name, {column.name: column.describe() for column in columns})
        plan.ignore(data.file, left)
