"""From what the models refuse to problems that name line, key, value, expectation and nearest key."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from prrt_outcomes.errors import STUDY_FILE, Problem, suggest

if TYPE_CHECKING:
    from pydantic import ValidationError


def describe_faults(
    error: ValidationError, model: type[BaseModel], lines: Mapping[tuple, int]
) -> list[Problem]:
    """Turn each fault of a validation into a `Problem`, in the order of the file."""
    problems = [_describe(dict(fault), model, lines) for fault in error.errors(include_url=False)]
    return sorted(problems, key=lambda p: (p.row is None, p.row or 0, p.column))


def _describe(fault: dict, model: type[BaseModel], lines: Mapping[tuple, int]) -> Problem:
    place = _written_place(tuple(part for part in fault["loc"] if part != "[key]"), lines)
    kind, value = fault["type"], _shorten(fault["input"])
    if kind == "extra_forbidden":
        known = known_keys(model, fault["loc"][:-1])
        problem, expected = "unknown key", f"known keys: {', '.join(known)}"
        expected = suggest(str(fault["loc"][-1]), known, expected)
    elif kind == "missing":
        value, problem, expected = "", "this key is missing", "a value"
    elif kind in ("literal_error", "enum"):
        allowed = _allowed(fault)
        problem = "not an allowed value"
        expected = suggest(str(fault["input"]), allowed, f"one of {', '.join(allowed)}")
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        place = (*place, "kind")
        problem = "not an allowed kind"
        expected = f"one of {fault.get('ctx', {}).get('expected_tags', '').replace(chr(39), '')}"
    elif kind == "value_error":
        problem, expected = str(fault["ctx"]["error"]), "a setting that fits the others"
        key, colon, words = problem.partition(": ")
        if not place and colon and (key,) in lines:
            place, value, problem = (key,), "", words
    elif kind == "string_pattern_mismatch":
        problem = "not a valid name"
        expected = "a name of small letters, digits and _ that begins with a letter"
    else:
        problem = "not a valid value"
        expected = fault["msg"].replace("Input should be ", "").replace("Field required", "a value")
    column = ".".join(map(str, place))
    return Problem(STUDY_FILE, _line(place, lines), column, value, problem, expected)


def _allowed(fault: dict) -> list[str]:
    text = fault.get("ctx", {}).get("expected", "")
    return [part.strip().strip("'") for part in text.replace(" or ", ", ").split(",") if part.strip()]


def _written_place(location: tuple, lines: Mapping[tuple, int]) -> tuple:
    """The path of a fault as written in the file: without the tags that unions put into it."""
    place: tuple = ()
    for index, part in enumerate(location, start=1):
        if (*place, part) in lines or index == len(location) or isinstance(part, int):
            place = (*place, part)
    return place


def _line(place: tuple, lines: Mapping[tuple, int]) -> int | None:
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


def _shorten(value: Any) -> str:
    if isinstance(value, dict | list | tuple) and len(str(value)) > 60:
        return ""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def known_keys(model: type[BaseModel], location: Iterable) -> list[str]:
    """Names of the keys that stand at a place of the model, walking through lists, mappings and unions."""
    candidates: list[Any] = [model]
    for part in location:
        candidates = [found for candidate in candidates for found in _enter(candidate, part)]
    return list(dict.fromkeys(name for c in candidates for m in _models(c) for name in m.model_fields))


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [m for arg in get_args(annotation) for m in _models(arg)]
    return []


def _enter(annotation: Any, part: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _enter(get_args(annotation)[0], part)
    if origin in (Union, types.UnionType):
        tagged = [m for m in _models(annotation) if part in _tags(m)]
        return tagged or [found for arg in get_args(annotation) for found in _enter(arg, part)]
    if origin in (tuple, list):
        return [get_args(annotation)[0]] if isinstance(part, int) else []
    if origin is dict:
        return [get_args(annotation)[1]]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        if field is not None:
            return [field.annotation]
        return [annotation] if part == annotation.__name__ else []
    return []


def _tags(model: type[BaseModel]) -> tuple:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind is not None and get_origin(kind.annotation) is Literal else ()
