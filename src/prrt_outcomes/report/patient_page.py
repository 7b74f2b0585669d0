"""The page of one patient for a tumour board: chart, scans with reasons, cycles, therapies.

Made on request only, never by a run: it holds dates of a single person.
"""

from __future__ import annotations

from importlib.resources import files

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.report.write import shorten_svg
from prrt_outcomes.tables.schema import label_for
from prrt_outcomes.wording.numbers import format_date, format_number, is_missing
from prrt_outcomes.wording.terms import name_term

WARNING = (
    "One patient's course: for those who treat this patient. Do not share, publish or put beside results."
)
COLUMNS = ("Date", "Day", "What", "Value", "Response", "Reason")


def render_patient_page(course: pd.DataFrame, charts: dict[str, str], study) -> str:
    """Write the page; the same input gives the same page.

    course : what `summarise_patient_course` gives
    charts : svg text by title, in order
    """
    patient = str(course["patient_id"].iloc[0])
    style = (files("prrt_outcomes.report") / "templates" / "report.css").read_text(encoding="utf-8")
    stamp = "Synthetic data: this patient was simulated. " if study.synthetic else ""
    body = Markup("").join(
        Markup('<figure role="img" aria-label="{0}">{1}</figure>').format(title, Markup(shorten_svg(svg)))
        for title, svg in charts.items()
    )
    rows = course[course["item"].astype(str).ne("lesion")]
    parts = [
        _table("Best response", rows[rows["item"].astype(str).eq("best")]),
        _table("Scans, cycles and therapies", rows[rows["item"].astype(str).ne("best")]),
        _table("Lesions", course[course["item"].astype(str).eq("lesion")]),
    ]
    return str(
        Markup(
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="robots" content="noindex">\n<link rel="icon" href="data:,">\n'
            "<title>Patient {patient}</title>\n<style>{style}</style>\n</head>\n<body>\n"
            '<div class="stamp" role="note">{stamp}{warning}</div>\n'
            '<header><h1>Patient {patient}</h1>\n<p class="sub">{study}</p></header>\n'
            "<main>\n{body}\n{tables}\n</main>\n</body>\n</html>\n"
        ).format(
            patient=patient,
            style=Markup(style),
            stamp=stamp,
            warning=WARNING,
            study=study.title or study.study,
            body=body,
            tables=Markup("\n").join(parts),
        )
    )


def _table(title: str, rows: pd.DataFrame) -> Markup:
    if rows.empty:
        return Markup("")
    head = Markup("").join(Markup('<th scope="col">{0}</th>').format(c) for c in COLUMNS)
    body = Markup("\n").join(
        Markup("<tr>{0}</tr>").format(
            Markup("").join(Markup("<td>{0}</td>").format(cell) for cell in list_cells(row))
        )
        for row in rows.to_dict("records")
    )
    return Markup(
        '<h2>{0}</h2>\n<div class="scroll"><table><thead><tr>{1}</tr></thead>\n<tbody>{2}</tbody></table></div>'
    ).format(title, head, body)


def list_cells(row: dict) -> list[str]:
    """Cells of a row in the order of `COLUMNS`."""
    item, text = str(row["item"]), {k: "" if is_missing(v) else str(v) for k, v in row.items()}
    what = {"sum": f"Scan, {name_term(text['criterion'])}", "best": f"Best, {name_term(text['criterion'])}"}
    what |= {"lesion": f"{text['lesion_id']}, {name_term(text['role']).lower()}"}
    reader = f" ({text['reader']})" if text["reader"] else ""
    value = format_number(row["value"], 1 if item == "cycle" else 0)
    unit = text["unit"].replace("mm2", "mm\u00b2")
    if item == "therapy" and ": " in text["words"]:
        kind, drug = text["words"].split(": ", 1)
        text["words"] = f"{label_for('therapies', 'kind', kind)}: {drug}"
    return [
        format_date(row["date"]),
        text["time_days"],
        what.get(item, name_term(item)) + reader,
        f"{value} {unit}" if value else "",
        text["response"] or (name_term(text["state"]).lower() if item == "lesion" else ""),
        text["words"],
    ]
