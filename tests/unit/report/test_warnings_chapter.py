"""What to look at: each kind of warning with its count and what follows, or that there is nothing."""

from prrt_outcomes.report.warnings_chapter import write_warnings

DATA = {
    "kind": "units",
    "table": "labs (data/labs.csv)",
    "column": "value",
    "n": 4,
    "consequence": "As written.",
}
SCANS = {
    "rule": "no_size",
    "severity": "not_evaluable",
    "n": 1,
    "n_patients": 1,
    "consequence": "Incomplete.",
}


def cells(table):
    return [dict(zip([c.title for c in table.columns], row, strict=True)) for _, row, *_ in table.rows]


def test_without_warnings_there_is_nothing_to_look_at(study, tables, plain):
    paragraphs, shown = write_warnings(tables(), study)
    assert [plain(p) for p in paragraphs] == ["The checks of the data, scans and lesions gave no warnings."]
    assert shown == []


def test_each_kind_stands_with_its_count_and_what_follows(study, tables, plain):
    rows = [
        DATA | {"problem": "hardly possible in this unit"},
        DATA | {"problem": "odd", "column": None, "n": 1},
    ]
    filled = tables(data_warnings=rows, response_warning_counts=[SCANS | {"criterion": "recist_1_1"}])
    paragraphs, (data, scans) = write_warnings(filled, study)
    assert [plain(p) for p in paragraphs] == [
        "The checks of the data gave 5 warnings (2 different kinds): hardly possible in this unit; odd.",
        "The checks of scans and lesions gave 1 warning (1 kind): a target has no usable size at a scan.",
    ]
    assert (data.source, scans.source) == ("data_warnings", "response_warning_counts")
    assert cells(data)[0] == {
        "What is wrong": "Hardly possible in this unit",
        "Table": "Laboratory values (data/labs.csv)",
        "Variable": "Value",
        "Warnings": "4",
        "What follows for the results": "As written.",
    }
    assert cells(data)[1]["Variable"] == ""
    assert cells(scans) == [
        {
            "What is wrong": "A target has no usable size at a scan",
            "Criterion": "RECIST 1.1",
            "Patients": "1",
            "Warnings": "1",
            "What follows for the results": "Incomplete.",
        }
    ]
