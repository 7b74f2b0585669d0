"""What goes wrong with what a person handed in, reported whole: table, row, column, value, fault, expectation."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STUDY_FILE = "study.yaml"
PROBLEM_COLUMNS = ("table", "row", "column", "value", "problem", "expected", "severity")


@dataclass(frozen=True)
class Problem:
    """One fault of the input.

    table : name of the table, or ``study.yaml``
    row : line of the file that holds the fault (the header of a table is line 1); None where no line applies
    column : column of the table, or dotted key of ``study.yaml``; empty where the whole table is at fault
    value : what was found, as written
    problem : what is wrong
    expected : the rule, unit or allowed values, and what to do
    severity : ``error`` stops the run, ``warning`` does not, ``note`` asks for nothing
    """

    table: str
    row: int | None
    column: str
    value: str
    problem: str
    expected: str
    severity: str = "error"


class PrrtError(Exception):
    """A failure that is reported to the user in words; ``exit_status`` is that of the command."""

    exit_status = 3


class InputError(PrrtError):
    """The data or the study file have problems; ``problems`` holds all of them."""

    exit_status = 1

    def __init__(self, problems: Iterable[Problem]):
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__(f"{len(self.problems)} problems in the input")


class UsageError(PrrtError):
    """The command was called in a way that cannot work."""

    exit_status = 2


class StepError(PrrtError):
    """A step of the run failed although its input was sound."""


def nearest_name(name: str, known: Sequence[str]) -> str | None:
    """Return the known name most like `name`, or None where none is near."""
    near = difflib.get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if not near:
        return None
    return next(k for k in known if k.lower() == near[0])


def suggest(name: str, known: Sequence[str], expected: str) -> str:
    """What is expected, led by the nearest known name where one is near."""
    near = nearest_name(name, known)
    return f"did you mean {near}? {expected}" if near else expected


@cache
def load_faults() -> dict[str, dict[str, str]]:
    """The words of every fault by its name (`faults.yaml`)."""
    import yaml

    text = Path(__file__).with_name("faults.yaml").read_text("utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def describe_fault(fault: str, /, severity: str = "", **named: object) -> tuple[str, str, str]:
    """Problem, expectation and severity of a fault of `faults.yaml`, whose words `named` fills."""
    words = load_faults()[fault]
    problem, expected = (words[part].format(**named) for part in ("problem", "expected"))
    return problem, expected, severity or words.get("severity", "error")


def tell(
    fault: str, table: str, row: int | None = None, column: str = "", value: object = "", /, **named
) -> Problem:
    """One fault of `faults.yaml`, at its place; `named` fills its words, and may hold another severity."""
    return Problem(table, row, column, str(value), *describe_fault(fault, **named))


def tell_setting(fault: str, key: str, value: object = "", /, **named: object) -> Problem:
    """One fault of the study file at a dotted key; its line is found later."""
    return tell(fault, STUDY_FILE, None, key, value, **named)


def count_words(n: int, name: str) -> str:
    """A number of things in words, such as `2 dates`."""
    return f"{n} {name}" if n == 1 else f"{n} {name}s"


def shorten(value: object, width: int) -> str:
    """A value as text of at most `width` characters; what is cut off is shown as three dots."""
    text = str(value)
    return text if len(text) <= width else text[: width - 3] + "..."


def has_errors(problems: Iterable[Problem]) -> bool:
    """Tell whether any of the problems stops the run."""
    return any(p.severity == "error" for p in problems)
