"""From what the models refuse to problems that name line, key, value, expectation and nearest key."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from prrt_outcomes.errors import STUDY_FILE, Problem, shorten, suggest
from prrt_outcomes.study.yaml_file import find_line, join_key

if TYPE_CHECKING:
    from pydantic import ValidationError

WORDS = {
    "a valid tuple": "a list", "a valid dictionary": "a mapping", "a valid integer": "a whole number",
    "a valid number": "a number", "a valid string": "a text", "String should have": "a text of",
}  # fmt: skip


def describe_faults(
    error: ValidationError, model: type[BaseModel], lines: Mapping[str, int]
) -> list[Problem]:
    """Turn each fault of a validation into a `Problem`, in the order of the file."""
    faults = [dict(fault) for fault in error.errors(include_url=False)]
    # A list of which every item is at fault is called too short as well.
    faults = [fault for fault in faults if fault["type"] != "too_short" or not fault["input"]]
    problems = _join_alternatives([_describe(fault, model, lines) for fault in faults])
    return sorted(problems, key=lambda p: (p.row is None, p.row or 0, p.column))


def _join_alternatives(problems: Iterable[Problem]) -> list[Problem]:
    """A value that is none of several types is one problem that expects any of them."""
    joined: dict[tuple, Problem] = {}
    for problem in problems:
        key = (problem.column, problem.problem, problem.value)
        seen = joined.setdefault(key, problem)
        if problem.expected not in seen.expected:
            joined[key] = replace(seen, expected=f"{seen.expected} or {problem.expected}")
    return list(joined.values())


def _describe(fault: dict, model: type[BaseModel], lines: Mapping[str, int]) -> Problem:
    kind, value = fault["type"], fault["input"]
    location = tuple(part for part in fault["loc"] if part != "[key]")
    place = _written_place(location, lines, is_absent=kind == "missing")
    value = "" if isinstance(value, dict | list | tuple) and len(str(value)) > 60 else shorten(value, 80)
    if kind == "extra_forbidden":
        known = known_keys(model, fault["loc"][:-1])
        problem, expected = "unknown key", f"known keys: {', '.join(known)}"
        expected = suggest(str(fault["loc"][-1]), known, expected)
    elif kind == "missing":
        value, problem, expected = "", "this key is missing", "a value"
    elif kind in ("literal_error", "enum"):
        text = fault.get("ctx", {}).get("expected", "").replace(" or ", ", ")
        allowed = [part.strip().strip("'") for part in text.split(",") if part.strip()]
        problem = "not an allowed value"
        expected = suggest(str(fault["input"]), allowed, f"one of {', '.join(allowed)}")
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        place = join_key(place, "kind")
        problem = "not an allowed kind"
        expected = f"one of {fault.get('ctx', {}).get('expected_tags', '').replace(chr(39), '')}"
    elif kind == "value_error":
        problem, _, expected = str(fault["ctx"]["error"]).partition("; ")
        key, colon, words = problem.partition(": ")
        if not place and colon and key in lines:
            place, value, problem = key, "", words
    elif kind == "string_pattern_mismatch":
        problem = "not a valid name"
        expected = "a name of small letters, digits and _ that begins with a letter"
    elif kind in ("too_short", "too_long") and "actual_length" in fault["ctx"]:
        problem = "not a valid value"
        count = fault["ctx"].get("min_length", fault["ctx"].get("max_length"))
        expected = f"at {'least' if kind == 'too_short' else 'most'} {count} in the list"
    else:
        problem = "not a valid value"
        expected = fault["msg"].removeprefix("Input should be ").partition(" or instance of ")[0]
        for theirs, ours in WORDS.items():
            expected = expected.replace(theirs, ours)
    return Problem(STUDY_FILE, find_line(place, lines), place, value, problem, expected)


def _written_place(location: tuple, lines: Mapping[str, int], *, is_absent: bool) -> str:
    """The dotted key of a fault as written in the file: without tags of unions, and the 0 of a list of one."""
    place = ""
    for index, part in enumerate(location, start=1):
        deeper = join_key(place, part)
        if deeper in lines or (is_absent and index == len(location)):
            place = deeper
    return place


def known_keys(model: type[BaseModel], location: Iterable) -> list[str]:
    """Names of the keys that stand at a place of the model, walking through lists, mappings and unions."""
    candidates: list[Any] = [model]
    for part in location:
        candidates = [found for candidate in candidates for found in _enter(candidate, part)]
    found = (one for candidate in candidates for one in _alternatives(candidate))
    return list(dict.fromkeys(name for one in found if _is_model(one) for name in one.model_fields))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _alternatives(annotation: Any) -> list[Any]:
    """The types that an annotation allows: the members of a union, without what is annotated."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _alternatives(arguments[0])
    if origin in (Union, types.UnionType):
        return [one for argument in arguments for one in _alternatives(argument)]
    return [annotation]


def _enter(annotation: Any, part: Any) -> list[Any]:
    """What stands at a key, a position of a list or a tag of a union."""
    found = []
    for one in _alternatives(annotation):
        origin, arguments = get_origin(one), get_args(one)
        if origin is dict or (origin in (tuple, list) and isinstance(part, int)):
            found.append(arguments[-1 if origin is dict else 0])
        elif _is_model(one):
            kind = one.model_fields.get("kind")
            if part in (one.__name__, *(get_args(kind.annotation) if kind else ())):
                found.append(one)
            elif part in one.model_fields:
                found.append(one.model_fields[part].annotation)
    return found
