"""What the codes in tables of the OMOP common data model mean here, by their concepts or by their texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prrt_outcomes.adopt.omop_codes import Code, Codes, Concept, choose
from prrt_outcomes.adopt.omop_tables import OmopTables
from prrt_outcomes.adopt.plan import name_some

NO_CONCEPT = ("", "0")
ATC = "ATC"


@dataclass(frozen=True)
class Part:
    """Rows of a table that one mapping reads: those with one of these texts in a column of codes.

    codes : what each text means, the most frequent first
    labels : name of the concept of each, or the text itself
    counts : number of rows of each
    exclude : other columns and their values in rows that an earlier part reads
    """

    table: str
    column: str
    codes: Mapping[str, Code]
    labels: Mapping[str, str]
    counts: Mapping[str, int]
    exclude: Mapping[str, Sequence[str]]

    @property
    def values(self) -> dict[str, str]:
        """Our value of each text."""
        return {text: code.value for text, code in self.codes.items()}

    def describe(self) -> str:
        """What the rows are."""
        return name_some(f"{self.labels[text]} ({self.counts[text]})" for text in self.codes)

    def choose(self, texts: Iterable[str]) -> Part:
        """The part with some of its texts."""
        kept = set(texts)
        codes = {text: code for text, code in self.codes.items() if text in kept}
        return Part(self.table, self.column, codes, self.labels, self.counts, self.exclude)


class Concepts:
    """Concepts of the source, looked up in its CONCEPT table; without one nothing is known of an identifier."""

    def __init__(self, tables: OmopTables, codes: Codes):
        self._tables = tables
        self._codes = codes
        self._known: dict[str, Concept] = {}
        self.is_there = tables.has("concept", "concept_id", "concept_name", "vocabulary_id", "concept_code")

    def look_up(self, ids: Iterable[str]) -> dict[str, Concept]:
        """Concept of each identifier as it is written; those of which nothing is known have their identifier alone."""
        wanted = {text: normalise(text) for text in ids if normalise(text) not in NO_CONCEPT}
        new = set(wanted.values()) - set(self._known)
        self._known |= {text: Concept(text) for text in new}
        if self.is_there and new:
            columns = ["concept_id", "vocabulary_id", "concept_code", "concept_name"]
            found = self._tables.read("concept", columns, {"concept_id": new})
            self._known |= {row[0]: Concept(*row) for row in found.itertuples(index=False, name=None)}
        return {text: self._known[number] for text, number in wanted.items()}

    def recognise(self, spec: Mapping[str, Any]) -> list[Part]:
        """Parts of a table that mean something, one for each column of codes: by the concept, else by the source value.

        spec : table, domain, columns of codes and our column (`omop.yaml`)
        """
        table = spec["table"]
        names = [name for name in spec["codes"] if self._tables.has(table, name)]
        if not names:
            return []
        left = self._tables.read(table, names, counted=True)
        taken = left.iloc[:0]
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
                exclude = {
                    other: sorted(again.loc[again["by"] == other, other].unique())
                    for other in names[: names.index(name)]
                }
                exclude = {other: values for other, values in exclude.items() if values}
                parts.append(Part(table, name, codes, labels, counts.to_dict(), exclude))
            taken = pd.concat([taken, left[is_known].assign(by=name)])
            left = left[~is_known]
        return parts

    def find_codes(self, texts: Iterable[str], domain: str, *, is_id: bool) -> dict[str, Code]:
        """What identifiers of concepts, or texts of the source, mean; without those that mean nothing."""
        found: dict[str, Code | None]
        if is_id:
            concepts = self.look_up(texts)
            above = self._find_ancestors({c.concept_id for c in concepts.values()}, domain)
            found = {
                text: choose([self._codes.find(domain, concept), above.get(concept.concept_id)])
                for text, concept in concepts.items()
            }
        else:
            found = {text: self._codes.find_text(domain, text) for text in texts if text}
        return {text: code for text, code in found.items() if code is not None}

    def _find_ancestors(self, ids: Iterable[str], domain: str) -> dict[str, Code]:
        """The code of the class that each drug belongs to, by CONCEPT_ANCESTOR."""
        if domain != "drug" or not self.is_there or not self._tables.has("concept_ancestor"):
            return {}
        classes = self._tables.read("concept", ["concept_id", "concept_code"], {"vocabulary_id": [ATC]})
        codes = {
            text: code
            for text, atc in classes.itertuples(index=False, name=None)
            if (code := self._codes.find(domain, Concept(vocabulary=ATC, code=atc)))
        }
        columns = ["descendant_concept_id", "ancestor_concept_id"]
        pairs = self._tables.read("concept_ancestor", columns, {columns[0]: ids, columns[1]: codes})
        found: dict[str, list[Code]] = {}
        for below, above in pairs.itertuples(index=False, name=None):
            found.setdefault(below, []).append(codes[above])
        longest = {text: sorted(rows, key=lambda row: -len(row.code)) for text, rows in found.items()}
        return {text: code for text, rows in longest.items() if (code := choose(rows)) is not None}


def normalise(text: str) -> str:
    """An identifier as a whole number; 8507.0 is written by programs that have no missing whole numbers."""
    whole, _, rest = text.partition(".")
    return whole if not rest.strip("0") else text
