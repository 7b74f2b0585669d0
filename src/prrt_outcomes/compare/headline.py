"""The numbers of one scenario: the stages that make them, without what only figures and further tables need."""

from collections.abc import Mapping, Sequence

import pandas as pd

from prrt_outcomes.appraisal.claims import SLOPES, tabulate_claims
from prrt_outcomes.cohort.grouping import fix_references, summarise_baseline
from prrt_outcomes.controls.stage import choose_comparison
from prrt_outcomes.controls.two_samples import select_cohort
from prrt_outcomes.endpoints.derivation import derive_study_dates, derive_study_endpoints
from prrt_outcomes.endpoints.patient_dates import derive_observation
from prrt_outcomes.endpoints.sources import check_columns
from prrt_outcomes.endpoints.stage import derive_patient_rows
from prrt_outcomes.responders.comparisons import Comparison, compare_by_all_methods
from prrt_outcomes.responders.states import (
    NON_RESPONDER,
    ORIGINS_BEFORE_RESPONSE,
    RESPONDER,
    derive_histories,
)
from prrt_outcomes.response import stage as response
from prrt_outcomes.safety.grading import summarise_worst_grades
from prrt_outcomes.safety.stage import count_events, derive_lab_grades, rate_grades
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import select_endpoint_rows
from prrt_outcomes.survival.stage import summarise_main
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.treatment import stage as treatment

Tables = dict[str, pd.DataFrame]


def compute_headline(tables: Mapping[str, pd.DataFrame], study: Study) -> Tables:
    """Tables of decisions and of the numbers that `headline.yaml` lists, as a run makes them.

    Intervals that a bootstrap gives, variants of endpoints, models of response, penalised ones, those of imputed
    covariates, and baseline and treatment of groups are left out: no number compared is one.
    """
    bootstrap = study.analysis.bootstrap.model_copy(update={"replicates": 0})
    study = _change_analysis(study, bootstrap=bootstrap, multiple_imputation_sets=0)
    made: Tables = dict(tables)
    for stage, asked in (
        (treatment, _change_analysis(study, group_by=())),
        (response, _change_analysis(study, covariates=())),
    ):
        found = stage.run({name: made[name] for name in stage.INPUTS}, asked)
        made |= {name: conform_table(name, found[name], study.extra_columns) for name in stage.OUTPUTS}
    made |= _derive_times(made, study)
    own = _survive(made, fix_references(study, made["analysis_set"])) | _compare_controls(made, study)
    return made | own | _count_harms(made, study)


def _stack(name: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One typed table from many small parts, typed once: to type each takes longer than to compute it."""
    columns = list(dict.fromkeys(column for part in parts for column in part))
    filled = [part.reindex(columns=columns).astype(object) for part in parts]
    return conform_table(name, pd.concat(filled, ignore_index=True)) if filled else empty_table(name)


def _derive_times(made: Tables, study: Study) -> Tables:
    """Endpoints without variants, one row a patient but for cycles after progression, baseline of all patients."""
    check_columns(made, study.endpoints)
    dates = derive_study_dates(made, study, variants=False)
    derived = derive_study_endpoints(made, study, dates, variants=False)
    rows, _ = derive_patient_rows(made, study, pd.Series(dtype="float64"))
    found = {"endpoints": derived.endpoints, "endpoint_exclusions": derived.exclusions, "analysis_set": rows}
    found |= summarise_baseline(rows, (), study.analysis.covariates)
    return {name: conform_table(name, table, study.extra_columns) for name, table in found.items()}


def _change_analysis(study: Study, **update: object) -> Study:
    return study.model_copy(update={"analysis": study.analysis.model_copy(update=update)})


def _survive(made: Tables, study: Study) -> Tables:
    """Curves, Cox models, and the comparison of responders with non-responders."""
    parts: dict[str, list] = {
        name: [] for name in ("km_curve", "km_summary", "milestones", "cox", "responders")
    }
    scans = not made["responses"].empty and not made["treatment_periods"].empty
    criterion = study.response.primary_criterion
    for definition in study.endpoints:
        rows = select_endpoint_rows(made["endpoints"], made["analysis_set"], definition.name)
        if rows is None:
            continue
        for name, table in summarise_main(rows, study.analysis, only_ratios=True):
            if name in parts and table is not None:
                parts[name].append(table.assign(endpoint=definition.name))
        if scans and definition.origin in ORIGINS_BEFORE_RESPONSE:
            history = derive_histories(made, rows, criterion, study).binary
            covariates = rows.derive_covariates(study.analysis.covariates)
            shared = (rows, covariates if len(covariates.columns) else None, study.analysis.confidence.level)
            compared = Comparison(RESPONDER, NON_RESPONDER, history, *shared, ())
            found = pd.DataFrame(compare_by_all_methods(compared, study.analysis.landmark_months))
            parts["responders"].append(found.assign(endpoint=definition.name, criterion=criterion))
    return {name: _stack(name, found) for name, found in parts.items()}


def _compare_controls(made: Tables, study: Study) -> Tables:
    """Estimates against every control, and what claims are held against."""
    if made["endpoints"].empty:
        return {name: empty_table(name) for name in ("controls", "claims")}
    parts = []
    for control in study.controls:
        cohort, _ = select_cohort(made, control)
        comparison = None if cohort is None else choose_comparison(made, study, control, cohort)
        if comparison is not None:
            found = pd.DataFrame(comparison.compare().rows)
            parts.append(found.assign(control=control.id, endpoint=control.endpoint))
    claims = tuple(claim for claim in study.claims if claim.quantity not in SLOPES)
    held = tabulate_claims(made, study.model_copy(update={"claims": claims}))
    return {"controls": _stack("controls", parts), "claims": _stack("claims", [held])}


def _count_harms(made: Tables, study: Study) -> Tables:
    """Rates of laboratory grades and of adverse events of all patients; empty where a run leaves them out."""
    parts: dict[str, list] = {"safety_rates": [], "adverse_event_rates": []}
    if len(made["treatment_periods"]):
        groups = made["analysis_set"][["patient_id"]].drop_duplicates()
        if len(made["labs"]):
            graded, _ = derive_lab_grades(made["labs"], made["patients"], made["treatment_periods"], study)
            worst = summarise_worst_grades(graded)
            parts["safety_rates"].append(rate_grades(graded, worst, groups, study))
        if len(made["adverse_events"]):
            observed = derive_observation(made, study)
            rates, _ = count_events(made, groups, observed, study)
            parts["adverse_event_rates"].append(rates)
    return {name: _stack(name, found) for name, found in parts.items()}
