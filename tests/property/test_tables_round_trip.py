"""What a registry writes is what the stages get: text to types and back, in any order and any dress."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.cohort.sources.text import read_records
from prrt_outcomes.dates import RULES, compute_date_range, resolve_partial_dates
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.tables.check import check_keys, check_values
from prrt_outcomes.tables.files import read_table, write_table
from prrt_outcomes.tables.frames import conform_table
from prrt_outcomes.tables.parse import TextColumn, TextFormat, parse_columns, parsed_fields
from prrt_outcomes.tables.schema import load_schema

DAYS = st.dates(pd.Timestamp("1900-01-01").date(), pd.Timestamp("2100-12-31").date())
PARTIAL = st.tuples(DAYS, st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d"])).map(lambda d: d[0].strftime(d[1]))
VALUES = {
    "string": st.text("abcXYZ ,;\"'äß\n", min_size=1, max_size=8).map(lambda t: t.strip()),
    "number": st.floats(0, 100, allow_nan=False),
    "integer": st.integers(0, 4),
    "boolean": st.booleans(),
    "date": DAYS.map(str),
    "partial": PARTIAL,
}
COLUMNS = {
    "patients": [
        "patient_id",
        "sex",
        "age_years",
        "diagnosis_date",
        "krenning_score",
        "functioning",
        "grade",
    ],
    "cycles": ["patient_id", "cycle_date", "radiopharmaceutical", "activity_gbq", "amino_acids"],
    "follow_up": ["patient_id", "last_contact_date", "vital_status", "death_date"],
}


@st.composite
def tables(draw):
    table = draw(st.sampled_from(sorted(COLUMNS)))
    n_rows = draw(st.integers(1, 6))
    columns = {}
    for name in COLUMNS[table]:
        field = load_schema(table).field(name)
        values = st.sampled_from(field.codes) if field.type == "code" else VALUES[field.type]
        cells = values if field.required else st.one_of(st.none(), values)
        columns[name] = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
    if "patient_id" in columns:
        columns["patient_id"] = [f"P{i}" for i in range(n_rows)]
    return table, columns


def as_text(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)


def parse(table, columns):
    text = {
        name: TextColumn(pa.array([as_text(c) for c in cells], pa.string()), None, TextFormat())
        for name, cells in columns.items()
    }
    written = {
        name: pa.array([as_text(c) or "" for c in cells], pa.string()) for name, cells in columns.items()
    }
    text = {name: TextColumn(column.texts, written[name], column.format) for name, column in text.items()}
    n_rows = len(next(iter(columns.values())))
    parsed = parse_columns(table, text, n_rows)
    return parsed, check_values(parsed_fields(table), parsed.frame, parsed.failed, written)


@given(tables())
@settings(max_examples=60, deadline=None)
def test_sound_values_come_back_as_they_were(drawn):
    table, columns = drawn
    parsed, faults = parse(table, columns)
    assert parsed.faults == ()
    assert [f for f in faults if f.severity == "error"] == []
    frame = conform_table(table, parsed.frame)
    for name, cells in columns.items():
        field = load_schema(table).field(name)
        found = [None if pd.isna(v) else v for v in frame[name].tolist()]
        wanted = [pd.Timestamp(c) if field.type == "date" and c else c for c in cells]
        assert found == wanted, name


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_rows_changes_nothing_else(drawn, random):
    table, columns = drawn
    n_rows = len(columns["patient_id"])
    order = list(range(n_rows))
    random.shuffle(order)
    straight = conform_table(table, parse(table, columns)[0].frame)
    mixed = conform_table(
        table, parse(table, {k: [v[i] for i in order] for k, v in columns.items()})[0].frame
    )
    pd.testing.assert_frame_equal(mixed, straight.iloc[order].reset_index(drop=True))


@given(tables(), st.sampled_from(["csv", "parquet"]))
@settings(max_examples=40, deadline=None)
def test_files_between_steps_keep_every_value(tmp_path_factory, drawn, suffix):
    table, columns = drawn
    parsed = parse(table, columns)[0].frame
    frame = conform_table(table, parsed[[f.name for f in load_schema(table).kept_fields if f.name in parsed]])
    path = tmp_path_factory.mktemp("t") / f"{table}.{suffix}"
    write_table(path, table, frame)
    pd.testing.assert_frame_equal(read_table(path, table), frame)


CELL = st.text('ab,"\n ', max_size=5)


@given(st.lists(st.lists(CELL, min_size=2, max_size=4), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_records_are_read_as_they_were_written(records):
    import csv

    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(records)
    lines = stream.getvalue().encode().splitlines(keepends=True)
    found, _ = read_records(lines, 0, ",", "t", TableSource(file="t.csv"))
    assert [cells for _, cells in found] == records
    n_lines = [1 + sum(cell.count("\n") for cell in record) for record in records]
    assert [line for line, _ in found] == [1 + sum(n_lines[:i]) for i in range(len(records))]


@given(st.lists(st.lists(st.text('ab",; ', max_size=4), min_size=2, max_size=2), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_table_is_the_same_with_a_blank_line_in_it(tmp_path_factory, rows):
    """Every line of the one is a record, so that another reader takes it."""
    import csv

    folder = tmp_path_factory.mktemp("t")
    for name, blank in {"plain.csv": "", "blank.csv": "\n"}.items():
        stream = io.StringIO(newline="")
        csv.writer(stream, lineterminator="\n").writerows([["x", "y"], *rows])
        (folder / name).write_text(stream.getvalue() + blank + "end,1\n")
    plain, other = (read_source(folder, "t", TableSource(file=n)).raw for n in ("plain.csv", "blank.csv"))
    for name in ("x", "y"):
        assert plain.columns[name].to_pylist() == other.columns[name].to_pylist()
    assert plain.lines[:-1].tolist() == other.lines[:-1].tolist()


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_repeated_keys_are_all_but_the_first_of_each(keys):
    frame = pd.DataFrame({"patient_id": pd.array(keys, dtype="string")})
    lines = np.arange(len(keys))
    faults = check_keys("patients", frame, lines, np.full(len(keys), "patients", dtype=object))
    found = faults[0].positions.tolist() if faults else []
    assert found == [i for i, key in enumerate(keys) if key is not None and key in keys[:i]]


@given(
    st.lists(st.tuples(PARTIAL, st.none() | DAYS, st.none() | DAYS), min_size=1, max_size=8),
    st.sampled_from(RULES),
)
@settings(max_examples=120, deadline=None)
def test_a_resolved_date_stays_in_what_was_written_and_keeps_bounds_that_can_hold(drawn, rule):
    text = pd.Series([t for t, _, _ in drawn], dtype="string")
    bounds = [sorted(d for d in (low, high) if d) for _, low, high in drawn]
    lower = pd.Series(pd.to_datetime([b[0] if b else None for b in bounds])).astype("datetime64[ns]")
    upper = pd.Series(pd.to_datetime([b[1] if len(b) > 1 else None for b in bounds])).astype("datetime64[ns]")
    earliest, latest = compute_date_range(text)
    resolved = resolve_partial_dates(text, None, rule, lower, upper)
    assert ((earliest <= resolved) & (resolved <= latest)).all()
    assert (resolved[latest >= lower] >= lower[latest >= lower]).all()
    assert (resolved[earliest <= upper] <= upper[earliest <= upper]).all()
    free = resolve_partial_dates(text, None, "first")
    assert (free == earliest).all()
