"""What values of a row, a patient or a table say about each other: the rules of `data_schema/plausibility.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import pandas as pd
import yaml

from prrt_outcomes.cohort.chronology import DATED_ROWS, compute_column_range
from prrt_outcomes.errors import Problem
from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.laboratory import convert_units_to_si
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.parse import CellFaults, find_faults
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.units import DAYS_PER_YEAR

OF_PATIENT = ("patients", "follow_up")
TIMED_TYPES = ("date", "partial")


@cache
def load_rules() -> dict:
    """The rules as they stand in `data_schema/plausibility.yaml`."""
    text = (find_home() / "data_schema" / "plausibility.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def check_plausibility(tables: Mapping[str, pd.DataFrame]) -> dict[str, list[CellFaults]]:
    """List what is not plausible in the light of other values; an error where no reading can be right.

    tables : typed tables that could be read, with the index 0 to n - 1
    """
    faults: dict[str, list[CellFaults]] = {}
    of_patient = _gather_of_patient(tables)
    for name, table in tables.items():
        rules = [rule for rule in load_rules()["rules"] if name in rule["tables"]]
        frame = _derive_columns(name, table, of_patient) if rules else table
        for rule in rules:
            is_wrong = _find_rows(frame, rule).reindex(table.index)
            words = (rule["problem"], rule["expected"], rule.get("severity", "warning"))
            faults.setdefault(name, []).extend(find_faults(table, rule["column"], is_wrong, *words))
    return faults


def find_missing_companions(names: Iterable[str]) -> list[Problem]:
    """Warn of tables that are of little use without another one that the study does not name."""
    given = set(names)
    return [
        Problem(
            rule["table"], None, "", "", f"without a table {rule['companion']}", rule["expected"], "warning"
        )
        for rule in load_rules()["companions"]
        if rule["table"] in given and rule["companion"] not in given
    ]


def _find_rows(frame: pd.DataFrame, rule: dict) -> pd.Series:
    """Rows that break a rule, or the first such row of each group of which enough rows break it."""
    is_wrong = _evaluate(frame, rule["when"])
    if "by" not in rule:
        return is_wrong
    own = is_wrong[_evaluate(frame, rule["of"])]
    keys = [frame.loc[own.index, name] for name in rule["by"]] or [pd.Series(0, own.index)]
    groups = own.groupby(keys, observed=True)
    is_told = (groups.transform("mean") >= rule.get("share", 1.0)) & (
        groups.transform("size") >= rule.get("least", 1)
    )
    return own & is_told & (groups.cumsum() == 1)


def _evaluate(frame: pd.DataFrame, expression: str) -> pd.Series:
    """Rows for which an expression is surely true."""
    return _compute(frame, expression).astype("boolean").fillna(False).astype(bool)


def _compute(frame: pd.DataFrame, expression: str) -> pd.Series:
    """Value of an expression in each row; `DataFrame.eval` copies all columns each time, which takes longer."""
    columns = dict(frame.items())
    found = pd.eval(expression, engine="python", local_dict={}, global_dict={}, resolvers=[columns])
    return pd.Series(found, frame.index)


def _gather_of_patient(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What is known of each patient: columns of `patients` and `follow_up`, and the first cycle."""
    frames = []
    for name in OF_PATIENT:
        known = tables.get(name, empty_table(name)).dropna(subset="patient_id")
        frames.append(_derive_years(name, known.drop_duplicates("patient_id")).set_index("patient_id"))
    cycles = tables.get("cycles", empty_table("cycles"))
    first = cycles.groupby("patient_id")["cycle_date"].min().rename("first_cycle")
    frame = pd.concat([*frames, first], axis=1)
    return frame.assign(first_cycle_from=_convert_to_years(frame["first_cycle"]))


def _derive_columns(name: str, table: pd.DataFrame, of_patient: pd.DataFrame) -> pd.DataFrame:
    """A table with all columns that its rules may use, in the order of time; the index tells the rows."""
    frame = _derive_years(name, table)
    if "patients" in (name, *(key.table for key in load_schema(name).foreign_keys)):
        frame = frame.join(of_patient[of_patient.columns.difference(frame.columns)], on="patient_id")
    if name == "labs":
        frame["to_si"] = convert_units_to_si(frame["analyte"], frame["unit"])
    if name in DATED_ROWS:
        frame = frame.sort_values(f"{DATED_ROWS[name][0]}_from", kind="stable")
    for code, values in load_rules()["lookups"].get(name, {}).items():
        known = pd.DataFrame.from_dict(values, orient="index").reindex(frame[code].astype(object))
        frame[known.columns] = known.to_numpy(float)
    for column, expression in load_rules()["columns"].get(name, {}).items():
        frame[column] = _compute(frame, expression)
    return frame


def _derive_years(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Add the first and last day that each date can mean, as years; codes become text."""
    frame = table.astype({field.name: object for field in load_schema(name).fields if field.type == "code"})
    for field in load_schema(name).fields:
        if field.type in TIMED_TYPES:
            days = compute_column_range(name, table, field.name)
            for end, day in zip(("from", "to"), days, strict=True):
                frame[f"{field.name}_{end}"] = _convert_to_years(day)
    return frame


def _convert_to_years(days: pd.Series | np.ndarray) -> np.ndarray:
    """Years since 1970, missing where the day is."""
    return (
        (np.asarray(days, "datetime64[ns]") - np.datetime64("1970-01-01"))
        / np.timedelta64(1, "D")
        / DAYS_PER_YEAR
    )
