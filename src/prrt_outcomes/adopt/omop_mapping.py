"""What codes in tables of the OMOP common data model mean, and how a mapping of the rows that they tell is begun."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from prrt_outcomes.adopt.omop_codes import Code, Codes, Concept, choose
from prrt_outcomes.adopt.omop_tables import OmopTables
from prrt_outcomes.adopt.plan import SourcePlan, StudyPlan, name_some

NO_CONCEPT = ("", "0")
ATC = "ATC"
NAMING = ("earliest", "latest", "not_empty")  # settings of a join that name columns of its table


@dataclass(frozen=True)
class Part:
    """Rows of a table that one mapping reads: those with one of these texts in a column of codes."""

    table: str
    column: str
    codes: Mapping[str, Code]  # what each text means, the most frequent first
    labels: Mapping[str, str]  # name of the concept of each, or the text itself
    counts: Mapping[str, int]  # number of rows of each
    exclude: Mapping[str, Sequence[str]]  # other columns and their values in rows that an earlier part reads

    @property
    def values(self) -> dict[str, str]:
        """Our value of each text."""
        return {text: code.value for text, code in self.codes.items()}

    def describe(self) -> str:
        """What the rows are."""
        return name_some(f"{self.labels[text]} ({self.counts[text]})" for text in self.codes)

    def choose(self, texts: Iterable[str]) -> "Part":
        """The part with some of its texts."""
        kept = set(texts)
        return replace(self, codes={text: code for text, code in self.codes.items() if text in kept})


class OmopMapping:
    """Tables, the meaning of their codes, and the plan that is made of them.

    has_concepts : whether there is a CONCEPT table; without one nothing is known of an identifier
    """

    def __init__(self, tables: OmopTables, codes: Codes, plan: StudyPlan):
        self.tables = tables
        self.plan = plan
        self._codes = codes
        self._known: dict[str, Concept] = {}
        self.has_concepts = tables.has("concept")

    def look_up(self, ids: Iterable[str]) -> dict[str, Concept]:
        """Concept of each identifier as it is written; those of which nothing is known have their identifier alone."""
        wanted = {text: normalise(text) for text in ids if normalise(text) not in NO_CONCEPT}
        new = set(wanted.values()) - set(self._known)
        self._known |= {text: Concept(text) for text in new}
        if self.has_concepts and new:
            columns = ["concept_id", "vocabulary_id", "concept_code", "concept_name"]
            found = self.tables.read("concept", columns, {"concept_id": new})
            self._known |= {row[0]: Concept(*row) for row in found.itertuples(index=False, name=None)}
        return {text: self._known[number] for text, number in wanted.items()}

    def _recognise(self, spec: Mapping[str, Any]) -> list[Part]:
        """Parts of a table that mean something, one for each column of codes: by the concept, else by the source value.

        spec : table, domain, columns of codes and our column (`omop.yaml`)
        """
        table = spec["table"]
        names = [name for name in spec["codes"] if self.tables.has(table, name)]
        if not names:
            return []
        left = self.tables.read(table, names, counted=True)
        taken = left.iloc[:0].assign(by="")
        parts = []
        for name in names:
            known = self.find_codes(left[name].unique(), spec["domain"], is_id=name.endswith("_id"))
            is_known = left[name].isin(known)
            counts = left[is_known].groupby(name)["n"].sum()
            texts = [text for text in known if known[text].column == spec["ours"]]
            codes = {text: known[text] for text in sorted(texts, key=lambda text: (-counts[text], text))}
            if codes:
                concepts = self.look_up(codes) if name.endswith("_id") else {}
                names_of = {text: concepts[text].name if text in concepts else text for text in codes}
                labels = {text: names_of[text] or f"{c.vocabulary} {c.code}" for text, c in codes.items()}
                again = taken[taken[name].isin(codes)]
                earlier = again.groupby("by", sort=False)
                exclude = {str(other): sorted(rows[other].unique()) for other, rows in earlier}
                parts.append(Part(table, name, codes, labels, counts.to_dict(), exclude))
            taken = pd.concat([taken, left[is_known].assign(by=name)])
            left = left[~is_known]
        return parts

    def find_codes(self, texts: Iterable[str], domain: str, *, is_id: bool) -> dict[str, Code]:
        """What identifiers of concepts, or texts of the source, mean; without those that mean nothing."""
        concepts = self.look_up(texts) if is_id else {t: Concept(code=t, name=t) for t in texts if t}
        above = self._find_ancestors({c.concept_id for c in concepts.values()}, domain) if is_id else {}
        found = {
            t: choose([self._codes.find(domain, c), above.get(c.concept_id)]) for t, c in concepts.items()
        }
        return {text: code for text, code in found.items() if code is not None}

    def _find_ancestors(self, ids: Iterable[str], domain: str) -> dict[str, Code]:
        """The code of the class that each drug belongs to, by CONCEPT_ANCESTOR."""
        if domain != "drug" or not self.has_concepts or not self.tables.has("concept_ancestor"):
            return {}
        classes = self.tables.read("concept", ["concept_id", "concept_code"], {"vocabulary_id": [ATC]})
        concepts = {text: Concept(vocabulary=ATC, code=atc) for text, atc in classes.to_numpy().tolist()}
        known = {text: self._codes.find(domain, concept) for text, concept in concepts.items()}
        codes = {text: code for text, code in known.items() if code is not None}
        columns = ["descendant_concept_id", "ancestor_concept_id"]
        pairs = self.tables.read("concept_ancestor", columns, {columns[0]: ids, columns[1]: codes})
        found: dict[str, list[Code]] = {}
        for below, above in pairs.itertuples(index=False, name=None):
            found.setdefault(below, []).append(codes[above])
        longest = {text: sorted(rows, key=lambda row: -len(row.code)) for text, rows in found.items()}
        return {text: code for text, rows in longest.items() if (code := choose(rows)) is not None}

    def find(self, spec: Mapping[str, Any]) -> list[Part]:
        """Rows that have a value of a column of ours; what is a guess is a doubt."""
        parts = self._recognise(spec)
        for part in parts:
            for text, code in part.codes.items():
                if code.is_doubtful:
                    note = f": {code.note}" if code.note else ""
                    rows = f"{part.labels[text]!r} ({part.counts[text]} rows)"
                    self.plan.doubt(f"{spec['ours']}: {rows} is read as {code.value}{note}")
            if not part.column.endswith("_id") and part.table != "person":
                counted = [(part.labels[t], c.value, part.counts[t]) for t, c in part.codes.items()]
                named = name_some(f"{label!r} as {value} ({n})" for label, value, n in counted)
                why = "without a concept" if self.has_concepts else "there is no CONCEPT table"
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
        for column, values in part.exclude.items():
            name = self.tables.name(part.table, column)
            source.choose("exclude", name, values, "read above by their concept")

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
        more : further settings of the join, with columns of the table as the model has them
        """

        def named(column: str | Sequence[str]) -> Any:
            """Columns of the table as they are written."""
            return name(table, column) if isinstance(column, str) else [name(table, one) for one in column]

        name = self.tables.name
        left, right = name("person", "person_id"), name(table, "person_id")
        rows = SourcePlan(self.tables.place(table))
        if part is not None:
            self.choose_rows(rows, part)
        join = {
            "file": rows.file,
            "on": left if left == right else {left: right},
            "columns": named(columns),
            **rows.settings,
            **{key: named(value) if key in NAMING else value for key, value in more.items() if value},
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
            persons, self.tables.persons = self.tables.persons or [], None
            places = {self.tables.place(table): table for table in self.tables.columns}
            read = [source for name, own in self.plan.tables.items() if name != "cycles" for source in own]
            # of persons with a cycle alone, but for the cycles themselves
            for source in read if persons else ():
                found = self.tables.read(places[source.file], ["person_id"], counted=True)["person_id"]
                of_study = found.isin(persons)
                kept, others = list(found[of_study]), list(found[~of_study])
                self.choose_shorter(source, "person_id", kept, others, "persons with a cycle alone")
        for table, written in self.tables.columns.items():
            place = self.tables.place(table)
            parts = _list_parts(sources, place)
            named = [part.get(key) for part in parts for key in ("columns", "on", *NAMING)]
            named += [list(part.get(key, ())) for part in parts for key in ("filter", "exclude")]
            ons = [join["on"] for part in parts for join in part.get("join", ())]
            used = {*_flatten(named), *_flatten([on if isinstance(on, str) else list(on) for on in ons])}
            names = [name for name in written if self.tables.name(table, name) in used]
            if self.tables.database:
                choices = [part.get("filter", {}) for part in parts]
                self.tables.need(table, names, choices)
            else:
                self.plan.ignore(place, [own for name, own in written.items() if name not in names])


def normalise(text: str) -> str:
    """An identifier as a whole number; 8507.0 is written by programs that have no missing whole numbers."""
    whole, _, rest = text.partition(".")
    return whole if not rest.strip("0") else text


def _list_parts(sources: Iterable[SourcePlan], file: Path) -> list[dict[str, Any]]:
    joins = [join for source in sources for join in source.settings.get("join", ()) if join["file"] == file]
    return [*(source.settings for source in sources if source.file == file), *joins]


def _flatten(names: Any) -> list[str]:
    """Names in lists, and in mappings on the side of the file."""
    if names is None or isinstance(names, str):
        return [names] if names else []
    inner = names.values() if isinstance(names, dict) else names
    return [name for one in inner for name in _flatten(one)]
