"""What mappings of tables of the OMOP common data model share: how one is begun, what is doubtful, what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from prrt_outcomes.adopt.omop_codes import Codes
from prrt_outcomes.adopt.omop_concepts import Concepts, Part
from prrt_outcomes.adopt.omop_tables import OmopTables
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, name_some


class OmopMapping:
    """Tables, the meaning of their codes, and the plan that is made of them."""

    def __init__(self, tables: OmopTables, codes: Codes, plan: StudyPlan):
        self.tables = tables
        self.concepts = Concepts(tables, codes)
        self.plan = plan

    def find(self, spec: Mapping[str, Any]) -> list[Part]:
        """Rows that have a value of a column of ours; what is a guess is a doubt."""
        parts = self.concepts.recognise(spec)
        for part in parts:
            for text, code in part.codes.items():
                if code.is_doubtful:
                    note = f": {code.note}" if code.note else ""
                    rows = f"{part.labels[text]!r} ({part.counts[text]} rows)"
                    self.plan.doubt(f"{spec['ours']}: {rows} is read as {code.value}{note}")
            if not part.column.endswith("_id") and part.table != "person":
                named = name_some(
                    f"{part.labels[text]!r} as {code.value} ({part.counts[text]})"
                    for text, code in part.codes.items()
                )
                why = "without a concept" if self.concepts.is_there else "there is no CONCEPT table"
                self.plan.doubt(f"{part.table}: {why}, rows are recognised by {part.column}: {named}")
        return parts

    def read(self, part: Part, columns: Sequence[str], **more: Any) -> pd.DataFrame:
        """Columns of the rows of a part, empty where the table has no such column."""
        names = [name for name in columns if self.tables.has(part.table, name)]
        asked = list(dict.fromkeys([*names, *part.exclude, part.column]))
        rows = self.tables.read(part.table, asked, {part.column: part.codes}, **more)
        for name, values in part.exclude.items():
            rows = rows[~rows[name].isin(values)]
        return rows.reset_index(drop=True).assign(**dict.fromkeys(set(columns) - set(names), ""))

    def start(self, part: Part, spec: Mapping[str, Any]) -> SourcePlan:
        """A mapping of the rows of a part."""
        source = SourcePlan(self.tables.place(part.table))
        self.choose_rows(source, part)
        self.take(source, part.table, spec["columns"])
        source.add_column(spec["ours"], self.tables.name(part.table, part.column), part.describe())
        source.add_values(spec["ours"], part.values)
        return source

    def choose_rows(self, source: SourcePlan, part: Part) -> None:
        """Read the rows of a part alone."""
        source.choose("filter", self.tables.name(part.table, part.column), list(part.codes), part.describe())
        for name, values in part.exclude.items():
            source.choose(
                "exclude", self.tables.name(part.table, name), values, "read above by their concept"
            )

    def take(self, source: SourcePlan, table: str, columns: Mapping[str, str], evidence: str = "") -> None:
        """Read columns of ours from columns of a table, those that it has."""
        for ours, theirs in columns.items():
            if self.tables.has(table, theirs):
                source.add_column(ours, self.tables.name(table, theirs), evidence)

    def join(
        self, source: SourcePlan, table: str, columns: Sequence[str], part: Part | None = None, **more: Any
    ) -> list[str]:
        """Join columns of a table to those of persons, and return their names there.

        part : rows of the table that are joined; None for all
        more : further settings of the join; the columns of `earliest` and `latest` as the model has them
        """
        name = self.tables.name
        left, right = name("person", "person_id"), name(table, "person_id")
        rows = SourcePlan(self.tables.place(table))
        if part is not None:
            self.choose_rows(rows, part)
        join = {
            "file": rows.file,
            "on": left if left == right else {left: right},
            "columns": [name(table, column) for column in columns],
            **rows.settings,
            **{key: name(table, v) if key in ("earliest", "latest") else v for key, v in more.items() if v},
        }
        source.settings.setdefault("join", []).append(join)
        return [f"{more.get('prefix', '')}{column}" for column in join["columns"]]

    def choose_shorter(
        self, source: SourcePlan, column: str, kept: Sequence[str], others: Sequence[str], evidence: str
    ) -> None:
        """Leave out rows by their identifiers, or name those that are kept where these are fewer."""
        if len(others):
            setting, ids = ("exclude", others) if len(others) <= len(kept) else ("filter", kept)
            table = next(name for name in self.tables.columns if self.tables.place(name) == source.file)
            name = self.tables.name(table, column)
            known = source.settings.get(setting, {}).get(name, ())
            source.choose(setting, name, sorted({*known, *ids}), evidence)

    def finish(self) -> None:
        """Say in the mappings what they leave out, or what an extract of the database is to hold."""
        sources = [source for sources in self.plan.tables.values() for source in sources]
        if not self.tables.database:
            self._narrow()
        for table, written in self.tables.columns.items():
            used = _list_used(sources, self.tables.place(table))
            names = [name for name in written if self.tables.name(table, name) in used]
            if self.tables.database:
                self.tables.need(table, names, _list_choices(sources, self.tables.place(table)))
            else:
                left = [own for name, own in written.items() if name not in names]
                self.plan.ignore(self.tables.place(table), left)

    def _narrow(self) -> None:
        """Read only persons with a cycle, in all mappings but those of cycles."""
        persons, self.tables.persons = self.tables.persons or [], None
        places = {self.tables.place(table): table for table in self.tables.columns}
        for name, sources in self.plan.tables.items():
            for source in sources if name != "cycles" and persons else ():
                found = self.tables.read(places[source.file], ["person_id"], counted=True)["person_id"]
                of_study = found.isin(persons)
                kept, others = list(found[of_study]), list(found[~of_study])
                self.choose_shorter(source, "person_id", kept, others, "persons with a cycle alone")


def _list_used(sources: Iterable[SourcePlan], file: Path) -> set[str]:
    """Columns of a file that mappings read, join or choose rows by."""
    used: set[str] = set()
    for settings in (source.settings for source in sources if source.file == file):
        for theirs in settings.get("columns", {}).values():
            used.update([theirs] if isinstance(theirs, str) else theirs or ())
        for join in settings.get("join", ()):
            used.update([join["on"]] if isinstance(join["on"], str) else join["on"])
    for join in _list_joins(sources, file):
        used.update([join["on"]] if isinstance(join["on"], str) else join["on"].values())
        used.update([*join["columns"], *(join[key] for key in ("earliest", "latest") if key in join)])
    for settings in (*(s.settings for s in sources if s.file == file), *_list_joins(sources, file)):
        used.update(
            [*settings.get("filter", ()), *settings.get("exclude", ()), *settings.get("not_empty", ())]
        )
    return used


def _list_choices(sources: Iterable[SourcePlan], file: Path) -> list[Mapping[str, Sequence[str]]]:
    """Filters of a file, of which a row of the extract has to pass one."""
    settings = [source.settings for source in sources if source.file == file]
    return [part.get("filter", {}) for part in (*settings, *_list_joins(sources, file))]


def _list_joins(sources: Iterable[SourcePlan], file: Path) -> list[dict[str, Any]]:
    return [join for source in sources for join in source.settings.get("join", ()) if join["file"] == file]
