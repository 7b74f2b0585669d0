"""The page that sets two runs side by side; it names patients, so it is not for release."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd
import yaml

from prrt_outcomes.compare.changes import DECIDED
from prrt_outcomes.compare.numbers import ALL
from prrt_outcomes.compare.runs import Comparison
from prrt_outcomes.report.columns import counts, texts
from prrt_outcomes.report.content import FORMS, Column, PageTable, Row, as_text
from prrt_outcomes.report.curves import Curves, list_steps
from prrt_outcomes.report.write import fill_template
from prrt_outcomes.tables.frames import pick_rows
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording.numbers import (
    DASH,
    format_count,
    format_date,
    format_level,
    format_number,
    is_missing,
)
from prrt_outcomes.wording.terms import endpoint_titles, name_code, name_column, name_endpoint, name_term

WORDS: dict = yaml.safe_load(Path(__file__).with_name("page.yaml").read_text("utf-8"))
MOST_SHOWN = 100
FINDINGS = ("event", "reason", "best_response", "")


def render_comparison(found: Comparison) -> str:
    """The page: what was compared, numbers with what moved them, curves, patients."""
    study, changed = found.new.study, found.patients[~found.patients["change"].str.startswith("patient_")]
    rows = [
        (name, run.folder.resolve().name, run.study.study, format_date(run.study.data_cutoff),
         format_count(len(run.patients)), run.provenance.get("prrt_outcomes", ""), run.provenance["code"])
        for name, run in found.runs.items()
    ]  # fmt: skip
    titles = {"Setting": "setting", "Old": "old", "New": "new"}
    return fill_template(
        "comparison.html.j2",
        study=study,
        warning=WORDS["warning"],
        runs=rows,
        steps=[(WORDS["causes"][cause], WORDS["steps"][cause]) for cause in found.causes],
        is_same=found.patients.empty and found.numbers["difference"].fillna(0).eq(0).all(),
        numbers=_show_numbers(found),
        settings=_show("Settings that differ", "numbers", found.settings, texts(titles)),
        lists=list(_list_patients(found.patients, changed)),
        curves=list_curves(found),
    )


def _show_numbers(found: Comparison) -> PageTable:
    """The numbers that `page.yaml` lists: old, new, difference, and what each cause adds."""
    study = found.new.study
    names = {"endpoint": study.endpoints[0].name, "criterion": study.response.primary_criterion}
    patterns = [pattern.format(**names) for pattern in WORDS["numbers"]]
    known = found.numbers[found.numbers["status"].ne("without")]
    place = known["name"].map(
        lambda name: next((i for i, p in enumerate(patterns) if fnmatchcase(name, p)), None)
    )
    chosen = known.loc[place.dropna().sort_values(kind="stable").index]
    titles = endpoint_titles(study)
    columns = [
        Column("Number", lambda row: _describe(row, titles), False),
        *(Column(key.capitalize(), _write_value(key)) for key in ("old", "new")),
        Column("Difference", _write_difference("difference")),
        *(Column(WORDS["causes"][c], _write_difference(c)) for c in dict.fromkeys(found.causes)),
        *counts({"Patients": "n_patients"}),
    ]
    return _show("Numbers", "numbers", chosen, columns, WORDS["note"], len(chosen))


def _list_patients(patients: pd.DataFrame, changed: pd.DataFrame) -> Iterator[PageTable]:
    """Changes counted by cause, who came and went, decisions that changed, corrected data."""
    by = ["cause", "table", "column", "change"]
    counted = changed.groupby(by, sort=False)["patient_id"].agg(n="size", patients="nunique").reset_index()
    cause = texts({"Cause": "cause"}, WORDS["causes"].__getitem__)
    table = texts({"Table": "table"}, lambda name: load_schema(name).title)
    change = texts({"Change": "change"}, name_term)
    what = [Column("What", _name_cell, False)]
    cells = [*texts({"Row": "row"}), *what, *texts({"Old": "old", "New": "new"})]
    patient, with_it = texts({"Patient": "patient_id"}), texts({"Decisions that changed": "decisions"})
    decided = changed["table"].isin(DECIDED)
    telling = changed["column"].isin(FINDINGS) | changed["cause"].ne("longer_follow_up")
    corrected = changed["cause"].eq("corrected_data")
    came = patients[patients["change"].str.startswith("patient_")]
    for title, rows, columns in (
        ("What changed, by cause", counted, [*cause, *table, *what, *change,
                                             *counts({"Changes": "n", "Patients": "patients"})]),
        ("Patients added and removed", came, [*patient, *cause, *change]),
        ("Decisions that changed", changed[decided & telling], [*patient, *cause, *change, *table, *cells]),
        ("Corrected data", changed[corrected & ~decided], [*patient, *change, *table, *cells, *with_it]),
    ):  # fmt: skip
        if len(rows):
            yield _show(title, "patients", rows, columns)


def list_curves(found: Comparison) -> list[Curves]:
    """Curve of all patients of every endpoint, old beside new; an endpoint with competing events has none."""
    study = found.new.study
    titles, level = endpoint_titles(study), format_level(study.analysis.confidence.level)
    made = []
    for one in study.endpoints:
        rows = {
            f"{name}, cut-off {format_date(run.study.data_cutoff)}": pick_rows(
                run.results["km_curve"], endpoint=one.name, group_by=ALL
            )
            for name, run in found.runs.items()
        }
        groups = tuple((name, list_steps(own)) for name, own in rows.items() if len(own))
        if groups and "competing" not in (one.death, one.progression):
            title = f"{name_endpoint(one.name, titles)}, all patients"
            made.append(Curves(one.name, title, f"{level} CI", groups))
    return made


def _show(
    title: str,
    source: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    note: str = "",
    most: int = MOST_SHOWN,
) -> PageTable:
    """A table of the page; of a long one the first rows, and how many there are."""
    if len(frame) > most:
        note = f"The first {most} of {format_count(len(frame))} rows; all are in the file."
    rows = tuple(
        Row("", [column.show(row) for column in columns]) for row in frame.head(most).to_dict("records")
    )
    return PageTable(title, source, tuple(columns), rows, note)


def _name_cell(row: Mapping) -> str:
    """Title of the column of a change."""
    titles = {field.name: field.title for field in load_schema(row["table"]).fields}
    return titles.get(row["column"]) or (name_column(row["column"]) if row["column"] else "")


def _describe(row: Mapping, titles: dict[str, str]) -> str:
    """What a number is, in words."""
    alias, *parts, value = row["name"].split(".")
    words = [
        WORDS["aliases"][alias],
        *([name_endpoint(row["scope"], titles)] if row["scope"] in titles else []),
    ]
    if row["group_by"] != ALL:
        words.append(f"{name_column(row['group_by'])}: {name_code(row['group_by'], row['group'])}")
    left_out = (row["scope"], row["group_by"], row["group"], ALL, *WORDS["unsaid"])
    further = (part.removeprefix("_") for part in parts)
    words += [name_term(part) for part in further if part not in left_out]
    return ", ".join(filter(None, [*words, WORDS["values"][value]])).replace(", months", " months")


def _write_value(key: str) -> Callable[[dict], str]:
    return lambda row: as_text(FORMS[row["form"]](row[key])) or DASH


def _write_difference(key: str) -> Callable[[dict], str]:
    """A difference with its sign, that of a share in percentage points; why there is none."""

    def write(row: dict) -> str:
        if is_missing(row[key]):
            return WORDS["statuses"][row["status"]] if key == "difference" else ""
        digits, factor = {"percent": (1, 100), "count": (0, 1), "ratio": (3, 1)}.get(row["form"], (1, 1))
        text = format_number(factor * row[key], digits)
        return f"+{text}" if text.strip("0.") and row[key] > 0 else text

    return write
