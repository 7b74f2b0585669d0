"""The page of one patient for a tumour board: chart, scans with reasons, cycles, therapies.

Made on request only, never by a run: it holds dates of a single person.
"""

import pandas as pd

from prrt_outcomes.report.write import fill_template, shorten_svg
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording.numbers import format_date, format_number, is_missing
from prrt_outcomes.wording.terms import name_term

WARNING = (
    "One patient's course: for those who treat this patient. Do not share, publish or put beside results."
)
COLUMNS = ("Date", "Day", "What", "Value", "Response", "Reason")


def render_patient_page(course: pd.DataFrame, charts: dict[str, str], study) -> str:
    """Write the page of a course (`summarise_patient_course`) with its charts, svg text by title."""
    item = course["item"].astype(str)
    parts = {
        "Best response": item.eq("best"),
        "Scans, cycles and therapies": ~item.isin(["best", "lesion"]),
        "Lesions": item.eq("lesion"),
    }
    return fill_template(
        "patient.html.j2",
        study=study,
        patient=str(course["patient_id"].iloc[0]),
        warning=WARNING,
        charts={title: shorten_svg(svg) for title, svg in charts.items()},
        columns=COLUMNS,
        tables={
            title: [list_cells(row) for row in course[chosen].to_dict("records")]
            for title, chosen in parts.items()
        },
    )


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
        text["words"] = f"{load_schema('therapies').field('kind').label(kind)}: {drug}"
    return [
        format_date(row["date"]),
        text["time_days"],
        what.get(item, name_term(item)) + reader,
        f"{value} {unit}" if value else "",
        text["response"] or (name_term(text["state"]).lower() if item == "lesion" else ""),
        text["words"],
    ]
