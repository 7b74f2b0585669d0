"""Problems as a table: of which kind each is, and which cells of the typed tables it names."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.assemble import CohortTable
from prrt_outcomes.cohort.chronology import DEATHS
from prrt_outcomes.cohort.plausibility import load_rules
from prrt_outcomes.errors import PROBLEM_COLUMNS, STUDY_FILE, Problem, describe_fault, load_faults
from prrt_outcomes.tables.schema import load_schema

FIRST_LINES = 5
KIND = load_schema("data_warnings").field("kind")
KINDS = dict(zip(KIND.codes, KIND.labels, strict=True))
SEVERITIES = ("error", "warning", "note")
KIND_OF_PROBLEM = {words["problem"]: words["kind"] for words in load_faults().values() if "kind" in words} | {
    "another value for the same key in another file": "consistency",
    "duplicate key": "duplicates",
}
LOCATED = ["column", "position", "problem", "severity", "value"]
PROBLEM_TYPES = dict.fromkeys(PROBLEM_COLUMNS, "string") | {"row": "Int64"}


def tabulate_problems(problems: Iterable[Problem]) -> pd.DataFrame:
    """One row a problem with the columns of `problems.csv`, in the given order."""
    rows = [tuple(getattr(problem, name) for name in PROBLEM_COLUMNS) for problem in problems]
    return pd.DataFrame(rows, columns=list(PROBLEM_COLUMNS)).astype(PROBLEM_TYPES)


def summarise_problems(problems: Iterable[Problem]) -> pd.DataFrame:
    """Count the problems that are the same in the same column.

    Returns one row a fault: kind (of `KINDS`), severity, table, column, problem, expected and value (those of the first
    line), n, and `lines`, the first five lines of the file in words; in the order of kinds, severity and count.
    """
    found = tabulate_problems(problems)
    found["kind"] = pd.Categorical(_find_kinds(found), list(KINDS))
    found["severity"] = pd.Categorical(found["severity"], SEVERITIES)
    found = found.sort_values("row", kind="stable")
    groups = found.groupby(["kind", "severity", "table", "column", "problem"], observed=True, sort=False)
    counted = groups.agg(n=("problem", "size"), value=("value", "first"), expected=("expected", "first"))
    counted["lines"] = groups["row"].agg(_list_lines)
    return counted.reset_index().sort_values(
        ["kind", "severity", "n"], ascending=[True, True, False], kind="stable", ignore_index=True
    )


def summarise_warnings(problems: Iterable[Problem], dead_without_date: str | None) -> pd.DataFrame:
    """Result table `data_warnings`: one row a kind of warning, with its count and what follows for the results."""
    found = summarise_problems(problem for problem in problems if problem.severity == "warning")
    words = load_rules()["consequences"] | {
        f"^{describe_fault('undated_death', expected='')[0]}$": f"Each is {DEATHS.get(str(dead_without_date), '')}."
    }
    found["consequence"] = found["kind"].astype(str).map(load_rules()["kinds"])
    for pattern, consequence in words.items():
        found["consequence"] = found["consequence"].mask(found["problem"].str.contains(pattern), consequence)
    return found[["kind", "table", "column", "problem", "n", "consequence"]]


def locate_problems(table: CohortTable, problems: pd.DataFrame) -> pd.DataFrame:
    """Find the cells of a table that errors and warnings name.

    Returns one row a cell and problem: column, position of the row in the frame, problem, severity, value as written.
    A problem of a file, a column or a line above the rows names no cell.
    """
    of_table = problems["table"].isin(pd.unique(table.labels)) & problems["row"].notna()
    own = problems[of_table & problems["severity"].ne("note")].astype({"row": "int64"})
    if own.empty:
        return own.assign(position=own["row"])[LOCATED]
    wanted = own["row"].unique()
    split = own.assign(column=own["column"].str.split(", ")).explode("column")
    plain = split[split["column"].isin([name for name in table.frame if name not in table.cells])]
    parts = [plain.merge(_find_lines(table.labels, table.lines, wanted), on=["table", "row"])]
    for name, (labels, lines, columns) in table.cells.items():
        places = _find_lines(labels, lines, wanted)
        places["column"] = columns[places["position"].to_numpy()]
        parts.append(own.merge(places, on=["table", "row", "column"]).assign(column=name))
    located = pd.concat(parts, ignore_index=True)
    return located[LOCATED].drop_duplicates()


def _find_lines(labels: np.ndarray, lines: np.ndarray, wanted: np.ndarray) -> pd.DataFrame:
    positions = np.flatnonzero(np.isin(lines, wanted))
    places = {"table": labels[positions], "row": lines[positions], "position": positions}
    return pd.DataFrame(places).astype({"table": "string", "row": "int64"})


def _find_kinds(problems: pd.DataFrame) -> pd.Series:
    """Kind of each problem: that of its rule, else by what it says, else by the place that it names."""
    rules = {rule["problem"]: rule.get("kind", "consistency") for rule in load_rules()["rules"]}
    kind = problems["problem"].map(rules | KIND_OF_PROBLEM)
    is_future = problems["problem"].str.endswith("in the future")
    is_companion = problems["problem"].str.startswith(("without a table ", "the table "))
    kind = kind.mask(problems["problem"].str.contains("may be a myeloid neoplasm"), "values")
    in_file = problems["row"].isna() | problems["row"].le(1) | problems["column"].eq("")
    kind = kind.mask(is_future, "dates").mask(is_companion & kind.isna(), "references")
    kind = kind.mask(kind.isna() & in_file, "files").fillna("values")
    return kind.mask(problems["table"].eq(STUDY_FILE), "settings")


def _list_lines(lines: pd.Series) -> str:
    """The first lines in words: `3, 9, 12, 40, 41 and 7 more`; empty where no line applies."""
    known = list(dict.fromkeys(lines.dropna().astype(int).tolist()))
    shown = ", ".join(map(str, known[:FIRST_LINES]))
    hidden = len(known) - FIRST_LINES
    return f"{shown} and {hidden} more" if hidden > 0 else shown
