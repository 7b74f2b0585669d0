"""What rows, patients and tables say about each other: keys, and the rules of `data_schema/plausibility.yaml`."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.chronology import DATED_ROWS, OF_PATIENTS, compute_column_range
from prrt_outcomes.errors import Problem, describe_fault, tell
from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.laboratory import convert_units_to_si
from prrt_outcomes.study.model import OUTCOME_TABLES
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.parse import CellFaults, find_faults
from prrt_outcomes.tables.schema import load_schema, read_data
from prrt_outcomes.units import DAYS_PER_YEAR

TIMED_TYPES = ("date", "partial")
PARTS = ("columns", "lookups", "rules")


@cache
def load_rules() -> dict:
    """The rules of `data_schema/plausibility.yaml`, those of the order of two dates written out as expressions."""
    found = read_data(find_home() / "data_schema" / "plausibility.yaml")
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
        for rule, is_wrong, limits in _find_rows(name, table, rules, of_patient):
            severity = "warning" if rule["problem"] in accepted else rule["severity"]
            found = find_faults(table, rule["column"], is_wrong, rule["problem"], rule["expected"], severity)
            if "limit" in rule:
                found = [replace(fault, expected=limits[fault.positions].tolist()) for fault in found]
            faults.setdefault(name, []).extend(found)
    return faults


def _find_rows(
    name: str, table: pd.DataFrame, rules: list[dict], of_patient: pd.DataFrame
) -> Iterator[tuple[dict, np.ndarray, pd.Series]]:
    """For each rule of a table the rows that break it, and for a limit what is expected of these, by their position."""
    frame = _derive_columns(name, _gather_columns(name, table, rules, of_patient)) if rules else table
    order = np.argsort(frame.index.to_numpy())
    for rule in rules:
        broken = _evaluate(frame, rule["when"])
        is_wrong, limits = broken.to_numpy()[order], pd.Series(dtype=object)
        if "by" in rule:
            is_asked = _evaluate(frame, rule["of"]).to_numpy()[order]
            is_wrong = _find_first(name, table, rule, is_wrong, is_asked)
        if "limit" in rule:
            limits = _list_limits(frame.loc[broken, rule["limit"]], rule["expected"])
        yield rule, is_wrong, limits


def _find_first(
    name: str, table: pd.DataFrame, rule: dict, is_wrong: np.ndarray, is_asked: np.ndarray
) -> np.ndarray:
    """The first row in time of each group of which enough rows break the rule."""
    told = np.zeros(len(table), dtype=bool)
    asked = np.flatnonzero(is_asked)
    if is_wrong[asked].any():
        keys = [table[key].iloc[asked] for key in rule["by"]] or [pd.Series(0, asked)]
        groups = keys[0].groupby(keys, observed=True, sort=False).ngroup().fillna(-1).to_numpy(np.int64)
        counted, n_groups = groups[groups >= 0], groups.max() + 1
        sizes = np.bincount(counted, minlength=n_groups)
        is_broken = is_wrong[asked] & (groups >= 0)
        shares = np.bincount(groups[is_broken], minlength=n_groups) / sizes
        is_many = (shares >= rule.get("share", 1.0)) & (sizes >= rule.get("least", 1))
        is_broken &= np.append(is_many, False)[groups]
        broken, groups = asked[is_broken], groups[is_broken]
        if name in DATED_ROWS:
            earliest, _ = compute_column_range(name, table.iloc[broken], DATED_ROWS[name])
            in_time = np.argsort(earliest, kind="stable")
            broken, groups = broken[in_time], groups[in_time]
        told[broken[np.unique(groups, return_index=True)[1]]] = True
    return told


def _list_limits(years: pd.Series, expected: str) -> pd.Series:
    """What is expected of each row: a date up to, or from, the limit."""
    days = np.rint(years.to_numpy(float) * DAYS_PER_YEAR).astype("int64")
    texts = [f"{expected}{day}" for day in np.datetime64("1970-01-01") + days]
    return pd.Series(texts, years.index, dtype=object)


def _evaluate(frame: pd.DataFrame, expression: str) -> pd.Series:
    found = _compute(frame, expression)
    return found if found.dtype == np.dtype(bool) else found.astype("boolean").fillna(False).astype(bool)


def _compute(frame: pd.DataFrame, expression: str) -> pd.Series:
    """Value of an expression in each row; `DataFrame.eval` copies all columns each time, which takes longer."""
    columns = dict(frame.items())
    found = pd.eval(expression, engine="python", local_dict={}, global_dict={}, resolvers=[columns])
    return pd.Series(found, frame.index)


def _gather_of_patient(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What is known of each patient: columns of `patients` and `follow_up`, and the first cycle."""
    frames, used = [], re.findall(r"\w+", repr([load_rules()[key] for key in PARTS]))
    for name in OF_PATIENTS:
        known = tables.get(name, empty_table(name)).dropna(subset="patient_id")
        known = known.drop_duplicates("patient_id")
        frames.append(_derive_years(name, known, used).set_index("patient_id"))
    cycles = tables.get("cycles", empty_table("cycles"))
    first = cycles.groupby("patient_id", observed=True)["cycle_date"].min().rename("first_cycle")
    frame = pd.concat([*frames, first], axis=1)
    day = _convert_to_years(frame["first_cycle"])
    return frame.assign(first_cycle_from=day, first_cycle_to=day)


def _gather_columns(
    name: str, table: pd.DataFrame, rules: list[dict], of_patient: pd.DataFrame
) -> pd.DataFrame:
    """The columns that rules use, and beside them those of the patient."""
    own = [load_rules()[key].get(name) for key in ("columns", "lookups")]
    used = {"patient_id", f"{DATED_ROWS.get(name)}_from", *re.findall(r"\w+", repr([rules, own]))}
    frame = _derive_years(name, table, used)
    if "patients" not in (name, *(key.table for key in load_schema(name).foreign_keys)):
        return frame
    patients, names = pd.factorize(table["patient_id"])
    places = np.append(of_patient.index.get_indexer(pd.Index(np.asarray(names, object))), -1)[patients]
    known = of_patient.reset_index(drop=True)
    others = known[[column for column in known if column in used and column not in frame]]
    frame = pd.concat([frame, others.reindex(places).set_index(frame.index)], axis=1)
    if name in DATED_ROWS:  # rows of one patient are found faster by a number
        numbers = pd.Series(patients, frame.index)
        frame["patient_id"] = numbers if numbers.min() >= 0 else numbers.astype("Int64").mask(numbers < 0)
    return frame


def _derive_columns(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """A table in the order of time with the columns that its rules derive; the index tells the rows."""
    if name == "labs":
        frame["to_si"] = convert_units_to_si(frame["analyte"], frame["unit"])
    if name in DATED_ROWS and not _is_in_order(frame["patient_id"], frame[f"{DATED_ROWS[name]}_from"]):
        frame = frame.sort_values(f"{DATED_ROWS[name]}_from", kind="stable")
    for column, expression in load_rules()["columns"].get(name, {}).items():
        frame[column] = _compute(frame, expression)
    for code, values in load_rules()["lookups"].get(name, {}).items():
        codes, levels = pd.factorize(frame[code])
        known = pd.DataFrame.from_dict(values, orient="index").reindex(levels)
        frame[known.columns] = np.vstack([known.to_numpy(float), np.full(known.shape[1], np.nan)])[codes]
    return frame


def _is_in_order(patients: pd.Series, days: pd.Series) -> bool:
    """Whether the rows of each patient stand together and in order of time, so that nothing need be sorted."""
    is_next = patients.eq(patients.shift()).fillna(False)
    is_together = len(patients) - int(is_next.sum()) == patients.nunique()
    return is_together and bool((days.diff()[is_next] >= 0).all())


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
    since = np.asarray(days, "datetime64[ns]") - np.datetime64("1970-01-01")
    return since / np.timedelta64(1, "D") / DAYS_PER_YEAR


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


def find_missing_tables(names: Iterable[str]) -> list[Problem]:
    """List tables that the study does not name and others refer to, or are of little use without."""
    given = set(names)
    parents = [(name, foreign.table) for name in sorted(given) for foreign in load_schema(name).foreign_keys]
    problems = [tell("missing_parent", name, table=table) for name, table in parents if table not in given]
    for rule in load_rules()["companions"]:
        if rule["table"] in given and rule["companion"] not in given:
            words = f"without a table {rule['companion']}", rule["expected"], "warning"
            problems.append(Problem(rule["table"], None, "", "", *words))
    return problems


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
