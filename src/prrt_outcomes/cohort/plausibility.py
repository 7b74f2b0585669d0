"""What values of a row, a patient or a table say about each other: the rules of `data_schema/plausibility.yaml`."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import yaml

from prrt_outcomes.cohort.chronology import DATED_ROWS, OF_PATIENTS, compute_column_range
from prrt_outcomes.errors import Problem
from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.laboratory import convert_units_to_si
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.parse import CellFaults, find_faults
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.units import DAYS_PER_YEAR

TIMED_TYPES = ("date", "partial")


@cache
def load_rules() -> dict:
    """The rules of `data_schema/plausibility.yaml`, those of the order of two dates written out as expressions."""
    text = (find_home() / "data_schema" / "plausibility.yaml").read_text(encoding="utf-8")
    found = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for rule in found["rules"]:
        rule.setdefault("severity", "warning")
        for word, sign, own, other in (("before", "<", "to", "from"), ("after", ">", "from", "to")):
            if word in rule:
                limit = f"{rule[word]}_{other}"
                rule |= {"limit": limit, "when": f"{rule['column']}_{own} {sign} {limit}"}
                rule["expected"] = f"a date not {word} "
                rule["kind"] = "dates"
    return found


def list_acceptable_problems() -> tuple[str, ...]:
    """Errors that a study may accept, as `accepted_problems` names them."""
    return tuple(rule["problem"] for rule in load_rules()["rules"] if rule.get("acceptable"))


def check_plausibility(
    tables: Mapping[str, pd.DataFrame], accepted: Container[str] = ()
) -> dict[str, list[CellFaults]]:
    """List what is not plausible in the light of other values; an error where no reading can be right.

    tables : typed tables that could be read, with the index 0 to n - 1
    accepted : errors that the study accepts; they are warnings
    """
    faults: dict[str, list[CellFaults]] = {}
    of_patient = _gather_of_patient(tables)
    for name, table in tables.items():
        rules = [rule for rule in load_rules()["rules"] if name in rule["tables"]]
        frame = _derive_columns(name, table, rules, of_patient) if rules else table
        for rule in rules:
            broken = _find_rows(frame, rule)
            is_wrong = np.zeros(len(table), dtype=bool)
            is_wrong[broken.index[broken]] = True
            severity = "warning" if rule["problem"] in accepted else rule["severity"]
            found = find_faults(table, rule["column"], is_wrong, rule["problem"], rule["expected"], severity)
            if "limit" in rule:
                found = [
                    replace(fault, expected=_list_limits(frame, rule, fault.positions)) for fault in found
                ]
            faults.setdefault(name, []).extend(found)
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
    groups = own.groupby(keys, observed=True, sort=False)
    is_told = (groups.transform("mean") >= rule.get("share", 1.0)) & (
        groups.transform("size") >= rule.get("least", 1)
    )
    return own & is_told & (groups.cumsum() == 1)


def _list_limits(frame: pd.DataFrame, rule: dict, positions: np.ndarray) -> list[str]:
    """What is expected of each of some rows of the table: a date up to, or from, the limit."""
    days = np.rint(frame.loc[positions, rule["limit"]].to_numpy(float) * DAYS_PER_YEAR).astype("int64")
    return [f"{rule['expected']}{day}" for day in np.datetime64("1970-01-01") + days]


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
    frames, used = [], re.findall(r"\w+", repr(load_rules()))
    for name in OF_PATIENTS:
        known = tables.get(name, empty_table(name)).dropna(subset="patient_id")
        known = known.drop_duplicates("patient_id")
        frames.append(_derive_years(name, known, used).set_index("patient_id"))
    cycles = tables.get("cycles", empty_table("cycles"))
    first = cycles.groupby("patient_id")["cycle_date"].min().rename("first_cycle")
    frame = pd.concat([*frames, first], axis=1)
    day = _convert_to_years(frame["first_cycle"])
    return frame.assign(first_cycle_from=day, first_cycle_to=day)


def _derive_columns(
    name: str, table: pd.DataFrame, rules: list[dict], of_patient: pd.DataFrame
) -> pd.DataFrame:
    """The columns of a table that its rules use, in the order of time; the index tells the rows."""
    own = [load_rules()[key].get(name) for key in ("columns", "lookups")]
    time = [f"{DATED_ROWS[name]}_from"] if name in DATED_ROWS else []
    used = {"patient_id", *time, *re.findall(r"\w+", repr([rules, own]))}
    frame = _derive_years(name, table, used)
    if "patients" in (name, *(key.table for key in load_schema(name).foreign_keys)):
        others = [column for column in of_patient if column in used and column not in frame]
        patients, names = pd.factorize(frame["patient_id"])
        places = np.append(of_patient.index.get_indexer(names), -1)[patients]
        known = of_patient[others].reset_index(drop=True).reindex(places).set_index(frame.index)
        frame = pd.concat([frame, known], axis=1)
        if time:  # rows of one patient are found faster by a number
            frame["patient_id"] = pd.Series(patients, frame.index).astype("Int64").mask(patients < 0)
    if name == "labs":
        frame["to_si"] = convert_units_to_si(frame["analyte"], frame["unit"])
    if time:
        frame = frame.sort_values(time, kind="stable")
    for column, expression in load_rules()["columns"].get(name, {}).items():
        frame[column] = _compute(frame, expression)
    for code, values in load_rules()["lookups"].get(name, {}).items():
        codes, levels = pd.factorize(frame[code])
        known = pd.DataFrame.from_dict(values, orient="index").reindex(levels)
        frame[known.columns] = np.vstack([known.to_numpy(float), np.full(known.shape[1], np.nan)])[codes]
    return frame


def _derive_years(name: str, table: pd.DataFrame, used: Container[str]) -> pd.DataFrame:
    """The columns that are used, codes as text, and the first and last day that each date can mean, as years."""
    fields = load_schema(name).fields
    kept = [column for column in table if column in used]
    frame = table[kept].astype({f.name: object for f in fields if f.type == "code" and f.name in kept})
    for field in fields:
        ends = [f"{field.name}_from", f"{field.name}_to"]
        if (field.type in TIMED_TYPES or field.name == "birth_year") and any(end in used for end in ends):
            days = compute_column_range(name, table, field.name)
            frame[ends] = np.column_stack([_convert_to_years(day) for day in days])
    return frame


def _convert_to_years(days: pd.Series | np.ndarray) -> np.ndarray:
    """Years since 1970, missing where the day is."""
    return (
        (np.asarray(days, "datetime64[ns]") - np.datetime64("1970-01-01"))
        / np.timedelta64(1, "D")
        / DAYS_PER_YEAR
    )
