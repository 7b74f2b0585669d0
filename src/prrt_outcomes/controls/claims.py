"""Published figures held against the cohort: compatible, lower or higher, with the interval."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import COMPOSITES
from prrt_outcomes.statistics.curve_summaries import Quantile, compute_quantile
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.controls import Claim
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.curves import fit_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.units import convert_days_to_months

RESPONSES = COMPOSITES | {
    "stable_or_minor": ("MR", "SD", "NON-CR/NON-PD"),
    "progression": ("PD",),
    "complete": ("CR",),
    "partial": ("PR",),
    "minor": ("MR",),
    "stable": ("SD", "NON-CR/NON-PD"),
}
MEDIANS = {"median_pfs_months": "pfs", "median_os_months": "os", "median_ttp_months": "ttp"}
COMPATIBLE, LOWER, HIGHER, NOT_ESTIMABLE = "compatible", "lower", "higher", "not_estimable"
WHOLE = "all"
OBSERVED = ("n", "observed", "low", "high", "status", "note")
Tables = dict[str, pd.DataFrame]


def compare_claim(published: float, relation: str, low: float, high: float) -> str:
    """Hold a published value, or bound, against an interval: compatible, lower, higher or not_estimable.

    With `relation` below or above the publication says less, or more, than the value. A missing `high` is unbounded,
    a missing `low` tells nothing. ``compatible``: the interval holds a value that the publication allows.
    """
    if not math.isfinite(low):
        return NOT_ESTIMABLE
    top = high if math.isfinite(high) else math.inf
    if top < published:
        return COMPATIBLE if relation == "below" else LOWER
    if low > published:
        return COMPATIBLE if relation == "above" else HIGHER
    return COMPATIBLE


def tabulate_claims(tables: Tables, study: Study) -> pd.DataFrame:
    """Rows of `claims`, one a claim of the study, from endpoints and analysis_set.

    Shares are of all patients with a best response, NE included (exact interval); the best response is that of the
    primary criterion, confirmed or not as `response.primary_rate` says. Medians of a response group count from the
    first cycle, so they carry guarantee time, and say so.
    """
    people = tables["analysis_set"]
    rows = []
    for claim in study.claims:
        members = people
        if claim.group != WHOLE:
            members = people[people["response_group"].eq(claim.group).fillna(False)]
        if claim.quantity in RESPONSES:
            found = _observe_share(members, claim, study)
        else:
            found = _observe_median(tables, members, claim, study)
        said = {key: getattr(claim, key) for key in ("source", "published", "quantity", "group", "relation")}
        verdict = compare_claim(claim.published, claim.relation, found["low"], found["high"])
        rows.append({"claim": claim.id, "verdict": verdict} | said | found)
    return pd.DataFrame(rows)


def _observe_share(members: pd.DataFrame, claim: Claim, study: Study) -> dict:
    best = members["best_response"].dropna().astype(str)
    hits = best.isin(RESPONSES[claim.quantity])
    low, high = compute_clopper_pearson(hits.sum(), len(best), study.analysis.confidence.level)
    note = "best responses are grouped by response, so a share within a group is no finding"
    numbers = (len(best), hits.mean(), float(low), float(high), "ok" if len(best) else "too_few")
    return dict(zip(OBSERVED, (*numbers, "" if claim.group == WHOLE else note), strict=True))


def _observe_median(tables: Tables, members: pd.DataFrame, claim: Claim, study: Study) -> dict:
    rows = _select_members(tables, MEDIANS[claim.quantity], members)
    if rows is None:
        note = "no patient of the group has a time for this endpoint"
        return dict(zip(OBSERVED, (0, math.nan, math.nan, math.nan, "too_few", note), strict=True))
    median = _fit_median(rows, study)
    note = "" if claim.group == WHOLE else _explain_group(tables, members, rows, claim, study)
    numbers = (len(rows.time_months), median.time, median.lower, median.upper, median.status)
    return dict(zip(OBSERVED, (*numbers, note), strict=True))


def _select_members(tables: Tables, endpoint: str, members: pd.DataFrame) -> EndpointRows | None:
    rows = select_endpoint_rows(tables["endpoints"], tables["analysis_set"], endpoint)
    if rows is None:
        return None
    inside = rows.frame["patient_id"].isin(members["patient_id"]).to_numpy()
    return rows.select(inside) if inside.any() else None


def _fit_median(rows: EndpointRows, study: Study) -> Quantile:
    return compute_quantile(fit_curve(rows, study.analysis), 0.5)


def _explain_group(
    tables: Tables, members: pd.DataFrame, rows: EndpointRows, claim: Claim, study: Study
) -> str:
    """What a median by best response hides: the guaranteed time, what is left of it, and overall survival."""
    endpoint = MEDIANS[claim.quantity]
    words = [
        "the group is known only at its best response, so time before it is guaranteed (guarantee-time bias)"
    ]
    reached = pd.to_datetime(rows.frame["best_response_date"]) - pd.to_datetime(rows.frame["first_cycle"])
    wait = convert_days_to_months(reached.dt.days.to_numpy(dtype=float))
    known = np.isfinite(wait) & (wait >= 0)
    if known.any():
        words.append(f"median time to the best response {np.median(wait[known]):.1f} months")
        left = known & (rows.time_months > wait)
        if left.any() and endpoint != "os":
            rest = rows.select(left)
            shifted = EndpointRows(endpoint, rest.time_months - wait[left], rest.event, None, rest.frame)
            after = _fit_median(shifted, study)
            if math.isfinite(after.time):
                words.append(f"median from the best response on {after.time:.1f} months")
    if endpoint != "os" and "os" in {d.name for d in study.endpoints}:
        survival = _select_members(tables, "os", members)
        if survival is not None:
            median = _fit_median(survival, study)
            shown = f"{median.time:.1f} months" if math.isfinite(median.time) else "not reached"
            words.append(f"median overall survival of the group {shown}")
    if claim.published >= 48 and endpoint == "pfs" and claim.relation == "equal":
        words.append(
            "about 5 years in responders, as quoted, is overall survival or counts guarantee time: "
            "progression-free survival with objective response was 26 to 30 months (van Vliet 2013)"
        )
    return "; ".join(words)
