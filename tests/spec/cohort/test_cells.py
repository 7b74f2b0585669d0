"""How one cell is read, as a table of cases: what it becomes, or what is wrong with it."""

import pyarrow as pa
import pytest

from prrt_outcomes.tables.check import check_values
from prrt_outcomes.tables.frames import conform_table
from prrt_outcomes.tables.parse import TextColumn, TextFormat, parse_columns, parsed_fields

# column                       | written       | becomes     | problem
CASES = """
patients.age_years             | 61            | 61.0        |
patients.age_years             | 61.5          | 61.5        |
patients.age_years             | 6.15e1        | 61.5        |
patients.age_years             | +61           | 61.0        |
patients.age_years             | .5            | 0.5         | implausible
patients.age_years             | 0             | 0.0         | implausible
patients.age_years             | 120           | 120.0       | implausible
patients.age_years             | 120.1         |             | out of range
patients.age_years             | -1            |             | out of range
patients.age_years             | 61,5          |             | not a number
patients.age_years             | 1,061         |             | not a number
patients.age_years             | 61 years      |             | not a number
patients.age_years             | 0x3D          |             | not a number
patients.age_years             | 1_000         |             | not a number
patients.age_years             | inf           |             | not a finite number
patients.age_years             | -Infinity     |             | not a finite number
patients.age_years             | nan           |             | not a finite number
patients.age_years             | NaN           |             | not a finite number
patients.age_years             | 1e999         |             | not a finite number
patients.age_years             |               |             |
patients.ecog                  | 4             | 4           |
patients.ecog                  | 1.0           | 1           |
patients.ecog                  | 5             |             | out of range
patients.ecog                  | -1            |             | out of range
patients.ecog                  | 1.5           |             | not a whole number
patients.ecog                  | inf           |             | not a finite number
patients.birth_year            | 99999999999999999999 |      | not a whole number
patients.ki67_percent          | 100           | 100.0       | implausible
patients.ki67_percent          | 100.1         |             | out of range
patients.ki67_percent          | <2            |             | not a number
patients.functioning           | true          | True        |
patients.functioning           | FALSE         | False       |
patients.functioning           | Yes           | True        |
patients.functioning           | no            | False       |
patients.functioning           | 1             | True        |
patients.functioning           | 0             | False       |
patients.functioning           | 2             |             | not a truth value
patients.functioning           | y             |             | not a truth value
patients.sex                   | male          | male        |
patients.sex                   | unknown       | unknown     |
patients.sex                   | Male          |             | not in the list of codes
patients.sex                   | male_         |             | not in the list of codes
patients.sex                   | m             |             | not in the list of codes
patients.grade                 | G2            | G2          |
patients.grade                 | g2            |             | not in the list of codes
patients.tumour_type           | small intestine |           | not in the list of codes
cycles.radiopharmaceutical     | 177Lu-DOTATATE | 177Lu-DOTATATE |
cycles.radiopharmaceutical     | 177Lu-Dotatate |            | not in the list of codes
cycles.cycle_date              | 2014-05-07    | 2014-05-07  |
cycles.cycle_date              | 2016-02-29    | 2016-02-29  |
cycles.cycle_date              | 2014-02-29    |             | a date that does not exist
cycles.cycle_date              | 2014-02-30    |             | a date that does not exist
cycles.cycle_date              | 2014-13-01    |             | a date that does not exist
cycles.cycle_date              | 2014-00-10    |             | a date that does not exist
cycles.cycle_date              | 2014-05       |             | not a date
cycles.cycle_date              | 2014          |             | not a date
cycles.cycle_date              | 07/05/2014    |             | not a date
cycles.cycle_date              | 2014-5-7      |             | not a date
cycles.cycle_date              | 20140507      |             | not a date
cycles.cycle_date              | 2014-05-07 10:30 |          | a date with a time of day
cycles.cycle_date              | 2014-05-07 00:00:00 | 2014-05-07  |
cycles.cycle_date              | 2014-05-07T00:00:00.000Z | 2014-05-07  |
cycles.cycle_date              | 43466         |             | probably a serial number of Excel
cycles.cycle_date              | 1899-12-31    |             | out of range
cycles.cycle_date              | 2101-01-01    |             | out of range
cycles.cycle_date              | 0014-05-07    |             | out of range
cycles.cycle_date              | 9999-12-31    |             | out of range
cycles.cycle_date              | 2262-04-12    |             | out of range
cycles.cycle_date              | 1677-09-20    |             | out of range
cycles.cycle_date              | 9999-13-31    |             | a date that does not exist
follow_up.death_date           | 2014-05-07    | 2014-05-07  |
follow_up.death_date           | 2014-05       | 2014-05     |
follow_up.death_date           | 2014          | 2014        |
follow_up.death_date           | 2014-13       |             | not a date
follow_up.death_date           | 14            |             | not a date
follow_up.death_date           | 1800          |             | out of range
follow_up.death_date           | 2101-01       |             | out of range
follow_up.death_date           | 2014-02-30    |             | a date that does not exist
follow_up.death_date           | unknown       |             | not a date
lesions.longest_mm             | 0             | 0.0         |
lesions.longest_mm             | 301           | 301.0       | implausible
lesions.longest_mm             | -0.1          |             | out of range
lesions.longest_mm             | 601           |             | out of range
labs.value                     | -5            |             | out of range
reported_outcomes.time         | 0             | 0.0         |
reported_outcomes.time         | -0.5          |             | out of range
reported_outcomes.event        | 2             | 2           |
reported_outcomes.event        | 1.0           | 1           |
reported_outcomes.event        | 3             |             | not in the list of codes
reported_outcomes.event        | true          |             | not a whole number
reported_outcomes.endpoint     | pfs_2         | pfs_2       |
reported_outcomes.endpoint     | PFS           |             | not a valid name
reported_outcomes.endpoint     | 2pfs          |             | not a valid name
control_curves.survival        | 1.01          | 1.01        |
control_curves.survival        | 99.5          | 99.5        |
control_curves.survival        | 106           |             | out of range
adverse_events.grade           | 5             | 5           |
adverse_events.grade           | 0             |             | out of range
assessments.reported_response  | NON-CR/NON-PD | NON-CR/NON-PD |
assessments.reported_response  | pr            |             | not in the list of codes
"""


def cases():
    for line in CASES.strip().splitlines():
        place, written, becomes, problem = (part.strip() for part in line.split("|"))
        yield pytest.param(*place.split("."), written, becomes, problem, id=f"{place}-{written}")


@pytest.mark.parametrize(("table", "column", "written", "becomes", "problem"), list(cases()))
def test_cell(table, column, written, becomes, problem):
    cell = pa.array([written], pa.string())
    text = pa.array([written or None], pa.string())
    parsed = parse_columns(table, {column: TextColumn(text, cell, TextFormat())}, 1)
    checked = check_values(parsed_fields(table), parsed.frame, parsed.failed, {column: cell})
    faults = [*parsed.faults, *checked]
    required = [f for f in faults if f.problem == "empty"]
    faults = [f for f in faults if f not in required]
    assert [f.problem for f in faults] == ([problem] if problem else [])
    if faults:
        assert faults[0].column == column
        assert list(faults[0].values) == [written]
        assert faults[0].severity == ("warning" if problem == "implausible" else "error")
        assert faults[0].expected
    if not any(f.severity == "error" for f in faults):
        value = conform_table(table, parsed.frame)[column].astype("string").fillna("")[0]
        assert value == becomes


@pytest.mark.parametrize(
    ("table", "column", "written", "nearest"),
    [
        ("patients", "sex", "Male", "male"),
        ("patients", "sex", " female", "female"),
        ("patients", "grade", "g2", "G2"),
        ("patients", "tumour_type", "Small intestine", "gep_small_intestine"),
        ("patients", "tumour_type", "pheochromocytoma", "phaeochromocytoma"),
        ("cycles", "radiopharmaceutical", "177Lu Dotatate", "177Lu-DOTATATE"),
        ("assessments", "non_target", "non-CR/non-PD", "non_CR_non_PD"),
        ("labs", "analyte", "hemoglobin", "haemoglobin"),
    ],
)
def test_the_nearest_code_is_named(table, column, written, nearest):
    cell = pa.array([written], pa.string())
    parsed = parse_columns(table, {column: TextColumn(cell, cell, TextFormat())}, 1)
    (fault,) = check_values(parsed_fields(table), parsed.frame, parsed.failed, {column: cell})
    assert fault.expected[0].startswith(f"did you mean {nearest}? one of ")
