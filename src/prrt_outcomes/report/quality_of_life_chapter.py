"""Chapter quality of life: questionnaires returned, changes of scores, time to deterioration."""

from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

from prrt_outcomes.quality_of_life.scores import choose_scales
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import PageTable, join_words, say, tell
from prrt_outcomes.tables.frames import pick_rows
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import name_code

FURTHER = "radionuclide"
SHOWN = ("questionnaire_compliance", "questionnaire_change", "deterioration")


def write_quality_of_life(tables: Mapping[str, pd.DataFrame], study) -> tuple[list, list[PageTable]]:
    """Paragraphs and tables of the chapter: of the whole cohort and by radionuclide, curves left out."""
    paragraphs, level = [], numbers.format_level(study.analysis.confidence.level)
    own = {name: tables[name][tables[name]["group_by"].isin(["all", FURTHER])] for name in SHOWN}
    for instrument, rows in pick_rows(own[SHOWN[0]], group_by="all").groupby("instrument"):
        parts = [tell("completed", SHOWN[0], r) for r in rows[rows["total"] > 0].to_dict("records")]
        paragraphs.append(say("{i}, completed of those expected: {p}.", i=instrument, p=join_words(parts)))
    own[SHOWN[2]] = own[SHOWN[2]][own[SHOWN[2]]["time_months"].isin(study.analysis.milestones_months)]
    worse = pick_rows(own[SHOWN[2]], death="competing", definition="definitive")
    worse, changes = worse[worse["probability"].notna()], own[SHOWN[1]][own[SHOWN[1]]["low"].notna()]
    for scale in choose_scales(pd.concat([worse["scale"], changes["scale"]]), study.questionnaires):
        first = pick_rows(worse, scale=scale, time_months=str(worse["time_months"].min()))
        last = pick_rows(changes, scale=scale)
        last = last[last["planned_months"].eq(last["planned_months"].max())]
        told = [
            _describe("deteriorated", SHOWN[2], first, study, level),
            _describe("changed", SHOWN[1], last, study, level),
        ]
        paragraphs += [say(" ").join(filter(None, told))] if any(told) else []
    return paragraphs, [col.show_table(name, rows, level) for name, rows in own.items() if len(rows)]


def _describe(name: str, table: str, rows: pd.DataFrame, study, level: str) -> Markup:
    """A sentence on the whole cohort, then the numbers after each radionuclide; empty without a row."""
    whole, of_groups = (pick_rows(rows, group_by=by).to_dict("records") for by in ("all", FURTHER))
    words = [
        tell(f"{name}_by", table, row, level, w=name_code(FURTHER, str(row["group"]), inside=True))
        for row in of_groups if len(of_groups) > 1
    ]  # fmt: skip
    more = {"k": numbers.format_short(study.questionnaires.deterioration_points)}
    more["by"] = say(": {p}", p=join_words(words)) if words else ""
    return tell(name, table, whole[0], level, **more) if whole else Markup("")
