"""E-values, tipping points, and the same comparison under other choices."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import compute_group
from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.controls.reference_curves import cut_follow_up
from prrt_outcomes.controls.two_samples import compare_hazards, stack_samples
from prrt_outcomes.controls.weighting import fit_weighting
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.evalue import compute_e_value
from prrt_outcomes.statistics.weights import compute_effective_sample_size
from prrt_outcomes.units import convert_days_to_months

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prrt_outcomes.controls.two_samples import TwoSamples
    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import PatientsControl, PublishedControl
    from prrt_outcomes.study.model import Study
    from prrt_outcomes.survival.endpoint_rows import EndpointRows

COMMON_SHARE = 0.15
RATIO_METHODS = ("rate_ratio", "cox")


def tabulate_bias_sensitivity(
    rows: Sequence[dict], *, event_share: float, control_median: float = math.nan
) -> list[dict]:
    """E-value and tipping point of every hazard ratio.

    Parameters
    ----------
    rows : of `controls`, in the order of the table
    event_share : share of patients with an event; above 15 % the hazard ratio becomes a risk ratio by the common
        approximation
    control_median : median of the control, months; nan where there is none

    Returns
    -------
    Rows of `controls`: estimate ``e_value`` (value: of the estimate, low: of the bound of its interval nearer to
    1), ``tipping_factor`` (what the control's hazard must be multiplied by until the interval reaches 1: below 1
    the history must have been better, above 1 worse; 1 where the interval holds 1 already) and
    ``tipping_median`` (the control's median that goes with it).
    """
    found = []
    for row in rows:
        if row["method"] not in RATIO_METHODS or row["estimate"] != "hazard_ratio" or row["status"] != "ok":
            continue
        low, value, high = row["low"], row["value"], row["high"]
        if not all(math.isfinite(x) and x > 0 for x in (low, value, high)) or not low <= value <= high:
            continue
        shared = {key: row[key] for key in ("weights", "n", "n_control", "ess", "ess_control")}
        basis = "; ".join(part for part in (row["method"].replace("_", " "), row["assumption"]) if part)
        shared["assumption"] = basis
        e = compute_e_value(value, low, high, common_outcome=event_share > COMMON_SHARE)
        found.append(comparison_row("e_value", "e_value", value=e.e_value, low=e.e_value_bound, **shared))
        factor = compute_tipping_factor(low, high)
        note = _describe_factor(factor)
        found.append(comparison_row("tipping_point", "tipping_factor", value=factor, note=note, **shared))
        if math.isfinite(control_median):
            median = control_median / factor
            found.append(comparison_row("tipping_point", "tipping_median", value=median, **shared))
    return found


def compute_tipping_factor(low: float, high: float) -> float:
    """What the control's hazard must be multiplied by for the interval of the ratio to reach 1."""
    if high < 1:
        return high
    return low if low > 1 else 1.0


def _describe_factor(factor: float) -> str:
    if factor < 1:
        return f"the control's hazard would have to be {1 - factor:.0%} lower for the result to be lost"
    if factor > 1:
        return f"the control's hazard would have to be {factor - 1:.0%} higher for the result to be lost"
    return "the interval holds 1 already: there is no result to lose"


DAYS_A_WEEK = 7


def derive_under_criterion(
    tables: dict[str, pd.DataFrame], study: Study, endpoint: str, criterion: str
) -> pd.DataFrame | None:
    """Derive an endpoint of the study with progression by another criterion.

    Parameters
    ----------
    tables : inputs of stage `endpoints`
    study : settings
    endpoint, criterion : names; the criterion is one that the study derives

    Returns
    -------
    Rows of derived table `endpoints`; None where the endpoint has no progression, or nobody has a time.
    """
    from prrt_outcomes.endpoints.derivation import derive_endpoint
    from prrt_outcomes.endpoints.facts import derive_facts
    from prrt_outcomes.endpoints.origin import origin_columns
    from prrt_outcomes.endpoints.study_endpoints import gather_settings
    from prrt_outcomes.tables.frames import conform_table

    definition = next((d for d in study.endpoints if d.name == endpoint), None)
    if definition is None or definition.progression == "ignore" or tables["responses"].empty:
        return None
    changed = definition.model_copy(update={"criterion": criterion})
    facts = derive_facts(
        tables,
        rule=study.partial_dates,
        new_anticancer_therapy=study.new_anticancer_therapy,
        cutoff=None if definition.data_cutoff == "ignore" else study.data_cutoff,
        origin_columns=origin_columns(study.endpoints),
    )
    rows = derive_endpoint(facts, changed, gather_settings(study))
    rows = rows[rows["exclusion"] == ""].drop(columns="exclusion")
    return None if rows.empty else conform_table("endpoints", rows)


def move_to_grid(
    cohort: EndpointRows, endpoints: pd.DataFrame, interval_weeks: float
) -> dict[str, EndpointRows] | None:
    """Date our progressions as if patients had been scanned on the control's grid.

    Parameters
    ----------
    cohort : our patients
    endpoints : derived table `endpoints`, one endpoint, with dates
    interval_weeks : planned interval between scans of the control

    Returns
    -------
    ``earliest``: at the first scan of the grid after our last scan without progression, never later than we saw
    it (where we scanned less often, progression may have been there already); ``latest``: at the first scan of
    the grid on or after the day we saw it, never later than the patient's last contact. Deaths without
    progression, and everybody without an event, stay as they are. None where no progression has a date.
    """
    own = endpoints.set_index("patient_id").reindex(cohort.frame["patient_id"])
    time = cohort.time_months
    since = own["origin_date"]
    seen = convert_days_to_months((own["progression_date"] - since).dt.days.to_numpy(dtype=float))
    before = convert_days_to_months((own["previous_assessment_date"] - since).dt.days.to_numpy(dtype=float))
    contact = convert_days_to_months((own["last_contact_date"] - since).dt.days.to_numpy(dtype=float))
    progressed = (cohort.event == 1) & np.isfinite(seen) & (np.abs(seen - time) < 1 / 30)
    if not progressed.any():
        return None
    step = float(convert_days_to_months(interval_weeks * DAYS_A_WEEK))
    slack = 1e-9
    first = (np.floor(np.nan_to_num(before) / step + slack) + 1) * step
    following = np.ceil(time / step - slack) * step
    last = np.fmax(np.fmin(following, contact), time)
    entry = np.zeros(len(time)) if cohort.entry_months is None else cohort.entry_months
    earliest = np.maximum(np.minimum(first, time), entry + slack)
    return {
        "earliest": replace(cohort, time_months=np.where(progressed, earliest, time)),
        "latest": replace(cohort, time_months=np.where(progressed, last, time)),
    }


Estimate = Callable[["EndpointRows", float], dict]
"""Our patients and a start in months to the row of `controls` with the estimate that a control is judged by."""

TOO_FEW = 10


@dataclass(frozen=True)
class Sensitivity:
    """One row of `control_sensitivity` but for control and endpoint: another choice and its estimate."""

    kind: str
    item: str
    row: dict
    note: str = ""

    def as_row(self) -> dict:
        """The row, with the numbers of the estimate."""
        names = (
            "method", "weights", "n", "n_control", "ess", "ess_control",
            "observed", "expected", "value", "low", "high", "std_error", "p_value", "status",
        )  # fmt: skip
        note = "; ".join(part for part in (self.note, self.row["note"]) if part)
        return {"kind": self.kind, "item": self.item} | {n: self.row[n] for n in names} | {"note": note}


def start_late(rows: EndpointRows, months: float) -> EndpointRows:
    """Patients still observed after some months, who enter observation then at the earliest."""
    entry = np.zeros(len(rows.time_months)) if rows.entry_months is None else rows.entry_months
    late = replace(rows, entry_months=np.maximum(entry, months))
    return late if months <= 0 else late.select(rows.time_months > late.entry_months)


def estimate_samples(
    samples: TwoSamples | None, control: PatientsControl | None, settings: AnalysisSettings
) -> dict:
    """Cox row of two samples, weighted by the first weighting that the control asks for."""
    from prrt_outcomes.controls.control_results import comparison_row

    label = control.weights[0] if control is not None and control.weights else "none"
    if samples is None or min(samples.in_cohort.sum(), (~samples.in_cohort).sum()) < TOO_FEW:
        return comparison_row("cox", "hazard_ratio", weights=label, status="too_few")
    weights = None
    if label != "none":
        weighting, _ = fit_weighting(samples, control, label)
        if weighting.weights is None:
            return comparison_row(
                "cox", "hazard_ratio", weights=label, status=weighting.status, note=weighting.note
            )
        samples, weights = weighting.samples, weighting.weights
    inside = samples.in_cohort
    shared = {
        "weights": label,
        "n": int(inside.sum()),
        "n_control": int((~inside).sum()),
        "observed": float(samples.event[inside].sum()),
    }
    if weights is not None:
        shared["ess"] = compute_effective_sample_size(weights[inside])
        shared["ess_control"] = compute_effective_sample_size(weights[~inside])
    return compare_hazards(samples, weights, settings, shared)


def vary_start(rows: EndpointRows, estimate: Estimate, settings: AnalysisSettings) -> list[Sensitivity]:
    """The comparison of what came after each landmark, among those still observed then, on both sides."""
    return [
        Sensitivity(
            "start",
            f"from {months:g} months",
            estimate(start_late(rows, float(months)), float(months)),
            "those who had the event earlier are out on both sides",
        )
        for months in settings.landmark_months
    ]


def vary_calendar(rows: EndpointRows, estimate: Estimate, confidence: float) -> list[Sensitivity]:
    """Earlier and later half of our patients against the same control, and the drift within our cohort."""
    from prrt_outcomes.controls.control_results import comparison_row

    dates = pd.to_datetime(rows.frame["first_cycle"])
    year = (dates.dt.year + (dates.dt.dayofyear - 1) / 365.25).to_numpy(dtype=float)
    known = np.isfinite(year)
    if known.sum() < 2 * TOO_FEW or np.ptp(year[known]) < 1:
        return []
    middle = int(np.median(np.floor(year[known])))
    early, late = known & (year < middle + 1), known & (year >= middle + 1)
    found = [
        Sensitivity("calendar", words, estimate(rows.select(part), 0.0))
        for words, part in ((f"treated up to {middle}", early), (f"treated after {middle}", late))
        if part.sum() >= TOO_FEW
    ]
    entry = None if rows.entry_months is None else rows.entry_months[known]
    event = rows.event[known] == 1
    fit = fit_cox(
        rows.time_months[known],
        event.astype(float),
        pd.DataFrame({"five_years": (year[known] - middle) / 5}),
        entry=entry,
        confidence=confidence,
    ).table.iloc[0]
    row = comparison_row(
        "cox",
        "hazard_ratio",
        n=int(known.sum()),
        observed=float(event.sum()),
        value=fit["hazard_ratio"],
        low=fit["lower"],
        high=fit["upper"],
        std_error=fit["std_error"],
        p_value=fit["p_value"],
        status=fit["status"],
    )
    note = "hazard of patients treated five years later over that of earlier ones, without the control"
    return [*found, Sensitivity("calendar", "per five years within the cohort", row, note)]


def vary_horizon(rows: EndpointRows, control: PublishedControl, estimate: Estimate) -> list[Sensitivity]:
    """The comparison up to the last published point, so that no hazard is extended beyond what was seen."""
    known = [m.months for m in control.milestones]
    if control.median_months is not None:
        known.append(control.median_months)
    end = max(known)
    cut = cut_follow_up(rows, end)
    if not len(cut.time_months):
        return []
    note = "our follow-up is cut at the last published point, nothing is extended"
    return [Sensitivity("horizon", f"up to {end:g} months", estimate(cut, 0.0), note)]


def vary_tumour_type(
    rows: EndpointRows, types: frozenset[str], estimate: Estimate, item: str, note: str
) -> list[Sensitivity]:
    """The comparison with those of our patients who have the tumour types that a control had."""
    group = compute_group(rows.frame, "tumour_type").astype(str)
    inside = group.isin(types).to_numpy()
    if not types or inside.all() or inside.sum() < TOO_FEW:
        return []
    return [Sensitivity("tumour_type", item, estimate(rows.select(inside), 0.0), note)]


def vary_covariates(
    samples: TwoSamples, control: PatientsControl, settings: AnalysisSettings
) -> list[Sensitivity]:
    """The weighted comparison with each covariate left out of the weights in turn."""
    if not control.weights or len(control.covariates) < 2:
        return []
    found = []
    for name in control.covariates:
        fewer = tuple(other for other in control.covariates if other != name)
        row = estimate_samples(
            replace(samples, covariates=samples.covariates[list(fewer)]),
            control.model_copy(update={"covariates": fewer}),
            settings,
        )
        found.append(Sensitivity("leave_one_out", f"without {name}", row))
    return found


def compare_negative_control(
    tables: dict[str, pd.DataFrame], rows: EndpointRows, control: PatientsControl, settings: AnalysisSettings
) -> list[Sensitivity]:
    """The weighted comparison of an outcome that treatment cannot change.

    Parameters
    ----------
    rows : our patients with the times of the negative-control outcome
    """
    samples, _ = stack_samples(tables, rows, control, control.negative_control)
    row = estimate_samples(samples, control, settings)
    note = "treatment cannot change this outcome: a ratio away from 1 is what confounding alone does"
    return [Sensitivity("negative_control", str(control.negative_control), row, note)]
