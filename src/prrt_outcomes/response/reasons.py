"""Why an overall response is what it is, in words that a radiologist accepts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from prrt_outcomes.response import overall as by
from prrt_outcomes.response import targets as rule
from prrt_outcomes.response.classify import Classified
from prrt_outcomes.response.codes import MISSING, NON_TARGETS, RESPONSES
from prrt_outcomes.response.course import Course
from prrt_outcomes.response.lesions import STRUCTURE_FAULTS
from prrt_outcomes.response.measure import SIZE_FAULTS
from prrt_outcomes.response.non_targets import NEW_BY_MODALITY, NEW_COUNTED
from prrt_outcomes.response.wording import (
    format_changes,
    format_days,
    format_labels,
    format_sizes,
    gather_texts,
    join_words,
)

UNITS = {"diameter": "mm", "product": "mm2", "marker": "units"}
_NON_TARGET_WORDS = tuple(name.replace("non_CR_non_PD", "non-CR/non-PD") for name in NON_TARGETS)


CHUNK = 500_000
"""Visits whose sentences are made at a time: the pieces of a sentence take several times its room."""


def format_reasons(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    """One sentence for each of the given visits, beginning with the overall response."""
    starts = range(0, max(len(visits), 1), CHUNK)
    return pa.concat_arrays([_format_chunk(course, classified, visits[k : k + CHUNK]) for k in starts])


def _format_chunk(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    """Sentences of some visits."""
    response = classified.overall.response[visits]
    head = format_labels(response, RESPONSES)
    body = gather_texts(len(visits), list(_describe(course, classified, visits)))
    tail = _describe_new_lesions(course, classified, visits)
    return join_words(len(visits), head, ": ", body, tail)


def _describe(course: Course, classified: Classified, visits: np.ndarray):
    """Texts by what decided, as (positions, texts)."""
    origin = classified.overall.origin[visits]
    fixed = {
        by.FROM_NO_BASELINE: "no assessment in the baseline window before the first cycle",
        by.FROM_NON_TARGET: "unequivocal progression of non-target lesions",
        by.FROM_NON_TARGET_REAPPEARANCE: "non-target lesions are there again after a complete response",
        by.FROM_REPORT: "as reported",
        by.FROM_NOTHING: "neither targets nor non-target lesions recorded",
    }
    for code, words in fixed.items():
        at = np.flatnonzero(origin == code)
        if len(at):
            yield at, join_words(len(at), words)
    at = np.flatnonzero(origin == by.FROM_NEW_LESION)
    if len(at):
        yield at, _name_new_lesion(course, classified, visits[at])
    at = np.flatnonzero(origin == by.FROM_STRUCTURE_FAULT)
    if len(at):
        yield at, _describe_structure(course, visits[at])
    at = np.flatnonzero(origin == by.FROM_TABLE)
    if len(at):
        yield at, _describe_table(classified, visits[at])
    at = np.flatnonzero(origin == by.FROM_TARGETS)
    yield from ((at[where], words) for where, words in _describe_targets(course, classified, visits[at]))


def _describe_table(classified: Classified, visits: np.ndarray) -> pa.Array:
    """Targets and non-targets beside each other, where the table made one response of them."""
    target = classified.targets.response[visits]
    words = format_labels(np.where(target == MISSING, len(RESPONSES), target), (*RESPONSES, "none"))
    others = format_labels(classified.non_target[visits], _NON_TARGET_WORDS)
    return join_words(len(visits), "targets ", words, ", non-target lesions ", others)


def _describe_targets(course: Course, classified: Classified, visits: np.ndarray):
    """Texts by the rule that classified the targets, as (positions, texts)."""
    rules = classified.targets.rule[visits]
    for code in np.unique(rules):
        at = np.flatnonzero(rules == code)
        yield at, _TARGET_WORDS[code](course, classified, visits[at])


def _words_gone(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    targets = classified.targets
    if classified.criterion.measure == "marker":
        return join_words(len(visits), "value ", format_sizes(targets.sum[visits]), " is normal")
    left = targets.sum[visits] > 0
    words = [
        (np.flatnonzero(~left), join_words(int((~left).sum()), "all targets have gone")),
        (np.flatnonzero(left), join_words(int(left.sum()), "all targets have gone, nodes are normal")),
    ]
    return gather_texts(len(visits), words)


def _words_fall(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    """Sum against the baseline: PR and MR."""
    targets = classified.targets
    unit = UNITS[classified.criterion.measure]
    total, base = targets.sum[visits], targets.baseline_sum[visits]
    baseline_visit = course.timeline.baseline_visit[course.timeline.visit_unit[visits]]
    day = course.timeline.visit_day[baseline_visit]
    change = format_changes((total - base) / base, "%")
    return join_words(
        len(visits), _noun(classified), format_sizes(total), f" {unit} is ", change, " from baseline ",
        format_sizes(base), f" {unit} of ", format_days(day),
    )  # fmt: skip


def _words_rise(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    """Sum against the nadir or whatever the criterion rises from: PD."""
    targets, criterion = classified.targets, classified.criterion
    unit = UNITS[criterion.measure]
    timeline = course.timeline
    total = targets.sum[visits]
    if criterion.progression_reference == "nadir":
        reference, at = targets.nadir[visits], targets.nadir_visit[visits]
    else:
        reference = targets.baseline_sum[visits]
        at = timeline.baseline_visit[timeline.visit_unit[visits]]
    rise = total - reference
    share = np.where(reference > 0, rise / np.where(reference > 0, reference, 1), 0)
    percent = np.flatnonzero(reference > 0)
    words = gather_texts(
        len(visits),
        [(percent, join_words(len(percent), format_changes(share[percent], "%"), " and "))],
    )
    incomplete = targets.n_measured[visits] < targets.n_targets[visits]
    noun = gather_texts(
        len(visits),
        [
            (np.flatnonzero(incomplete), join_words(int(incomplete.sum()), "measured targets alone ")),
            (np.flatnonzero(~incomplete), join_words(int((~incomplete).sum()), _noun(classified))),
        ],
    )
    return join_words(
        len(visits), noun, format_sizes(total), f" {unit} is ", words, format_changes(rise, unit),
        f" over {criterion.progression_reference} ", format_sizes(reference), f" {unit} of ",
        format_days(timeline.visit_day[at]),
    )  # fmt: skip


def _words_stable(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    """Both comparisons: neither fell nor rose enough; the nadir is named where it lies below the baseline."""
    targets = classified.targets
    total, nadir = targets.sum[visits], targets.nadir[visits]
    lower = np.flatnonzero(nadir < targets.baseline_sum[visits])
    low = np.where(nadir[lower] > 0, nadir[lower], 1)
    day = course.timeline.visit_day[targets.nadir_visit[visits[lower]]]
    unit = UNITS[classified.criterion.measure]
    over = join_words(
        len(lower), ", ", format_changes((total[lower] - low) / low, "%"), " from nadir ",
        format_sizes(nadir[lower]), f" {unit} of ", format_days(day),
    )  # fmt: skip
    fall = _words_fall(course, classified, visits)
    return join_words(len(visits), fall, gather_texts(len(visits), [(lower, over)]))


def _words_lesion(course: Course, classified: Classified, visits: np.ndarray, words: str) -> pa.Array:
    """A sentence on one lesion."""
    row = classified.targets.lesion_row[visits]
    names = format_labels(course.rows.lesion[row], course.rows.names)
    size = format_sizes(classified.sizes.size[row])
    unit = UNITS[classified.criterion.measure]
    return join_words(len(visits), "lesion ", names, f" {words} (", size, f" {unit})")


def _words_single_lesion(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    """A lesion that grew by itself, against its smallest size."""
    row = classified.targets.lesion_row[visits]
    names = format_labels(course.rows.lesion[row], course.rows.names)
    size, least = classified.sizes.size[row], classified.targets.lesion_reference[visits]
    rise = format_changes(np.where(least > 0, size / np.where(least > 0, least, 1) - 1, 0), "%")
    grown = np.flatnonzero(least > 0)
    words = [(grown, join_words(len(grown), rise.take(pa.array(grown)), " over "))]
    again = np.flatnonzero(~(least > 0))
    words.append((again, join_words(len(again), "there again after ")))
    unit = UNITS[classified.criterion.measure]
    return join_words(
        len(visits), "lesion ", names, " of ", format_sizes(size), f" {unit} is ", gather_texts(len(visits), words),
        "its smallest ", format_sizes(least), f" {unit}",
    )  # fmt: skip


def _words_not_measured(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    targets = classified.targets
    n_targets = targets.n_targets[visits]
    missing = format_sizes(n_targets - targets.n_measured[visits])
    return join_words(len(visits), missing, " of ", format_sizes(n_targets), " targets not measured")


def _words_fault(course: Course, classified: Classified, visits: np.ndarray, where: str = "") -> pa.Array:
    """The fault of a row, with the name of its lesion."""
    row = classified.targets.lesion_row[visits]
    known = np.flatnonzero(row >= 0)
    fault, lesion = classified.sizes.fault[row[known]], course.rows.lesion[row[known]]
    words = _fill_templates(SIZE_FAULTS, fault, lesion, course.rows.names)
    other = np.flatnonzero(row < 0)
    pieces = [
        (known, join_words(len(known), where, words)),
        (other, join_words(len(other), _no_sum(classified))),
    ]
    return gather_texts(len(visits), pieces)


def _no_sum(classified: Classified) -> str:
    if classified.criterion.measure == "marker":
        return "the value at baseline was not above the upper limit"
    return "no complete sum of abnormal targets at baseline"


def _words_sustained(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    return join_words(
        len(visits), "response lasts until progression; ", _words_stable(course, classified, visits)
    )


def _words_reappeared(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    total = format_sizes(classified.targets.sum[visits])
    unit = UNITS[classified.criterion.measure]
    return join_words(
        len(visits),
        "disease is there again after a complete response (",
        _noun(classified),
        total,
        f" {unit})",
    )


def _noun(classified: Classified) -> str:
    return "value " if classified.criterion.measure == "marker" else "sum "


_TARGET_WORDS = {
    rule.BY_NOTHING: lambda course, c, v: join_words(len(v), ""),
    rule.BY_NO_TARGETS: lambda course, c, v: join_words(len(v), "no targets"),
    rule.BY_ALL_GONE: _words_gone,
    rule.BY_REAPPEARANCE_AFTER_CR: _words_reappeared,
    rule.BY_REAPPEARED_LESION: lambda course, c, v: _words_lesion(
        course, c, v, "had gone and is there again"
    ),
    rule.BY_SINGLE_LESION: _words_single_lesion,
    rule.BY_SUM: _words_rise,
    rule.BY_NOT_MEASURED: _words_not_measured,
    rule.BY_SIZE_FAULT: _words_fault,
    rule.BY_BASELINE_FAULT: lambda course, c, v: _words_fault(course, c, v, "at baseline "),
    rule.BY_NO_BASELINE: lambda course, c, v: join_words(len(v), "no baseline"),
    rule.BY_PARTIAL: _words_fall,
    rule.BY_MINOR: _words_fall,
    rule.BY_STABLE: _words_stable,
    rule.BY_SUSTAINED: _words_sustained,
}


def _fill_templates(
    templates: tuple[str, ...], code: np.ndarray, lesion: np.ndarray, names: pd.Index
) -> pa.Array:
    """Sentence of each fault with the name of its lesion in place."""
    pieces = []
    for which in np.unique(code):
        at = np.flatnonzero(code == which)
        before, _, after = templates[which].partition("{lesion}")
        pieces.append((at, join_words(len(at), before, format_labels(lesion[at], names), after)))
    return gather_texts(len(code), pieces)


def _describe_structure(course: Course, visits: np.ndarray) -> pa.Array:
    unit = course.timeline.visit_unit[visits]
    return _fill_templates(
        STRUCTURE_FAULTS, course.faults.code[unit], course.faults.lesion[unit], course.rows.names
    )


def _name_new_lesion(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    row = classified.new_lesion_row[visits]
    names = format_labels(
        np.where(row >= 0, course.rows.lesion[row], -1) if course.rows.size else row, course.rows.names
    )
    return join_words(len(visits), "new lesion ", names)


def _describe_new_lesions(course: Course, classified: Classified, visits: np.ndarray) -> pa.Array:
    """What is said of new lesions beside the reason: seen too, or flagged because the modality changed."""
    origin, status = classified.overall.origin[visits], classified.new_lesion[visits]
    beside = (
        (status == NEW_COUNTED) & (origin != by.FROM_NEW_LESION) & (origin <= by.FROM_NON_TARGET_REAPPEARANCE)
    )
    also = np.flatnonzero(beside)
    flagged = np.flatnonzero(status == NEW_BY_MODALITY)
    scan = course.timeline.visit_scan[visits[flagged]]
    modality = format_labels(course.facts.modality[scan], course.facts.modality_names)
    return gather_texts(
        len(visits),
        [
            (also, join_words(len(also), "; new lesion")),
            (flagged, join_words(len(flagged), "; new lesion first seen with ", modality, ", not counted")),
        ],
    )
