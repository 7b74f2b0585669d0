"""Published figures held against the cohort: responses, medians, incidences and slopes of kidney function."""

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.patient_dates import derive_observation
from prrt_outcomes.response.codes import COMPOSITES
from prrt_outcomes.statistics.curve_summaries import Quantile, compute_quantile
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.controls import Claim
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.curves import fit_curve
from prrt_outcomes.survival.endpoint_rows import EndpointRows, select_endpoint_rows
from prrt_outcomes.survival.myeloid import derive_neoplasm_rows, tabulate_incidence
from prrt_outcomes.tables.frames import pick_rows
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
SLOPES = {
    "egfr_slope_per_year": ["slope_per_year", "low", "high"],
    "egfr_percent_per_year": ["percent_per_year", "percent_low", "percent_high"],
}
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
    """Rows of `claims`, one a claim of the study, from endpoints, analysis_set and egfr_slope.

    Each is of all patients, of those with a radionuclide at the first cycle, or of a response group. Shares are of all
    patients with a best response, NE included (exact interval); the best response is that of the primary criterion,
    confirmed or not as `response.primary_rate` says. An incidence is of treated patients, death competing. Medians of a
    response group count from the first cycle, so they carry guarantee time, and say so.
    """
    people = tables["analysis_set"]
    neoplasms = cache(lambda: derive_neoplasm_rows(derive_observation(tables, study), people, study))
    rows = []
    for claim in study.claims:
        members = people
        if claim.group != WHOLE:
            column = "radionuclide" if claim.is_of_radionuclide else "response_group"
            members = people[people[column].eq(claim.group).fillna(False)]
        if claim.quantity in SLOPES:
            found = _observe_slope(tables["egfr_slope"], claim)
        elif claim.months is not None:
            found = _observe_incidence(neoplasms(), members, claim, study)
        elif claim.quantity in RESPONSES:
            found = _observe_share(members, claim, study)
        else:
            found = _observe_median(tables, members, claim, study)
        said = {key: getattr(claim, key) for key in ("source", "published", "quantity", "group", "relation")}
        verdict = compare_claim(claim.published, claim.relation, found["low"], found["high"])
        rows.append({"claim": claim.id, "verdict": verdict} | said | found)
    return pd.DataFrame(rows)


def _observe(n=0, observed=math.nan, low=math.nan, high=math.nan, status="too_few", note="") -> dict:
    return dict(zip(OBSERVED, (n, observed, low, high, status, note), strict=True))


def _observe_share(members: pd.DataFrame, claim: Claim, study: Study) -> dict:
    best = members["best_response"].dropna().astype(str)
    hits = best.isin(RESPONSES[claim.quantity])
    low, high = compute_clopper_pearson(hits.sum(), len(best), study.analysis.confidence.level)
    note = "best responses are grouped by response, so a share within a group is no finding"
    note = note if claim.group != WHOLE and not claim.is_of_radionuclide else ""
    return _observe(len(best), hits.mean(), float(low), float(high), "ok" if len(best) else "too_few", note)


def _observe_slope(slopes: pd.DataFrame, claim: Claim) -> dict:
    by = "radionuclide" if claim.is_of_radionuclide else WHOLE
    rows = pick_rows(slopes, analysis="mixed", phase="all", group_by=by, group=claim.group)
    if rows.empty:
        return _observe(note="no patient of the group has values of eGFR")
    numbers = rows.iloc[0][["n", *SLOPES[claim.quantity], "status"]]
    words = f"mixed model of {rows['n_values'].iloc[0]:.0f} values"
    return dict(zip(OBSERVED, (*numbers, words), strict=True))


def _observe_incidence(
    neoplasms: Mapping[str, EndpointRows], members: pd.DataFrame, claim: Claim, study: Study
) -> dict:
    rows = neoplasms.get(claim.quantity.removesuffix("_incidence"))
    inside = np.zeros(1) if rows is None else rows.frame["patient_id"].isin(members["patient_id"]).to_numpy()
    if rows is None or not inside.any():
        return _observe(note="no patient has a time")
    row = tabulate_incidence(rows.select(inside), [float(claim.months or 0)], study.analysis).iloc[0]
    when = f"at {claim.months:g} months from the first cycle"
    note = f"{when}, death competing: {row['events']} events until then"
    return {key: row.get(key, note) for key in OBSERVED} | {"observed": row["cumulative_incidence"]}


def _observe_median(tables: Tables, members: pd.DataFrame, claim: Claim, study: Study) -> dict:
    rows = _select_members(tables, MEDIANS[claim.quantity], members)
    if rows is None:
        return _observe(note="no patient of the group has a time for this endpoint")
    median = _fit_median(rows, study)
    is_plain = claim.group == WHOLE or claim.is_of_radionuclide
    note = "" if is_plain else _explain_group(tables, members, rows, claim, study)
    return _observe(len(rows.time_months), median.time, median.lower, median.upper, median.status, note)


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
    known_at = "the group is known only at its best response"
    words = [f"{known_at}, so time before it is guaranteed (guarantee-time bias)"]
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
