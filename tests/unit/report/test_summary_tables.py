"""Publication tables: their numbers are those of the result tables; a study drops, renames and orders their parts."""

import pandas as pd
import pytest

from prrt_outcomes.errors import InputError
from prrt_outcomes.report.content import Column, PageTable, Row
from prrt_outcomes.report.summary_tables import list_publication_tables
from prrt_outcomes.report.survival_chapter import survival_table
from prrt_outcomes.report.table_edits import edit_tables
from prrt_outcomes.study.model import Study, TableEdits

COUNT = {"total": 10, "median": None}
BASELINE = [
    {
        "term": term,
        "level": level,
        "group_by": by,
        "group": group,
        "n": n,
        "proportion": n / 10,
        **COUNT,
        **more,
    }
    for by, group in (("all", "all"), ("arm", "new"), ("arm", "old"))
    for term, level, n, more in (
        ("age_years", "value", 10, {"median": 61.25, "lower_quartile": 50.0, "upper_quartile": 70.0}),
        ("sex", "female", 4, {}),
        ("sex", "male", 5, {}),
        ("sex", "unknown", 1, {}),
        ("arm", "new", 5, {}),
    )
]
APART = [
    {"term": "sex", "group_by": "arm", "group": "new", "reference": "old", "smd": 0.128, "status": "ok"},
    {"term": "age_years", "group_by": "arm", "group": "new", "reference": "old", "smd": None}
    | {"status": "not_estimable"},
]


def make_study(**more) -> Study:
    return Study.model_validate(
        {
            "study": "s",
            "tables": {"patients": "p.csv", "reported_outcomes": "o.csv"},
            "extra_columns": {"arm": "category"},
            "endpoints": ["pfs"],
            "analysis": {"group_by": ["arm"], "covariates": ["sex", "arm"], "milestones_months": [12]},
        }
        | more
    )


def read(table: PageTable) -> dict[str, list[str]]:
    """Cells by the name of their row."""
    return {row.name: [str(cell) for cell in row.cells] for row in table.rows}


def test_baseline_stands_under_headings_with_what_is_unknown_and_the_difference_of_two_groups(tables):
    (table,) = list_publication_tables(
        "baseline", tables(baseline=BASELINE, baseline_differences=APART), make_study()
    )
    assert [c.name for c in table.columns] == ["label", "all", "new", "old", "smd"]
    assert table.columns[1].title == "All patients (n\u00a0=\u00a010)"
    assert read(table) == {
        "age_years": ["Age, years, median (quartiles)", *["61.3 (50.0\u201370.0)"] * 3, "\u2013"],
        "sex": ["Sex, female", *["4 (40%)"] * 3, "0.13"],
        "sex.unknown": ["Unknown", *["1 (10%)"] * 3, ""],
    }
    assert table.columns[-1].title == "Standardised difference, new against old"
    assert table.sources == ("baseline", "baseline_differences")


def test_cox_models_stand_beside_each_other_with_their_reference(tables):
    ratio = {"hazard_ratio": 0.512, "hazard_ratio_low": 0.3, "hazard_ratio_high": 0.9, "p_value": 0.0194}
    row = {"endpoint": "pfs", "term": "sex", "level": "male", "reference": "female", "status": "ok"}
    row |= {"term_p_value": 0.031}
    sizes = {
        "n": 30,
        "events": 12,
        "n_reference": 50,
        "events_reference": 41,
        "n_model": 80,
        "events_model": 53,
    }
    alone = row | sizes | ratio | {"model": "univariable"}
    together = row | sizes | {"model": "multivariable", "status": "separation", "n": 29}
    (table,) = list_publication_tables("cox", tables(cox=[alone, together]), make_study())
    assert table.spanners == [("", 1), ("Univariable", 3), ("Multivariable", 3)]
    assert read(table) == {
        "sex": ["Sex", "", "", "0.031", "", "", "0.031"],
        "sex.female": ["Female", "41/50", "1 (reference)", "", "41/50", "1 (reference)", ""],
        "sex.male": [
            "Male",
            "12/30",
            "0.51 (0.30\u20130.90)",
            "0.019",
            "12/29",
            "not estimable (all events in one group)",
            "",
        ],
    }


def test_a_level_of_few_patients_or_events_has_no_ratio_in_any_table_of_cox_models(tables):
    row = {
        "endpoint": "pfs",
        "model": "univariable",
        "term": "arm",
        "level": "new",
        "reference": "old",
        "status": "ok",
    }
    row |= {"hazard_ratio": 3.2, "hazard_ratio_low": 1.1, "hazard_ratio_high": 9.3, "p_value": 0.03}
    row |= {
        "n": 30,
        "events": 4,
        "n_reference": 50,
        "events_reference": 41,
        "n_model": 80,
        "events_model": 45,
    }
    number = row | {
        "term": "age_years",
        "level": "",
        "reference": "",
        "n_reference": None,
        "events_reference": None,
    }
    study = make_study(analysis={"group_by": ["arm"], "covariates": ["age_years", "arm"]})
    curves = [
        {"endpoint": "pfs", "group_by": "arm", "group": group, "n": 40, "events": 20, "status": "ok"}
        for group in ("new", "old")
    ]
    frames = tables(cox=[row, number], km_summary=curves)
    (table,) = list_publication_tables("cox", frames, study)
    assert read(table)["arm.new"][:4] == ["new", "4/30", "fewer than 5 events", ""]
    assert read(table)["age_years"][:4] == ["Age, per year", "4/30", "3.20 (1.10\u20139.30)", "0.030"]
    (table,) = list_publication_tables("survival", frames, study)
    assert read(table)["pfs.new"][-2:] == ["", ""]
    whole = survival_table("cox", frames["cox"], {}, "95%")
    assert [str(cell) for cell in whole.rows[0].cells[-3:]] == ["fewer than 5 events", "", ""]


def test_two_arms_have_no_row_of_both(tables):
    curve = {
        "endpoint": "pfs",
        "n": 5,
        "events": 3,
        "median_months": 4.0,
        "median_status": "ok",
        "status": "ok",
    }
    groups = [("all", "all"), ("arm", "new"), ("arm", "old")]
    rows = [curve | {"group_by": by, "group": group} for by, group in groups]
    (table,) = list_publication_tables("survival", tables(km_summary=rows), make_study())
    assert [row.name for row in table.rows] == ["pfs", "pfs.new", "pfs.old"]
    assert table.title == "Time to event by arm"


TABLE = PageTable(
    "A table",
    "baseline",
    tuple(
        Column(title, str, name=name) for title, name in (("Item", "label"), ("All", "all"), ("New", "new"))
    ),
    (
        Row("", ["Age", "1", "2"], "age"),
        Row("", ["Sex", "", ""], "sex"),
        Row("", ["Female", "3", "4"], "sex.female", 1),
        Row("", ["Male", "5", "6"], "sex.male", 1),
    ),
    name="baseline",
)


def edit(**parts) -> PageTable:
    return edit_tables([TABLE], TableEdits.model_validate(parts))[0]


def test_rows_and_columns_are_dropped_renamed_and_ordered_by_code_or_words():
    rows = {"drop": ["Female"], "rename": {"sex.male": "Men"}, "order": ["sex", "age"]}
    columns = {"drop": ["all"], "rename": {"New": "New treatment", "label": ""}}
    table = edit(rows=rows, columns=columns)
    assert [row.cells for row in table.rows] == [["Sex", ""], ["Men", "6"], ["Age", "2"]]
    assert [column.title for column in table.columns] == ["", "New treatment"]
    assert [row.name for row in edit(rows={"drop": ["sex"]}).rows] == ["age"]
    assert [row.name for row in edit(rows={"order": ["Male"]}).rows] == [
        "age",
        "sex",
        "sex.male",
        "sex.female",
    ]
    assert [column.name for column in edit(columns={"order": ["new"]}).columns] == ["label", "new", "all"]


def test_a_table_is_dropped_or_has_another_title():
    assert edit_tables([TABLE], TableEdits(drop=True)) == []
    assert edit(title="Who they were").title == "Who they were"
    assert edit_tables([], TableEdits(rows={"drop": ["sex"]})) == []


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(InputError) as refused:
        edit(rows={"drop": ["sex.femal"]}, columns={"rename": {"Neww": "x"}})
    told = [(p.table, p.column, p.value, p.expected.split("?")[0]) for p in refused.value.problems]
    assert told == [
        ("study.yaml", "report_tables.baseline.rows.drop", "sex.femal", "did you mean sex.female"),
        ("study.yaml", "report_tables.baseline.columns.rename", "Neww", "did you mean new"),
    ]


def test_responses_stand_by_criterion(tables):
    rate = {"confirmed": False, "total": 10, "proportion_low": 0.1, "proportion_high": 0.9, "status": "ok"}
    rows = [
        rate
        | {
            "criterion": criterion,
            "group_by": "all",
            "group": "all",
            "category": c,
            "n": n,
            "proportion": n / 10,
        }
        for criterion in ("swog", "recist_1_1")
        for c, n in (("PD", 2), ("MR", 0), ("objective", 4))
    ]
    study = make_study(response={"criteria": ["recist_1_1", "swog"]})
    (table,) = list_publication_tables("response", tables(response_rates=rows), study)
    assert list(read(table)) == [
        f"{criterion}{end}"
        for criterion in ("recist_1_1", "swog")
        for end in ("", ".objective", ".PD")  # nobody has a minor response
    ]
    assert read(table)["swog.PD"][1:] == ["2 (20%; 10\u201390%)"]


def test_classes_of_the_best_response_add_up_to_all_patients(tables):
    rate = {"criterion": "recist_1_1", "group_by": "all", "group": "all", "confirmed": False, "status": "ok"}
    sizes = {"CR": 1, "PR": 2, "MR": 0, "SD": 3, "NON-CR/NON-PD": 2, "PD": 1, "NE": 1, "objective": 3}
    rows = [rate | {"category": c, "n": n, "total": 10, "proportion": n / 10} for c, n in sizes.items()]
    study = make_study(response={"criteria": ["recist_1_1"]})
    (table,) = list_publication_tables("response", tables(response_rates=rows), study)
    shown = {name.partition(".")[2]: cells[1] for name, cells in read(table).items() if "." in name}
    assert sum(int(words.split()[0]) for c, words in shown.items() if c != "objective") == 10


def test_deterioration_is_shown_of_the_scales_of_sentences_at_the_first_milestones(tables):
    row = {
        "instrument": "q",
        "n": 9,
        "events": 3,
        "probability": 0.3,
        "status": "ok",
        "group_by": "all",
        "group": "all",
    }
    rows = [
        row | {"scale": scale, "definition": definition, "death": "competing", "time_months": month}
        for scale in ("Fatigue", "Pain")
        for definition in ("first", "definitive")
        for month in (12.0, 24.0, 60.0)
    ]
    study = make_study(analysis={"group_by": ["arm"], "milestones_months": [12, 24, 60]})
    (table,) = list_publication_tables("deterioration", tables(deterioration=rows), study)
    assert [[row.cells[0], row.cells[4]] for row in table.rows] == [["Fatigue", "12"], ["Fatigue", "24"]]


def test_laboratory_grades_and_delivery(tables):
    shift = {"analyte": "platelets", "phase": "any", "baseline": "0", "total": 9}
    shifts = [shift | {f"worst_{grade}": grade for grade in range(5)}, shift | {"phase": "late"}]
    delivery = [
        {
            "item": item,
            "group_by": "all",
            "group": "all",
            "n": 8,
            "total": 10,
            "value": 0.8,
            "low": 0.5,
            "high": 0.9,
        }
        | {"status": "ok"}
        for item in ("retreatment", "eligibility_platelets_met", "retreatment_unknown")
    ]
    found = tables(lab_shifts=shifts, treatment_delivery=delivery)
    (table,) = list_publication_tables("laboratory_shift", found, make_study())
    assert read(table) == {"platelets": ["Platelets, grade 0", "0", "1", "2", "3", "4", "", "9"]}
    (table,) = list_publication_tables("delivery", found, make_study())
    assert read(table) == {"retreatment": ["Retreated later", "80% (50\u201390%)"]}


def test_an_empty_run_has_no_table(tables):
    from prrt_outcomes.report.summary_tables import PUBLICATION_TABLES

    assert [
        name for name in PUBLICATION_TABLES if list_publication_tables(name, tables(), make_study())
    ] == []
    assert isinstance(tables()["baseline"], pd.DataFrame)
