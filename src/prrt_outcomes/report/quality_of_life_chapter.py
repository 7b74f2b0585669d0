"""Chapter quality of life: questionnaires returned, changes of scores, time to deterioration."""

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, join_words, say, tell
from prrt_outcomes.tables.frames import pick_rows
from prrt_outcomes.wording import numbers

SHOWN = ("questionnaire_compliance", "questionnaire_change", "deterioration")


def write_quality_of_life(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter."""
    paragraphs, level = [], numbers.format_level(study.analysis.confidence.level)
    for instrument, rows in tables["questionnaire_compliance"].groupby("instrument"):
        parts = [tell("completed", SHOWN[0], r) for r in rows[rows["total"] > 0].to_dict("records")]
        paragraphs.append(say("{i}, completed of those expected: {p}.", i=instrument, p=join_words(parts)))
    own = pick_rows(tables["deterioration"], death="competing", definition="definitive")
    own = own[own["probability"].notna()].drop_duplicates(["instrument", "scale"], keep="first")
    points = numbers.format_short(study.questionnaires.deterioration_points)
    for r in own.to_dict("records"):
        paragraphs.append(tell("deteriorated", SHOWN[2], r, level, k=points))
    known = [name for name in SHOWN if len(tables[name])]
    return paragraphs, [col.show_table(name, tables[name]) for name in known]
