"""The stage as a whole, and the items of STROBE and RECORD."""

from prrt_outcomes.appraisal.reporting import ACCOUNTS, answer_items, load_items
from prrt_outcomes.appraisal.stage import INPUTS, OUTPUTS, run
from prrt_outcomes.report.write import REPORT_CHAPTERS
from prrt_outcomes.tables.schema import load_schema


def test_without_results_every_table_is_there_and_the_author_answers(tables, make_study):
    found = run(tables(), make_study())
    assert set(found) == {*OUTPUTS, "attrition", "stages"}
    assert found["comparison_estimands"].empty
    items = found["reporting_items"]
    assert set(items.loc[items["answered"], "table"]) == set(ACCOUNTS[:1])


def test_an_item_is_answered_by_the_rows_that_it_names(tables):
    same = {"endpoint": "pfs", "status": "ok", "median_status": "ok"}
    rows = [
        same | {"group_by": "sex", "group": "male", "n": 3},
        same | {"group_by": "all", "group": "all", "n": 7},
    ]
    found = answer_items(tables(km_summary=rows)).set_index(["guideline", "item"])
    assert found.loc[("STROBE", "1b"), ["answered", "table", "number"]].tolist() == [True, "km_summary", 7]
    assert not found.loc[("STROBE", "22"), "answered"]


def test_a_chapter_is_one_of_the_report():
    chapters = {"Summary", "Losses and stages of the run", *(title for title, *_ in REPORT_CHAPTERS.values())}
    assert {item["chapter"] for item in load_items()} - {""} <= chapters


def test_items_are_complete_and_name_tables_and_columns_that_there_are():
    items = load_items()
    strobe = {int(i["item"].rstrip("abcde")) for i in items if i["guideline"] == "STROBE"}
    assert strobe == set(range(1, 23))
    assert sum(i["guideline"] == "RECORD" for i in items) == 13
    for item in items:
        assert len(item["asks"]) <= 70
        if item["table"]:
            assert item["table"] in (*INPUTS, *OUTPUTS, *ACCOUNTS), item
            named = {item["column"], item["rows"].partition("=")[0]} - {""}
            assert named <= set(load_schema(item["table"]).names), item
