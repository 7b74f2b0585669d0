"""Responders: the comparison everyone publishes beside the ones without its bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.attrition import attrition_frame, attrition_row
from prrt_outcomes.responders.bias import compute_guarantee_time_bias, simulate_null_claims
from prrt_outcomes.responders.comparisons import Comparison, compare_by_all_methods
from prrt_outcomes.responders.curves import summarise_responder_curves
from prrt_outcomes.responders.histories import CriterionHistories, derive_histories
from prrt_outcomes.responders.states import NON_RESPONDER, RESPONDER, compute_state_at
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.survival.endpoint_rows import choose_references, derive_covariates, select_endpoint_rows
from prrt_outcomes.tables.frames import conform_table, empty_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

INPUTS = ("endpoints", "analysis_set", "responses", "treatment_periods", "therapies")
OUTPUTS = ("responders", "responder_curves", "responder_bias")
SETTINGS = ("analysis", "endpoints", "response", "new_anticancer_therapy", "partial_dates")
ORIGINS_BEFORE_RESPONSE = ("first_cycle", "diagnosis", "referral")
NULL_SIMULATIONS = 200


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare response groups for every endpoint that starts before response, under every criterion.

    Parameters
    ----------
    tables : endpoints, analysis_set, responses, treatment_periods, therapies
    study : sections `response`, `analysis`; endpoints

    Returns
    -------
    `responders` (every method in every comparison), `responder_curves` (primary criterion),
    `responder_bias`, `attrition`, `stages`
    """
    import pandas as pd

    if tables["responses"].empty or tables["treatment_periods"].empty:
        return _skip("no responses by scan: who responds when is not known")
    made: dict[str, list[pd.DataFrame]] = {name: [] for name in OUTPUTS}
    losses: list[dict] = []
    for position, criterion in enumerate(study.response.criteria):
        for rows, histories in _endpoints(tables, study, criterion):
            for name, table in _compare(rows, histories, study, primary=position == 0):
                made[name].append(table.assign(endpoint=rows.endpoint, criterion=criterion))
            losses += _count_losses(rows, histories, study, criterion)
    results = {
        name: conform_table(name, pd.concat(parts, ignore_index=True)) if parts else empty_table(name)
        for name, parts in made.items()
    }
    if results["responders"].empty:
        return _skip("no endpoint that starts before response has times")
    curves = results["responder_curves"].drop(columns="criterion", errors="ignore")
    return results | {
        "responder_curves": curves,
        "attrition": attrition_frame(losses),
        "stages": stage_frame("responders", "done"),
    }


def _endpoints(
    tables: dict[str, pd.DataFrame], study: Study, criterion: str
) -> Iterator[tuple[EndpointRows, CriterionHistories]]:
    for definition in study.endpoints:
        if definition.origin not in ORIGINS_BEFORE_RESPONSE:
            continue
        rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], definition.name)
        if rows is not None:
            yield rows, derive_histories(tables, rows, criterion, study)


def _compare(
    rows: EndpointRows, histories: CriterionHistories, study: Study, *, primary: bool
) -> Iterator[tuple[str, pd.DataFrame]]:
    import pandas as pd

    settings = study.analysis
    names = tuple(name for name in settings.covariates if name in rows.frame.columns)
    covariates = derive_covariates(rows.frame, names) if names else None
    references = {} if covariates is None else choose_references(covariates, settings.reference)
    shared = (rows, covariates, references, settings.confidence.level)
    comparisons = [Comparison(RESPONDER, NON_RESPONDER, histories.binary, *shared)]
    reference = _reference_group(histories.groups.states)
    comparisons += [
        Comparison(group, reference, histories.groups, *shared)
        for group in histories.groups.states[1:]
        if group != reference
    ]
    found = [row for c in comparisons for row in compare_by_all_methods(c, settings.landmark_months)]
    yield "responders", pd.DataFrame(found)
    if primary:
        yield (
            "responder_curves",
            summarise_responder_curves(
                rows, histories.binary, settings.landmark_months, settings.confidence.level
            ),
        )
        yield "responder_bias", _measure_bias(rows, histories, study)


def _reference_group(states: tuple[str, ...]) -> str:
    """Stable disease is what the other groups are held against; without it the first group."""
    return "stable" if "stable" in states else states[1]


def _measure_bias(rows: EndpointRows, histories: CriterionHistories, study: Study) -> pd.DataFrame:
    import pandas as pd

    from prrt_outcomes.statistics.resampling import draw_weights

    bootstrap = study.analysis.bootstrap
    weights = None
    if bootstrap.replicates:
        centre = rows.frame["centre_id"].astype("string").fillna("unknown").to_numpy()
        drawn = draw_weights(len(centre), bootstrap.replicates, seed=bootstrap.seed, stratum=centre)
        weights = np.concatenate(list(drawn))
    bias = compute_guarantee_time_bias(rows, histories.binary, weights, study.analysis.confidence.level)
    claims = simulate_null_claims(rows, histories.binary, simulations=NULL_SIMULATIONS, seed=bootstrap.seed)
    return pd.DataFrame(
        [
            {
                "comparison": f"{RESPONDER}:{NON_RESPONDER}",
                "naive_log_hazard_ratio": bias.naive,
                "time_dependent_log_hazard_ratio": bias.time_dependent,
                "bias": bias.bias,
                "bias_low": bias.low,
                "bias_high": bias.high,
                "replicates": bias.n_replicates,
                "null_simulations": 0 if claims is None else claims.n_simulations,
                "null_naive_hazard_ratio": np.nan if claims is None else claims.naive_hazard_ratio,
                "null_naive_rejected": np.nan if claims is None else claims.naive_rejected,
                "null_mantel_byar_rejected": np.nan if claims is None else claims.mantel_byar_rejected,
                "status": bias.status,
            }
        ]
    )


def _count_losses(
    rows: EndpointRows, histories: CriterionHistories, study: Study, criterion: str
) -> list[dict]:
    """Patients who had left before each landmark, and those without an evaluable scan by then."""
    n = len(rows.time_months)
    losses = []
    for month in study.analysis.landmark_months:
        step = f"responders: {rows.endpoint}, {criterion}, landmark {month:g} months"
        gone = rows.time_months <= month + 1e-8 * max(1.0, month)
        losses.append(
            attrition_row(
                "endpoints", "patients", step, "observation ended by the landmark", n, int(gone.sum())
            )
        )
        state = compute_state_at(histories.groups, month)
        unknown = int((~gone & (state == 0)).sum())
        reason = "no evaluable scan by the landmark (counted as non-responder, in no response group)"
        losses.append(attrition_row("endpoints", "patients", step, reason, n - int(gone.sum()), unknown))
    return losses


def _skip(reason: str) -> dict[str, pd.DataFrame]:
    empty = {name: empty_table(name) for name in OUTPUTS}
    return empty | {"attrition": attrition_frame([]), "stages": stage_frame("responders", "skipped", reason)}
