"""Text to types: a fault per cell, none hiding another."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from prrt_outcomes.tables.check import check_group_names, check_keys, check_values
from prrt_outcomes.tables.parse import (
    CellFaults,
    TextColumn,
    TextFormat,
    list_problems,
    parse_columns,
    parsed_fields,
)


def text_columns(columns, text_format=None):
    form = text_format or TextFormat()
    return {
        name: TextColumn(
            pa.array([c or None for c in cells], pa.string()), pa.array(cells, pa.string()), form
        )
        for name, cells in columns.items()
    }


def faults_of(table, columns, text_format=None, extra=None):
    """(position, column, value, problem) of all faults of cells."""
    text = text_columns(columns, text_format)
    n_rows = len(next(iter(columns.values())))
    parsed = parse_columns(table, text, n_rows, extra)
    written = {name: column.written for name, column in text.items()}
    faults = [
        *parsed.faults,
        *check_values(parsed_fields(table, extra), parsed.frame, parsed.failed, written),
    ]
    labels = np.full(n_rows, table, dtype=object)
    problems = list_problems(labels, faults, np.arange(n_rows))
    return [(p.row, p.column, p.value, p.problem) for p in problems]


def test_all_faults_of_a_row_are_told_together():
    found = faults_of(
        "lesions",
        {
            "patient_id": ["P1"],
            "assessment_date": ["2014-02-30"],
            "lesion_id": [""],
            "role": ["Target"],
            "longest_mm": ["-3"],
            "perpendicular_mm": ["inf"],
            "lymph_node": ["perhaps"],
            "state": ["measured"],
        },
    )
    assert found == [
        (0, "assessment_date", "2014-02-30", "a date that does not exist"),
        (0, "lymph_node", "perhaps", "not a truth value"),
        (0, "perpendicular_mm", "inf", "not a finite number"),
        (0, "lesion_id", "", "empty"),
        (0, "role", "Target", "not in the list of codes"),
        (0, "longest_mm", "-3", "out of range"),
    ]


def test_a_column_that_is_not_there_is_not_told_as_empty_cells():
    assert faults_of("cycles", {"patient_id": ["P1", "P2"]}) == []


def test_absent_key_columns_and_empty_cells_of_them_are_filled():
    parsed = parse_columns(
        "therapies", text_columns({"patient_id": ["P1", "P2"], "drug": ["lanreotide", ""]}), 2
    )
    assert parsed.frame["drug"].tolist() == ["lanreotide", "unspecified"]
    assert parsed.frame["sequence"].tolist() == [1, 1]
    assert parsed.faults == ()


def test_a_faulty_key_is_not_filled_with_the_default():
    found = faults_of("therapies", {"patient_id": ["P1"], "sequence": ["first"]})
    assert found == [(0, "sequence", "first", "not a whole number")]
    parsed = parse_columns("therapies", text_columns({"patient_id": ["P1"], "sequence": ["first"]}), 1)
    assert parsed.frame["sequence"].isna().all()


def test_decimal_comma():
    comma = TextFormat(decimal=",")
    parsed = parse_columns("cycles", text_columns({"activity_gbq": ["7,4", "7"]}, comma), 2)
    assert parsed.frame["activity_gbq"].tolist() == [7.4, 7.0]
    assert faults_of("cycles", {"activity_gbq": ["7.4", "1.234,5"]}, comma) == [
        (0, "activity_gbq", "7.4", "not a number"),
        (1, "activity_gbq", "1.234,5", "not a number"),
    ]


def test_whole_numbers_may_carry_a_point_and_zeros():
    parsed = parse_columns("patients", text_columns({"ecog": ["1.0", "2.", "3"]}), 3)
    assert parsed.frame["ecog"].tolist() == [1, 2, 3]
    assert [f[3] for f in faults_of("patients", {"ecog": ["1.5", "1e0"]})] == ["not a whole number"] * 2


def test_date_format_of_the_file_and_partial_dates_beside_it():
    us = TextFormat(date_formats=("%m/%d/%Y",))
    parsed = parse_columns("follow_up", text_columns({"death_date": ["2/3/2006", "2006", "2006-05"]}, us), 3)
    assert parsed.frame["death_date"].tolist() == ["2006-02-03", "2006", "2006-05"]
    assert faults_of("follow_up", {"death_date": ["13/1/2006", "2006-05-01", "2/30/2006"]}, us) == [
        (0, "death_date", "13/1/2006", "not a date"),
        (1, "death_date", "2006-05-01", "not a date"),
        (2, "death_date", "2/30/2006", "not a date"),
    ]


def test_a_serial_number_says_which_day_it_would_be_and_what_to_write():
    advice = {(): "excel", ("%d.%m.%Y",): '["%d.%m.%Y", excel]'}
    for date_formats, forms in advice.items():
        columns = text_columns({"cycle_date": ["43831"]}, TextFormat(date_formats=date_formats))
        (fault,) = parse_columns("cycles", columns, 1).faults
        assert fault.problem == "probably a serial number of Excel"
        line = f"in study.yaml date_format: {{cycle_date: {forms}}}"
        assert fault.expected[0].endswith(f"it would be 2020-01-01: if so, {line}")


def test_a_number_that_may_be_a_day_of_sas_says_so():
    (fault,) = parse_columns("cycles", text_columns({"cycle_date": ["19725.0"]}), 1).faults
    assert "it would be 1954-01-01: if so" in fault.expected[0]
    assert fault.expected[0].endswith("a number of SAS it would be 2014-01-02: read the file of SAS itself")


def test_the_zero_of_a_sas_file_that_was_misread_is_told():
    columns = text_columns({"event": ["5.397605346934028e-79", "1.0"]})
    (fault,) = parse_columns("reported_outcomes", columns, 2).faults
    assert fault.positions.tolist() == [0]
    assert "the 0 of a SAS file" in fault.expected[0]


def test_serial_numbers_of_excel_as_days_where_the_study_says_so():
    excel = TextFormat(date_formats=("excel", "%Y-%m-%d"))
    columns = text_columns({"death_date": ["43831", "43831.0", "2020-01-02", "2020", ""]}, excel)
    parsed = parse_columns("follow_up", columns, 5)
    assert parsed.frame["death_date"].fillna("").tolist() == ["2020-01-01"] * 2 + ["2020-01-02", "2020", ""]
    assert faults_of("follow_up", {"death_date": ["43831.5", "1.1.2020"]}, excel) == [
        (0, "death_date", "43831.5", "a date with a time of day"),
        (1, "death_date", "1.1.2020", "not a date"),
    ]


def test_a_list_of_formats_reads_each_date_by_the_one_that_fits():
    form = TextFormat(date_formats=("%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d", "excel"), pivot_year=30)
    texts = ["7.5.2014", "07.05.14", "07.05.31", "2014-05-07", "2014-05-07 00:00:00", "41766", "2014", ""]
    parsed = parse_columns("follow_up", text_columns({"death_date": texts}, form), len(texts))
    days = ["2014-05-07", "2014-05-07", "1931-05-07", "2014-05-07", "2014-05-07", "2014-05-07", "2014", ""]
    assert parsed.frame["death_date"].fillna("").tolist() == days
    assert not parsed.faults


def test_a_format_with_a_time_of_day_reads_the_day():
    form = TextFormat(date_formats=("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S"))
    texts = ["2014-05-07T10:30", "2014-05-08", "2014-05-09 23:59:59", "2014-05"]
    parsed = parse_columns("follow_up", text_columns({"death_date": texts}, form), len(texts))
    assert parsed.frame["death_date"].tolist() == ["2014-05-07", "2014-05-08", "2014-05-09", "2014-05"]
    assert not parsed.faults
    assert faults_of("cycles", {"cycle_date": ["2014-05-07T10:30:15"]}, form) == [
        (0, "cycle_date", "2014-05-07T10:30:15", "a date with a time of day")
    ]


def test_a_time_of_day_says_how_the_day_is_read():
    for text, form in {
        "2014-05-07T10:30": "%Y-%m-%dT%H:%M",
        "2014-05-07 10:30:15": "%Y-%m-%d %H:%M:%S",
    }.items():
        (fault,) = parse_columns("cycles", text_columns({"cycle_date": [text]}), 1).faults
        line = f'in study.yaml date_format: {{cycle_date: ["%Y-%m-%d", "{form}"]}}'
        assert fault.expected[0].endswith(f"to read the day alone, {line}")


def test_a_date_that_two_formats_read_as_different_days_is_refused():
    form = TextFormat(date_formats=("%d/%m/%Y", "%m/%d/%Y"))
    texts = ["13/05/2014", "05/13/2014", "05/05/2014", "04/05/2014"]
    parsed = parse_columns("follow_up", text_columns({"last_contact_date": texts}, form), 4)
    known = parsed.frame["last_contact_date"].astype("string").fillna("").tolist()
    assert known == ["2014-05-13", "2014-05-13", "2014-05-05", ""]
    (fault,) = parsed.faults
    assert fault.problem == "a date that two formats read as different days"
    assert fault.expected == ["one of dates as %d/%m/%Y or dates as %m/%d/%Y alone"]


def test_months_in_another_form_where_a_date_may_lack_its_day():
    form = TextFormat(date_formats=("%d.%m.%Y", "%m/%Y", "%m.%y"), pivot_year=30)
    texts = ["7.5.2014", "5/2014", "05.14", "2014-05", "2014", "13/2014"]
    parsed = parse_columns("follow_up", text_columns({"death_date": texts}, form), 6)
    known = ["2014-05-07", "2014-05", "2014-05", "2014-05", "2014", ""]
    assert parsed.frame["death_date"].fillna("").tolist() == known
    assert faults_of("cycles", {"cycle_date": ["5/2014"]}, form) == [
        (0, "cycle_date", "5/2014", "not a date")
    ]


@pytest.mark.parametrize(
    ("text", "formats", "advice"),
    [
        ("7.5.2014", (), 'date_format: {death_date: "%d.%m.%Y"}'),
        ("07.05.14", ("%d.%m.%Y",), 'date_format: {death_date: ["%d.%m.%Y", "%d.%m.%y"]}, pivot_year: 30'),
        ("13/5/2014", (), 'date_format: {death_date: "%d/%m/%Y"}'),
        ("5/13/2014", (), 'date_format: {death_date: "%m/%d/%Y"}'),
        ("5/6/2014", (), '{death_date: "%d/%m/%Y"} or date_format: {death_date: "%m/%d/%Y"}'),
        ("2014-05-07", ("%d.%m.%Y",), 'date_format: {death_date: ["%d.%m.%Y", "%Y-%m-%d"]}'),
        ("07MAY2014", (), 'date_format: {death_date: "%d%b%Y"}'),
        ("05/2014", (), 'date_format: {death_date: "%m/%Y"}'),
        ("7-May-14", (), 'date_format: {death_date: "%d-%b-%y"}, pivot_year: 30'),
        ("31/02/2014", (), 'its form, such as date_format: {death_date: "%d.%m.%Y"}'),
        ("May", (), 'its form, such as date_format: {death_date: "%d.%m.%Y"}'),
    ],
)
def test_a_date_of_another_form_says_what_to_write(text, formats, advice):
    columns = text_columns({"death_date": [text]}, TextFormat(date_formats=formats))
    (fault,) = parse_columns("follow_up", columns, 1).faults
    assert fault.expected[0].endswith(advice)


def test_two_digit_years_on_both_sides_of_the_pivot():
    for pivot, years in {0: [2000, 1901, 1968, 1969, 1999], 99: [2000, 2001, 2068, 2069, 2099]}.items():
        form = TextFormat(date_formats=("%d.%m.%y",), pivot_year=pivot)
        texts = ["01.02.00", "01.02.01", "01.02.68", "01.02.69", "01.02.99"]
        parsed = parse_columns("follow_up", text_columns({"last_contact_date": texts}, form), 5)
        assert parsed.frame["last_contact_date"].str[:4].astype(int).tolist() == years
    leap = TextFormat(date_formats=("%d.%m.%y",), pivot_year=10)
    parsed = parse_columns(
        "follow_up", text_columns({"last_contact_date": ["29.02.00", "29.02.12"]}, leap), 2
    )
    assert parsed.frame["last_contact_date"].tolist() == ["2000-02-29", "1912-02-29"]


def test_an_extra_column_is_typed_as_declared():
    extra = {"arm": "category", "visits": "integer"}
    parsed = parse_columns("patients", text_columns({"arm": ["a"], "visits": ["3"]}), 1, extra)
    assert parsed.frame[["arm", "visits"]].iloc[0].tolist() == ["a", 3]
    assert faults_of("patients", {"visits": ["many"]}, extra=extra) == [
        (0, "visits", "many", "not a whole number")
    ]


def test_all_is_no_name_of_a_group():
    frame = pd.DataFrame({"centre_id": ["all", "c1"], "arm": ["a", "all"]}, dtype="string")
    faults = check_group_names(frame, {"arm": "category"})
    assert [(f.column, f.positions.tolist(), f.problem) for f in faults] == [
        ("centre_id", [0], "reserved name"),
        ("arm", [1], "reserved name"),
    ]


def test_a_key_that_stands_twice_names_the_first_row():
    frame = pd.DataFrame({"patient_id": ["b", "a", "a", None, None, "a", "b"]}, dtype="string")
    lines = np.arange(2, 9)
    faults = check_keys("patients", frame, lines, np.full(7, "patients", dtype=object))
    problems = list_problems(np.full(7, "patients", dtype=object), faults, lines)
    assert [(p.row, p.value, p.expected.split("; ")[1]) for p in problems] == [
        (4, "a", "the same is in row 3"),
        (7, "a", "the same is in row 3"),
        (8, "b", "the same is in row 2"),
    ]


def test_long_values_are_shortened_in_problems():
    fault = CellFaults("organ", np.array([0]), ["x" * 500], "problem", "expected")
    (problem,) = list_problems(np.array(["lesions"], dtype=object), [fault], np.array([2]))
    assert len(problem.value) == 60
    assert problem.value.endswith("...")


@pytest.mark.parametrize("text", ["NA", "n/a", ".", "NULL"])
def test_a_word_for_missing_is_hinted_at(text):
    text_column = text_columns({"age_years": [text]})
    (fault,) = parse_columns("patients", text_column, 1).faults
    assert "list it under missing" in fault.expected[0]
    assert faults_of("patients", {"centre_id": [text]}) == [
        (0, "centre_id", text, "looks like a missing value")
    ]
