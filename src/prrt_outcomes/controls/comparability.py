"""Comparability card: where cohort and control are the same, where they differ, and what that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.controls.arm_words import (
    describe_share,
    name_grades,
    name_line,
    name_tumour_types,
    name_yes,
)
from prrt_outcomes.controls.profile import Profile, describe_line
from prrt_outcomes.controls.scan_grid import name_criterion

if TYPE_CHECKING:
    from prrt_outcomes.study.controls import Description

SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"
CLOSE_SHARE = 0.1
CLOSE_INTERVAL = 0.25
MOST = 0.9
WITHOUT_SCANS = ("os",)


@dataclass(frozen=True)
class CardItem:
    """One line of the card."""

    item: str
    cohort: str
    control_value: str
    verdict: str
    consequence: str


@dataclass(frozen=True)
class OwnRules:
    """How our endpoint is measured: response criterion, origin, and whether it needs scans."""

    criterion: str
    origin: str
    needs_scans: bool


def write_card(
    cohort: Profile, control: Description, rules: OwnRules, patients: Profile | None = None
) -> list[CardItem]:
    """Compare cohort and control item by item.

    Parameters
    ----------
    cohort : our patients
    control : what is said of the control
    rules : of our endpoint
    patients : the control's patients, where they are known one by one; what they show goes before words

    Returns
    -------
    One item each: progression_before_treatment, analogue_continued, criterion, scan_interval, origin, era, line,
    tumour_type, grade. What is not known on either side is ``unknown``, never ``same``.
    """
    return [
        _progression(cohort, control, patients),
        _analogue(cohort, control),
        _criterion(control, rules),
        _scan_interval(cohort, control, rules),
        _origin(control, rules),
        _era(cohort, control),
        _line(cohort, control, patients),
        _shares(
            "tumour_type",
            cohort.types,
            control.tumour_types,
            name_tumour_types(control.tumour_types),
            None if patients is None else patients.types,
            "tumour types have natural courses of their own: compare within tumour types, or weight",
        ),
        _shares(
            "grade",
            cohort.grades,
            control.grade,
            name_grades(control.grade),
            None if patients is None else patients.grades,
            "a higher grade progresses earlier: the side with more of it is put at a disadvantage",
        ),
    ]


def _judge(item: str, ours: str, theirs: str, same: bool | None, consequence: str) -> CardItem:
    """An item; `same` None where one side is unknown."""
    if same is None:
        side = "of the control" if ours else "of either side" if not theirs else "of the cohort"
        return CardItem(
            item, ours, theirs, UNKNOWN, f"not known {side}: the result may or may not carry over"
        )
    if same:
        return CardItem(item, ours, theirs, SAME, "")
    return CardItem(item, ours, theirs, DIFFERENT, consequence)


def _percent(share: float) -> str:
    return f"{share:.0%}" if np.isfinite(share) else ""


def _progression(cohort: Profile, control: Description, patients: Profile | None) -> CardItem:
    item, ours = "progression_before_treatment", cohort.progressive
    if patients is not None and np.isfinite(patients.progressive):
        theirs, shown = describe_share(patients.progressive), _percent(patients.progressive)
        same = abs(ours - patients.progressive) <= CLOSE_SHARE if np.isfinite(ours) else None
    else:
        theirs, shown = name_yes(control.progressive_at_entry), control.progressive_at_entry
        same = None if not theirs or not np.isfinite(ours) else describe_share(ours) == theirs
    stable = theirs == "no"
    if stable and (not np.isfinite(ours) or ours > CLOSE_SHARE):
        words = (
            "patients of this control were stable at entry: it is no control for progressive patients; "
            "it flatters the control"
        )
        return CardItem(item, _percent(ours), shown, DIFFERENT, words)
    consequence = (
        "progressive disease grows on sooner than stable disease: the side with more of it looks worse"
    )
    return _judge(item, _percent(ours), "" if shown == UNKNOWN else shown, same, consequence)


def _analogue(cohort: Profile, control: Description) -> CardItem:
    theirs = name_yes(control.analogue_continued)
    known = np.isfinite(cohort.analogue) and theirs
    same = describe_share(cohort.analogue) == theirs if known else None
    words = "an analogue slows growth by itself: part of the difference may be the analogue's and not of PRRT"
    return _judge("analogue_continued", _percent(cohort.analogue), control.analogue_continued, same, words)


def _criterion(control: Description, rules: OwnRules) -> CardItem:
    if not rules.needs_scans:
        return CardItem("criterion", "", control.criterion, SAME, "the endpoint needs no scans")
    named = name_criterion(control.criterion)
    known = bool(control.criterion) and control.criterion.lower() != UNKNOWN
    words = "progression is called at another size: the same tumours have another time to progression"
    return _judge(
        "criterion", rules.criterion, control.criterion, named == rules.criterion if known else None, words
    )


def _scan_interval(cohort: Profile, control: Description, rules: OwnRules) -> CardItem:
    ours, theirs = cohort.scan_interval_weeks, control.scan_interval_weeks
    shown = f"{ours:.3g} weeks" if np.isfinite(ours) else "", f"{theirs:g} weeks" if theirs else ""
    if not rules.needs_scans:
        return CardItem("scan_interval", *shown, SAME, "the endpoint needs no scans")
    if theirs is None or not np.isfinite(ours):
        return _judge("scan_interval", *shown, None, "")
    rarer = "our" if ours > theirs else "the control's"
    words = f"{rarer} patients were scanned more rarely, so their progression is found later and looks longer"
    return _judge("scan_interval", *shown, abs(ours / theirs - 1) <= CLOSE_INTERVAL, words)


def _origin(control: Description, rules: OwnRules) -> CardItem:
    theirs = control.origin.strip().lower().replace(" ", "_")
    theirs = "" if theirs == UNKNOWN else theirs
    words = (
        f"time starts at {theirs.replace('_', ' ')} there and at {rules.origin.replace('_', ' ')} here: "
        "the time between the two counts for one side only"
    )
    starts = ("first_cycle", "first_dose", "start_of_treatment")
    same = None
    if theirs:
        same = theirs == rules.origin or (theirs in starts and rules.origin in starts)
    return _judge("origin", rules.origin, theirs, same, words)


def _era(cohort: Profile, control: Description) -> CardItem:
    years = cohort.years
    ours = f"{years.min():.0f}-{years.max():.0f}" if len(years) else ""
    first, last = control.enrolment_start_year, control.enrolment_end_year
    theirs = "" if first is None and last is None else f"{first or '?'}-{last or '?'}"
    same = None
    if len(years) and first is not None and last is not None:
        same = float(((years >= first) & (years <= last)).mean()) >= 0.5
    words = "treated in another era: imaging, later therapies and care have changed, mostly to the newer side's gain"
    return _judge("era", ours, theirs, same, words)


def _line(cohort: Profile, control: Description, patients: Profile | None) -> CardItem:
    known = np.isfinite(cohort.pretreated)
    ours = f"{describe_line(cohort.pretreated)} ({_percent(cohort.pretreated)} pretreated)" if known else ""
    words = "later lines progress earlier: the more pretreated side is put at a disadvantage"
    if patients is not None and np.isfinite(patients.pretreated):
        theirs = f"{describe_line(patients.pretreated)} ({_percent(patients.pretreated)} pretreated)"
        same = abs(cohort.pretreated - patients.pretreated) <= CLOSE_SHARE if known else None
        return _judge("line", ours, theirs, same, words)
    line = name_line(control.line)
    same = describe_line(cohort.pretreated) == line if known and line else None
    return _judge("line", ours, control.line, same, words)


def _shares(
    item: str,
    ours: dict[str, float],
    words: str,
    codes: frozenset[str],
    theirs: dict[str, float] | None,
    consequence: str,
) -> CardItem:
    """Shares against shares where both are known, else against the codes that the words allow."""
    shown = _list_shares(ours)
    if theirs:
        same = None
        if ours:
            keys = set(ours) | set(theirs)
            same = sum(abs(ours.get(k, 0.0) - theirs.get(k, 0.0)) for k in keys) / 2 <= CLOSE_SHARE
        return _judge(item, shown, _list_shares(theirs), same, consequence)
    if not codes or not ours:
        return _judge(item, shown, words, None, consequence)
    inside = sum(share for code, share in ours.items() if code in codes)
    reason = f"{inside:.0%} of our patients have what the control had; {consequence}"
    return _judge(item, shown, words, inside >= MOST, reason)


def _list_shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{code} {share:.0%}" for code, share in shares.items())
