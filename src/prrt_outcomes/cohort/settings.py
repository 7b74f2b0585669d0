"""Settings of a study held against the columns of its patients, before any table is read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from prrt_outcomes.cohort.names import check_names
from prrt_outcomes.errors import STUDY_FILE, Problem, tell, tell_setting
from prrt_outcomes.study.yaml_file import find_line, read_yaml
from prrt_outcomes.tables.schema import format_values

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.model import Study

MOST_LEVELS = 30
DRAWN_SCRIPTS = ("ARABIC", "HEBREW", "GEORGIAN", "LATIN", "LAO", "FEMININE", "MASCULINE")


def check_settings(study: Study) -> tuple[Problem, ...]:
    """Find settings that name what the schemas and the study do not have, that have no effect, or that are in doubt.

    Returns problems whose column is the dotted key, each with the nearest known name; empty where all is well.
    """
    from prrt_outcomes.cohort.vocabulary import check_vocabulary

    named = (*check_vocabulary(study.vocabulary), *check_names(study))
    doubts = () if study.confirmed else study.doubts
    waiting = (tell_setting("not_confirmed", f"doubts.{i}", doubt) for i, doubt in enumerate(doubts))
    return (*named, *waiting)


def add_lines(problems: Sequence[Problem], study_file: Path) -> tuple[Problem, ...]:
    """Give problems of the study file the lines of their keys, ordered as the file; those of tables follow.

    A table that is a path alone, and whose problems recommend a setting, has a note on where that is written.
    """
    if not problems:
        return ()
    content, lines = read_yaml(study_file)
    problems = [*problems, *_note_bare_paths(problems, content)]
    ours = [problem for problem in problems if problem.table == STUDY_FILE]
    placed = [replace(problem, row=find_line(problem.column, lines)) for problem in ours]
    placed = sorted(placed, key=lambda problem: (problem.row or 0, problem.column))
    return (*placed, *(problem for problem in problems if problem.table != STUDY_FILE))


def _note_bare_paths(problems: Sequence[Problem], content: object) -> Iterator[Problem]:
    from prrt_outcomes.study.base import TableSource

    annotations = {name: str(field.annotation) for name, field in TableSource.model_fields.items()}
    single = [name for name, kind in annotations.items() if not kind.startswith(("dict", "tuple"))]
    in_place = rf"(?:{'|'.join(single)})(?=: )|(?:{'|'.join(annotations)})(?=: [{{\[]| in (?:study\.yaml|this table))"
    setting = re.compile(rf"\b(?:{in_place})")
    tables = content.get("tables") if isinstance(content, dict) else None
    for table, given in tables.items() if isinstance(tables, dict) else ():
        for path in given if isinstance(given, list) else [given]:
            advised = [p.expected for p in problems if p.table in (table, f"{table} ({path})")]
            keys = dict.fromkeys(key for text in advised for key in setting.findall(text))
            if keys and isinstance(path, str):
                settings = ", ".join(f"{key}: ..." for key in keys)
                named = {"table": table, "path": path, "settings": settings}
                yield tell_setting("bare_path", f"tables.{table}", path, **named)


def check_level_counts(study: Study, patients: pd.DataFrame) -> list[Problem]:
    """Find groupings and covariates with more levels than can be compared: every pair of them is tested."""
    problems = []
    for key in ("group_by", "covariates"):
        for index, name in enumerate(getattr(study.analysis, key)):
            is_number = key == "covariates" and str(patients.dtypes.get(name)) in ("float64", "Int64")
            count = patients[name].nunique() if name in patients and not is_number else 0
            if count > MOST_LEVELS:
                place = f"analysis.{key}.{index}"
                hint = "; strata may have more" if key == "covariates" else ""
                named = {"n": count, "most": MOST_LEVELS, "hint": hint}
                problems.append(tell_setting("many_levels", place, name, **named))
    return problems


def check_glyphs(study: Study, patients: pd.DataFrame) -> list[Problem]:
    """Warn of titles, and of levels of groupings and covariates, with letters that the font of the figures lacks."""
    titled = [("title", study.title)]
    for key in ("endpoints", "controls"):
        titled += [(f"{key}.{i}.title", item.title) for i, item in enumerate(getattr(study, key))]
    found = [(STUDY_FILE, key, [text]) for key, text in titled]
    analysis = study.analysis
    for name in dict.fromkeys((*analysis.group_by, *analysis.covariates, *(analysis.strata or ()))):
        if name in patients:
            found.append(("patients", name, patients[name].dropna().unique().astype(str).tolist()))
    problems = []
    for table, column, texts in found:
        odd = [text for text in texts if any(_lacks_glyph(letter) for letter in text)]
        if odd:
            line = "" if table == STUDY_FILE else ", such as " + format_values(column, {odd[0]: "Latin name"})
            problems.append(tell("no_glyph", table, None, column, ", ".join(odd[:5]), line=line))
    return problems


def _lacks_glyph(letter: str) -> bool:
    """Whether a letter is of a script that DejaVu Sans does not have, such as Chinese, Japanese, Korean or Thai."""
    script = unicodedata.name(letter, "").split(" ")[0].split("-")[0]
    is_other = unicodedata.category(letter) == "Lo" and script not in DRAWN_SCRIPTS
    return is_other or unicodedata.east_asian_width(letter) in "WF"


def check_complete_patients(study: Study, patients: pd.DataFrame) -> list[Problem]:
    """Warn of covariates that the multivariable model leaves out, because of those who have all covariates known.

    patients : typed; covariates that it does not have, or of which all patients have one value, are not counted
    """
    from prrt_outcomes.cohort.grouping import derive_covariates, fix_references, select_comparable

    names = tuple(name for name in study.analysis.covariates if name in patients)
    every = derive_covariates(patients, names)
    varying = every[every.columns[every.nunique() > 1]]
    references, complete = fix_references(study, patients).analysis.reference, varying.dropna()
    kept, _ = select_comparable(varying, references)
    problems, n = [], len(complete)
    for name in varying.columns.difference(kept.columns, sort=False):
        levels = sorted(map(str, complete[name].unique()))
        level = references.get(name, "")
        place, value, expected = "analysis.covariates", name, "covariates that more patients have"
        if level and level not in levels:
            named = study.analysis.reference.get(name) == level
            place, value = (f"analysis.reference.{name}" if named else place), level
            what = f"none of the {n} patients with all covariates known has this reference of {name}"
            expected = f"one of their levels, {', '.join(levels)}, or {expected}" if levels else expected
        else:
            what = f"the {n} patients with all covariates known have one value of {name}"
        problems.append(tell_setting("model_leaves_out", place, value, what=what, expected=expected))
    return problems
