"""Controls: each control gets all the methods that its information allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prrt_outcomes.attrition import attrition_frame
from prrt_outcomes.controls.cohorts import select_cohort, stack_samples
from prrt_outcomes.controls.individual import compare_individuals
from prrt_outcomes.controls.published import compare_with_published
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.tables.frames import conform_table, empty_table

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.controls import Control
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

INPUTS = ("endpoints", "analysis_set", "control_patients", "control_outcomes")
OUTPUTS = ("controls", "control_balance")
SETTINGS = ("analysis", "controls", "endpoints")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare the cohort with every control of the study.

    Parameters
    ----------
    tables : endpoints, analysis_set, control_patients, control_outcomes
    study : sections `controls` and `analysis`

    Returns
    -------
    `controls`, `control_balance`, `attrition`, `stages`
    """
    import pandas as pd

    if not study.controls:
        return _skip("the study names no control")
    rows: list[pd.DataFrame] = []
    balance: list[pd.DataFrame] = []
    losses: list[dict] = []
    left_out: list[str] = []
    for control in study.controls:
        cohort, lost = select_cohort(tables, control)
        losses += lost
        if cohort is None:
            left_out.append(f"{control.id}: no patient of the cohort has {control.endpoint}")
            continue
        found, tables_of_balance, lost, reason = _compare(tables, cohort, control, study)
        losses += lost
        if reason:
            left_out.append(f"{control.id}: {reason}")
        if found:
            frame = pd.DataFrame(found)
            rows.append(frame.assign(control=control.id, endpoint=control.endpoint))
        balance += [table.assign(control=control.id) for table in tables_of_balance]
    if not rows:
        return _skip("; ".join(left_out))
    status = "partial" if left_out else "done"
    return {
        "controls": conform_table("controls", pd.concat(rows, ignore_index=True)),
        "control_balance": conform_table("control_balance", pd.concat(balance, ignore_index=True))
        if balance
        else empty_table("control_balance"),
        "attrition": attrition_frame(losses),
        "stages": stage_frame("controls", status, "; ".join(left_out)),
    }


def _compare(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: Control, study: Study
) -> tuple[list[dict], list[pd.DataFrame], list[dict], str]:
    """Rows, balance tables, losses, and why there is no comparison (empty where there is)."""
    if control.kind == "published":
        return compare_with_published(cohort, control, study.analysis.confidence.level), [], [], ""
    if control.kind == "patients":
        samples, losses = stack_samples(tables, cohort, control)
        if samples is None:
            return [], [], losses, f"no patient of the control has {control.endpoint}"
        rows, balance, more = compare_individuals(samples, control, study.analysis)
        return rows, balance, [*losses, *more], ""
    return [], [], [], f"controls of kind {control.kind} are not compared by this version"


def _skip(reason: str) -> dict[str, pd.DataFrame]:
    empty = {name: empty_table(name) for name in OUTPUTS}
    return empty | {"attrition": attrition_frame([]), "stages": stage_frame("controls", "skipped", reason)}
