"""What a radiologist should look at, and what does not reach a response: faults, contradictions, losses."""

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.plausibility import load_rules
from prrt_outcomes.response import codes
from prrt_outcomes.response.best import find_less_after_complete
from prrt_outcomes.response.criterion_run import KEYS, CriterionRun, filter_known
from prrt_outcomes.response.lesions import fill_lesions
from prrt_outcomes.response.scan_responses import NEW_BY_MODALITY
from prrt_outcomes.response.scans import find_first_reader
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema

LOSSES = tuple(codes.WORDS["losses"])


def list_warnings(runs: list[CriterionRun]) -> pd.DataFrame:
    """Derived table `response_warnings` of the runs of one registry: one row a course or scan, criterion and problem.

    `severity` is `not_evaluable` where the fault makes responses NE, else `warning`; `rule` is the kind of problem.
    What does not depend on a criterion stands once, under the first criterion that read the registry.
    """
    first = runs[0]
    courses, scans = first.registry.courses, first.scans
    faulty = courses[courses["fault"] != ""].rename_axis("course").reset_index()
    frames = [_list(first, faulty, faulty["fault_rule"], faulty["fault"], "not_evaluable")]
    flagged = {
        "non_target_differs": "rows of one scan give different assessments of non-targets: the worst was taken",
        "new_lesion_differs": "assessment and lesion rows disagree on new lesions: either suffices",
    }
    frames += [_list(first, scans[scans[rule]], rule, words) for rule, words in flagged.items()]
    by_modality = scans[scans["new_lesion"] == NEW_BY_MODALITY]
    words = "new lesion first seen because the modality changed: not counted as progression"
    frames.append(_list(first, by_modality, "new_by_modality", words))
    for run in runs:
        lesions = run.lesions
        own = lesions[(lesions["fault"] != "") & lesions["is_target"] & (lesions["kind"] > codes.PRIOR)]
        own = own.assign(date=run.all_scans["date"].reindex(own["scan"]).to_numpy())
        texts = fill_lesions(own["fault"], own["lesion_id"])
        frames.append(_list(run, own, "no_size", texts, "not_evaluable"))
        frames += [_list_unknown_nodes(run), *_list_target_rules(run)]
        counted = run.scans[run.scans["counted"]]
        less = counted[find_less_after_complete(counted)]
        names = less["overall_response"].map(dict(enumerate(codes.RESPONSES)))
        frames.append(_list(run, less, "less_after_complete", names + " after a complete response"))
    table = pd.concat([frame for frame in frames if len(frame)] or frames[:1])
    table = table.join(courses[KEYS], on="course")
    keys = ["patient_id", "period", "reader", "assessment_date", "criterion"]
    return table.sort_values(keys, kind="stable", ignore_index=True)[
        list(load_schema("response_warnings").names)
    ]


def summarise_warnings(warnings: pd.DataFrame) -> pd.DataFrame:
    """Result table `response_warning_counts` of `response_warnings`: one row a criterion and kind of problem."""
    groups = warnings.groupby(["criterion", "rule"], sort=False)
    counts = groups.agg(
        severity=("severity", "first"), n=("problem", "size"), n_patients=("patient_id", "nunique")
    ).reset_index()
    return counts.assign(consequence=counts["rule"].map(load_rules()["responses"])).sort_values(
        ["severity", "n_patients"], ascending=False, kind="stable", ignore_index=True
    )


def _list(
    run: CriterionRun, rows: pd.DataFrame, rule: str | pd.Series, problem, severity: str = "warning"
) -> pd.DataFrame:
    """One problem a row of a frame with course and, where it is one of a scan, date."""
    table = rows.reindex(columns=["course", "date"]).rename(columns={"date": "assessment_date"})
    return table.astype({"assessment_date": "datetime64[ns]"}).assign(
        criterion=run.criterion.name, severity=severity, problem=problem, rule=rule
    )


def _list_target_rules(run: CriterionRun) -> list[pd.DataFrame]:
    """Targets at baseline beyond the rules of the criterion: too many, too many in an organ, too small."""
    criterion, lesions = run.criterion, run.lesions
    own = lesions[(lesions["kind"] == codes.BASELINE) & (lesions["role"] == codes.TARGET)]
    own = own.assign(date=run.all_scans["date"].reindex(own["scan"]).to_numpy())
    once, found = own.drop_duplicates("course"), []
    if criterion.targets_maximum is not None:
        counts = own.groupby("course").size()
        many = once[once["course"].isin(counts.index[counts > criterion.targets_maximum])]
        found.append(_list(run, many, "many_targets", f"more than {criterion.targets_maximum} targets"))
    if criterion.targets_maximum_organ is not None:
        counts = own.groupby(["course", "organ"]).size()
        crowded = counts.index[counts > criterion.targets_maximum_organ].unique("course")
        words = f"more than {criterion.targets_maximum_organ} targets in one organ"
        found.append(_list(run, once[once["course"].isin(crowded)], "many_targets_organ", words))
    if criterion.measure != "marker":
        node = own["node"] & (criterion.node_target_minimum_mm > 0)
        limit = np.where(node, criterion.node_target_minimum_mm, criterion.target_minimum_mm)
        small = own[np.where(node, own["perpendicular_mm"], own["longest_mm"]) < limit]
        names = small["lesion_id"].astype(object)
        found.append(_list(run, small, "small_target", "target " + names + " is under the size for a target"))
    return found


def _list_unknown_nodes(run: CriterionRun) -> pd.DataFrame:
    """Scans that would be a CR if what is left of the disease were normal lymph nodes, which the rows leave open."""
    lesions, limit = run.lesions, run.criterion.node_normal_mm
    left = (lesions["role"] == codes.NON_TARGET) & (lesions["kind"] == codes.FOLLOW_UP)
    own = lesions[(lesions["is_target"] | left) & (limit > 0)]
    small = (own["state"] == codes.TOO_SMALL) | (own[["longest_mm", "perpendicular_mm"]].min(axis=1) < limit)
    possible = own["node_unknown"] & own["state"].isin((codes.MEASURED, codes.TOO_SMALL)) & small
    possible &= ~own["gone"]
    complete = (possible | own["gone"]).groupby(own["scan"]).all()
    names = own[possible].groupby("scan")["lesion_id"].agg(lambda ids: ", ".join(map(str, ids)))
    scans = run.scans.loc[run.scans.index.isin(names.index.intersection(complete.index[complete]))]
    scans = scans[scans["overall_response"].between(codes.PR, codes.NON_CR_NON_PD) & ~scans["reported"]]
    scans = scans[~scans["non_target_read"].isin((codes.NT_NON, codes.NT_NE))]
    response = scans["overall_response"].map(dict(enumerate(codes.RESPONSES))).astype(object)
    words = f" under {limit:g} mm with lymph_node empty: "
    texts = names.reindex(scans.index).astype(object) + words + response + ", CR if nodes"
    return _list(run, scans, "node_unknown", texts)


def count_losses(tables: dict[str, pd.DataFrame], runs: list[CriterionRun], study: Study) -> list[dict]:
    """Attrition rows: assessments and lesions never read, and patients NE by reason.

    Patients are counted for the primary criterion, unconfirmed, before adjudication, initial period. They stay
    in the denominator of the rates; the rows say why their best response is NE.
    """
    rows = []
    treated = tables["treatment_periods"]["patient_id"].unique()
    for name in ("assessments", "lesions"):
        table = tables[name]
        known = filter_known(table, "assessment_date", study)
        late, foreign = len(table) - len(known), int((~known["patient_id"].isin(treated)).sum())
        if late:
            reason = "after the data cut-off"
            rows.append(attrition_row(name, "rows", "response: cut-off", reason, len(table), late))
        if foreign:
            reason = "the patient has no cycle of treatment"
            rows.append(attrition_row(name, "rows", "response: treated", reason, len(known), foreign))
    run = next(run for run in runs if run.criterion.name == study.response.primary_criterion)
    courses, best = run.registry.courses, run.best[False]
    reader = find_first_reader(run.registry.readers, run.settings)
    own = (courses["period"] == 1) & (courses["reader"] == reader)
    not_assessed, no_baseline, contradiction, early, not_evaluated, after_therapy = LOSSES
    conditions = {
        not_assessed: best["why"] == "not_assessed",
        after_therapy: best["why"] == "after_new_therapy",
        early: best["why"].isin(["early", "unconfirmed_early"]),
        contradiction: courses["fault"] != "",
        no_baseline: courses["baseline"] < 0,
    }
    reasons = np.select(list(conditions.values()), list(conditions), not_evaluated)
    why = np.where(best["response"] == codes.NE, reasons, "")[own]
    left, step = len(why), ("best_responses", "patients", "response: evaluable")
    for reason in LOSSES:
        lost = int((why == reason).sum())
        if lost:
            rows.append(attrition_row(*step, reason, left, lost))
            left -= lost
    return rows
