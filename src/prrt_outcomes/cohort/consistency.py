"""References between tables: keys that are found, and what belongs together."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.errors import Problem, describe_fault, tell
from prrt_outcomes.study.model import OUTCOME_TABLES
from prrt_outcomes.tables.parse import CellFaults, find_faults
from prrt_outcomes.tables.schema import load_schema


def check_references(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[CellFaults]]:
    """List the rows whose foreign key is not found, and what belongs together but is not there.

    tables : typed tables that could be read; a table whose parent holds no key is not checked
    """
    faults: dict[str, list[CellFaults]] = {name: [] for name in tables}
    for name, frame in tables.items():
        for foreign in load_schema(name).foreign_keys:
            if foreign.table in tables and foreign.columns[0] in frame:
                parent = tables[foreign.table][foreign.reference[0]].dropna()
                if len(parent):
                    faults[name] += _find_orphans(frame[foreign.columns[0]], parent, foreign.table)
    if "patients" in tables:
        faults["patients"] += _find_incomplete(tables)
    if "lesions" in tables and "assessments" in tables:
        faults["lesions"] += _find_lesions_without_scan(tables["lesions"], tables["assessments"])
    return faults


def find_missing_parents(names: Iterable[str]) -> list[Problem]:
    """List the tables whose rows belong to a table that the study does not name."""
    given = set(names)
    return [
        tell("missing_parent", name, table=foreign.table)
        for name in sorted(given)
        for foreign in load_schema(name).foreign_keys
        if foreign.table not in given
    ]


def _find_orphans(child: pd.Series, parent: pd.Series, table: str) -> list[CellFaults]:
    positions = np.flatnonzero((child.notna() & ~child.isin(parent)).to_numpy(bool))
    if not len(positions):
        return []
    found = child.iloc[positions].tolist()
    near = dict(zip(_fold(parent), parent, strict=True))
    folded = _fold(child.iloc[positions])
    stands = f"a {child.name} that stands in {table}"
    zeros = "; the format of a cell of a workbook may show 0001 where it holds 1"
    expected = []
    for key, text in zip(folded, found, strict=True):
        meant = near.get(key)
        hint = zeros if meant and text.lstrip("0") == meant.lstrip("0") else ""
        expected.append(f"did you mean {meant}? {stands}{hint}" if meant else stands)
    return [CellFaults(str(child.name), positions, found, describe_fault("unknown_patient")[0], expected)]


def _fold(names: pd.Series) -> list[str]:
    """Names without case, blanks, marks and leading zeros: two that fold alike were meant alike."""
    text = names.str.casefold().str.replace(r"[\W_]+", "", regex=True)
    return text.str.replace(r"(?<!\d)0+(?=\d)", "", regex=True).tolist()


def _find_incomplete(tables: Mapping[str, pd.DataFrame]) -> list[CellFaults]:
    """Patients without any outcome or without a cycle, where such tables were handed in."""
    patients = tables["patients"]["patient_id"]
    wanted = {"no_outcome": OUTCOME_TABLES, "no_cycle": ("cycles",)}
    faults: list[CellFaults] = []
    for fault, names in wanted.items():
        given = [tables[name]["patient_id"] for name in names if name in tables]
        if not given:
            continue
        is_known = np.logical_or.reduce([patients.isin(ids.unique()).to_numpy(bool) for ids in given])
        is_lacking = ~is_known & patients.notna().to_numpy(bool)
        words = describe_fault(fault, tables=" or ".join(names))
        faults += find_faults(tables["patients"], "patient_id", is_lacking, *words)
    return faults


def _find_lesions_without_scan(lesions: pd.DataFrame, assessments: pd.DataFrame) -> list[CellFaults]:
    key = ["patient_id", "assessment_date", "reader"]
    scans = pd.MultiIndex.from_frame(assessments[key].astype({"assessment_date": "datetime64[ns]"}))
    own = pd.MultiIndex.from_frame(lesions[key])
    whole = lesions[key].notna().all(axis=1).to_numpy()
    words = describe_fault("no_assessment")
    return find_faults(lesions, "assessment_date", whole & ~own.isin(scans), *words)
