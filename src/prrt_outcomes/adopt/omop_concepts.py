"""What the codes in tables of the OMOP common data model mean here, by their concepts or by their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prrt_outcomes.adopt.omop_codes import Code, Codes, Concept, choose
from prrt_outcomes.adopt.omop_source import OmopTables

NO_CONCEPT = ("", "0")
ATC = "ATC"
MOST_NAMED = 6


@dataclass(frozen=True)
class Match:
    """One code of the data that means something here.

    column, key : column of the table that holds it and how it is written there
    cells : all columns with codes of these rows
    label : name of the concept, or the text itself
    n : number of rows
    """

    column: str
    key: str
    cells: Mapping[str, str]
    code: Code
    label: str
    n: int


@dataclass(frozen=True)
class Part:
    """Rows of a table that one mapping reads: those with one of these keys in a column.

    keys : key to its match, the most frequent first
    exclude : other columns and their values in rows that an earlier mapping reads
    """

    table: str
    column: str
    keys: Mapping[str, Match]
    exclude: Mapping[str, Sequence[str]]

    @property
    def n_rows(self) -> int:
        """Rows that the mapping reads."""
        return sum(match.n for match in self.keys.values())

    @property
    def is_text(self) -> bool:
        """Whether the rows are recognised by a text, not by a concept."""
        return not self.column.endswith("_concept_id")

    def describe(self) -> str:
        """What the keys are."""
        matches = list(self.keys.values())
        named = ", ".join(f"{match.label} ({match.n})" for match in matches[:MOST_NAMED])
        return f"{named} and {len(matches) - MOST_NAMED} more" if len(matches) > MOST_NAMED else named


class Concepts:
    """Concepts of the source, looked up in its CONCEPT table; without one nothing is known of an identifier."""

    def __init__(self, tables: OmopTables, codes: Codes):
        self._tables = tables
        self._codes = codes
        self._known: dict[str, Concept] = {}
        self.is_there = tables.has("concept", "concept_id", "concept_name", "vocabulary_id", "concept_code")

    def look_up(self, ids: Iterable[str]) -> dict[str, Concept]:
        """Concept of each identifier; those of which nothing is known have their identifier alone."""
        wanted = {normalise(text) for text in ids} - set(NO_CONCEPT)
        new = wanted - set(self._known)
        self._known |= {text: Concept(text) for text in new}
        if self.is_there and new:
            columns = ["concept_id", "vocabulary_id", "concept_code", "concept_name"]
            found = self._tables.read("concept", columns, {"concept_id": new})
            self._known |= {row[0]: Concept(*row) for row in found.itertuples(index=False, name=None)}
        return {text: self._known[text] for text in wanted}

    def recognise(self, table: str, prefix: str, domain: str) -> list[Match]:
        """Codes of a table that mean something: by the concept, by the source concept, else by the source value."""
        names = [f"{prefix}_concept_id", f"{prefix}_source_concept_id", f"{prefix}_source_value"]
        names = [name for name in names if self._tables.has(table, name)]
        if not names:
            return []
        counts = self._tables.count(table, names)
        ids = {text for name in names if name.endswith("_id") for text in counts[name].unique()}
        known = self._find_codes(ids, domain)
        matches = []
        for *cells, n in counts.itertuples(index=False, name=None):
            for name, text in zip(names, cells, strict=True):
                is_id = name.endswith("_id")
                code = known.get(normalise(text)) if is_id else self._codes.find_text(domain, text)
                if code is not None:
                    label = self._known[normalise(text)].name if is_id else text
                    label = label or f"{code.vocabulary} {code.code}"
                    matches.append(
                        Match(name, text, dict(zip(names, cells, strict=True)), code, label, int(n))
                    )
                    break
        return matches

    def _find_codes(self, ids: Iterable[str], domain: str) -> dict[str, Code]:
        concepts = self.look_up(ids)
        above = self._find_ancestors(concepts, domain) if domain == "drug" else {}
        found = {
            text: choose([self._codes.find(domain, concept), above.get(text)])
            for text, concept in concepts.items()
        }
        return {text: code for text, code in found.items() if code is not None}

    def _find_ancestors(self, ids: Iterable[str], domain: str) -> dict[str, Code]:
        """The code of the class that each drug belongs to, by CONCEPT_ANCESTOR."""
        if not self.is_there or not self._tables.has("concept_ancestor", "ancestor_concept_id"):
            return {}
        classes = self._tables.read("concept", ["concept_id", "concept_code"], {"vocabulary_id": [ATC]})
        codes = {
            text: self._codes.find(domain, Concept(vocabulary=ATC, code=code))
            for text, code in classes.itertuples(index=False, name=None)
        }
        codes = {text: code for text, code in codes.items() if code is not None}
        columns = ["descendant_concept_id", "ancestor_concept_id"]
        wanted = {"descendant_concept_id": list(ids), "ancestor_concept_id": list(codes)}
        if not all(wanted.values()):
            return {}
        pairs = self._tables.read("concept_ancestor", columns, wanted)
        found: dict[str, list[Code]] = {}
        for below, above in pairs.itertuples(index=False, name=None):
            code = codes[above]
            if code is not None:
                found.setdefault(below, []).append(code)
        longest = {text: sorted(rows, key=lambda row: -len(row.code)) for text, rows in found.items()}
        return {text: code for text, rows in longest.items() if (code := choose(rows)) is not None}


def normalise(text: str) -> str:
    """An identifier as a whole number; 8507.0 is written by programs that have no missing whole numbers."""
    whole, _, rest = text.partition(".")
    return whole if not rest.strip("0") else text


def split_matches(table: str, matches: Sequence[Match], column: str) -> Iterator[Part]:
    """One part for each column of the table that tells rows with a value of a column of ours."""
    names = list(dict.fromkeys(name for match in matches for name in match.cells))
    for i, name in enumerate(names):
        keys: dict[str, Match] = {}
        for match in matches:
            if match.column == name and match.code.column == column:
                n = match.n + (keys[match.key].n if match.key in keys else 0)
                keys[match.key] = Match(name, match.key, match.cells, match.code, match.label, n)
        if not keys:
            continue
        earlier = {
            other: sorted({m.key for m in matches if m.column == other and m.cells[name] in keys})
            for other in names[:i]
        }
        keys = dict(sorted(keys.items(), key=lambda item: (-item[1].n, item[0])))
        yield Part(table, name, keys, {other: values for other, values in earlier.items() if values})
