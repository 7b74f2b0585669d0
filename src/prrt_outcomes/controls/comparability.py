"""Comparability table: where cohort and control are the same, where they differ, and what that does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from prrt_outcomes.controls.control_results import Comparison
from prrt_outcomes.controls.library import (
    FIRST,
    LATER,
    MIXED,
    describe_share,
    name_criterion,
    name_grades,
    name_line,
    name_tumour_types,
    name_yes,
)
from prrt_outcomes.controls.two_samples import select_source
from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.study.controls import Description, PatientsControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.units import DAYS_PER_WEEK

COLUMNS = ("item", "cohort", "control_value", "verdict", "consequence")
SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"
CLOSE_SHARE = 0.1
CLOSE_INTERVAL = 0.25
MOST = 0.9
STARTS = {"first_cycle", "first_dose", "start_of_treatment"}
LINES = {"yes": LATER, "no": FIRST, MIXED: MIXED}
NO_SCANS = {"consequence": "the endpoint needs no scans"}
TYPES_DIFFER = "tumour types have natural courses of their own: compare within tumour types, or weight"
GRADES_DIFFER = "a higher grade progresses earlier: the side with more of it is put at a disadvantage"
Shares = dict[str, float]


@dataclass(frozen=True)
class Profile:
    """Shares and medians of a group of patients; nan or empty where nothing is known.

    Shares: progression before treatment, an earlier line, a long-acting analogue during treatment, and each known
    code of types and grades; `scan_interval_weeks` is the median time between scans, `years` those of treatment.
    """

    progressive: float
    pretreated: float
    types: Shares
    grades: Shares
    analogue: float = np.nan
    scan_interval_weeks: float = np.nan
    years: np.ndarray = field(default_factory=lambda: np.zeros(0))


def describe_patients(frame: pd.DataFrame) -> Profile:
    """Profile of rows of `analysis_set` or `control_patients`: what these tables hold, all else unknown."""
    return Profile(
        progressive=_share(frame["progressive_at_baseline"].astype("boolean")),
        pretreated=_share(frame["prior_lines"].astype("Float64") > 0),
        types=_count_shares(frame["tumour_type"]),
        grades=_count_shares(frame["grade"]),
    )


def describe_cohort(frame: pd.DataFrame, tables: dict[str, pd.DataFrame], study: Study) -> Profile:
    """Profile of our patients, rows of `analysis_set`, with scans and analogues from responses and therapies."""
    interval = measure_scan_interval(frame, tables["responses"])
    if not np.isfinite(interval) and study.assessment_interval_days is not None:
        interval = study.assessment_interval_days / DAYS_PER_WEEK
    return replace(
        describe_patients(frame),
        analogue=measure_analogue(frame, tables["therapies"], study.partial_dates),
        scan_interval_weeks=interval,
        years=pd.to_datetime(frame["first_cycle"]).dt.year.dropna().to_numpy(dtype=float),
    )


def measure_scan_interval(frame: pd.DataFrame, responses: pd.DataFrame) -> float:
    """Median weeks between successive scans of a patient; nan where nobody has two."""
    own = responses.loc[responses["patient_id"].isin(frame["patient_id"]), ["patient_id", "assessment_date"]]
    dates = own.drop_duplicates().sort_values(["patient_id", "assessment_date"])
    gaps = dates.groupby("patient_id")["assessment_date"].diff().dt.days.dropna()
    return float(gaps.median() / DAYS_PER_WEEK) if len(gaps) else float("nan")


def measure_analogue(frame: pd.DataFrame, therapies: pd.DataFrame, rule: str) -> float:
    """Share of patients with a long-acting analogue between first and last cycle; nan without therapies."""
    own = therapies.loc[therapies["kind"].astype("string").eq("ssa_long_acting").fillna(False)]
    if therapies.empty or frame["first_cycle"].isna().all():
        return float("nan")
    start, end = (
        np.asarray(resolve_partial_dates(own[f"{side}_date"], own[f"{side}_date_precision"], rule))
        for side in ("start", "end")
    )
    given = pd.DataFrame({"patient_id": own["patient_id"].to_numpy(), "start": start, "end": end})
    joined = given.merge(frame[["patient_id", "first_cycle", "last_cycle"]], on="patient_id", how="inner")
    during = (joined["start"] <= joined["last_cycle"]) & (
        joined["end"].isna() | (joined["end"] >= joined["first_cycle"])
    )
    return float(frame["patient_id"].isin(joined.loc[during, "patient_id"]).mean())


def _share(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().any() else float("nan")


def _count_shares(values: pd.Series) -> Shares:
    known = values.dropna().astype(str)
    shares = known[known != UNKNOWN].value_counts(normalize=True)
    return {str(level): float(share) for level, share in shares.items()}


class EndpointRules(NamedTuple):
    """How our endpoint is measured: response criterion and origin, empty of reported times; whether it needs scans."""

    criterion: str
    origin: str
    needs_scans: bool


def derive_endpoint_rules(comparison: Comparison) -> EndpointRules:
    """How the endpoint of a comparison is measured on our side."""
    definition = comparison.definition
    criterion = definition.criterion or comparison.study.response.primary_criterion
    origin = str(getattr(definition.origin, "column", definition.origin))
    if comparison.tables["responses"].empty and comparison.tables["assessments"].empty:
        criterion = ""
    reasons = comparison.tables["endpoints"].query("endpoint == @definition.name")["reason"].dropna()
    if reasons.eq("reported").all():
        criterion = origin = ""
    return EndpointRules(criterion, origin, definition.progression != "ignore")


def tabulate_comparability(comparison: Comparison) -> pd.DataFrame:
    """Rows of `control_comparability` but for the column control."""
    tables, control, patients = comparison.tables, comparison.control, None
    if isinstance(control, PatientsControl):
        patients = describe_patients(select_source(tables["control_patients"], control))
    cohort = describe_cohort(comparison.cohort.frame, tables, comparison.study)
    return pd.DataFrame(compare_descriptions(cohort, control, derive_endpoint_rules(comparison), patients))


def compare_descriptions(
    cohort: Profile, control: Description, rules: EndpointRules, patients: Profile | None = None
) -> list[dict]:
    """Compare cohort and control item by item; what is not known on either side is ``unknown``, never ``same``.

    `patients` is the control's, where they are known one by one: what they show goes before words.
    """
    types = control.tumour_types, name_tumour_types(control.tumour_types)
    grades = control.grade, name_grades(control.grade)
    their_types, their_grades = (None, None) if patients is None else (patients.types, patients.grades)
    return [
        _progression(cohort, control, patients),
        _analogue(cohort, control),
        _criterion(control, rules),
        _scan_interval(cohort, control, rules),
        _origin(control, rules),
        _era(cohort, control),
        _line(cohort, control, patients),
        _compare_shares("tumour_type", cohort.types, their_types, types, TYPES_DIFFER),
        _compare_shares("grade", cohort.grades, their_grades, grades, GRADES_DIFFER),
    ]


def _rate(item: str, ours: str, theirs: str, same: bool | None, consequence: str) -> dict:
    """Row of an item; `same` None where one side is unknown."""
    verdict, words = DIFFERENT, consequence
    if same is None:
        side = "of the control" if ours else "of either side" if not theirs else "of the cohort"
        verdict, words = UNKNOWN, f"not known {side}: the result may or may not carry over"
    elif same:
        verdict, words = SAME, ""
    return dict(zip(COLUMNS, (item, ours, theirs, verdict, words), strict=True))


def _percent(share: float) -> str:
    return f"{share:.0%}" if np.isfinite(share) else ""


def _is_close(ours: float, theirs: float) -> bool | None:
    """Whether two shares are close; None where ours is not known."""
    return abs(ours - theirs) <= CLOSE_SHARE if np.isfinite(ours) else None


def _progression(cohort: Profile, control: Description, patients: Profile | None) -> dict:
    ours = cohort.progressive
    words = "progressive disease grows on sooner than stable disease: the side with more of it looks worse"
    if patients is not None and np.isfinite(patients.progressive):
        theirs, shown = describe_share(patients.progressive), _percent(patients.progressive)
        same = _is_close(ours, patients.progressive)
    else:
        theirs, shown = name_yes(control.progressive_at_entry), control.progressive_at_entry
        same = None if not theirs or not np.isfinite(ours) else describe_share(ours) == theirs
    if theirs == "no" and not ours <= CLOSE_SHARE:
        same, words = (
            False,
            (
                "patients of this control were stable at entry: it is no control for progressive patients; "
                "it flatters the control"
            ),
        )
    shown = "" if shown == UNKNOWN else shown
    return _rate("progression_before_treatment", _percent(ours), shown, same, words)


def _analogue(cohort: Profile, control: Description) -> dict:
    theirs = name_yes(control.analogue_continued)
    same = describe_share(cohort.analogue) == theirs if np.isfinite(cohort.analogue) and theirs else None
    words = "an analogue slows growth by itself: part of the difference may be the analogue's and not of PRRT"
    return _rate("analogue_continued", _percent(cohort.analogue), control.analogue_continued, same, words)


def _criterion(control: Description, rules: EndpointRules) -> dict:
    theirs = control.criterion
    if not rules.needs_scans:
        return _rate("criterion", "", theirs, True, "") | NO_SCANS
    known = theirs and theirs.lower() != UNKNOWN and rules.criterion
    same = name_criterion(theirs) == rules.criterion if known else None
    words = "progression is called at another size: the same tumours have another time to progression"
    return _rate("criterion", rules.criterion, theirs, same, words)


def _scan_interval(cohort: Profile, control: Description, rules: EndpointRules) -> dict:
    ours, theirs = cohort.scan_interval_weeks, control.scan_interval_weeks
    shown = f"{ours:.3g} weeks" if np.isfinite(ours) else "", f"{theirs:g} weeks" if theirs else ""
    if not rules.needs_scans:
        return _rate("scan_interval", *shown, True, "") | NO_SCANS
    if theirs is None or not np.isfinite(ours):
        return _rate("scan_interval", *shown, None, "")
    rarer = "our" if ours > theirs else "the control's"
    words = f"{rarer} patients were scanned more rarely, so their progression is found later and looks longer"
    return _rate("scan_interval", *shown, abs(ours / theirs - 1) <= CLOSE_INTERVAL, words)


def _origin(control: Description, rules: EndpointRules) -> dict:
    theirs, ours = control.origin.strip().lower().replace(" ", "_"), rules.origin
    theirs = "" if theirs == UNKNOWN else theirs
    words = (
        f"time starts at {theirs.replace('_', ' ')} there and at {ours.replace('_', ' ')} here: "
        "the time between the two counts for one side only"
    )
    same = theirs == ours or {theirs, ours} <= STARTS if theirs and ours else None
    return _rate("origin", ours, theirs, same, words)


def _era(cohort: Profile, control: Description) -> dict:
    years = cohort.years
    ours = f"{years.min():.0f}-{years.max():.0f}" if len(years) else ""
    first, last = control.enrolment_start_year, control.enrolment_end_year
    theirs = "" if first is None and last is None else f"{first or '?'}-{last or '?'}"
    same = None
    if len(years) and first is not None and last is not None:
        same = float(((years >= first) & (years <= last)).mean()) >= 0.5
    words = "treated in another era: imaging, later therapies and care have changed, mostly to the newer side's gain"
    return _rate("era", ours, theirs, same, words)


def _line(cohort: Profile, control: Description, patients: Profile | None) -> dict:
    ours, theirs = _describe_line(cohort), control.line
    if patients is not None and np.isfinite(patients.pretreated):
        theirs, same = _describe_line(patients), _is_close(cohort.pretreated, patients.pretreated)
    else:
        line = name_line(theirs)
        same = LINES[describe_share(cohort.pretreated)] == line if ours and line else None
    words = "later lines progress earlier: the more pretreated side is put at a disadvantage"
    return _rate("line", ours, theirs, same, words)


def _describe_line(side: Profile) -> str:
    """Line of treatment of a side, with the share that is pretreated; empty where that is not known."""
    if not np.isfinite(side.pretreated):
        return ""
    return f"{LINES[describe_share(side.pretreated)]} ({_percent(side.pretreated)} pretreated)"


def _compare_shares(
    item: str, ours: Shares, theirs: Shares | None, said: tuple[str, frozenset[str]], consequence: str
) -> dict:
    """Shares against shares where both are known, else against the codes that the words `said` allow."""
    shown, (words, codes) = _list_shares(ours), said
    if theirs:
        gap = sum(abs(ours.get(k, 0.0) - theirs.get(k, 0.0)) for k in set(ours) | set(theirs)) / 2
        return _rate(item, shown, _list_shares(theirs), gap <= CLOSE_SHARE if ours else None, consequence)
    if not codes or not ours:
        return _rate(item, shown, words, None, consequence)
    inside = sum(share for code, share in ours.items() if code in codes)
    reason = f"{inside:.0%} of our patients have what the control had; {consequence}"
    return _rate(item, shown, words, inside >= MOST, reason)


def _list_shares(shares: Shares) -> str:
    return ", ".join(f"{code} {share:.0%}" for code, share in shares.items())
