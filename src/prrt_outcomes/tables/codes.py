"""The line of `study.yaml` that reads the words of a file as our codes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from prrt_outcomes.errors import nearest_name
from prrt_outcomes.tables.schema import Field

MISSING_WORDS = frozenset(
    {"na", "n/a", "n.a.", "nan", "null", "none", ".", "-", "[not available]", "#n/a", "missing"}
)
MOST_SHOWN = 12
TRUTH = {"true": ("yes", "y", "present", "positive"), "false": ("no", "n", "absent", "negative")}


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
