"""Responders: the naive comparison beside those without guarantee-time bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row
from prrt_outcomes.responders.analyses import analyse_responders
from prrt_outcomes.responders.histories import CriterionHistories, derive_histories
from prrt_outcomes.responders.states import compute_state_at
from prrt_outcomes.stage_status import stage_frame
from prrt_outcomes.survival.endpoint_rows import select_endpoint_rows
from prrt_outcomes.tables.frames import derive_skipped_tables, stack_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

INPUTS = ("endpoints", "analysis_set", "responses", "treatment_periods")
OUTPUTS = (
    "responders",
    "responder_curves",
    "responder_bias",
    "responder_landmarks",
    "responder_states",
    "responder_state_means",
    "responder_predictors",
    "responder_depth",
    "responder_balance",
)
SETTINGS = ("analysis", "endpoints", "response")
ORIGINS_BEFORE_RESPONSE = ("first_cycle", "diagnosis", "referral")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compare response groups for every endpoint that starts before response, under every criterion.

    Parameters
    ----------
    tables : endpoints, analysis_set, responses, treatment_periods
    study : sections `response`, `analysis`; endpoints

    Returns
    -------
    `responders` (every method in every comparison), the other tables of OUTPUTS for the primary criterion,
    `attrition`, `stages`
    """
    if tables["responses"].empty or tables["treatment_periods"].empty:
        return derive_skipped_tables(
            "responders", OUTPUTS, "no responses by scan: who responds when is not known"
        )
    made: dict[str, list[pd.DataFrame]] = {name: [] for name in OUTPUTS}
    losses: list[dict] = []
    for position, criterion in enumerate(study.response.criteria):
        for rows, histories in _endpoints(tables, study, criterion):
            for name, table in analyse_responders(rows, histories, study, primary=position == 0):
                made[name].append(table.assign(endpoint=rows.endpoint, criterion=criterion))
            losses += _count_losses(rows, histories, study, criterion)
    results = {name: stack_tables(name, parts) for name, parts in made.items()}
    if results["responders"].empty:
        return derive_skipped_tables(
            "responders", OUTPUTS, "no endpoint that starts before response has times"
        )
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
