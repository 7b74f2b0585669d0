"""Chapter on what a reviewer asks: the family of tests, estimands of comparisons, risk of bias, items of reporting."""

from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import Number, PageTable, as_text, join_words, say, tell, trace
from prrt_outcomes.study.multiplicity import list_tests
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    control_titles,
    endpoint_titles,
    inside_sentence,
    name_codes,
    name_column,
    name_endpoint,
    name_term,
)

AUTHOR = "to be reported by the author"
SHOWN = ("multiplicity", "comparison_estimands", "risk_of_bias", "reporting_items")


def write_appraisal(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    titles = control_titles(study) | {"responder:non_responder": "Responders against others"}
    words: dict[str, Callable[[dict], str | Number]] = {
        "test": lambda row: name_test(row["test"], study),
        "endpoint": col.endpoint(endpoint_titles(study)).show,
        "answered": lambda row: "yes" if row["answered"] else AUTHOR,
    }
    named = {"control": titles.__getitem__, "comparison": titles.__getitem__, "method": name_term}
    named["table"] = lambda table: load_schema(table).title
    named |= dict.fromkeys(("words", "answer", "rule"), name_codes)
    for column, name in named.items():
        words[column] = col.texts({"": column}, name)[0].show
    shown = [
        col.show_table(name, tables[name], words=words, most_open=40) for name in SHOWN if len(tables[name])
    ]
    paragraphs = [
        describe_family(tables["multiplicity"], study),
        *(
            say(
                "Risk of bias of the comparison with {c} by ROBINS-I: {j} ({why}).",
                c=titles[row["control"]],
                j=trace(str(row["judgement"]).replace("_", " "), "risk_of_bias", row),
                why=row["answer"],
            )
            for row in pick_rows(tables["risk_of_bias"], domain="overall").to_dict("records")
        ),
    ]
    items = tables["reporting_items"]
    if len(items):
        answered = trace(str(int(items["answered"].sum())), "reporting_items", {})
        paragraphs.append(tell("reporting", "reporting_items", {}, a=answered, n=len(items)))
    return [p for p in paragraphs if p], shown


def write_objections(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """How many objections are answered, and the table of all."""
    rows = tables["objections"]
    if rows.empty:
        return [], []
    counts = {
        code: str(int(rows["answer"].eq(code).sum())) for code in ("answered", "partly", "not_answered")
    }
    found = {code: trace(count, "objections", {"answer": code}, "answer") for code, count in counts.items()}
    told = tell("objections", "objections", {}, n=len(rows), **found)
    words: dict[str, Callable[[dict], str | Number]] = {
        "value": lambda row: cite_found(row["value"], row),
        "table": lambda row: as_text(row["table"]) and load_schema(row["table"]).title,
    }
    return [told], [col.show_table("objections", rows, words=words)]


def cite_found(value: float, row: Mapping) -> Number | str:
    """A number with the table and row that a row of `objections` names."""
    if pd.isna(value) or not as_text(row["table"]):
        return ""
    where = f"tables/{row['table']}.csv: {as_text(row['row'])}".removesuffix(": ")
    return Number(f"{value:.3g}" if value < 1000 else numbers.format_count(value), row["table"], where)


def describe_family(family: pd.DataFrame, study):
    """One sentence on the tests that are adjusted together; nothing where the study names none."""
    parts = [
        say(
            "{t} ({raw}, adjusted {p})",
            t=name_test(row["test"], study),
            raw=numbers.format_p_value(row["p_value"], name="p"),
            p=trace(numbers.format_p_value(row["p_adjusted"]), "multiplicity", row),
        )
        for row in family[family["p_adjusted"].notna()].to_dict("records")
    ]
    words = "Adjusted together by Holm: {parts}; all other p-values are exploratory."
    return say(words, parts=join_words(parts)) if parts else None


def name_test(test: str, study) -> str:
    """A test of the family in words: title of the control, or endpoint with grouping."""
    table, cells = list_tests(study)[test]
    if table == "controls":
        return control_titles(study)[test]
    if table == "lesion_change_test":
        return "change of lesions by radionuclide and size"
    title = inside_sentence(name_endpoint(cells.get("endpoint", "response"), endpoint_titles(study)))
    column = cells.get("group_by") or cells.get("term")
    kind = {"cox": " (Cox model)", "response_model": " (logistic model)", "competing_tests": " (Gray)"}.get(
        table, ""
    )
    return f"{title} {'by ' + inside_sentence(name_column(column)) if column else 'of responders'}{kind}"
