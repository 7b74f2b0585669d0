"""A thousand seeded mutants of a study: one thing goes wrong in its files, and what comes of it is judged.

A mutant is right where problems beyond those of the clean study are listed, or the tables are the same, or the text
that was written into a cell of free text stands there as it was written.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prrt_outcomes.cohort.data_quality import NOT_IN_FILE, summarise_data_quality
from prrt_outcomes.cohort.read import CohortResult, read_cohort
from prrt_outcomes.simulate.registry import write_simulated_study
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.study.load import load_study
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema

MUTANTS, PATIENTS, SEED = 1_000, 30, 7
OUTCOMES = ("told", "same", "kept", "silent", "fault")
TABLES = ("patients", "cycles", "therapies", "assessments", "lesions", "labs", "follow_up", "adverse_events")
HOSTILE = (
    '"', "\x00", "=HYPERLINK(1)", "<script>alert(1)</script>", "x" * 100_000, "\u202e", "NaN", "1e400", "-1", "'; --",
    "\U0001f480", "2014-13-45", "0000-00-00", "9999999999", "inf", "{{7*7}}", "\\", "%s%n", "../../etc/passwd",
)  # fmt: skip
FREE_TEXT = ("string",)
SCALES = (1000.0, 0.001)


@dataclass(frozen=True)
class Verdict:
    """What came of a mutant: `told`, `same`, `kept`, `silent`, or `fault` with the exception."""

    kind: str
    table: str
    change: str
    outcome: str


Rows = list[list[str]]


def read_files(folder: Path) -> dict[str, bytes]:
    """Files of the tables of a study that have rows."""
    return {name: (folder / "data" / f"{name}.csv").read_bytes() for name in TABLES}


def read(files: Mapping[str, bytes], study: Study, folder: Path) -> CohortResult:
    """Write the files of the tables into a study folder and read it."""
    for name, content in files.items():
        (folder / "data" / f"{name}.csv").write_bytes(content)
    return read_cohort(study, folder)


def judge(files: Mapping[str, bytes], study: Study, clean: CohortResult, folder: Path, seed: int) -> Verdict:
    """Make the mutant of a seed in `folder`, a copy of the study, and hold it against what the clean study gave."""
    draw = np.random.default_rng(seed)
    kind = sorted(KINDS)[draw.integers(len(KINDS))]
    table = TABLES[draw.integers(len(TABLES))]
    rows = list(csv.reader(io.StringIO(files[table].decode("utf-8"))))
    changed, change = KINDS[kind](rows, table, draw)
    content = changed if isinstance(changed, bytes) else _write(changed)
    try:
        mutant = read({**files, table: content}, study, folder)
    except Exception as error:  # what no reader may raise is what is looked for
        return Verdict(kind, table, change, f"fault: {type(error).__name__}: {error}")
    return Verdict(kind, table, change, _compare(clean, mutant, table, change))


def _compare(clean: CohortResult, mutant: CohortResult, table: str, change: str) -> str:
    if set(mutant.problems) - set(clean.problems):
        return "told"
    before, after = clean.tables[table], mutant.tables[table]
    if before.equals(after):
        return "same"
    quality = summarise_data_quality(mutant)
    absent = quality[quality["note"].eq(NOT_IN_FILE) & quality["table"].eq(table)]
    if change in set(absent["column"]):
        return "told"
    if len(before) == len(after):
        differing = [column for column in before if not before[column].equals(after[column])]
        if all(
            load_schema(table).field(c).type in FREE_TEXT for c in differing if c in load_schema(table).names
        ):
            return "kept"
    return "silent"


def _write(rows: Rows) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8")


def _pick(rows: Rows, draw: np.random.Generator) -> int:
    return int(draw.integers(len(rows[0])))


def _drop_column(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    at = _pick(rows, draw)
    return [row[:at] + row[at + 1 :] for row in rows], rows[0][at]


def _rename_column(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    at = _pick(rows, draw)
    name = rows[0][at]
    return [[*rows[0][:at], name[:-1] + "_x", *rows[0][at + 1 :]], *rows[1:]], name


def _swap_columns(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    fields = {field.name: field.type for field in load_schema(table).fields}
    first = _pick(rows, draw)
    others = [i for i, name in enumerate(rows[0]) if fields.get(name) != fields.get(rows[0][first])]
    second = int(draw.choice(others)) if others else first
    header = list(rows[0])
    header[first], header[second] = header[second], header[first]
    return [header, *rows[1:]], rows[0][first]


def _shuffle_dates(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    names = [
        name for name in ("last_contact_date", "death_date", "cycle_date", "sample_date") if name in rows[0]
    ]
    if not names:
        return _drop_column(rows, table, draw)
    at = rows[0].index(names[int(draw.integers(len(names)))])
    order = draw.permutation(len(rows) - 1)
    return [
        rows[0],
        *([*row[:at], rows[1 + order[i]][at], *row[at + 1 :]] for i, row in enumerate(rows[1:])),
    ], rows[0][at]


def _scale_column(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    names = [
        field.name for field in load_schema(table).fields if field.type == "number" and field.name in rows[0]
    ]
    if not names:
        return _drop_column(rows, table, draw)
    at = rows[0].index(names[int(draw.integers(len(names)))])
    factor = SCALES[int(draw.integers(len(SCALES)))]
    scaled = [
        [*row[:at], f"{float(row[at]) * factor:g}" if row[at] else "", *row[at + 1 :]] for row in rows[1:]
    ]
    return [rows[0], *scaled], rows[0][at]


def _encode(rows: Rows, table: str, draw: np.random.Generator) -> tuple[bytes, str]:
    at = 1 + int(draw.integers(len(rows) - 1))
    column = rows[0].index("patient_id")
    changed = [list(row) for row in rows]
    changed[at][column] = "Müller"
    return _write(changed).decode("utf-8").encode(["latin-1", "utf-16"][int(draw.integers(2))]), "patient_id"


def _truncate(rows: Rows, table: str, draw: np.random.Generator) -> tuple[bytes, str]:
    content = _write(rows)
    lines = content.splitlines(keepends=True)
    last = 1 + int(draw.integers(len(lines) - 1))
    return b"".join(lines[:last]) + lines[last][: lines[last].index(b",") + 1], "the file"


def _write_hostile(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    at, line = _pick(rows, draw), 1 + int(draw.integers(len(rows) - 1))
    changed = [list(row) for row in rows]
    changed[line][at] = HOSTILE[int(draw.integers(len(HOSTILE)))]
    return changed, rows[0][at]


def _repeat_rows(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    line = 1 + int(draw.integers(len(rows) - 1))
    return [*rows, rows[line]], "a row"


def _lose_header(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    return rows[1:], "the header"


def _empty_file(rows: Rows, table: str, draw: np.random.Generator) -> tuple[bytes, str]:
    return b"", "the file"


def _misspell_codes(rows: Rows, table: str, draw: np.random.Generator) -> tuple[Rows, str]:
    coded = [field.name for field in load_schema(table).fields if field.codes and field.name in rows[0]]
    if not coded:
        return _lose_header(rows, table, draw)
    at = rows[0].index(coded[int(draw.integers(len(coded)))])
    return [
        rows[0],
        *([*row[:at], f"{row[at]}zz" if row[at] else "", *row[at + 1 :]] for row in rows[1:]),
    ], rows[0][at]


KINDS: Mapping[str, Callable[[Rows, str, np.random.Generator], tuple[Rows | bytes, str]]] = {
    "drop column": _drop_column,
    "rename column": _rename_column,
    "swap columns": _swap_columns,
    "shuffle dates": _shuffle_dates,
    "scale column": _scale_column,
    "encoding": _encode,
    "truncate": _truncate,
    "hostile text": _write_hostile,
    "repeat row": _repeat_rows,
    "lose header": _lose_header,
    "empty file": _empty_file,
    "misspell codes": _misspell_codes,
}


def main() -> None:
    """Judge the mutants and write the section of the page."""
    from benchmarks.results_page import format_table, write_section

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "study"
        write_simulated_study(folder, patients=PATIENTS, seed=SEED, settings=SimulationSettings())
        files, study = read_files(folder), load_study(folder)
        clean = read(files, study, folder)
        verdicts = [judge(files, study, clean, folder, seed) for seed in range(MUTANTS)]
    counts = Counter((v.kind, v.outcome.partition(":")[0]) for v in verdicts)
    rows = [(kind, *(counts[kind, outcome] for outcome in OUTCOMES)) for kind in sorted(KINDS)]
    wrong = [
        f"- {v.kind} of {v.table}, {v.change}: {v.outcome}"
        for v in verdicts
        if v.outcome.startswith(("silent", "fault"))
    ]
    print(format_table(("mutant", *OUTCOMES), rows), *wrong, sep="\n")
    text = (
        f"{MUTANTS} mutants of {PATIENTS} simulated patients, one change of one file each. Told: problems beyond those "
        "of the clean study. Same: equal tables. Kept: a text in a cell of free text stands as written."
    )
    write_section(
        "robustness",
        "Mutants",
        "\n\n".join([text, format_table(("mutant", *OUTCOMES), rows), "\n".join(wrong)]),
    )
