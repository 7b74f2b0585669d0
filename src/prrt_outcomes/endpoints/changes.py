"""Patients whose status changes between two estimands, with both reasons."""

from __future__ import annotations

from itertools import combinations

import pandas as pd

from prrt_outcomes.study.endpoints import EndpointDefinition

SAME_DAYS = 0.5
SIDE_COLUMNS = ("time_days", "event", "reason")


def find_comparable(
    definitions: list[tuple[EndpointDefinition, str]],
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of estimands that answer one question.

    Two endpoints with the same origin that both, or neither, count progression; and each endpoint with its variants.
    """
    pairs = []
    for (a, variant_a), (b, variant_b) in combinations(definitions, 2):
        own_variant = a.name == b.name and "" in (variant_a, variant_b)
        alike = a.origin == b.origin and a.progression == b.progression and not (variant_a or variant_b)
        if own_variant or alike:
            pairs.append(((a.name, variant_a), (b.name, variant_b)))
    return pairs


def derive_changes(rows: pd.DataFrame, definitions: list[tuple[EndpointDefinition, str]]) -> pd.DataFrame:
    """List the patients who differ between two comparable estimands.

    Parameters
    ----------
    rows : endpoints and variants: patient_id, endpoint, variant (empty for the endpoint), time_days, event, reason
    definitions : endpoint and name of the variant

    Returns
    -------
    DataFrame
        one row a patient and pair of estimands whose event differs (`change = status`) or whose time differs by more
        than half a day (`change = time`): patient_id, endpoint_a, variant_a, endpoint_b, variant_b, time, event and
        reason of both. A patient who has only one of the two is `change = population`.
    """
    by_estimand = dict(list(rows.groupby(["endpoint", "variant"])))
    tables = []
    for a, b in find_comparable(definitions):
        if a not in by_estimand or b not in by_estimand:
            continue
        sides = [by_estimand[key].set_index("patient_id")[list(SIDE_COLUMNS)] for key in (a, b)]
        both = sides[0].join(sides[1], how="outer", lsuffix="_a", rsuffix="_b").reset_index()
        one_sided = both["event_a"].isna() | both["event_b"].isna()
        status = (both["event_a"] != both["event_b"]) & ~one_sided
        time = ((both["time_days_a"] - both["time_days_b"]).abs() > SAME_DAYS) & ~status & ~one_sided
        both = both.assign(
            change=pd.Series("", index=both.index)
            .mask(one_sided, "population")
            .mask(status, "status")
            .mask(time, "time"),
            endpoint_a=a[0],
            variant_a=a[1],
            endpoint_b=b[0],
            variant_b=b[1],
        )
        tables.append(both[both["change"] != ""])
    columns = ["patient_id", "endpoint_a", "variant_a", "endpoint_b", "variant_b", "change"]
    columns += [f"{name}_{side}" for name in SIDE_COLUMNS for side in ("a", "b")]
    filled = [table for table in tables if len(table)]
    if not filled:
        return pd.DataFrame(columns=columns)
    return pd.concat(filled, ignore_index=True)[columns]
