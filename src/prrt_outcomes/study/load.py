"""From `study.yaml` to a `Study`, or to all faults of the file at once, each with its line and key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from prrt_outcomes.errors import InputError, Problem, UsageError
from prrt_outcomes.study.faults import describe_faults

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

STUDY_FILE = "study.yaml"
MAXIMUM_BYTES = 1_000_000


def find_study_file(place: str | Path) -> Path:
    """Return the absolute path of the study file that a folder or a path of a file names.

    Raises
    ------
    UsageError
        when there is neither.
    """
    path = Path(place).absolute()
    if path.is_dir():
        path = path / STUDY_FILE
    if not path.is_file():
        raise UsageError(f"no study file at {path}: name a study folder or its study.yaml")
    return path


def load_study(place: str | Path) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    place : a study folder, or its `study.yaml`

    Returns
    -------
    Study
        typed and frozen; presets of endpoints are resolved.

    Raises
    ------
    InputError
        with every fault of the file: line, dotted key, value, expectation, nearest known key.
    """
    from prrt_outcomes.study.model import Study

    path = find_study_file(place)
    data, lines = read_yaml(path)
    try:
        return Study.model_validate(data)
    except ValidationError as error:
        raise InputError(describe_faults(error, Study, lines)) from None


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[tuple, int]]:
    """Read a YAML mapping safely.

    Returns
    -------
    data : the mapping as plain values
    lines : line of each key by its path, for messages

    Raises
    ------
    InputError
        when it is no YAML, no mapping, names a key twice, is too large, holds anchors, or asks for code to run.
    """
    try:
        text = path.read_bytes()[: MAXIMUM_BYTES + 1].decode("utf-8")
    except UnicodeDecodeError:
        raise _refuse(path, None, "not a text file in UTF-8", "a YAML file in UTF-8") from None
    if len(text) > MAXIMUM_BYTES:
        raise _refuse(path, None, "larger than 1 MB", "a study file of a few kilobytes")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[tuple, int] = {}
        problems = list(_walk(node, (), lines))
        if problems:
            raise InputError(problems)
        data = yaml.safe_load(text)
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _refuse(
            path,
            line,
            f"not plain YAML: {error.problem}",
            "plain values only; tags that build objects are refused",
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "cannot be read"
        raise _refuse(
            path,
            mark.line + 1 if mark else None,
            f"not YAML: {what}",
            "valid YAML; check indents, colons and quotes",
        ) from None
    except (RecursionError, ValueError) as error:
        raise _refuse(path, None, f"cannot be read: {error}", "valid YAML with plain values") from None
    if not isinstance(data, dict):
        raise _refuse(path, 1, "holds no keys", "a mapping with study, tables and settings")
    return data, lines


def _walk(node: yaml.Node | None, path: tuple, lines: dict[tuple, int]) -> Sequence[Problem]:
    """Note the line of each key; tell of keys that stand twice and of tags that are not plain."""
    problems: list[Problem] = []
    stack = [(node, path)]
    seen: set[int] = set()
    while stack:
        current, place = stack.pop()
        if current is None:
            continue
        line = current.start_mark.line + 1
        lines.setdefault(place, line)
        if isinstance(current, yaml.CollectionNode):
            if id(current) in seen:
                problems.append(
                    _problem(
                        line, place, "an alias (*) stands here", "values written out; aliases are refused"
                    )
                )
                continue
            seen.add(id(current))
        if not current.tag.startswith("tag:yaml.org,2002:") or current.tag.startswith(
            "tag:yaml.org,2002:python"
        ):
            problems.append(
                _problem(
                    line,
                    place,
                    f"the tag {current.tag.rsplit(':', 2)[-1]} would build an object",
                    "plain values only",
                    current.tag,
                )
            )
            continue
        if isinstance(current, yaml.MappingNode):
            keys: set = set()
            for key_node, value_node in current.value:
                key = key_node.value
                key = tuple(map(str, key)) if isinstance(key, list) else key
                if key in keys:
                    problems.append(
                        _problem(
                            key_node.start_mark.line + 1,
                            (*place, key),
                            "this key stands twice",
                            "each key once",
                        )
                    )
                keys.add(key)
                lines[(*place, key)] = key_node.start_mark.line + 1
                stack.append((value_node, (*place, key)))
        elif isinstance(current, yaml.SequenceNode):
            stack.extend((item, (*place, index)) for index, item in enumerate(current.value))
    return sorted(problems, key=lambda p: p.row or 0)


def _problem(line: int, place: tuple, problem: str, expected: str, value: str = "") -> Problem:
    return Problem(STUDY_FILE, line, ".".join(map(str, place)), value, problem, expected)


def _refuse(path: Path, line: int | None, problem: str, expected: str) -> InputError:
    return InputError([Problem(STUDY_FILE, line, "", path.name, problem, expected)])
