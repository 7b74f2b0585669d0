"""E-values, tipping points, a confounder that was not measured, and the same comparison under other choices."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from prrt_outcomes.controls.comparability import derive_endpoint_rules
from prrt_outcomes.controls.control_results import Comparison, comparison_row
from prrt_outcomes.controls.library import name_criterion
from prrt_outcomes.controls.two_samples import hazard_ratio_row, select_cohort, start_at
from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.patient_dates import derive_patient_dates
from prrt_outcomes.statistics.cox import compute_e_value, fit_cox
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import UnmeasuredConfounder
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.tables.frames import conform_table
from prrt_outcomes.units import DAYS_PER_WEEK, convert_days_to_months

COMMON_SHARE = 0.15
RATIO_METHODS = ("rate_ratio", "cox")
FEWEST = 10
NUMBERS = (
    "method", "weights", "n", "n_control", "ess", "ess_control",
    "observed", "expected", "value", "low", "high", "std_error", "p_value", "status",
)  # fmt: skip
DRAWS = 10_000


def tabulate_bias_sensitivity(
    rows: Sequence[dict], event_share: float, medians: Mapping[str, float]
) -> list[dict]:
    """Rows of `controls` with E-value and tipping point of every hazard ratio among `rows`.

    With events in more than 15 % the hazard ratio becomes a risk ratio by the common approximation. ``e_value``:
    value of the estimate, low of the bound of its interval nearer to 1; ``tipping_factor``: what the control's hazard
    must be multiplied by until the interval reaches 1 (below 1 the history must have been better, above 1 worse; 1
    where the interval holds 1 already); ``tipping_median``: the control's median, months, that goes with it, from its
    `medians` by weights.
    """
    found = []
    for row in rows:
        low, value, high = row["low"], row["value"], row["high"]
        if row["method"] not in RATIO_METHODS or row["status"] != "ok" or not 0 < low <= value <= high:
            continue
        kept = ("weights", "population", "n", "n_control", "ess", "ess_control", "horizon_months")
        shared = {key: row[key] for key in kept}
        parts = (row["method"].replace("_", " "), row["assumption"])
        shared["assumption"] = "; ".join(part for part in parts if part)
        e_value, bound = compute_e_value(value, low, high, common_outcome=event_share > COMMON_SHARE)
        found.append(comparison_row("e_value", "e_value", value=e_value, low=bound, **shared))
        factor = compute_tipping_factor(low, high)
        side = "lower" if factor < 1 else "higher"
        note = f"the control's hazard would have to be {abs(factor - 1):.0%} {side} for the result to be lost"
        note = "the interval holds 1 already: there is no result to lose" if factor == 1 else note
        found.append(comparison_row("tipping_point", "tipping_factor", value=factor, note=note, **shared))
        median = medians.get(row["weights"], math.nan) / factor
        if math.isfinite(median):
            found.append(comparison_row("tipping_point", "tipping_median", value=median, **shared))
    return found


def compute_tipping_factor(low: float, high: float) -> float:
    """What the control's hazard must be multiplied by for the interval of the ratio to reach 1."""
    return high if high < 1 else max(low, 1.0)


def sensitivity_row(kind: str, item: str, row: dict, note: str = "") -> dict:
    """Row of `control_sensitivity` but for control and endpoint: another choice and its row of `controls`."""
    note = "; ".join(part for part in (note, row["note"]) if part)
    return {"kind": kind, "item": item} | {name: row[name] for name in NUMBERS} | {"note": note}


def vary_choices(comparison: Comparison, first: Iterable[dict] = (), more: Iterable[dict] = ()) -> list[dict]:
    """The comparison as analysed and under other choices; `first` and `more` are those of one kind of control."""
    return [
        sensitivity_row("main", "as analysed", comparison.estimate(comparison.cohort)),
        *first,
        *vary_start(comparison),
        *vary_calendar(comparison),
        *more,
        *vary_measurement(comparison),
    ]


def vary_start(comparison: Comparison) -> Iterator[dict]:
    """The comparison of what came after each landmark, among those still observed then, on both sides."""
    note = "those who had the event earlier are out on both sides"
    for months in map(float, comparison.settings.landmark_months):
        if months < comparison.end:
            row = comparison.estimate(start_at(comparison.cohort, months), months)
            yield sensitivity_row("start", f"from {months:g} months", row, note)


def vary_calendar(comparison: Comparison) -> Iterator[dict]:
    """Earlier and later half of our patients against the same control, and the drift within our cohort."""
    rows = comparison.cohort
    dates = pd.to_datetime(rows.frame["first_cycle"])
    year = (dates.dt.year + (dates.dt.dayofyear - 1) / 365.25).to_numpy(dtype=float)
    known = np.isfinite(year)
    if known.sum() < 2 * FEWEST or np.ptp(year[known]) < 1:
        return
    middle = int(np.median(np.floor(year[known])))
    early, late = known & (year < middle + 1), known & (year >= middle + 1)
    for words, part in ((f"treated up to {middle}", early), (f"treated after {middle}", late)):
        if part.sum() >= FEWEST:
            yield sensitivity_row("calendar", words, comparison.estimate(rows.select(part)))
    used = rows.select(known)
    drift = pd.DataFrame({"five_years": (year[known] - middle) / 5})
    fit = fit_cox(used.cause_specific, drift, confidence=comparison.level)
    row = hazard_ratio_row(fit.table.iloc[0], n=len(used.event), observed=float((used.event == 1).sum()))
    note = "hazard of patients treated five years later over that of earlier ones, without the control"
    yield sensitivity_row("calendar", "per five years within the cohort", row, note)


def vary_measurement(comparison: Comparison) -> Iterator[dict]:
    """The comparison with our endpoint under the control's criterion, and on the control's grid of scans."""
    tables, study, control = comparison.tables, comparison.study, comparison.control
    rules = derive_endpoint_rules(comparison)
    if not rules.needs_scans:
        return
    theirs, cohort = name_criterion(control.criterion), None
    derived = len(tables["responses"]) and theirs in study.response.criteria
    if derived and theirs != rules.criterion:
        rows = derive_under_criterion(tables, study, comparison.definition, theirs)
        cohort, _ = select_cohort(tables | {"endpoints": rows}, control)
    if cohort is not None:
        note = f"our progression by {theirs} instead of {rules.criterion}, as in the control"
        yield sensitivity_row("criterion", theirs, comparison.estimate(cohort), note)
    weeks = control.scan_interval_weeks
    if weeks is not None:
        own = tables["endpoints"]
        moved = move_to_grid(comparison.cohort, own.loc[own["endpoint"].eq(control.endpoint)], weeks)
        for bound, cohort in moved.items():
            note = f"our progressions dated on the control's grid of scans, {bound} possible date"
            row = comparison.estimate(cohort)
            yield sensitivity_row("scan_grid", f"every {weeks:g} weeks, {bound}", row, note)


def derive_under_criterion(
    tables: dict[str, pd.DataFrame], study: Study, definition: EndpointDefinition, criterion: str
) -> pd.DataFrame:
    """Rows of `endpoints` of an endpoint with progression by another criterion that the study derives.

    Tables: inputs of stage `endpoints`.
    """
    changed = definition.model_copy(update={"criterion": criterion})
    dates = derive_patient_dates(tables, study, data_cutoff=definition.data_cutoff)
    rows = derive_endpoint(dates, changed, study)
    return conform_table("endpoints", rows[rows["exclusion"] == ""].drop(columns="exclusion"))


def move_to_grid(
    cohort: EndpointRows, endpoints: pd.DataFrame, interval_weeks: float
) -> dict[str, EndpointRows]:
    """Date our progressions as if patients had been scanned on the control's grid; empty where none has a date.

    ``earliest``: at the first scan of the grid after our last scan without progression, never later than we saw it
    (where we scanned less often, progression may have been there already); ``latest``: at the first scan of the grid
    on or after the day we saw it, never later than the patient's last contact. Deaths without progression, and
    everybody without an event, stay as they are. `endpoints` holds one endpoint, with dates.
    """
    own = endpoints.set_index("patient_id").reindex(cohort.frame["patient_id"])
    time = cohort.time_months

    def since_origin(column: str) -> np.ndarray:
        return convert_days_to_months((own[column] - own["origin_date"]).dt.days.to_numpy(dtype=float))

    seen = since_origin("progression_date")
    progressed = (cohort.event == 1) & np.isfinite(seen) & (np.abs(seen - time) < 1 / 30)
    if not progressed.any():
        return {}
    step = float(convert_days_to_months(interval_weeks * DAYS_PER_WEEK))
    slack = 1e-9
    first = (np.floor(np.nan_to_num(since_origin("previous_assessment_date")) / step + slack) + 1) * step
    following = np.ceil(time / step - slack) * step
    last = np.fmax(np.fmin(following, since_origin("last_contact_date")), time)
    earliest = np.maximum(np.minimum(first, time), cohort.entry + slack)
    return {
        bound: replace(cohort, time_months=np.where(progressed, moved, time))
        for bound, moved in (("earliest", earliest), ("latest", last))
    }


def compute_confounded_ratio(prevalence, prevalence_control, hazard_ratio):
    """Ratio that a confounder makes where treatment does nothing: (1 + p (g - 1)) / (1 + p_control (g - 1)).

    A yes/no confounder with ratio g on the outcome; exact for ratios of risks, close for hazards where events are few
    or g is moderate, too strong for those where most have the event. Sources: Bross 1966, Journal of Chronic Diseases
    19:637; Schneeweiss 2006, Pharmacoepidemiology and Drug Safety 15:291; Lin, Psaty and Kronmal 1998, Biometrics
    54:948 (hazards).

    >>> compute_confounded_ratio(0.2, 0.4, 2.0).item()
    0.8571428571428571
    """
    excess = np.asarray(hazard_ratio, dtype=float) - 1
    return (1 + prevalence * excess) / (1 + prevalence_control * excess)


def tabulate_bias_array(row: dict, confounder: UnmeasuredConfounder) -> pd.DataFrame:
    """Rows of `control_bias` but for control and endpoint: the ratio of `row` without the confounder.

    Every combination of the ends of both prevalences, and of the ends and the geometric middle of the hazard ratio;
    empty where `row` has no interval.
    """
    if not np.isfinite([row["value"], row["low"], row["high"]]).all():
        return pd.DataFrame()
    ends = confounder.hazard_ratio
    ratios = (ends[0], math.sqrt(ends[0] * ends[1]), ends[1])
    axes = (confounder.prevalence, confounder.prevalence_control, ratios)
    grid = np.array(np.meshgrid(*(np.unique(axis) for axis in axes), indexing="ij")).reshape(3, -1)
    names = ("prevalence", "prevalence_control", "confounder_hazard_ratio")
    table = pd.DataFrame(dict(zip(names, grid, strict=True)) | {"bias": compute_confounded_ratio(*grid)})
    adjusted = {name: row[name] / table["bias"] for name in ("value", "low", "high")}
    return table.assign(**{name: row[name] for name in ("method", "weights", "n", "n_control")}, **adjusted)


def draw_bias(row: dict, confounder: UnmeasuredConfounder, settings: AnalysisSettings) -> list[dict]:
    """Row of `controls` with the ratio of `row` without the confounder, median and percentiles of 10,000 draws.

    Prevalences are uniform, the logarithm of the hazard ratio too, within their ranges, each on its own; the random
    error is normal on the log scale. None where `row` has no interval. Source: Lash, Fox and Fink 2009, Applying
    Quantitative Bias Analysis to Epidemiologic Data, chapter 8.
    """
    error = row["std_error"]
    if not np.isfinite([row["value"], error]).all() or row["value"] <= 0:
        return []
    generator = np.random.default_rng(settings.bootstrap.seed)
    ranges = confounder.prevalence, confounder.prevalence_control, np.log(confounder.hazard_ratio)
    prevalence, theirs, logs = (generator.uniform(low, high, DRAWS) for low, high in ranges)
    random = generator.normal(math.log(row["value"]), error, DRAWS)
    drawn = np.exp(random) / compute_confounded_ratio(prevalence, theirs, np.exp(logs))
    tail = (1 - settings.confidence.level) / 2
    low, value, high = np.quantile(drawn, [tail, 0.5, 1 - tail]).tolist()
    lost = float((drawn >= 1).mean() if row["value"] < 1 else (drawn <= 1).mean())
    kept = {name: row[name] for name in ("weights", "n", "n_control", "ess", "ess_control")}
    note = f"{lost:.1%} of {DRAWS:,} simulated ratios are {'1 or more' if row['value'] < 1 else '1 or less'}"
    numbers = {"value": value, "low": low, "high": high, "std_error": float(np.log(drawn).std())}
    words = confounder.describe()
    return [comparison_row("bias_analysis", "adjusted_ratio", assumption=words, note=note, **numbers, **kept)]
