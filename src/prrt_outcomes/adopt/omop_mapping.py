"""What mappings of tables of the OMOP common data model share: how one is begun, what is doubtful, what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from prrt_outcomes.adopt.omop_codes import Codes
from prrt_outcomes.adopt.omop_concepts import MOST_NAMED, Concepts, Part, split_matches
from prrt_outcomes.adopt.omop_source import OmopTables
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan
from prrt_outcomes.study.base import clean_text

PREFIXES = {
    "drug": ("drug_exposure", "drug"),
    "condition": ("condition_occurrence", "condition"),
    "measurement": ("measurement", "measurement"),
    "episode": ("episode", "episode"),
    "gender": ("person", "gender"),
}


class OmopMapping:
    """Tables, the meaning of their codes, and the plan that is made of them."""

    def __init__(self, tables: OmopTables, codes: Codes, plan: StudyPlan):
        self.tables = tables
        self.codes = codes
        self.concepts = Concepts(tables, codes)
        self.plan = plan
        self._used: dict[str, set[str]] = {}

    def find(self, domain: str, column: str) -> list[Part]:
        """Rows of the table of a domain that have a value of a column of ours; doubts are noted."""
        table, prefix = PREFIXES[domain]
        parts = list(split_matches(table, self.concepts.recognise(table, prefix, domain), column))
        for part in parts:
            self._doubt_meaning(part, column)
        return parts

    def _doubt_meaning(self, part: Part, column: str) -> None:
        for match in part.keys.values():
            if match.code.is_doubtful:
                note = f": {match.code.note}" if match.code.note else ""
                self.doubt(f"{column}: {match.label!r} ({match.n} rows) is read as {match.code.value}{note}")
        if part.is_text and part.table != "person":
            named = ", ".join(
                f"{m.label!r} as {m.code.value} ({m.n})" for m in list(part.keys.values())[:MOST_NAMED]
            )
            more = f" and {len(part.keys) - MOST_NAMED} more" if len(part.keys) > MOST_NAMED else ""
            why = "without a concept" if self.concepts.is_there else "there is no CONCEPT table"
            self.doubt(f"{part.table}: {why}, rows are recognised by {part.column}: {named}{more}")

    def doubt(self, sentence: str) -> None:
        """Note what changes a number and was guessed; once."""
        if sentence not in self.plan.doubts:
            self.plan.doubts.append(sentence)

    def read(self, part: Part, columns: Sequence[str]) -> pd.DataFrame:
        """Columns of the rows of a part, those that the table has."""
        names = [name for name in columns if self.tables.has(part.table, name)]
        asked = list(dict.fromkeys([*names, *part.exclude, part.column]))
        rows = self.tables.read(part.table, asked, {part.column: part.keys})
        for name, values in part.exclude.items():
            rows = rows[~rows[name].isin(values)]
        return rows.reset_index(drop=True)

    def start(self, part: Part, columns: Mapping[str, str], evidence: str = "") -> SourcePlan:
        """A mapping of the rows of a part.

        columns : our column to that of the table, in small letters; those that the table lacks are left out
        """
        source = SourcePlan(self.tables.place(part.table))
        self.choose_rows(source, part)
        self.take(source, part.table, columns, evidence)
        chosen = {part.column: list(part.keys)}
        self.need(part.table, [part.column, *part.exclude], chosen)
        return source

    def choose_rows(self, source: SourcePlan, part: Part) -> None:
        """Write which rows a mapping reads."""
        source.settings["filter"] = {self.tables.name(part.table, part.column): list(part.keys)}
        source.evidence["filter"] = part.describe()
        if part.exclude:
            source.settings["exclude"] = {
                self.tables.name(part.table, name): list(values) for name, values in part.exclude.items()
            }
            source.evidence["exclude"] = "read above by their concept"

    def take(self, source: SourcePlan, table: str, columns: Mapping[str, str], evidence: str = "") -> None:
        """Read columns of ours from columns of a table."""
        found = {ours: theirs for ours, theirs in columns.items() if self.tables.has(table, theirs)}
        for ours, theirs in found.items():
            source.add_column(ours, self.tables.name(table, theirs), evidence)
        self.need(table, found.values(), {})

    def need(self, table: str, columns: Iterable[str], chosen: Mapping[str, Iterable[str]]) -> None:
        """Note that mappings read columns of a table, of rows with one of the values in one column of `chosen`."""
        names = list(columns)
        self._used.setdefault(table, set()).update(names)
        self.tables.need(table, names, chosen)

    def add_meaning(self, source: SourcePlan, part: Part, ours: str) -> None:
        """Read a column of ours from the codes of a part."""
        source.add_column(ours, self.tables.name(part.table, part.column), part.describe())
        source.add_values(ours, {key: match.code.value for key, match in part.keys.items()})

    def ignore_rest(self) -> None:
        """Say of columns that no mapping reads that they are known, in the first mapping of each file."""
        first: dict[Path, SourcePlan] = {}
        for sources in self.plan.tables.values():
            for source in sources:
                first.setdefault(source.file, source)
        for table, used in self._used.items():
            place = self.tables.place(table)
            left = [written for name, written in self.tables.columns[table].items() if name not in used]
            if place in first and left:
                first[place].settings["ignore"] = left

    def clean_texts(self) -> None:
        """Texts of the source as a study compares them, each once: without doubled blanks."""
        for source in [source for sources in self.plan.tables.values() for source in sources]:
            for part in (source.settings, *source.settings.get("join", ())):
                for setting in ("filter", "exclude"):
                    rows = part.get(setting, {})
                    rows |= {
                        name: list(dict.fromkeys(map(clean_text, texts))) for name, texts in rows.items()
                    }
            values = source.settings.get("values", {})
            values |= {ours: {clean_text(t): v for t, v in known.items()} for ours, known in values.items()}

    def narrow(self, persons: Sequence[str]) -> None:
        """Read only persons with a cycle, in all mappings but those of cycles: the shorter list is written."""
        self.tables.persons = None
        tables = {self.tables.place(table): table for table in self._used}
        for name, sources in self.plan.tables.items():
            for source in sources if name != "cycles" else ():
                found = self.tables.count(tables[source.file], ["person_id"])["person_id"]
                kept, others = found[found.isin(persons)], found[~found.isin(persons)]
                setting, ids = ("exclude", others) if len(others) <= len(kept) else ("filter", kept)
                if len(others):
                    rows = source.settings.setdefault(setting, {})
                    theirs = source.settings["columns"]["patient_id"]
                    rows[theirs] = sorted({*rows.get(theirs, ()), *ids})
                    told = source.evidence.get(setting)
                    source.evidence[setting] = (
                        f"{told}; persons with a cycle alone" if told else "persons with a cycle alone"
                    )


def exclude_rows(
    source: SourcePlan, name: str, ids: Sequence[str], kept: Sequence[str], evidence: str
) -> None:
    """Leave out rows by their identifiers, or name those that are kept where these are fewer."""
    if not len(ids):
        return
    setting, values = ("exclude", ids) if len(ids) <= len(kept) else ("filter", kept)
    source.settings.setdefault(setting, {})[name] = list(values)
    source.evidence[setting] = evidence
