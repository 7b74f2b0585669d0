"""A grade that is not stated follows from Ki-67; one that disagrees is a warning for its row."""

ROWS = """patient_id,tumour_type,grade,ki67_percent
P1,gep_pancreas,,2.9
P2,gep_pancreas,,3
P3,gep_small_intestine,,20
P4,gep_small_intestine,,20.5
P5,gep_pancreas,unknown,5
P6,lung,,5
P7,,,5
P8,gep_pancreas,G1,
P9,gep_pancreas,G1,25
"""
FOLLOW_UP = "patient_id,last_contact_date,vital_status\n" + "".join(
    f"P{i},2020-01-01,alive\n" for i in range(1, 10)
)


def test_an_empty_grade_is_that_of_ki67_and_counted(read_study):
    result = read_study({"patients": ROWS, "follow_up": FOLLOW_UP})
    grade = result.tables["patients"]["grade"].astype(object)
    assert grade.where(grade.notna(), "").tolist() == ["G1", "G2", "G2", "G3", "unknown", "", "", "G1", "G1"]
    (note,) = (p for p in result.problems if p.severity == "note")
    assert (note.column, note.problem) == ("grade", "4 patients without a grade: that of Ki-67 is taken")


def test_a_grade_that_disagrees_with_ki67_stays_and_is_told(read_study):
    result = read_study({"patients": ROWS, "follow_up": FOLLOW_UP})
    (told,) = (p for p in result.problems if p.problem == "does not fit the grade")
    assert (told.row, told.value, told.severity) == (10, "25.0", "warning")
