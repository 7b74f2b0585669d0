"""Words of files for our codes: tumours by name or ICD-O-3, grades, radiopharmaceuticals by nuclide and ligand."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.errors import Problem, count_words, suggest, tell, tell_setting
from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.study.vocabulary import Vocabulary
from prrt_outcomes.tables.parse import TextColumn
from prrt_outcomes.tables.schema import Field, load_schema, read_data

MOST_SHOWN = 12
COLUMNS = {"tumour_type": "patients", "grade": "patients", "radiopharmaceutical": "cycles", "term_group": ""}
OTHER, MYELOID, SECOND = "other", "myeloid_neoplasm", "second_malignancy"
PARTS = ("nuclides", "ligands")
ICD_O = re.compile(r"(?i)(?:(C\d\d)(?:\.?(\d))?)?[\s,;:+/-]*(?:M-?)?(?:(8\d{3})(?:/\d)?)?")


Words = Mapping[str, Mapping[str, Any]]


@cache
def load_vocabulary() -> Words:
    """The words of `data_schema/vocabulary.yaml` by column, with the folded text of each name and its code."""
    found = read_data(find_home() / "data_schema" / "vocabulary.yaml")
    for words in found.values():
        words["names"] = {fold(name): code for code, names in words["names"].items() for name in names}
    return found


def extend_vocabulary(own: Vocabulary) -> Words:
    """The words of `load_vocabulary` with those of a study, which go before them."""
    extended = {}
    for column, known in load_vocabulary().items():
        added = getattr(own, column).model_dump()
        added["names"] = {fold(name): code for code, names in added["names"].items() for name in names}
        extended[column] = {**known, **{s: _extend(known[s], own) for s, own in added.items()}}
    return extended


def _extend(known: Any, added: Any) -> Any:
    """Known words and further ones; of a code, or of a name for it, the further one holds."""
    if not isinstance(known, dict):
        return [*known, *(fold(word) if isinstance(word, str) else word for word in added)]
    return known | {
        key: _extend(known.get(key, ()), words) if isinstance(words, tuple) else words
        for key, words in added.items()
    }


def check_vocabulary(own: Vocabulary) -> Iterator[Problem]:
    """List words of a study for codes that there are not, that stand for two codes, or that can never match."""
    for column, table in COLUMNS.items():
        words, place = getattr(own, column).model_dump(), f"vocabulary.{column}"
        codes = load_schema(table).field(column).codes if table else tuple(words["names"])
        known = {section: tuple(load_vocabulary()[column].get(section, ())) for section in PARTS}
        used = [("names", code, codes) for code in words["names"]]
        for section in ("topography", "morphology"):
            used += [(section, code, codes) for code in words.get(section, {}).values()]
        used += [(section, part, known[section]) for section in PARTS for part in words.get(section, {})]
        for section, code, allowed in used:
            if code not in allowed:
                expected = suggest(code, allowed, f"one of {', '.join(allowed)}")
                yield tell_setting("code_not_listed", f"{place}.{section}", code, expected=expected)
        counts = Counter(name for names in words["names"].values() for name in {*map(fold, names)})
        for name in (name for name, n in counts.items() if n > 1):
            yield tell_setting("text_of_two_codes", f"{place}.names", name)
        single = [*words.get("passed_over", ()), *(w for o in words.get("ligands", {}).values() for w in o)]
        for word in (word for word in single if " " in fold(word)):
            yield tell_setting("several_words", f"{place}.ligands", word)


def read_words(
    table: str, field: Field, column: TextColumn, words: Words
) -> tuple[TextColumn, list[Problem]]:
    """Read the words of the vocabulary as codes; a text that is none of them stays as it is.

    Returns the column, and a note that says which texts were read as which code.
    """
    if field.name not in words:
        return column, []
    encoded = column.texts.dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    found = {text: find_word(field.name, text, words) for text in texts if text not in field.codes}
    found = {text: code for text, code in found.items() if code in field.codes}
    if not found:
        return column, []
    codes = pa.array([found.get(text, text) for text in texts], pa.string())
    counts = Counter(encoded.indices.drop_null().to_pylist())
    n = sum(counts[place] for place, text in enumerate(texts) if text in found)
    first = list(found.items())[:MOST_SHOWN]
    shown = ", ".join(f"{json.dumps(text, ensure_ascii=False)} as {code}" for text, code in first)
    rest = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    named = {"texts": count_words(n, "text"), "shown": f"{shown}{rest}"}
    note = tell("read_as_codes", table, None, field.name, **named)
    return replace(column, texts=codes.take(encoded.indices)), [note]


def prefer_words(
    field: Field, columns: Sequence[pa.Array], source: TableSource, words: Words
) -> list[pa.Array]:
    """Where several columns of a file give one of ours: first what is a code, a word or one of ``values`` in each.

    A morphology that names no entity, such as 8240/3, gives way to the topography in the next column.
    """
    if len(columns) == 1 or field.name not in words:
        return list(columns)
    values = {fold(text) for text in source.values.get(field.name, {})}
    known = []
    for column in columns:
        texts = [text or "" for text in column.dictionary_encode().dictionary.to_pylist()]
        own = [t for t in texts if t in field.codes or fold(t) in values or find_word(field.name, t, words)]
        is_known = pc.is_in(column, value_set=pa.array(own, pa.string()))
        known.append(pc.if_else(is_known, column, pa.scalar("")))
    return [*known, *columns]


def derive_term_group(events: pd.DataFrame, words: Words) -> pd.DataFrame:
    """Add `term_group` to adverse events: the group of the vocabulary that has the term, else `other`.

    A term of no group that is made of words for myeloid neoplasms and nothing else is one of them.
    """
    own = words["term_group"]
    myeloid, beside = "|".join(own["myeloid"]), "|".join((*own["myeloid"], *own["beside"]))
    pattern = re.compile(rf"(?:(?:{beside}) )*(?:{myeloid})(?: (?:{beside}))*")
    codes, terms = pd.factorize(events["term"])
    found = [own["names"].get(t, MYELOID if pattern.fullmatch(t) else OTHER) for t in map(fold, terms)]
    return events.assign(term_group=pd.array(found, "string").take(codes, allow_fill=True))


def check_term_groups(events: pd.DataFrame, own: Vocabulary) -> Iterator[Problem]:
    """Warn of each term that may be a myeloid neoplasm and is not counted as one, unless the study groups it."""
    decided = {fold(name) for names in own.term_group.names.values() for name in names}
    in_doubt = re.compile("|".join(load_vocabulary()["term_group"]["in_doubt"]))
    uncounted = events[events["term_group"].isin([OTHER, SECOND])]
    counts = uncounted.groupby(["term", "term_group"], observed=True).size()
    for row in counts.reset_index(name="n").to_dict("records"):
        term = str(row["term"])
        if in_doubt.search(fold(term)) and fold(term) not in decided:
            named = {"events": count_words(row["n"], "event"), "term": term, "group": row["term_group"]}
            yield tell("myeloid_in_doubt", "adverse_events", None, "term", term, **named)


def find_word(column: str, text: str, vocabulary: Words | None = None) -> str | None:
    """Code of a text of a column of ours by the vocabulary; None where it has none."""
    words = (vocabulary or load_vocabulary())[column]
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
    return " ".join(re.findall(r"[^\W_]+", kept))


def _find_tumour(words: Mapping[str, Any], text: str) -> str | None:
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


def _find_radiopharmaceutical(words: Mapping[str, Any], text: str) -> str | None:
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
