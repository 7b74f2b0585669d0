"""Problems as a reader and as a program see them."""

import csv

from prrt_outcomes.cli.problems import format_problems, read_problems, write_problems
from prrt_outcomes.errors import Problem

FAULT = Problem("patients", 7, "sex", "femle", "not a code of the column", "did you mean female?")


def test_a_problem_shows_all_its_parts():
    text = format_problems([FAULT])
    assert text.splitlines()[0] == "1 problem:"
    assert text.splitlines()[1].split() == [
        "table",
        "row",
        "column",
        "value",
        "what",
        "is",
        "wrong",
        "what",
        "is",
        "expected",
    ]
    for part in ("patients", "7", "sex", "femle", "not a code of the column", "did you mean female?"):
        assert part in text.splitlines()[2]


def test_repetitions_are_counted_and_every_fault_is_written(tmp_path):
    faults = [Problem("labs", row, "value", "-1", "too small", "0 to 1000") for row in range(2, 102)]
    lines = format_problems([FAULT, *faults]).splitlines()
    assert lines[0] == "101 problems:"
    assert sum("too small" in line for line in lines) == 5
    assert lines[-1].endswith("the same in 95 more")
    assert format_problems([FAULT, *faults], "all are in out/problems.csv").endswith(
        "all are in out/problems.csv"
    )
    write_problems(tmp_path / "problems.csv", [FAULT, *faults])
    assert read_problems(tmp_path / "problems.csv") == [FAULT, *faults]


def test_errors_come_before_warnings():
    warning = Problem("labs", 3, "value", "9", "unlikely", "0 to 5", "warning")
    lines = format_problems([warning, FAULT]).splitlines()
    assert lines[0] == "1 problem:"
    assert "1 warning:" in lines[3]


def test_control_characters_and_long_values_do_not_reach_the_terminal():
    text = format_problems([Problem("labs", 2, "value", "\x1b[31mred\n" + "x" * 100, "odd", "a number")])
    assert "\x1b" not in text
    assert "\\x1b[31mred\\n" in text
    assert len(text.splitlines()) == 3
    assert max(len(line) for line in text.splitlines()) < 100


def test_the_file_has_the_columns_of_the_contract_and_is_written_whole(tmp_path):
    write_problems(tmp_path / "out" / "problems.csv", [FAULT])
    with (tmp_path / "out" / "problems.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["table", "row", "column", "value", "problem", "expected", "severity"]
    assert rows[1] == ["patients", "7", "sex", "femle", FAULT.problem, FAULT.expected, "error"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["problems.csv"]


def test_a_problem_without_a_row_survives_the_file(tmp_path):
    fault = Problem("study.yaml", None, "", 'a "quoted", value', "no YAML", "YAML")
    write_problems(tmp_path / "problems.csv", [fault])
    assert read_problems(tmp_path / "problems.csv") == [fault]


def test_a_fault_is_of_one_kind_whatever_is_expected_of_each_cell():
    faults = [
        Problem("cycles", row, "patient_id", "9", "unknown", f"did you mean {row}?") for row in range(9)
    ]
    assert sum("unknown" in line for line in format_problems(faults).splitlines()) == 5
