"""Texts of csv files: what a spreadsheet would take for a formula, and the way back."""

import csv
import io

import pytest

from prrt_outcomes.adopt.redcap_dictionary import format_redcap_dictionary
from prrt_outcomes.cli.init import format_dictionary
from prrt_outcomes.csv_cells import choose_quoting, mark_text, unmark_text


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "-",
        "+",
        "-a",
        "--1",
        "-1e",
        "-1\n",
        "＝1",
        "＠x",
    ],
)
def test_what_could_be_a_formula_is_led_by_an_apostrophe(text):
    assert mark_text(text) == f"'{text}"
    assert unmark_text(mark_text(text)) == text


@pytest.mark.parametrize(
    "text", ["", "a=1", "1-2", "P0001", "-1", "-.5", "-2.", "-1e-05", "≥ 5", "−1", " =1"]
)
def test_numbers_and_other_texts_stay(text):
    assert mark_text(text) == text
    assert unmark_text(text) == text


@pytest.mark.parametrize("text", ["'", "''", "'=1", "'a'"])
def test_an_apostrophe_that_was_there_comes_back(text):
    assert mark_text(text) == f"'{text}"
    assert unmark_text(mark_text(text)) == text


def test_a_carriage_return_is_quoted():
    cells = ["a\rb", "c"]
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n", quoting=choose_quoting(cells)).writerow(cells)
    stream.seek(0)
    assert list(csv.reader(stream)) == [cells]
    assert choose_quoting(["a", "b"]) == csv.QUOTE_MINIMAL


@pytest.mark.parametrize("write", [format_dictionary, format_redcap_dictionary])
def test_the_words_of_our_dictionaries_are_no_formulas(write):
    cells = {cell for row in csv.reader(io.StringIO(write(), newline="")) for cell in row}
    assert {
        cell for cell in cells if cell.startswith(("=", "+", "-", "@")) and mark_text(cell) != cell
    } == set()
    assert len(cells) > 100
