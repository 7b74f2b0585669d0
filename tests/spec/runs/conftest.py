"""What is wrong with the tables that a run wrote."""

import pandas as pd
import pytest

from prrt_outcomes import steps
from prrt_outcomes.tables.schema import list_tables, load_schema

NO_NUMBERS = {"inf", "-inf", "nan", "nat", "<na>"}
NO_STATUS = ("value", "proportion", "survival", "hazard_ratio", "cumulative_incidence", "difference_months")
WITH_ESTIMATE = ("ok", "few_events", "answered", "partly")
OF_THE_CURVE = ("competing_censored",)  # of a curve, whether or not its quantile is reached
COUNTS = [(f"events{of}", f"n{of}") for of in ("", "_reference", "_model", "_level")]
COUNTS += [
    ("n", "total"),
    ("n_reference", "total_reference"),
    ("n", "n_pairs"),
    ("events", "n_at_risk"),
    ("n_state", "n"),
]


@pytest.fixture
def faults_of():
    """What is wrong with the tables of numbers that a run wrote, in words."""

    def check(results):
        faults = []
        for name in list_tables("results"):
            path = results / steps.table_path(name)
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
            faults += [f"{name}: {fault}" for fault in _check_table(table, load_schema(name))]
        return faults

    return check


def _check_table(table, schema):
    own = [column for column in table.columns if column in schema.names]
    if own != list(schema.names):
        yield f"columns {own}"
    if table.duplicated(list(schema.key)).any():
        yield f"a key occurs twice: {table.loc[table.duplicated(list(schema.key)), list(schema.key)].iloc[0].tolist()}"
    for column in table.columns:
        if table[column].str.lower().isin(NO_NUMBERS).any():
            yield f"{column} holds inf or nan"
    for field in schema.fields:
        yield from _check_column(table[field.name], field)
        if field.estimate:
            yield from _check_estimate(table[field.name], table[list(field.estimate)])
    for part, whole in COUNTS:
        there = {part, whole} <= set(table.columns)
        if (
            whole == "n_at_risk" and "competing_events" in table
        ):  # events until then, at risk just before then
            continue
        if there and (pd.to_numeric(table[part]) > pd.to_numeric(table[whole])).any():
            yield f"{part} is over {whole}"
    if "status" in table:
        if table["status"].eq("").any():
            yield "a row without status"
    else:
        told = {column for field in schema.fields for column in field.estimate}
        for column in set(NO_STATUS) & set(table.columns) - told:
            if table[column].eq("").any():
                yield f"{column} is empty and nothing says why"


def _check_estimate(status, values):
    """A status that says so has an estimate, every other has none; without events an incidence is 0."""
    is_there, filled = status.isin(WITH_ESTIMATE), values.ne("")
    name = filled.columns[0]
    is_none = status.eq("no_events") & pd.to_numeric(values[name], errors="coerce").eq(0)
    if (is_there & ~filled.any(axis=1)).any():
        yield f"{status.name}: {name} is empty and {sorted(set(status[is_there & ~filled.any(axis=1)]))}"
    wrong = ~is_there & ~status.isin(OF_THE_CURVE) & ~is_none & filled[name]
    if wrong.any():
        yield f"{status.name}: {name} is there and {sorted(set(status[wrong]))}"


def _check_column(column, field):
    filled = column[column.ne("")]
    if field.required and len(filled) < len(column):
        yield f"{field.name} is required and empty"
    if field.codes and not set(filled) <= set(map(str, field.codes)):
        yield f"{field.name} holds {sorted(set(filled) - set(map(str, field.codes)))}"
    if field.type in ("number", "integer"):
        number = filled.astype(float)
        if field.minimum is not None and (number < field.minimum - 1e-9).any():
            yield f"{field.name} is under {field.minimum}"
        if field.maximum is not None and (number > field.maximum + 1e-9).any():
            yield f"{field.name} is over {field.maximum}"
