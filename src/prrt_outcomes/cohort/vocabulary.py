"""Words of files for our codes: tumours by name or ICD-O-3, grades, radiopharmaceuticals by nuclide and ligand."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from prrt_outcomes.errors import Problem
from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.tables.parse import TextColumn
from prrt_outcomes.tables.schema import Field

MOST_SHOWN = 12
ICD_O = re.compile(r"(?i)(?:(C\d\d)(?:\.?(\d))?)?[\s,;:+/-]*(?:M-?)?(?:(8\d{3})(?:/\d)?)?")


@cache
def load_vocabulary() -> dict[str, dict[str, Any]]:
    """The words of `data_schema/vocabulary.yaml` by column, with the folded text of each name and its code."""
    text = (find_home() / "data_schema" / "vocabulary.yaml").read_text(encoding="utf-8")
    found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for words in found.values():
        words["names"] = {fold(name): code for code, names in words["names"].items() for name in names}
    return found


def read_words(table: str, field: Field, column: TextColumn) -> tuple[TextColumn, list[Problem]]:
    """Read the words of the vocabulary as codes; a text that is none of them stays as it is.

    Returns the column, and a note that says which texts were read as which code.
    """
    if field.name not in load_vocabulary():
        return column, []
    encoded = column.texts.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    found = {text: find_word(field.name, text) for text in texts if text not in field.codes}
    found = {text: code for text, code in found.items() if code in field.codes}
    if not found:
        return column, []
    codes = pa.array([found.get(text, text) for text in texts], pa.string())
    counts = Counter(encoded.indices.drop_null().to_pylist())
    n = sum(counts[place] for place, text in enumerate(texts) if text in found)
    first = list(found.items())[:MOST_SHOWN]
    shown = ", ".join(f"{json.dumps(text, ensure_ascii=False)} as {code}" for text, code in first)
    rest = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    problem = f"{n} {'text' if n == 1 else 'texts'} read as codes: {shown}{rest}"
    expected = "nothing to do where that is right; values for the table in study.yaml go before it"
    note = Problem(table, None, field.name, "", problem, expected, "note")
    return replace(column, texts=codes.take(encoded.indices)), [note]


def prefer_words(field: Field, columns: Sequence[pa.Array], source: TableSource) -> list[pa.Array]:
    """Where several columns of a file give one of ours: first what is a code, a word or one of ``values`` in each.

    A morphology that names no entity, such as 8240/3, gives way to the topography in the next column.
    """
    if len(columns) == 1 or field.name not in load_vocabulary():
        return list(columns)
    values = {fold(text) for text in source.values.get(field.name, {})}
    known = []
    for column in columns:
        texts = [text or "" for text in column.dictionary_encode().dictionary.to_pylist()]
        own = [t for t in texts if t in field.codes or fold(t) in values or find_word(field.name, t)]
        is_known = pc.is_in(column, value_set=pa.array(own, pa.string()))
        known.append(pc.if_else(is_known, column, pa.scalar("")))
    return [*known, *columns]


def find_word(column: str, text: str) -> str | None:
    """Code of a text of a column of ours by the vocabulary; None where it has none.

    column : tumour_type, grade or radiopharmaceutical
    """
    words = load_vocabulary()[column]
    code = words["names"].get(fold(text))
    if code is None and "topography" in words:
        code = _find_tumour(words, text)
    if code is None and "ligands" in words:
        code = _find_radiopharmaceutical(words, text)
    return code


def fold(text: str) -> str:
    """A text in lower case without accents and marks, words parted by one blank."""
    bare = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss"))
    kept = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return " ".join(re.findall(r"[a-z0-9]+", kept))


def _find_tumour(words: dict[str, Any], text: str) -> str | None:
    """Tumour type of a topography, a morphology or both."""
    found = ICD_O.fullmatch(text.strip())
    if not found or not (found[1] or found[3]):
        return None
    site, digit, morphology = (found[1] or "").upper(), found[2], int(found[3] or 0)
    if morphology in words["morphology"]:
        return words["morphology"][morphology]
    if morphology and morphology not in words["neuroendocrine"]:
        return None
    return words["topography"].get(f"{site}.{digit}", words["topography"].get(site))


def _find_radiopharmaceutical(words: dict[str, Any], text: str) -> str | None:
    """Nuclide and ligand of a text that names one of each and nothing else."""
    rest, nuclides, folded = fold(text), set(), fold(text)
    for nuclide, names in words["nuclides"].items():
        mass = re.match(r"\d+", nuclide)[0]  # type: ignore[index]
        symbols = "|".join(map(fold, names))
        pattern = rf"\b(?:{mass} ?(?:{symbols})|(?:{symbols}) ?{mass})\b"
        if re.search(pattern, folded):
            nuclides.add(nuclide)
            rest = re.sub(pattern, " ", rest)
    tokens = set(rest.split())
    ligands = {ligand for ligand, own in words["ligands"].items() if tokens & set(own)}
    known = {word for own in words["ligands"].values() for word in own} | set(words["passed_over"])
    if len(nuclides) != 1 or len(ligands) != 1 or tokens - known:
        return None
    return f"{nuclides.pop()}-{ligands.pop()}"
