"""The first stage: from the files of a registry to all input tables, checked and typed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from prrt_outcomes.cohort.read import CohortResult, read_cohort
from prrt_outcomes.study.model import INPUT_TABLES, Study

INPUTS: tuple[str, ...] = ()
OUTPUTS = INPUT_TABLES
SETTINGS = ("tables", "extra_columns", "data_cutoff")


def check_cohort(study: Study, folder: Path) -> CohortResult:
    """Read and check all tables of a study; the only stage that looks at files, since they are its input."""
    return read_cohort(study, Path(folder))


def gather_outputs(result: CohortResult) -> dict[str, pd.DataFrame]:
    """Tables that the stage writes: every input table, `attrition` and `stages`, as other stages return them."""
    stages = pd.DataFrame({"stage": ["cohort"], "status": ["done"], "reason": [""]}, dtype="string")
    return {**result.tables, "attrition": result.attrition, "stages": stages}
