"""Stage `response`: overall and best response of every treated patient by every criterion, and what follows."""

from itertools import groupby

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, stage_frame
from prrt_outcomes.cohort.grouping import compute_group, derive_covariates, fix_references
from prrt_outcomes.response import rates
from prrt_outcomes.response.best import derive_reported_best
from prrt_outcomes.response.criteria import resolve_criteria
from prrt_outcomes.response.criterion_run import (
    CriterionRun,
    derive_best_table,
    derive_responses_table,
    run_criteria,
)
from prrt_outcomes.response.depth import derive_depth_table, summarise_waterfall
from prrt_outcomes.response.logistic import summarise_response_models
from prrt_outcomes.response.problems import count_losses, list_warnings, summarise_warnings
from prrt_outcomes.response.scans import DEFAULT_READER, find_first_reader, find_primary_reader
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, derive_skipped_tables, empty_table

INPUTS = ("patients", "therapies", "assessments", "lesions", "labs", "treatment_periods")
OUTPUTS = (
    "responses", "best_responses", "response_depth", "response_disagreements", "response_warnings",
    "response_warning_counts", "response_rates", "response_differences", "response_model", "response_concordance",
    "waterfall", "marker_changes",
)  # fmt: skip
SETTINGS = ("response", "analysis", "partial_dates", "new_anticancer_therapy", "data_cutoff")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Derive responses, best responses and what follows from them.

    Returns the tables of `OUTPUTS`, `attrition` and `stages`. Rates, differences, models, waterfall and
    concordance are those of the primary reader and the initial treatment period.
    """
    if tables["treatment_periods"].empty:
        reason = "there are no cycles of treatment, so a response has no beginning"
        return derive_skipped_tables("response", OUTPUTS, reason)
    criteria = resolve_criteria(study.response)
    needed = {"assessments", "lesions"} | ({"labs"} if study.response.markers else set())
    if all(tables[name].empty for name in needed):
        if tables["patients"]["reported_best_response"].isna().all():
            reason = f"nothing to read a response from: {' and '.join(sorted(needed))} are empty"
            return derive_skipped_tables("response", OUTPUTS, reason)
        runs, out = list[CriterionRun](), {name: empty_table(name) for name in OUTPUTS}
        out["best_responses"] = derive_reported_best(tables, study.response)
        reason = (
            "best responses as reported, one a patient and without a date: who responds when is not known"
        )
        losses, stages = [], stage_frame("response", "partial", reason)
    else:
        runs = run_criteria(tables, study, criteria)
        out = _tabulate_patients(runs, study)
        losses, stages = count_losses(tables, runs, study), _state(runs, study)
    out |= _summarise(out, runs, tables, study)
    typed = {name: conform_table(name, out[name]) for name in OUTPUTS}
    return typed | {"attrition": attrition_frame(losses), "stages": stages}


def _tabulate_patients(runs: list[CriterionRun], study: Study) -> dict[str, pd.DataFrame]:
    """Tables with rows of patients: every criterion, reader and period."""
    by_registry = groupby(runs, key=lambda run: id(run.registry))
    tables = {
        "responses": [derive_responses_table(run) for run in runs],
        "best_responses": [derive_best_table(run, confirmed=c) for run in runs for c in (False, True)],
        "response_depth": [derive_depth_table(run) for run in runs],
        "response_warnings": [list_warnings(list(own)) for _, own in by_registry],
    }
    order = {name: place for place, name in enumerate(study.response.criteria)}
    # Typed first: pandas guesses types where it joins columns that are empty.
    typed = {name: [conform_table(name, frame) for frame in frames] for name, frames in tables.items()}
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in typed.items()}
    place = joined["best_responses"]["criterion"].map(order)
    joined["response_warning_counts"] = summarise_warnings(joined["response_warnings"])
    joined["best_responses"] = joined["best_responses"].loc[place.sort_values(kind="stable").index]
    return joined


def _summarise(
    out: dict[str, pd.DataFrame], runs: list[CriterionRun], tables: dict[str, pd.DataFrame], study: Study
) -> dict[str, pd.DataFrame]:
    """Tables of numbers, of the primary reader and the initial period."""
    analysis, settings = study.analysis, study.response
    level = analysis.confidence.level
    chosen, best = (
        table[table["primary_reader"] & (table["period"] == 1)].reset_index(drop=True)
        for table in (out["responses"], out["best_responses"])
    )
    chosen = chosen[~chosen["criterion"].isin(settings.markers)]
    of_marker = best["criterion"].isin(settings.markers)
    followed, best = best[of_marker & ~best["confirmed"]], best[~of_marker].reset_index(drop=True)
    names = tuple(dict.fromkeys((*analysis.group_by, *analysis.covariates)))
    sources = (tables["patients"], tables["treatment_periods"], names)
    everybody = rates.derive_baseline_columns(tables["patients"].assign(period=1), *sources)
    references = fix_references(study, everybody).analysis.reference
    known = rates.derive_baseline_columns(best, *sources)
    best = best.assign(**{name: compute_group(known, name) for name in analysis.group_by})
    covariates = derive_covariates(known, analysis.covariates)
    shares = rates.summarise_response_rates(best, analysis.group_by, level=level)
    pairs = rates.pair_criteria(best[best["confirmed"] == (settings.primary_rate == "confirmed")])
    by_size = [run for run in runs if not run.is_marker]
    pairs += [rates.pair_reported(run, find_first_reader(run.registry.readers, settings)) for run in by_size]
    pairs += [pair for run in by_size[:1] for pair in rates.pair_readers(run)]
    return {
        "response_rates": shares,
        "response_differences": rates.summarise_rate_differences(shares, references, level=level),
        "response_model": summarise_response_models(best, covariates, references, level=level),
        "response_concordance": rates.summarise_concordance(pairs, level=level),
        "response_disagreements": rates.filter_disagreements(pairs),
        "marker_changes": rates.summarise_marker_changes(followed, level),
        "waterfall": summarise_waterfall(chosen, best[~best["confirmed"]], analysis.group_by),
    }


def _state(runs: list[CriterionRun], study: Study) -> pd.DataFrame:
    """Done, or partial where the primary reader had to be guessed."""
    settings = study.response
    for run in runs:
        readers = run.registry.readers
        guessed = settings.reader is None and settings.adjudicator is None and DEFAULT_READER not in readers
        if guessed and len(readers) > 1 and not run.is_marker:
            primary = find_primary_reader(readers, settings)
            words = (
                f"several readers and none named primary: {primary} was taken; name one in response.reader"
            )
            return stage_frame("response", "partial", words)
    return stage_frame("response", "done")
