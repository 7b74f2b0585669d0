"""The tables of a study, read and checked together: all faults of all tables at once."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa

from prrt_outcomes.attrition import attrition_frame
from prrt_outcomes.cohort import chronology, plausibility
from prrt_outcomes.cohort.assemble import CohortTable, assemble_table, source_key
from prrt_outcomes.cohort.grouping import derive_grades, derive_tumour_group
from prrt_outcomes.cohort.levels import DERIVED_COLUMNS
from prrt_outcomes.cohort.settings import check_complete_patients, check_glyphs, check_level_counts
from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.cohort.sources.raw_table import SourceResult
from prrt_outcomes.cohort.vocabulary import check_term_groups, derive_term_group, extend_vocabulary
from prrt_outcomes.errors import (
    STUDY_FILE,
    Problem,
    count_words,
    has_errors,
    nearest_name,
    suggest,
    tell,
    tell_setting,
)
from prrt_outcomes.study.base import FileSource
from prrt_outcomes.study.model import OUTCOME_TABLES, Study
from prrt_outcomes.tables.frames import empty_table, put_columns
from prrt_outcomes.tables.schema import list_tables, load_schema

PATIENT_TABLES = ("patients", "control_patients")


@dataclass(frozen=True)
class CohortResult:
    """What came of reading a study."""

    # every input table by name, typed, empty where absent; `patients` and `control_patients` carry
    # `tumour_group` behind their columns. With errors among the problems they are not fit for use.
    tables: Mapping[str, pd.DataFrame]
    problems: tuple[Problem, ...]
    attrition: pd.DataFrame  # one row a loss (columns of the result table `attrition`)
    # the tables of the study as they were read, with the place of each row, before rows after the data cut-
    # off are left out
    read: Mapping[str, CohortTable] = field(default_factory=dict)

    @property
    def lines(self) -> dict[str, np.ndarray]:
        """Line of the file of each row of the tables that were read."""
        return {name: table.lines for name, table in self.read.items()}

    @property
    def fit(self) -> dict[str, pd.DataFrame]:
        """Tables without an error, those that are absent included."""
        faulty = [p for p in self.problems if p.severity == "error"]
        unfit = {p.column.partition(".")[2].partition(".")[0] for p in faulty if p.table == STUDY_FILE}
        unfit |= {p.table.partition(" (")[0] for p in faulty}
        return {name: table for name, table in self.tables.items() if name not in unfit}


class _Reader:
    """Reads each file once for all the tables that are mapped from it; ``columns`` are those of each file.

    A file that is wanted no more is not kept.
    """

    def __init__(self, folder: Path, study: Study):
        self._folder = folder
        self._known: dict[tuple, tuple[str, SourceResult]] = {}
        named = [file for sources in study.tables.values() for source in sources for file in source.files]
        self._wanted = Counter(map(self._key, named))
        self.columns: dict[str, set[str]] = {}

    @staticmethod
    def _key(source: FileSource) -> tuple:
        """What tells one way of reading a file from another."""
        return tuple(getattr(source, name) for name in FileSource.model_fields)

    def read(self, label: str, source: FileSource) -> SourceResult:
        key = self._key(source)
        known = self._known.pop(key, None)
        first, result = known or (label, read_source(self._folder, label, source))
        self._wanted[key] -= 1
        if self._wanted[key] > 0:
            self._known[key] = first, result
        if result.raw is not None:
            self.columns.setdefault(source_key(source), set()).update(result.raw.columns)
        told = (replace(p, table=label) if p.table == first else p for p in result.problems)
        return replace(result, problems=tuple(told))


def read_cohort(study: Study, folder: Path) -> CohortResult:
    """Read, map, parse and check all tables of a study.

    folder : folder of the study, which all paths in it are relative to
    Returns CohortResult; faults of the data are listed in it, never raised.
    """
    folder = Path(folder)
    reader = _Reader(folder, study)
    prefixes = name_numbered_rows(study)
    extra = dict(study.extra_columns)
    read: dict[str, CohortTable] = {}
    given = [name for name in list_tables("input") if name in study.tables]
    for is_first in (True, False):
        known = chronology.gather_known(read, study)
        for name in (name for name in given if (name in chronology.OF_PATIENTS) is is_first):
            sources = study.tables[name]
            read[name] = assemble_table(name, sources, reader.read, prefixes, extra, known)
            pa.default_memory_pool().release_unused()  # the texts of a large table are larger than its values
    read = dict(sorted(read.items()))
    if "patients" in read:
        aged = chronology.derive_ages({name: table.frame for name, table in read.items()})
        read["patients"] = replace(read["patients"], frame=aged)
    problems = _check_extra_columns(study, read, reader)
    for own in [own for own in PATIENT_TABLES if own in read]:
        graded, notes = derive_grades(own, read[own].frame)
        read[own] = replace(read[own], frame=graded)
        problems += notes
    for table in read.values():
        problems += table.problems
    problems += _find_unknown_columns(study, read, reader)
    problems += _find_empty(read) + plausibility.find_missing_tables(study.tables)
    problems += _check_together(study, read)
    frames = {name: table.frame for name, table in read.items()}
    tables, late, lost = chronology.filter_after_cutoff(frames, study.data_cutoff)
    problems += late
    tables = {n: tables[n] if n in tables else empty_table(n, extra) for n in list_tables("input")}
    if study.dead_without_date == "censor":
        follow_up = tables["follow_up"]  # the dead without a date of death are lost after the last contact
        is_undated = follow_up["vital_status"].eq("dead") & follow_up["death_date"].isna()
        status = follow_up["vital_status"].mask(is_undated.fillna(False), "lost")
        tables["follow_up"] = follow_up.assign(vital_status=status)
    problems += check_level_counts(study, tables["patients"]) + check_glyphs(study, tables["patients"])
    tables |= {name: derive_tumour_group(tables[name]) for name in PATIENT_TABLES}
    words = extend_vocabulary(study.vocabulary)
    tables["adverse_events"] = derive_term_group(tables["adverse_events"], words)
    problems += check_term_groups(tables["adverse_events"], study.vocabulary)
    problems += check_complete_patients(study, tables["patients"])
    rows = [row for table in read.values() for row in table.attrition] + lost
    return CohortResult(tables, tuple(dict.fromkeys(problems)), attrition_frame(rows), read)


def name_numbered_rows(study: Study) -> dict[str, str]:
    """For each file and sheet the word before the number of a row: the stem, with its folder where two share it."""
    keys = {source_key(s): s for sources in study.tables.values() for s in sources}
    stems: dict[str, list[str]] = {}
    for key, source in keys.items():
        stem = PurePosixPath(source.file.replace("\\", "/")).name.split(".")[0]
        stem = stem if source.sheet is None else f"{stem}-{source.sheet}"
        stems.setdefault(stem, []).append(key)
    return {
        key: stem if len(shared) == 1 else f"{PurePosixPath(keys[key].file).parent.name}-{stem}-{i}"
        for stem, shared in stems.items()
        for i, key in enumerate(sorted(shared), start=1)
    }


def _check_extra_columns(study: Study, read: Mapping[str, CohortTable], reader: _Reader) -> list[Problem]:
    """List declared columns that are ours already, or that no file of patients holds."""
    known = {*load_schema("patients").names, *DERIVED_COLUMNS}
    sources = study.tables.get("patients", ())
    found = {name for source in sources for name in reader.columns.get(source_key(source), ())}
    given = read["patients"].given if "patients" in read else frozenset()
    problems = []
    for name in study.extra_columns:
        if name in known:
            problems.append(tell_setting("extra_exists", f"extra_columns.{name}", name))
        elif found and name not in given:
            expected = suggest(name, sorted(found), "a column of the file")
            problems.append(tell("extra_missing", "patients", 1, name, expected=expected))
    return problems


def _find_unknown_columns(study: Study, read: Mapping[str, CohortTable], reader: _Reader) -> list[Problem]:
    """Warn of columns that no table takes from their file; the nearest known name may be what was meant."""
    used: dict[str, set[str]] = {}
    for table in read.values():
        for file, taken in table.used:
            used.setdefault(file, set()).update(taken)
    listed = [(name, source) for name, sources in sorted(study.tables.items()) for source in sources]
    tables = {source_key(source): name for name, source in reversed(listed)}
    problems = []
    for file, columns in reader.columns.items():
        if file not in tables or file not in used:
            continue
        own = [*load_schema(tables[file]).names, *study.extra_columns]
        unused = sorted(columns - used[file])
        mapped = {ours for s in study.tables[tables[file]] for ours in (*s.columns, *s.constants)}
        free = [name for name in own if name not in {*used[file], *unused, *mapped}]
        near = {column: nearest_name(column, free) for column in unused}
        hints = [f"{ours} for {theirs}" for theirs, ours in near.items() if ours]
        if unused:
            rest = f"a column of {tables[file]}, or a mapping of it in study.yaml"
            expected = f"did you mean {', '.join(hints)}? {rest}" if hints else rest
            shown = ", ".join(column or "(a column without a name)" for column in unused)
            named = {"columns": count_words(len(unused), "column"), "expected": expected}
            problems.append(tell("unused_columns", tables[file], 1, "", shown, **named))
    return problems


def _find_empty(read: Mapping[str, CohortTable]) -> list[Problem]:
    """Tables without rows, an error where they are needed; columns without values that the schema asks for."""
    empty = [n for n, t in read.items() if not len(t.frame) and t.used and not has_errors(t.problems)]
    no_outcome = all(not len(read[n].frame) for n in OUTCOME_TABLES if n in read)
    needed = ("patients", *(OUTCOME_TABLES if no_outcome else ()))
    return [tell("no_needed_rows" if name in needed else "no_rows", name) for name in empty] + [
        Problem(name, None, field.name, "", "empty in all rows", field.when_empty, "warning")
        for name, table in read.items()
        for field in load_schema(name).fields
        if field.when_empty and len(table.frame) and table.frame[field.name].isna().all()
    ]


def _check_together(study: Study, read: Mapping[str, CohortTable]) -> list[Problem]:
    """References, order of dates and consistency of the tables that could be read."""
    frames = {
        name: put_columns(table.frame, table.coded if name in chronology.DATED_ROWS else {})
        for name, table in read.items()
        if len(table.frame)
    }
    implausible = plausibility.check_plausibility(frames, study.accepted_problems)
    found = [plausibility.check_references(frames), implausible]
    if "follow_up" in frames:
        rules = (study.data_cutoff, study.dead_without_date)
        found.append({"follow_up": chronology.check_follow_up(frames["follow_up"], *rules)})
    problems: list[Problem] = []
    if "patients" in frames and not {"assessments", "lesions"}.isdisjoint(frames):
        column = "reported_best_response"
        n = int(frames["patients"][column].notna().sum())
        problems += [tell("best_beside_scans", "patients", None, column, f"{n} patients")] * bool(n)
    for name in frames:
        faults = [fault for faults in found for fault in faults.get(name, [])]
        problems += read[name].list_problems(faults)
    return problems
