"""The OMOP common data model 5.4, in a folder of files or a database, as a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from prrt_outcomes.adopt.omop_codes import Codes, read_codes
from prrt_outcomes.adopt.omop_database import DatabaseTables, open_database
from prrt_outcomes.adopt.omop_events import plan_cycles, plan_labs, plan_regimens, plan_therapies, read_cycles
from prrt_outcomes.adopt.omop_mapping import OmopMapping
from prrt_outcomes.adopt.omop_people import plan_follow_up, plan_patients
from prrt_outcomes.adopt.omop_source import FolderTables, OmopTables
from prrt_outcomes.adopt.plan import StudyPlan
from prrt_outcomes.errors import UsageError


def plan_omop(sources: Sequence[Path | str], codes: Path | None) -> StudyPlan:
    """Plan a study from one folder of csv or parquet files, a DuckDB file or a database.

    codes : a table of codes that goes before the one that ships with the package
    Raises UsageError where there is not one source; InputError where it is no such data model or cannot be read.
    """
    if len(sources) != 1:
        raise UsageError(
            "--omop needs one source: a folder, a file that ends in .duckdb, or postgresql://..."
        )
    known = read_codes(codes)
    tables = open_source(sources[0])
    try:
        return _plan(tables, known)
    except BaseException:
        tables.close()
        raise


def _plan(tables: OmopTables, codes: Codes) -> StudyPlan:
    plan = StudyPlan()
    omop = OmopMapping(tables, codes, plan)
    if not omop.concepts.is_there:
        plan.doubts.append(
            "there is no CONCEPT table: codes are recognised by source values, sex by the usual identifiers"
        )
    parts = omop.find("drug", "radiopharmaceutical")
    cycles = read_cycles(omop, parts)
    persons = _find_persons(omop, cycles)
    plan_patients(omop, omop.find("gender", "sex"), omop.find("condition", "tumour_type"))
    plan_cycles(omop, parts, cycles)
    plan_therapies(omop, omop.find("drug", "kind"))
    plan_labs(omop, omop.find("measurement", "analyte"))
    episodes = omop.find("episode", "episode")
    plan_regimens(omop, episodes)
    plan_follow_up(omop, episodes, cycles)
    columns = plan.tables["follow_up"][0].settings["columns"]
    plan.settings["endpoints"] = ["pfs", "os", "ttp"] if "progression_date" in columns else ["os"]
    omop.clean_texts()
    if tables.others:
        plan.notes.append(f"tables that are not read: {', '.join(tables.others)}")
    if isinstance(tables, FolderTables):
        omop.ignore_rest()
        if persons:
            omop.narrow(persons)
    if isinstance(tables, DatabaseTables):
        plan.database = tables
        plan.notes.append(f"the files are an extract of {tables.database}, which was only read")
    return plan


def open_source(source: Path | str) -> OmopTables:
    """The tables of a folder or of a database."""
    if isinstance(source, Path) and source.is_dir():
        return FolderTables(source)
    if isinstance(source, Path) and source.suffix != ".duckdb":
        raise UsageError(f"{source}: --omop reads a folder, a file that ends in .duckdb, or postgresql://...")
    return open_database(str(source))


def _find_persons(omop: OmopMapping, cycles: pd.DataFrame) -> list[str]:
    """Persons who have a cycle, to whom the tables are narrowed from here on; none where all are to be read."""
    total = len(omop.tables.read("person", ["person_id"]))
    treated = list(dict.fromkeys(cycles["person_id"]))
    if not treated:
        omop.doubt(
            f"no drug exposure was recognised as PRRT; all {total} persons are patients, none has a cycle"
        )
        return []
    omop.plan.notes.append(
        f"{len(cycles)} cycles of {len(treated)} persons among {total}; these persons are the patients"
    )
    omop.tables.persons = treated
    return treated
