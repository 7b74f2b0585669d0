"""Every text that is written to csv comes back as it was, and none begins as a formula."""

import csv
import re

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from prrt_outcomes.cli.problems import read_problems, write_problems
from prrt_outcomes.csv_cells import mark_text, unmark_text
from prrt_outcomes.errors import Problem
from prrt_outcomes.tables.files import read_table, write_table

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
NUMBER = re.compile(r"-([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXT = st.one_of(st.text("='+-@\t\r\n,;\"'1.eE a", max_size=6), st.text(ANY, max_size=6))


def is_harmless(cell):
    """Whether a cell is a number or does not begin as a formula."""
    return not cell.startswith(BEGINNINGS) or NUMBER.fullmatch(cell) is not None


@given(TEXT)
@settings(max_examples=500, deadline=None)
def test_a_mark_can_be_taken_off(text):
    assert unmark_text(mark_text(text)) == text
    assert is_harmless(mark_text(text))


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT.filter(bool)), min_size=1, max_size=6))
@settings(max_examples=150, deadline=None)
def test_tables_keep_their_texts(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("t") / "km_summary.csv"
    frame = pd.DataFrame(cells, columns=["endpoint", "group"]).assign(group_by="arm", n=3, median_months=-1.5)
    write_table(path, "km_summary", frame)
    read = read_table(path, "km_summary")
    assert list(zip(read["endpoint"], read["group"], strict=True)) == cells
    assert read["median_months"].tolist() == [-1.5] * len(cells)
    with path.open(encoding="utf-8", newline="") as file:
        assert all(is_harmless(cell) for row in csv.reader(file) for cell in row)


@given(st.lists(st.builds(Problem, TEXT, st.none() | st.integers(1, 9), *[TEXT] * 4), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_problems_keep_their_texts(tmp_path_factory, problems):
    path = tmp_path_factory.mktemp("p") / "problems.csv"
    write_problems(path, problems)
    assert read_problems(path) == problems
    with path.open(encoding="utf-8", newline="") as file:
        assert all(is_harmless(cell) for row in csv.reader(file) for cell in row)
