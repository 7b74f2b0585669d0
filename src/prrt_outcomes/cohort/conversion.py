"""What the numbers and codes of a file mean: units, turned into ours, and codes that probably mean something else."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prrt_outcomes.cohort.cells import clean_texts, decode_texts
from prrt_outcomes.cohort.mapping import MappedTable
from prrt_outcomes.errors import Problem, count_words, describe_fault, tell, tell_setting
from prrt_outcomes.study.base import TIME_COLUMNS, TableSource
from prrt_outcomes.tables.check import check_values
from prrt_outcomes.tables.frames import put_columns
from prrt_outcomes.tables.parse import CellFaults, ParsedTable
from prrt_outcomes.tables.schema import DoubtfulCodes, Field, format_values
from prrt_outcomes.units import TIME_UNIT_DAYS, find_factor

# For each unit of ours those that files have instead, with the factor; where two fit alike the first is named. A test
# holds them against pint.
OTHER_UNITS = {
    "GBq": {"mCi": 0.037, "MBq": 1e-3, "Ci": 37.0},
    "Gy": {"cGy": 0.01, "mGy": 1e-3},
    "mm": {"cm": 10.0, "m": 1000.0},
    "mg": {"g": 1000.0, "ug": 1e-3},
    "%": {"fraction": 100.0},
    "years": {"months": 1 / 12, "days": 1 / 365.25},
    "months": {"days": 1 / 30.4375, "years": 12.0},
    "days": {"months": 30.4375, "years": 365.25},
}
OUT_OF_RANGE = ("out of range", "implausible")
ACTIVITY = "GBq"
WEIGHT = "weight_kg"
PER_KILOGRAM = re.compile(r"\s*/\s*kg\s*$")


def has_unit(field: Field) -> bool:
    """Whether a file may have the numbers of a column in another unit."""
    return field.type == "number" and field.unit in OTHER_UNITS


def check_units(table: str, source: TableSource, fields: Sequence[Field]) -> list[Problem]:
    """List units of a mapping that are no unit of their column, or are stated twice."""
    own = {field.name: field for field in fields if has_unit(field)}
    problems = []
    for name, unit in source.units.items():
        place = f"tables.{table}.units.{name}"
        if name not in own:
            if any(field.name == name for field in fields):
                known = ", ".join(own) or "none"
                problems.append(tell_setting("no_unit_of_column", place, name, known=known))
        elif isinstance(unit, str) and _find_factor(unit, own[name]) is None:
            problems.append(tell_setting("unknown_unit", place, unit, expected=_list_units(own[name])))
        if name in TIME_COLUMNS and source.time_unit:
            problems.append(tell_setting("unit_twice", place, name))
    return problems


def convert_units(
    source: TableSource, fields: Sequence[Field], mapped: MappedTable, parsed: ParsedTable, weights: pd.Series
) -> tuple[pd.DataFrame, list[CellFaults]]:
    """Check the values of one file in the units that it has, and turn them into those of our columns.

    weights : of each patient in kg; an activity per kilogram is multiplied by the weight of the row, else by this one
    Returns the frame in our units, and the faults of its cells, reported in the units of the file.
    """
    written = {name: column.written for name, column in mapped.columns.items()}
    changed: dict[str, pd.Series] = {}
    faults: list[CellFaults] = []
    for field in fields:
        name, unit = field.name, source.unit_of_column(field.name) or field.unit
        units = mapped.units[name].to_pandas().astype("string") if name in mapped.units else None
        if field.unit == ACTIVITY and name in written and (units is not None or PER_KILOGRAM.search(unit)):
            texts = pd.Series(unit, parsed.frame.index, dtype="string") if units is None else units
            is_dose = texts.str.contains(PER_KILOGRAM).fillna(False)
            parsed, found = _weigh(field, is_dose, parsed, written, weights)
            faults += found
        if units is not None:
            factors, found = _check_by_row(field, units, parsed, written)
            changed[name] = parsed.frame[name] * factors
        else:
            factor = _find_factor(unit, field) or 1.0
            found = check_values([_in_unit(field, unit, factor)], parsed.frame, parsed.failed, written)
            is_ours = factor == 1 and name not in source.units
            found = _hint_at_unit(field, parsed.frame[name], found) if is_ours else found
            changed |= {name: parsed.frame[name] * factor} if factor != 1 else {}
        faults += found
    return put_columns(parsed.frame, changed), faults


def _weigh(
    field: Field, is_dose: pd.Series, parsed: ParsedTable, written: Mapping[str, pa.Array], weights: pd.Series
) -> tuple[ParsedTable, list[CellFaults]]:
    """Multiply activities per kilogram by the weight; one without a weight is a fault, and missing."""
    values, own = parsed.frame[field.name], parsed.frame[WEIGHT]
    weight = own.fillna(parsed.frame["patient_id"].map(weights).astype("float64"))
    rows = np.flatnonzero((is_dose & values.notna() & weight.isna()).to_numpy(bool))
    cells = written[field.name].take(pa.array(rows)).to_pylist()
    fault = CellFaults(field.name, rows, cells, *describe_fault("no_weight", weight=WEIGHT))
    frame = put_columns(parsed.frame, {field.name: values.mask(is_dose, values * weight)})
    return replace(parsed, frame=frame), [fault] if len(rows) else []


def _find_factor(unit: str, field: Field) -> float | None:
    """What values in a unit are multiplied by to be in that of a column, those per kilogram once they are weighed."""
    if unit in TIME_UNIT_DAYS and field.unit in TIME_UNIT_DAYS:
        return TIME_UNIT_DAYS[unit] / TIME_UNIT_DAYS[field.unit]
    plain = PER_KILOGRAM.sub("", unit) if field.unit == ACTIVITY else unit
    return 1.0 if plain == field.unit else find_factor(plain, field.unit)


def _list_units(field: Field) -> str:
    dose = ["MBq/kg"] if field.unit == ACTIVITY else []
    return f"{field.unit}, or a unit that becomes it, such as {', '.join([*OTHER_UNITS[field.unit], *dose])}"


def _in_unit(field: Field, unit: str, factor: float) -> Field:
    """A field with its bounds in another unit, so that faults are reported in it."""
    if factor == 1:
        return field
    bounds = (field.minimum, field.maximum, *(field.plausible or ()))
    own = [None if bound is None else float(bound) / factor for bound in bounds]
    low, high, *odd = (b if b is None else round(b, 1) if abs(b) >= 10 else float(f"{b:.4g}") for b in own)
    plausible = (odd[0] or 0.0, odd[1] or 0.0) if odd else None
    shown = PER_KILOGRAM.sub(" when multiplied by the weight", unit)
    return replace(field, unit=shown, minimum=low, maximum=high, plausible=plausible)


def _check_by_row(
    field: Field, units: pd.Series, parsed: ParsedTable, written: Mapping[str, pa.Array]
) -> tuple[np.ndarray, list[CellFaults]]:
    """Factor of each row by the unit that stands in it, and the faults of the values in these units."""
    name = field.name
    codes, texts = pd.factorize(units)
    is_given = parsed.frame[name].notna().to_numpy(bool)
    factors = np.ones(len(codes))
    faults = []
    for code, text in [*enumerate(texts.tolist()), (-1, "")]:
        rows = np.flatnonzero((codes == code) & (is_given if code < 0 else True))
        factor = _find_factor(text, field) if text else None
        if factor is None:
            rows = rows[is_given[rows]]
            problem = "a unit that is not known for this column" if text else "a value without its unit"
            found = [text] * len(rows) if text else written[name].take(pa.array(rows)).to_pylist()
            faults += [CellFaults(name, rows, found, problem, _list_units(field))] if len(rows) else []
            continue
        factors[rows] = factor
        part = parsed.frame[[name]].iloc[rows].reset_index(drop=True)
        failed = {name: parsed.failed[name][rows]}
        cells = {name: written[name].take(pa.array(rows))}
        found = check_values([_in_unit(field, text, factor)], part, failed, cells)
        faults += [replace(fault, positions=rows[fault.positions]) for fault in found]
    return factors, faults


def _hint_at_unit(field: Field, values: pd.Series, faults: Sequence[CellFaults]) -> list[CellFaults]:
    """Faults of range with the unit that would bring most values of the column into range, if there is one."""
    if not has_unit(field) or not any(fault.problem in OUT_OF_RANGE for fault in faults):
        return list(faults)
    low, high = field.plausible or (float(field.minimum or 0), float(field.maximum or np.inf))
    known = values.dropna().to_numpy(float)
    shares = {
        unit: float(((known * factor >= low) & (known * factor <= high)).mean())
        for unit, factor in {field.unit: 1.0, **OTHER_UNITS[field.unit]}.items()
    }
    best = max(shares, key=shares.__getitem__)
    if best == field.unit or shares[best] <= 0.5:
        return list(faults)
    setting = f"time_unit: {best}" if field.name in TIME_COLUMNS else f"units: {{{field.name}: {best}}}"
    hint = f"did you mean {setting}? "
    return [
        replace(fault, expected=f"{hint}{fault.expected}") if fault.problem in OUT_OF_RANGE else fault
        for fault in faults
    ]


MOST_SHOWN = 5
NOT_LEVELS = ("patient_id", "lesion_id", "unit")


def check_doubtful_codes(
    table: str, fields: Sequence[Field], mapped: MappedTable, frame: pd.DataFrame, source: TableSource
) -> list[Problem]:
    """List the columns whose codes are doubtful (`Field.doubtful`), unless the study names each of them in ``values``.

    table : name of the table to be named
    frame : typed columns of this file
    """
    problems = []
    for field in fields:
        names = source.names_of_column(field.name)
        if not field.doubtful or field.name not in mapped.columns or field.name in source.constants:
            continue
        written = pd.Series(clean_texts(mapped.columns[field.name].written).to_pylist(), frame.index)
        pairs = pd.DataFrame({"text": written, "code": frame[field.name]}).dropna().drop_duplicates("text")
        consent = {text.strip() for text in source.values.get(field.name, {})}
        if set(pairs["text"]) <= consent:
            continue
        codes = dict(sorted(zip(pairs["text"], pairs["code"].astype(int).tolist(), strict=True)))
        for rule in field.doubtful:
            if _applies(rule, names, frame, field.name):
                line, as_is = (
                    format_values(field.name, {text: meant.get(code, code) for text, code in codes.items()})
                    for meant in (rule.values, {})
                )
                named = {"problem": rule.problem, "line": line, "as_is": as_is}
                problems.append(tell("doubtful_codes", table, 1, field.name, ", ".join(names), **named))
                break
    return problems


def _applies(rule: DoubtfulCodes, names: Sequence[str], frame: pd.DataFrame, column: str) -> bool:
    """Whether a rule holds for a column as a whole, or for one of the endpoints in it."""
    if rule.column:
        return any(re.search(rule.column, name) for name in names)
    groups = [frame["endpoint"]] if "endpoint" in frame else []
    present, absent = (
        (frame[column] == code).groupby(groups or np.zeros(len(frame)), dropna=False, observed=True).any()
        for code in (rule.present, rule.absent)
    )
    return bool((present & ~absent).any())


def note_cleaned_texts(table: str, fields: Sequence[Field], mapped: MappedTable) -> list[Problem]:
    """Note the columns of names and codes of which texts were read without blanks, or in another Unicode form."""
    problems = []
    for field in fields:
        if field.type in ("string", "code") and field.name in mapped.columns:
            written = mapped.columns[field.name].written
            cleaned = clean_texts(written)
            if cleaned is written:
                continue
            written, cleaned = decode_texts(written), decode_texts(cleaned)
            is_other = pc.and_(pc.not_equal(written, cleaned), pc.not_equal(cleaned, ""))
            if pc.any(is_other).as_py():
                texts = pc.unique(written.filter(is_other)).to_pylist()
                shown = ", ".join(json.dumps(text) for text in texts[:MOST_SHOWN])
                n = count_words(pc.sum(is_other).as_py(), "text")
                problems.append(tell("cleaned_texts", table, None, field.name, shown, texts=n))
    return problems


def check_letter_case(table: str, frame: pd.DataFrame, fields: Sequence[Field]) -> list[Problem]:
    """Warn of levels of a column that differ in nothing but capital letters: each would be a group of its own."""
    problems = []
    for field in fields:
        if field.type != "string" or field.name in NOT_LEVELS:
            continue
        levels = pd.Series(frame[field.name].dropna().unique(), dtype="string").sort_values()
        for _, alike in levels.groupby(levels.str.casefold()):
            if len(alike) > 1:
                line = format_values(field.name, dict.fromkeys(alike.iloc[1:], alike.iloc[0]))
                problems.append(tell("letter_case", table, None, field.name, ", ".join(alike), line=line))
    return problems
