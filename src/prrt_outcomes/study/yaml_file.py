"""YAML read safely: plain values only, with the line of each key."""

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from prrt_outcomes.errors import STUDY_FILE, InputError, Problem, shorten

MAXIMUM_BYTES = 1_000_000
MAXIMUM_VALUES = 100_000
MAXIMUM_DEPTH = 50
LONGEST_TEXT = 10_000
WIDEST_KEY = 60
MERGE_TAG = "tag:yaml.org,2002:merge"
PLAIN_ONLY = "plain values only; tags that build objects are refused"
FOR_ANY_FILE = "text that any file can hold"
PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}"
    for kind in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Read a YAML mapping safely.

    Returns data : the mapping as plain values; lines : line of each dotted key, for messages.
    Anchors, aliases and merge keys stand for what they repeat.
    Raises InputError when it is no YAML, no mapping, names a key twice, is too large (written out, too), or asks for
    code.
    """
    text = _read_text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines: dict[str, int] = {}
        problems = sorted(_walk(node, lines), key=lambda p: p.row or 0)
        data = {} if problems else yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "cannot be read"
        line = mark.line + 1 if mark else None
        raise _refusal(path, line, f"not YAML: {what}", "valid YAML: indents, colons, quotes") from None
    except (RecursionError, ValueError) as error:
        raise _refusal(path, None, f"cannot be read: {error}", "valid YAML with plain values") from None
    if problems:
        raise InputError(problems)
    if not isinstance(data, dict):
        raise _refusal(path, 1, "holds no keys", "a mapping with study, tables and settings")
    return data, lines


def join_key(place: str, key: str | int) -> str:
    """Dotted key of what stands under a key or at a position of a list."""
    return f"{place}.{key}" if place else str(key)


def find_line(key: str, lines: Mapping[str, int]) -> int | None:
    """Line of a dotted key, or of the nearest key above it that stands in the file."""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(MAXIMUM_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refusal(path, None, "not a text file in UTF-8", "a YAML file in UTF-8") from None
    except OSError as error:
        raise _refusal(path, None, f"cannot be opened: {error.strerror}", "a file that can be read") from None
    if len(text) > MAXIMUM_BYTES:
        raise _refusal(path, None, "larger than 1 MB", "a study file of a few kilobytes")
    return text


def _walk(root: yaml.Node | None, lines: dict[str, int]) -> Iterator[Problem]:
    """Note the line of each key; tell of doubled keys, tags that are not plain, and too many values."""
    stack: list[tuple[yaml.Node, str, int]] = [(root, "", 0)] if root is not None else []
    n_values = 0
    while stack:
        node, place, depth = stack.pop()
        n_values += 1
        line = node.start_mark.line + 1
        if n_values > MAXIMUM_VALUES or depth > MAXIMUM_DEPTH:
            problem = f"aliases (*) repeat more than {MAXIMUM_VALUES} values, or themselves"
            expected = "a study file of a few hundred values"
            yield Problem(STUDY_FILE, line, shorten(place, WIDEST_KEY), "", problem, expected)
            return
        lines.setdefault(place, line)
        fault = _find_fault_of_text(node)
        if fault:
            yield Problem(STUDY_FILE, line, place, "", fault, FOR_ANY_FILE)
        if node.tag not in PLAIN_TAGS:
            yield Problem(STUDY_FILE, line, place, node.tag, "this tag would build an object", PLAIN_ONLY)
        elif isinstance(node, yaml.MappingNode):
            yield from _walk_keys(node, place, lines)
            for key, value in node.value:
                if key.tag == MERGE_TAG:
                    named = value.value if isinstance(value, yaml.SequenceNode) else [value]
                    stack.extend((one, place, depth + 1) for one in named)
                else:
                    stack.append((value, join_key(place, _key(key)), depth + 1))
        elif isinstance(node, yaml.SequenceNode):
            stack.extend((item, join_key(place, index), depth + 1) for index, item in enumerate(node.value))


def _find_fault_of_text(node: yaml.Node) -> str:
    """What makes a text unfit for a file or a page; empty where nothing does."""
    text = node.value if isinstance(node, yaml.ScalarNode) else ""
    if len(text) > LONGEST_TEXT:
        return f"a text of {len(text)} characters, more than {LONGEST_TEXT}"
    odd = next((s for s in text if unicodedata.category(s) in ("Cc", "Cs") and s not in "\t\n"), "")
    return f"holds U+{ord(odd):04X}, a sign that stands for no letter" if odd else ""


def _walk_keys(node: yaml.MappingNode, place: str, lines: dict[str, int]) -> Iterator[Problem]:
    own: set[str] = set()
    for key_node, _ in node.value:
        key, line = join_key(place, _key(key_node)), key_node.start_mark.line + 1
        fault = _find_fault_of_text(key_node)
        if fault:
            yield Problem(STUDY_FILE, line, shorten(repr(key), WIDEST_KEY), "", fault, FOR_ANY_FILE)
        if key in own:
            yield Problem(STUDY_FILE, line, key, "", "this key occurs twice", "each key once")
        own.add(key)
        lines.setdefault(key, line)


def _key(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else str(node.start_mark.line)


def _refusal(path: Path, line: int | None, problem: str, expected: str) -> InputError:
    return InputError([Problem(STUDY_FILE, line, "", path.name, problem, expected)])
