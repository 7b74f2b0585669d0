# ruff: noqa: E501
"""Files that are no table, or not quite: each fault is told with its line, and nothing is raised."""

import gzip
import io

import pandas as pd
import pytest

from prrt_outcomes.errors import has_errors

PATIENTS = "patient_id,centre_id,sex\nP1,c1,male\nP2,c1,female\n"
FOLLOW_UP = "patient_id,last_contact_date,vital_status\nP1,2015-01-01,alive\nP2,2015-01-01,alive\n"

# content of patients.csv (as a Python bytes literal) | line | column | problem; several are joined by //
CASES = r"""
b''                                                          | None |            | the file is empty
b'\n\n  \n'                                                  | None |            | the file is empty
b'patient_id,sex\n'                                          | None |            | the table has no rows
b'patient_id\x00,sex\nP1,male\n'                             | None |            | the file is no text (it holds zero bytes)
b'PK\x03\x04whatever'                                        | None |            | the file is an Excel workbook or another zip archive, not a text
b'\xd0\xcf\x11\xe0whatever'                                  | None |            | the file is an old Excel workbook (xls), not a text
b'PAR1whatever'                                              | None |            | the file is a parquet file, not a text
b'\x1f\x8bwhatever'                                          | None |            | the file cannot be read
b'patient_id,sex\nP1,male\nP\xe92,female\n'                  | 3    |            | the file is not utf-8
b'\xff\xfep\x00a\x00t\x00'                                   | None |            | the file is no text (it holds zero bytes)
b'patient_id,sex\nP1,male,x\nP2,female\n'                    | 2    |            | the row has too many or too few fields
b'patient_id,sex\nP1,male\n\nP2\n'                           | 4    |            | the row has too many or too few fields
b'patient_id,sex\r\nP1,male\r\n\r\nP2,f\r\n'                 | 4    | sex        | not in the list of codes
b'patient_id,sex\rP1,male\rP2,f\r'                           | 3    | sex        | not in the list of codes
b'\n\npatient_id,sex\nP1,male\nP2,f\n'                       | 5    | sex        | not in the list of codes
b'patient_id,centre_id,sex\nP1,"a\nb",male\nP2,c,f\n'        | 4    | sex        | not in the list of codes
b'patient_id,centre_id,sex\nP1,"a ""b"", c",male\nP2,c,f\n'  | 3    | sex        | not in the list of codes
b'patient_id,centre_id,sex\nP1,5" x,male\nP2,c,f\n'          | 3    | sex        | not in the list of codes
b'patient_id,centre_id,sex\nP1,"a,male\nP2,c,female\n'       | None |            | a quotation mark that is not closed or stands inside a field
b'patient_id,centre_id,sex\nP1,"a,male\nP2,"c,female\n'      | None |            | a quotation mark that is not closed or stands inside a field
b'patient_id,sex,sex\nP1,male,male\nP2,male,male\n'          | 1    | sex        | the column is there twice
b'Patient_ID,sex\nP1,male\nP2,male\n'                        | 1    | patient_id | a required column is missing
b'Dear all\nplease find the table attached\n'                | 1    | patient_id | a required column is missing
b'patient_id,sex\nP1,male\nP2,male\nP1,female\n'             | 4    | patient_id | duplicate key
b'patient_id,sex\nP1,male\nP2,male\n,female\n'               | 4    | patient_id | empty
b'patient_id,sex\nP1,male\n P2,male\nP2,male\n'              | 4    | patient_id | duplicate key
b'patient_id,centre_id\nP1,all\nP2,c\n'                      | 2    | centre_id  | reserved name
b'patient_id,sex\nP1,Male\nP2,fem\nP3,x,y\nP2,male\n'        | 2//3//4//5 | sex//sex////patient_id | not in the list of codes//not in the list of codes//the row has too many or too few fields//duplicate key
"""


def rows():
    for line in CASES.strip().splitlines():
        content, lines, columns, problems = (part.strip() for part in line.split(" | "))
        expected = zip(lines.split("//"), columns.split("//"), problems.split("//"), strict=True)
        yield pytest.param(eval(content), sorted(expected, key=str), id=content[:60])


@pytest.mark.parametrize(("content", "expected"), list(rows()))
def test_file(read_study, content, expected):
    problems = read_study({"patients": content, "follow_up": FOLLOW_UP}).problems
    errors = [p for p in problems if p.severity == "error" and p.table == "patients"]
    assert sorted([(str(p.row), p.column, p.problem) for p in errors], key=str) == expected
    assert all(p.expected for p in errors)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + PATIENTS.encode(),
        PATIENTS.replace("\n", "\r\n").encode(),
        PATIENTS.replace("\n", "\r").encode(),
        PATIENTS.replace(",", ";").encode(),
        PATIENTS.replace(",", "\t").encode(),
        PATIENTS.replace(",", "|").encode(),
        PATIENTS.rstrip().encode(),
        ("\n" + PATIENTS.replace("\n", "\n\n")).encode(),
        gzip.compress(PATIENTS.encode(), mtime=0),
        b'"patient_id","centre_id","sex"\n"P1","c1","male"\n"P2","c1","female"\n',
    ],
)
def test_text_that_is_well_whatever_its_dress(read_study, content):
    result = read_study({"patients": content, "follow_up": FOLLOW_UP})
    assert result.problems == ()
    assert result.tables["patients"]["patient_id"].tolist() == ["P1", "P2"]
    assert result.tables["patients"]["sex"].tolist() == ["male", "female"]


@pytest.mark.parametrize("length", [1, 4, 10, 30, -9, -1])
def test_a_broken_gz_is_told(read_study, length):
    content = gzip.compress(PATIENTS.encode())[:length]
    problems = read_study({"patients": content, "follow_up": FOLLOW_UP}).problems
    assert any(p.severity == "error" and p.table == "patients" for p in problems)


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_told_and_never_raised(read_study, seed):
    import random

    random.seed(seed)
    whole = PATIENTS.encode() * 3
    noise = bytes(b if random.random() < 0.8 else random.randrange(256) for b in whole)
    problems = read_study({"patients": noise, "follow_up": FOLLOW_UP}).problems
    assert any(p.severity == "error" for p in problems)


@pytest.mark.parametrize("suffix", ["xlsx", "parquet", "csv.gz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, None])
def test_broken_binary_files_are_told(read_study, tmp_path, suffix, share):
    whole = io.BytesIO()
    frame = pd.DataFrame({"patient_id": ["P1", "P2"], "sex": ["male", "female"]})
    if suffix == "xlsx":
        frame.to_excel(whole, index=False)
    elif suffix == "parquet":
        frame.to_parquet(whole, index=False)
    else:
        whole.write(gzip.compress(frame.to_csv(index=False).encode()))
    data = whole.getvalue()
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(b"\x01nonsense" * 20 if share is None else data[: int(len(data) * share)])
    problems = read_study({"follow_up": FOLLOW_UP}, sources={"patients": path.name}).problems
    (told,) = (p for p in problems if p.severity == "error")
    assert told.table == "patients"
    assert path.name in told.value or "nonsense" in told.expected  # a line of text is a header without rows


@pytest.mark.parametrize(
    ("file", "problem", "hint"),
    [
        ("patient.csv", "the file does not exist", "did you mean patients.csv?"),
        ("nowhere/patients.csv", "the file does not exist", "relative to the study folder"),
        (".", "this is a folder, not a file", "the path of a file"),
        ("patients.docx", "unknown kind of file", ".csv, .tsv"),
    ],
)
def test_files_that_are_not_there(read_study, tmp_path, file, problem, hint):
    (tmp_path / "patients.csv").write_text(PATIENTS)
    (tmp_path / "patients.docx").write_text(PATIENTS)
    problems = read_study({"follow_up": FOLLOW_UP}, sources={"patients": file}).problems
    (told,) = (p for p in problems if p.severity == "error")
    assert (told.table, told.value, told.problem) == ("patients", file, problem)
    assert hint in told.expected


def test_faults_of_all_tables_come_at_once(read_study):
    result = read_study(
        {
            "patients": "patient_id,sex,age_years\nP1,Male,61\nP2,male,inf\n",
            "cycles": "patient_id,cycle_date,radiopharmaceutical\nP1,2014-02-30,lutetium\nP9,2014-01-01,other\n",
            "follow_up": "patient_id,last_contact_date,vital_status\nP1,2015-01-01,alive\nP2,soon,gone\n",
            "labs": "patient_id,sample_date,analyte\nP1,2014-01-01,alt\n",
            "lesions": "",
        }
    )
    assert has_errors(result.problems)
    assert {(p.table, p.row, p.column) for p in result.problems if p.severity == "error"} == {
        ("patients", 2, "sex"),
        ("patients", 3, "age_years"),
        ("cycles", 2, "cycle_date"),
        ("cycles", 2, "radiopharmaceutical"),
        ("cycles", 3, "patient_id"),
        ("follow_up", 3, "last_contact_date"),
        ("follow_up", 3, "vital_status"),
        ("labs", 1, "value"),
        ("labs", 1, "unit"),
        ("lesions", None, ""),
    }
