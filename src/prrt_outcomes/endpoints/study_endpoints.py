"""All endpoints that a study names, their variants, and what is reported instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from prrt_outcomes.endpoints.derivation import EndpointSettings, derive_endpoint
from prrt_outcomes.endpoints.facts import Facts, derive_facts
from prrt_outcomes.endpoints.origin import origin_columns
from prrt_outcomes.endpoints.reasons import EXCLUSION_REASONS
from prrt_outcomes.endpoints.reported import combine_reported, derive_reported, stack_frames
from prrt_outcomes.endpoints.variants import list_variants
from prrt_outcomes.errors import InputError, Problem
from prrt_outcomes.study.endpoints import EndpointDefinition

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

FactsByRule = dict[tuple[str, str], Facts]


@dataclass(frozen=True)
class Derived:
    """What a study's endpoints come to.

    Attributes
    ----------
    endpoints : one row a patient and endpoint that has a time
    variants : the same for the variants, with `variant`; patients without a time are left out
    exclusions : one row a patient and endpoint without a time: reason, description
    differences : where derived and reported times differ
    definitions : each endpoint with variant empty, then each variant with its name
    """

    endpoints: pd.DataFrame
    variants: pd.DataFrame
    exclusions: pd.DataFrame
    differences: pd.DataFrame
    definitions: list[tuple[EndpointDefinition, str]]


def gather_settings(study: Study) -> EndpointSettings:
    """Settings that all endpoints share."""
    return EndpointSettings(
        response=study.response,
        interval_days=study.assessment_interval_days,
        window_days=study.assessment_window_days,
        therapies=study.new_anticancer_therapy,
    )


def derive_study_facts(tables: dict[str, pd.DataFrame], study: Study) -> FactsByRule:
    """What is known, by what an endpoint does with the data cut-off and by the rule of partial dates."""
    primary = study.endpoints[0]
    wanted = [(definition.data_cutoff, study.partial_dates) for definition in study.endpoints]
    wanted += [
        (primary.data_cutoff, rule)
        for _, _, rule in list_variants(primary, study.partial_dates, primary=True)
    ]
    return {
        (cutoff, rule): derive_facts(
            tables,
            rule=rule,
            new_anticancer_therapy=study.new_anticancer_therapy,
            cutoff=None if cutoff == "ignore" else study.data_cutoff,
            origin_columns=origin_columns(study.endpoints),
        )
        for cutoff, rule in dict.fromkeys(wanted)
    }


def derive_study_endpoints(
    tables: dict[str, pd.DataFrame], study: Study, settings: EndpointSettings, facts: FactsByRule
) -> Derived:
    """Derive all endpoints and variants; patients whose time cannot be derived take the reported one.

    Parameters
    ----------
    tables : `reported_outcomes` among them
    study, settings : of the study
    facts : from `derive_study_facts`

    Raises
    ------
    InputError
        with the contradicting dates of all endpoints, each once.
    """
    rule = study.partial_dates
    endpoints, variants, differences, problems = [], [], [], []
    definitions: list[tuple[EndpointDefinition, str]] = [(d, "") for d in study.endpoints]
    for number, definition in enumerate(study.endpoints):
        try:
            derived = derive_endpoint(facts[definition.data_cutoff, rule], definition, settings)
        except InputError as error:
            problems += [problem for problem in error.problems if not _is_known(problem, problems)]
            continue
        reported = derive_reported(tables["reported_outcomes"], definition.name)
        rows, differ = combine_reported(derived, reported)
        if tables["treatment_periods"].empty and len(tables["reported_outcomes"]):
            rows = rows.assign(exclusion=rows["exclusion"].replace("no_first_cycle", "not_reported"))
        endpoints.append(rows)
        differences.append(differ)
        if not (derived["exclusion"] == "").any():
            continue
        for name, changed, used in list_variants(definition, rule, primary=number == 0):
            other = derive_endpoint(facts[changed.data_cutoff, used], changed, settings)
            variants.append(other[other["exclusion"] == ""].assign(variant=name))
            definitions.append((changed, name))
    if problems:
        raise InputError(problems)
    rows = stack_frames(endpoints)
    excluded = rows.loc[rows["exclusion"] != "", ["patient_id", "endpoint", "exclusion"]]
    empty = rows.head(0).assign(variant="")
    return Derived(
        endpoints=rows[rows["exclusion"] == ""].drop(columns="exclusion"),
        variants=stack_frames([empty, *variants]).drop(columns="exclusion"),
        exclusions=excluded.rename(columns={"exclusion": "reason"}).assign(
            description=excluded["exclusion"].map(EXCLUSION_REASONS)
        ),
        differences=stack_frames(differences),
        definitions=definitions,
    )


def _is_known(problem: Problem, problems: list[Problem]) -> bool:
    """Whether the same cell was told already, by another endpoint."""
    place = (problem.table, problem.column, problem.value)
    return any((other.table, other.column, other.value) == place for other in problems)
