"""What became of the patients and of the stages: attrition and skipped stages."""

from __future__ import annotations

import pandas as pd

from prrt_outcomes.report.content import Column, PageTable, page_table
from prrt_outcomes.wording.numbers import format_count
from prrt_outcomes.wording.terms import spell_name

STAGE_WORDS = {"done": "done", "partial": "in part", "skipped": "skipped"}


def attrition_table(attrition: pd.DataFrame) -> PageTable:
    """Every loss with its reason; steps that lost nobody are in the file only."""
    lost = attrition[attrition["n_lost"].fillna(0).gt(0)]
    columns = [
        Column("Step", lambda r: str(r["step"]), False),
        Column("Reason", lambda r: str(r["reason"]), False),
        Column("Table", lambda r: spell_name(str(r["table"])), False),
        Column("Unit", lambda r: str(r["unit"]), False),
        Column("Before", lambda r: format_count(r["n_before"])),
        Column("Lost", lambda r: format_count(r["n_lost"])),
        Column("After", lambda r: format_count(r["n_after"])),
    ]
    note = "Steps that lost nothing are left out here and stand in the file."
    return page_table("Losses", "attrition", lost, columns, ("table", "unit", "step", "reason"), note)


def stage_table(stages: pd.DataFrame) -> PageTable:
    """How far each stage came."""
    columns = [
        Column("Stage", lambda r: spell_name(str(r["stage"])), False),
        Column("Status", lambda r: STAGE_WORDS.get(str(r["status"]), str(r["status"])), False),
        Column("Reason", lambda r: "" if pd.isna(r["reason"]) else str(r["reason"]), False),
    ]
    return page_table("Stages of the run", "stages", stages, columns, ("stage",))


def skip_reason(stages: pd.DataFrame, stage: str) -> str:
    """Why a stage was skipped; empty where it ran or is not in the table."""
    row = stages[stages["stage"].astype("string").eq(stage)] if len(stages) else stages
    if not len(row) or str(row["status"].iloc[0]) != "skipped":
        return ""
    reason = row["reason"].iloc[0]
    return "no data" if pd.isna(reason) else str(reason)


def partial_reason(stages: pd.DataFrame, stage: str) -> str:
    """What a stage could not do; empty where it did everything."""
    row = stages[stages["stage"].astype("string").eq(stage)] if len(stages) else stages
    if not len(row) or str(row["status"].iloc[0]) != "partial" or pd.isna(row["reason"].iloc[0]):
        return ""
    return str(row["reason"].iloc[0])
