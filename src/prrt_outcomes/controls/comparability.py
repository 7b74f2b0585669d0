"""Comparability table: what our patients and the control's are like, where they differ, and what that does."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import yaml

from prrt_outcomes.controls import library
from prrt_outcomes.controls.control_results import Comparison
from prrt_outcomes.controls.two_samples import select_source
from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.study.controls import Description, PatientsControl
from prrt_outcomes.study.model import Study
from prrt_outcomes.units import DAYS_PER_WEEK, convert_days_to_months

Shares = dict[str, float]
COLUMNS = ("item", "cohort", "control_value", "verdict", "bias", "consequence")
SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"
CLOSE_SHARE = 0.1
CLOSE_INTERVAL = 0.25
MOST = 0.9
FOR_COHORT, FOR_CONTROL, EITHER, NONE = "favours_cohort", "favours_control", "either", "none"
LATE_SHARE = 0.5
RANKS = {DIFFERENT: 0, UNKNOWN: 1, SAME: 2}
WORDS: dict[str, dict[str, str]] = yaml.safe_load(
    Path(__file__).with_name("comparability.yaml").read_text("utf-8")
)
SIZES = tuple(WORDS)
ANSWERS = {"era": "the era", "criterion": "the response criterion", "origin": "the start of time"}
STARTS = {"first_cycle", "first_dose", "start_of_treatment"}
LINES = {"yes": library.LATER, "no": library.FIRST, library.MIXED: library.MIXED}


@dataclass(frozen=True)
class Profile:
    """Shares and medians of a group of patients; nan or empty where nothing is known.

    Shares: progression before treatment, an earlier line, a long-acting analogue during treatment, and each known
    code of types, grades and performance (ECOG); `scan_interval_weeks` is the median time between scans,
    `first_scan_months` that to the first restaging, `years` those of treatment.
    """

    progressive: float
    pretreated: float
    types: Shares
    grades: Shares
    analogue: float = np.nan
    performance: Shares = field(default_factory=dict)
    scan_interval_weeks: float = np.nan
    first_scan_months: float = np.nan
    years: np.ndarray = field(default_factory=lambda: np.zeros(0))


def describe_patients(frame: pd.DataFrame) -> Profile:
    """Profile of rows of `analysis_set` or `control_patients`: what these tables hold, all else unknown."""
    return Profile(
        progressive=_share(frame["progressive_at_baseline"].astype("boolean")),
        pretreated=_share(frame["prior_lines"].astype("Float64") > 0),
        types=_count_shares(frame["tumour_type"]),
        grades=_count_shares(frame["grade"]),
        performance=_count_shares(frame["ecog"]),
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
        first_scan_months=measure_first_scan(frame, tables["responses"]),
        years=pd.to_datetime(frame["first_cycle"]).dt.year.dropna().to_numpy(dtype=float),
    )


def measure_scan_interval(frame: pd.DataFrame, responses: pd.DataFrame) -> float:
    """Median weeks between successive scans of a patient; nan where nobody has two."""
    own = responses.loc[responses["patient_id"].isin(frame["patient_id"]), ["patient_id", "assessment_date"]]
    dates = own.drop_duplicates().sort_values(["patient_id", "assessment_date"])
    gaps = dates.groupby("patient_id")["assessment_date"].diff().dt.days.dropna()
    return float(gaps.median() / DAYS_PER_WEEK) if len(gaps) else float("nan")


def measure_first_scan(frame: pd.DataFrame, responses: pd.DataFrame) -> float:
    """Median months from the first cycle to the first scan after it; nan where nobody has both."""
    own = responses[["patient_id", "assessment_date"]]
    joined = own.merge(frame[["patient_id", "first_cycle"]], on="patient_id")
    first = joined[joined["assessment_date"] > joined["first_cycle"]].groupby("patient_id").min()
    days = (first["assessment_date"] - first["first_cycle"]).dt.days
    return float(convert_days_to_months(days.median())) if len(days) else float("nan")


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
    during = (joined["start"] <= joined["last_cycle"]) & ~(joined["end"] < joined["first_cycle"])
    return float(frame["patient_id"].isin(joined.loc[during, "patient_id"]).mean())


def _share(values: pd.Series) -> float:
    return float(values.mean()) if values.notna().any() else float("nan")


def _count_shares(values: pd.Series) -> Shares:
    known = values.dropna().astype(str)
    shares = known[known != UNKNOWN].value_counts(normalize=True)
    return {str(level): float(share) for level, share in shares.items()}


class EndpointRules(NamedTuple):
    """How our endpoint is measured: response criterion and origin, empty of reported times; whether it needs scans.

    `central` is ``yes`` where scans were adjudicated, `censoring` how new therapy and missed scans count.
    """

    criterion: str
    origin: str
    needs_scans: bool
    central: str = ""
    censoring: str = ""


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
    central = "yes" if criterion and comparison.study.response.adjudicator else ""
    rules = (("new therapy", definition.new_therapy), ("missed scans", definition.missed_assessments))
    censoring = ", ".join(f"{what}: {rule}" for what, rule in rules) if origin else ""
    return EndpointRules(criterion, origin, definition.progression != "ignore", central, censoring)


def tabulate_comparability(comparison: Comparison) -> pd.DataFrame:
    """Rows of `control_comparability` but for the column control."""
    tables, control, patients = comparison.tables, comparison.control, None
    if isinstance(control, PatientsControl):
        patients = describe_patients(select_source(tables["control_patients"], control))
    cohort = describe_cohort(comparison.cohort.frame, tables, comparison.study)
    return pd.DataFrame(compare_descriptions(cohort, control, derive_endpoint_rules(comparison), patients))


def list_doubts(comparison: Comparison) -> list[str]:
    """Whether era and definition of the outcome are answered, and alike: what they leave open, in words."""
    card = tabulate_comparability(comparison).set_index("item")["verdict"]
    return [
        f"{words} {'is not known' if card[item] == UNKNOWN else 'differs'}"
        for item, words in ANSWERS.items()
        if card[item] != SAME
    ]


def compare_descriptions(
    cohort: Profile, control: Description, rules: EndpointRules, patients: Profile | None = None
) -> list[dict]:
    """Compare cohort and control item by item; what is not known on either side is ``unknown``, never ``same``.

    Differences stand first, those that favour the cohort before the others, each by the size of the bias expected.
    `patients` is the control's, where they are known one by one: what they show goes before words.
    """
    types = control.tumour_types, library.name_tumour_types(control.tumour_types)
    grades = control.grade, library.name_grades(control.grade)
    their_types, their_grades = (None, None) if patients is None else (patients.types, patients.grades)
    performance = control.performance, library.name_performance(control.performance)
    their_performance = None if patients is None else patients.performance
    rows = [
        _progression(cohort, control, patients),
        *_compare_scans(cohort, control, rules),
        _origin(control, rules),
        _era(cohort, control),
        _line(cohort, control, patients),
        _compare_shares("tumour_type", cohort.types, their_types, types),
        _compare_shares("grade", cohort.grades, their_grades, grades),
        _compare_shares("performance", cohort.performance, their_performance, performance),
        *_compare_answers(cohort, control, rules),
    ]
    scans = "with_scans" if rules.needs_scans else "without_scans"
    for row in rows:
        if scans in WORDS[row["item"]]:
            row |= {"verdict": SAME, "bias": NONE, "consequence": WORDS[row["item"]][scans]}
    order = {FOR_COHORT: 0, EITHER: 1, UNKNOWN: 1, FOR_CONTROL: 2, NONE: 3}
    return sorted(rows, key=lambda r: (RANKS[r["verdict"]], order[r["bias"]], SIZES.index(r["item"])))


def _rate(
    item: str, ours: str, theirs: str, same: bool | None, bias: str = EITHER, lead: str = "", **named: str
) -> dict:
    """Row of an item; `same` None where one side is unknown, `bias` the side that a difference favours.

    `lead` stands before the words of a difference; `named` fills them.
    """
    verdict, words = DIFFERENT, lead + WORDS[item]["difference"].format(**named)
    if same is None:
        side = "of the control" if ours else "of either side" if not theirs else "of the cohort"
        verdict, bias = UNKNOWN, UNKNOWN
        words = f"not known {side}: the bias may be as large as that of a known difference"
    elif same:
        verdict, bias, words = SAME, NONE, ""
    return dict(zip(COLUMNS, (item, ours, theirs, verdict, bias, words), strict=True))


def _favour(cohort: bool) -> str:
    return FOR_COHORT if cohort else FOR_CONTROL


def _percent(share: float) -> str:
    return f"{share:.0%}" if np.isfinite(share) else ""


def _is_close(ours: float, theirs: float) -> bool | None:
    """Whether two shares are close; None where ours is not known."""
    return abs(ours - theirs) <= CLOSE_SHARE if np.isfinite(ours) else None


def _progression(cohort: Profile, control: Description, patients: Profile | None) -> dict:
    ours, other = cohort.progressive, 0.5
    if patients is not None and np.isfinite(patients.progressive):
        other = patients.progressive
        theirs, shown = library.describe_share(other), _percent(other)
        same = _is_close(ours, patients.progressive)
    else:
        theirs, shown = library.name_yes(control.progressive_at_entry), control.progressive_at_entry
        other = {"yes": 1.0, "no": 0.0}.get(theirs, other)
        same = None if not theirs or not np.isfinite(ours) else library.describe_share(ours) == theirs
    item, is_stable = "progression_before_treatment", theirs == "no" and not ours <= CLOSE_SHARE
    shown = "" if shown == UNKNOWN else shown
    row = _rate(item, _percent(ours), shown, False if is_stable else same, _favour(ours < other))
    return row | ({"consequence": WORDS[item]["stable_control"]} if is_stable else {})


def _compare_scans(cohort: Profile, control: Description, rules: EndpointRules) -> list[dict]:
    """Criterion, interval of the scans, and our first restaging beside the control's median.

    No progression is seen before the first scan.
    """
    theirs, ours, planned = control.criterion, cohort.scan_interval_weeks, control.scan_interval_weeks
    known = theirs and theirs.lower() != UNKNOWN and rules.criterion
    same = library.name_criterion(theirs) == rules.criterion if known else None
    alike, rarer = None, False
    if planned is not None and np.isfinite(ours):
        alike, rarer = bool(abs(ours / planned - 1) <= CLOSE_INTERVAL), ours > planned
    weeks = f"{ours:.3g} weeks" if np.isfinite(ours) else "", f"{planned:g} weeks" if planned else ""
    first = cohort.first_scan_months
    median = getattr(control, "median_months", None) or getattr(control, "published_median_months", None)
    months = (
        f"{first:.3g} months" if np.isfinite(first) else "",
        f"median {median:g} months" if median else "",
    )
    in_time = first <= LATE_SHARE * median if median and np.isfinite(first) else None
    return [
        _rate("criterion", rules.criterion if rules.needs_scans else "", theirs, same),
        _rate("scan_interval", *weeks, alike, _favour(rarer), rarer="our" if rarer else "the control's"),
        _rate("first_restaging", *months, in_time, FOR_COHORT),
    ]


def _compare_answers(cohort: Profile, control: Description, rules: EndpointRules) -> list[dict]:
    """What a control answers in a word; receptor-positive tumours are the condition of PRRT."""
    said = (control.analogue_continued, control.central_review, control.receptor_positive, control.crossover)
    given, central, positive, crossover = map(library.name_yes, said)
    continued = (
        library.describe_share(cohort.analogue) == given if np.isfinite(cohort.analogue) and given else None
    )
    reviewed = central == rules.central if central and rules.central else None
    ours, theirs = rules.censoring, control.censoring_rule.strip()
    alike = theirs.lower() == ours.lower() if theirs and ours else None
    alone = crossover == "no" if control.crossover else None
    return [
        _rate("analogue_continued", _percent(cohort.analogue), said[0], continued, _favour(given != "yes")),
        _rate("central_review", rules.central, central, reviewed),
        _rate("receptor_positive", "yes", positive, positive == "yes" if positive else None, FOR_COHORT),
        _rate("crossover", "", control.crossover, alone, FOR_CONTROL),
        _rate("censoring_rule", ours, theirs, alike),
    ]


def _origin(control: Description, rules: EndpointRules) -> dict:
    theirs, ours = control.origin.strip().lower().replace(" ", "_"), rules.origin
    theirs = "" if theirs == UNKNOWN else theirs
    same = theirs == ours or {theirs, ours} <= STARTS if theirs and ours else None
    words = {"here": ours.replace("_", " "), "there": theirs.replace("_", " ")}
    return _rate("origin", ours, theirs, same, **words)


def _era(cohort: Profile, control: Description) -> dict:
    years = cohort.years
    ours = f"{years.min():.0f}-{years.max():.0f}" if len(years) else ""
    first, last = control.enrolment_start_year, control.enrolment_end_year
    theirs = "" if first is None and last is None else f"{first or '?'}-{last or '?'}"
    same = None
    if len(years) and first is not None and last is not None:
        same = float(((years >= first) & (years <= last)).mean()) >= 0.5
    later = len(years) > 0 and last is not None and float(np.median(years)) > last
    return _rate("era", ours, theirs, same, _favour(later))


def _line(cohort: Profile, control: Description, patients: Profile | None) -> dict:
    ours, theirs, other = _describe_line(cohort), control.line, 0.5
    if patients is not None and np.isfinite(patients.pretreated):
        other = patients.pretreated
        theirs, same = _describe_line(patients), _is_close(cohort.pretreated, other)
    else:
        line = library.name_line(theirs)
        same = LINES[library.describe_share(cohort.pretreated)] == line if ours and line else None
        other = {library.FIRST: 0.0, library.LATER: 1.0}.get(line, other)
    return _rate("line", ours, theirs, same, _favour(cohort.pretreated < other))


def _describe_line(side: Profile) -> str:
    """Line of treatment of a side, with the share that is pretreated; empty where that is not known."""
    if not np.isfinite(side.pretreated):
        return ""
    return f"{LINES[library.describe_share(side.pretreated)]} ({_percent(side.pretreated)} pretreated)"


def _compare_shares(item: str, ours: Shares, theirs: Shares | None, said: tuple[str, frozenset[str]]) -> dict:
    """Shares against shares where both are known, else against the codes that the words `said` allow."""
    shown, (words, codes) = _list_shares(ours), said
    if theirs:
        gap = sum(abs(ours.get(k, 0.0) - theirs.get(k, 0.0)) for k in set(ours) | set(theirs)) / 2
        return _rate(item, shown, _list_shares(theirs), gap <= CLOSE_SHARE if ours else None)
    if not codes or not ours:
        return _rate(item, shown, words, None)
    inside = sum(share for code, share in ours.items() if code in codes)
    lead = f"{inside:.0%} of our patients have what the control had; "
    return _rate(item, shown, words, inside >= MOST, lead=lead)


def _list_shares(shares: Shares) -> str:
    return ", ".join(f"{code} {share:.0%}" for code, share in shares.items())
