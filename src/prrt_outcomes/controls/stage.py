"""Controls: each control gets all the methods that its information allows, and how far to believe them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from prrt_outcomes.attrition import attrition_frame
from prrt_outcomes.controls.claims import tabulate_claims
from prrt_outcomes.controls.comparability import (
    WITHOUT_SCANS,
    EndpointRules,
    compare_descriptions,
    describe_cohort,
    describe_patients,
)
from prrt_outcomes.controls.control_results import ControlResults
from prrt_outcomes.controls.curve import compare_against_curve
from prrt_outcomes.controls.library import convert_arm_to_control, find_arm
from prrt_outcomes.controls.meta_analysis import list_medians, summarise_medians
from prrt_outcomes.controls.patients import compare_against_patients, vary_patients
from prrt_outcomes.controls.published import compare_against_published, make_estimate, vary_published
from prrt_outcomes.controls.sensitivity import (
    Estimate,
    Sensitivity,
    compare_negative_control,
    derive_under_criterion,
    move_to_grid,
)
from prrt_outcomes.controls.two_samples import select_cohort
from prrt_outcomes.controls.vocabulary import name_criterion
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.study.controls import CurveControl, LibraryControl, PatientsControl
from prrt_outcomes.tables.frames import conform_table, empty_table

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.controls import Control, Description
    from prrt_outcomes.study.endpoints import EndpointDefinition
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

INPUTS = (
    "endpoints",
    "analysis_set",
    "control_patients",
    "control_outcomes",
    "control_curves",
    "control_at_risk",
    "patients",
    "cycles",
    "therapies",
    "assessments",
    "labs",
    "adverse_events",
    "follow_up",
    "treatment_periods",
    "responses",
    "best_responses",
)
OUTPUTS = (
    "controls",
    "control_balance",
    "control_verdicts",
    "control_sensitivity",
    "control_borrowing",
    "control_power",
    "control_comparability",
    "control_target_trial",
    "control_curves_fitted",
    "control_fitted_at_risk",
    "control_overlap",
    "reconstruction_quality",
    "control_reconstruction",
    "control_medians",
    "control_meta",
    "claims",
)
SETTINGS = (
    "study",
    "analysis",
    "controls",
    "claims",
    "endpoints",
    "response",
    "data_cutoff",
    "assessment_interval_days",
    "assessment_window_days",
    "partial_dates",
    "new_anticancer_therapy",
)
CURVES = ("kaplan_meier", "rmst", "standardised")
WITHOUT_ENDPOINT = ("control_balance", "control_comparability", "control_target_trial")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare the cohort with every control of the study, and hold its claims against it.

    Parameters
    ----------
    tables : the derived and input tables named in INPUTS
    study : sections named in SETTINGS

    Returns
    -------
    Result tables named in OUTPUTS, `attrition`, `stages`; a control that cannot be compared is named with the
    reason in `stages`.
    """
    import pandas as pd

    if not (study.controls or study.claims):
        return _skip("the study names no control and no claim")
    if tables["endpoints"].empty:
        return _skip("no patient has a time for any endpoint")
    parts: dict[str, list[pd.DataFrame]] = {name: [] for name in OUTPUTS}
    losses: list[dict] = []
    left_out = [] if study.controls else ["the study names no control"]
    for control in study.controls:
        found = _compare(tables, control, study)
        losses += found.losses
        if found.reason:
            left_out.append(f"{control.id}: {found.reason}")
        for name, table in {"controls": pd.DataFrame(found.rows), **found.tables}.items():
            if len(table):
                labels = {"control": control.id}
                if name not in WITHOUT_ENDPOINT:
                    labels["endpoint"] = control.endpoint
                parts[name].append(table.assign(**labels))
    medians = list_medians(study, tables)
    parts["control_medians"].append(medians)
    parts["control_meta"].append(summarise_medians(medians, study.analysis.confidence.level))
    parts["claims"].append(tabulate_claims(tables, study))
    results = {name: _join(name, frames) for name, frames in parts.items()}
    reason = "; ".join(left_out)
    status = "done" if not reason else "partial"
    if study.controls and results["controls"].empty and not study.claims:
        status = "skipped"
    return results | {
        "attrition": attrition_frame(losses),
        "stages": stage_frame("controls", status, reason),
    }


def _join(name: str, frames: list[pd.DataFrame]) -> pd.DataFrame:
    """One typed table of all parts, empty ones left out."""
    import pandas as pd

    typed = [conform_table(name, frame) for frame in frames if len(frame)]
    return conform_table(name, pd.concat(typed, ignore_index=True)) if typed else empty_table(name)


def _compare(tables: dict[str, pd.DataFrame], control: Control, study: Study) -> ControlResults:
    """All that one control gives."""
    import pandas as pd

    cohort, lost = select_cohort(tables, control)
    if cohort is None:
        return ControlResults(losses=lost, reason=f"no patient of the cohort has {control.endpoint}")
    definition = next((d for d in study.endpoints if d.name == control.endpoint), None)
    described: Description | None = None
    varied: list[Sensitivity] = []
    estimate: Estimate | None = None
    if isinstance(control, CurveControl):
        described = control
        found, varied, estimate = compare_against_curve(tables, cohort, control, study)
    elif isinstance(control, PatientsControl):
        described = control
        found = compare_against_patients(tables, cohort, control, study, definition)
        if found.rows:
            varied, estimate = vary_patients(tables, cohort, control, study)
            if control.negative_control is not None:
                varied += _negative_control(tables, control, study)
    else:
        library = control if isinstance(control, LibraryControl) else None
        arm = None if library is None else find_arm(library.arm, control.endpoint)
        published = convert_arm_to_control(library, arm) if arm is not None else None
        published = control if library is None else published
        if published is None:
            return ControlResults(
                losses=lost, reason=f"the library shows no {control.endpoint} curve for {control.arm}"
            )
        described = published
        found = compare_against_published(cohort, published, study)
        varied = vary_published(cohort, published, library, study)
        estimate = make_estimate(published, study.analysis.confidence.level)
    if estimate is not None:
        main = Sensitivity("main", "as analysed", estimate(cohort, 0.0))
        varied = [main, *varied, *_rederive(tables, cohort, control, described, definition, estimate, study)]
    rows = _mark_competing(found.rows) if cohort.has_competing_events else found.rows
    card = _write_card(tables, cohort, control, described, definition, study)
    more = {"control_comparability": card, "control_sensitivity": pd.DataFrame([v.as_row() for v in varied])}
    return ControlResults(rows, found.tables | more, [*lost, *found.losses], found.reason)


def _mark_competing(rows: list[dict]) -> list[dict]:
    """Say of each estimate from a survival curve that it takes competing events as censored."""
    return [
        row | {"status": "competing_censored"} if row["method"] in CURVES and row["status"] == "ok" else row
        for row in rows
    ]


def _negative_control(
    tables: dict[str, pd.DataFrame], control: PatientsControl, study: Study
) -> list[Sensitivity]:
    changed = control.model_copy(update={"endpoint": control.negative_control})
    rows, _ = select_cohort(tables, changed)
    return [] if rows is None else compare_negative_control(tables, rows, control, study.analysis)


def _rules(definition: EndpointDefinition | None, endpoint: str, study: Study) -> EndpointRules:
    """How our endpoint is measured."""
    if definition is None:
        return EndpointRules(study.response.criteria[0], "", endpoint not in WITHOUT_SCANS)
    origin = str(getattr(definition.origin, "column", definition.origin))
    criterion = definition.criterion or study.response.criteria[0]
    return EndpointRules(criterion, origin, definition.progression != "ignore")


def _write_card(tables, cohort: EndpointRows, control: Control, described, definition, study: Study):
    import pandas as pd

    patients = None
    if isinstance(control, PatientsControl):
        people = tables["control_patients"]
        if control.source is not None:
            people = people.loc[people["source"].eq(control.source).fillna(False)]
        patients = describe_patients(people)
    profile = describe_cohort(cohort.frame, tables, study)
    card = compare_descriptions(profile, described, _rules(definition, control.endpoint, study), patients)
    return pd.DataFrame([asdict(item) for item in card])


def _rederive(
    tables: dict[str, pd.DataFrame],
    cohort: EndpointRows,
    control: Control,
    described: Description,
    definition: EndpointDefinition | None,
    estimate: Estimate,
    study: Study,
) -> list[Sensitivity]:
    """The comparison with our endpoint under the control's criterion, and on the control's grid of scans."""
    rules = _rules(definition, control.endpoint, study)
    if not rules.needs_scans:
        return []
    found = []
    theirs = name_criterion(described.criterion)
    if theirs and theirs != rules.criterion and theirs in study.response.criteria:
        rows = derive_under_criterion(tables, study, control.endpoint, theirs)
        chosen = None if rows is None else select_cohort(tables | {"endpoints": rows}, control)[0]
        if chosen is not None:
            note = f"our progression by {theirs} instead of {rules.criterion}, as in the control"
            found.append(Sensitivity("criterion", theirs, estimate(chosen, 0.0), note))
    if described.scan_interval_weeks is not None:
        own = tables["endpoints"]
        own = own.loc[own["endpoint"].eq(control.endpoint)]
        moved = move_to_grid(cohort, own, described.scan_interval_weeks) or {}
        for bound, rows in moved.items():
            item = f"every {described.scan_interval_weeks:g} weeks, {bound}"
            note = f"our progressions dated on the control's grid of scans, {bound} possible date"
            found.append(Sensitivity("scan_grid", item, estimate(rows, 0.0), note))
    return found


def _skip(reason: str) -> dict[str, pd.DataFrame]:
    empty = {name: empty_table(name) for name in OUTPUTS}
    return empty | {"attrition": attrition_frame([]), "stages": stage_frame("controls", "skipped", reason)}
