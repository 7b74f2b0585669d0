"""Controls: each control gets all the methods that its information allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prrt_outcomes.attrition import attrition_frame
from prrt_outcomes.controls.cohorts import select_cohort, stack_samples
from prrt_outcomes.controls.curve import compare_with_curve
from prrt_outcomes.controls.individual import compare_individuals
from prrt_outcomes.controls.library import convert_arm_to_control, find_arm
from prrt_outcomes.controls.published import compare_with_published
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.study.controls import CurveControl, LibraryControl, PublishedControl
from prrt_outcomes.tables.frames import conform_table, empty_table

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.controls import Control
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

INPUTS = (
    "endpoints",
    "analysis_set",
    "control_patients",
    "control_outcomes",
    "control_curves",
    "control_at_risk",
)
OUTPUTS = ("controls", "control_balance", "reconstruction_quality", "control_reconstruction")
SETTINGS = ("analysis", "controls", "endpoints")


@dataclass
class _Findings:
    """What the controls of a study gave so far, table by table."""

    tables: dict[str, list[pd.DataFrame]]
    losses: list[dict]
    left_out: list[str]


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare the cohort with every control of the study.

    Parameters
    ----------
    tables : the derived and input tables named in INPUTS
    study : sections `controls` and `analysis`

    Returns
    -------
    Result tables named in OUTPUTS, `attrition`, `stages`; a control that cannot be compared is named with the
    reason in `stages`.
    """
    import pandas as pd

    if not study.controls:
        return _skip("the study names no control")
    findings = _Findings({name: [] for name in OUTPUTS}, [], [])
    for control in study.controls:
        cohort, lost = select_cohort(tables, control)
        findings.losses += lost
        reason = f"no patient of the cohort has {control.endpoint}"
        if cohort is not None:
            reason = _compare(tables, cohort, control, study, findings)
        if reason:
            findings.left_out.append(f"{control.id}: {reason}")
    results = {
        name: conform_table(name, pd.concat(parts, ignore_index=True)) if parts else empty_table(name)
        for name, parts in findings.tables.items()
    }
    reason = "; ".join(findings.left_out)
    status = "done" if not reason else ("skipped" if results["controls"].empty else "partial")
    return results | {
        "attrition": attrition_frame(findings.losses),
        "stages": stage_frame("controls", status, reason),
    }


def _compare(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: Control, study: Study, findings: _Findings
) -> str:
    """Add what one control gives to the findings; return why it gives nothing, empty where it does."""
    import pandas as pd

    settings, labels = study.analysis, {"control": control.id, "endpoint": control.endpoint}
    rows: list[dict] = []
    reason = ""
    if isinstance(control, LibraryControl):
        arm = find_arm(control.arm, control.endpoint)
        published = None if arm is None else convert_arm_to_control(control, arm)
        if published is None:
            return f"the library shows no {control.endpoint} curve for {control.arm}"
        rows = compare_with_published(cohort, published, settings.confidence.level)
    elif isinstance(control, PublishedControl):
        rows = compare_with_published(cohort, control, settings.confidence.level)
    elif isinstance(control, CurveControl):
        rows, quality, overlay, reason = compare_with_curve(tables, cohort, control, settings)
        for name, table in (("reconstruction_quality", quality), ("control_reconstruction", overlay)):
            if len(table):
                findings.tables[name].append(table.assign(arm=control.arm, **labels))
    else:
        samples, losses = stack_samples(tables, cohort, control)
        findings.losses += losses
        if samples is None:
            return f"no patient of the control has {control.endpoint}"
        rows, balance, more = compare_individuals(samples, control, settings)
        findings.losses += more
        findings.tables["control_balance"] += [table.assign(control=control.id) for table in balance]
    if rows:
        findings.tables["controls"].append(pd.DataFrame(rows).assign(**labels))
    return reason


def _skip(reason: str) -> dict[str, pd.DataFrame]:
    empty = {name: empty_table(name) for name in OUTPUTS}
    return empty | {"attrition": attrition_frame([]), "stages": stage_frame("controls", "skipped", reason)}
