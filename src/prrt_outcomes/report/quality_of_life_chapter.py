"""Chapter quality of life: questionnaires returned, changes of scores, time to deterioration."""

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, join_words, page_table, say, trace
from prrt_outcomes.tables.frames import pick_rows
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.wording import numbers

SHOWN = ("questionnaire_compliance", "questionnaire_change", "deterioration")


def write_quality_of_life(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    paragraphs, level = [], numbers.format_level(study.analysis.confidence.level)
    for instrument, rows in tables["questionnaire_compliance"].groupby("instrument"):
        parts = [
            say("{n} of {t} at {v}", n=trace(str(r["n"]), SHOWN[0], r), t=r["total"], v=r["visit"])
            for r in rows[rows["total"] > 0].to_dict("records")
        ]
        paragraphs.append(say("{i}, completed of those expected: {p}.", i=instrument, p=join_words(parts)))
    own = pick_rows(tables["deterioration"], death="competing", definition="definitive")
    own = own[own["probability"].notna()].drop_duplicates(["instrument", "scale"], keep="first")
    points = numbers.format_short(study.questionnaires.deterioration_points)
    for r in own.to_dict("records"):
        limits = (r["probability"], r["low"], r["high"])
        share = numbers.format_interval(*limits, numbers.format_percent, label=f"{level} CI ")
        text = "{s} was definitively worse by {k} points or more in {p} by {m} months, death competing ({n} patients)."
        months, found = numbers.format_short(r["time_months"]), trace(share, SHOWN[2], r)
        paragraphs.append(say(text, s=r["scale"], k=points, p=found, m=months, n=r["n"]))
    known = [name for name in SHOWN if len(tables[name])]
    return paragraphs, [page_table(load_schema(n).title, n, tables[n], col.of_schema(n, {})) for n in known]
