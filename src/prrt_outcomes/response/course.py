"""The course of all patients, ready for any criterion: scans, lesions, verdicts, new therapies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import (
    MISSING,
    RESPONSES,
    convert_to_codes,
    convert_to_days,
    encode_labels,
    factorize_runs,
)
from prrt_outcomes.response.lesions import LesionRows, UnitFaults, order_lesions
from prrt_outcomes.response.new_therapy import find_stop_days
from prrt_outcomes.response.non_targets import ScanFacts, gather_scan_facts
from prrt_outcomes.response.readers import list_readers
from prrt_outcomes.response.timeline import (
    FOLLOW_UP,
    Periods,
    Timeline,
    build_timeline,
    compute_scan_key,
    order_periods,
)
from prrt_outcomes.study.model import Study


@dataclass(frozen=True)
class Reports:
    """Responses as readers reported them: scan, criterion of the report and code, one entry a row."""

    scan: np.ndarray
    criterion: np.ndarray
    names: pd.Index
    response: np.ndarray

    def find(self, criterion: str, n_scans: int) -> np.ndarray:
        """Reported response of each scan by a criterion; a report by no stated criterion serves any. -1: none."""
        found = np.full(n_scans, MISSING, dtype=np.int8)
        for name in ("any", criterion):
            if name in self.names:
                chosen = (self.criterion == self.names.get_loc(name)) & (self.response >= 0)
                found[self.scan[chosen]] = self.response[chosen]
        return found


@dataclass(frozen=True)
class Course:
    """Everything that criteria read; `stop_day` is one a unit, `has_lesions` one a visit."""

    timeline: Timeline
    rows: LesionRows
    faults: UnitFaults
    facts: ScanFacts
    reports: Reports
    has_lesions: np.ndarray
    stop_day: np.ndarray
    n_scans: int

    @property
    def follow_up(self) -> np.ndarray:
        return self.timeline.visit_kind == FOLLOW_UP

    @property
    def followed_units(self) -> np.ndarray:
        """Whether a unit has a scan after its first cycle."""
        followed = np.zeros(self.timeline.n_units, dtype=bool)
        followed[self.timeline.visit_unit[self.follow_up]] = True
        return followed


def build_course(tables: dict[str, pd.DataFrame], study: Study) -> Course:
    """Lay assessments and lesions of the treated patients along their treatment periods.

    Parameters
    ----------
    tables : typed frames `treatment_periods`, `assessments`, `lesions`, `therapies`
    """
    periods = order_periods(tables["treatment_periods"])
    lesions, assessments = tables["lesions"], tables["assessments"]
    readers = list_readers((lesions, assessments), study.response)
    lesion_key = _scan_keys(lesions, periods, readers)
    assessment_key = _scan_keys(assessments, periods, readers)
    scan_key, lesion_scan, assessment_scan = _number_scans(lesion_key, assessment_key)
    n_scans = len(scan_key)
    scan_has_lesions = np.zeros(n_scans + 1, dtype=bool)
    scan_has_lesions[lesion_scan] = True
    scan_has_lesions = scan_has_lesions[:n_scans]
    timeline = build_timeline(periods, readers, scan_key, scan_has_lesions, study.response.baseline_days)
    rows, faults = order_lesions(lesions, lesion_scan, timeline)
    criterion, names = pd.factorize(assessments["reported_criterion"].astype("string").fillna("any"))
    kept = assessment_scan >= 0
    return Course(
        timeline=timeline,
        rows=rows,
        faults=faults,
        facts=gather_scan_facts(assessments, assessment_scan, n_scans),
        reports=Reports(
            scan=assessment_scan[kept],
            criterion=criterion[kept],
            names=pd.Index(names, dtype=object),
            response=convert_to_codes(assessments["reported_response"], RESPONSES)[kept],
        ),
        has_lesions=scan_has_lesions[timeline.visit_scan],
        stop_day=np.repeat(find_stop_days(tables["therapies"], periods, study), len(readers)),
        n_scans=n_scans,
    )


def _scan_keys(table: pd.DataFrame, periods: Periods, readers: tuple[str, ...]) -> np.ndarray:
    """Key of the scan of each row, -1 where the patient was not treated."""
    patient = encode_labels(table["patient_id"], periods.patients)
    reader = encode_labels(table["reader"], pd.Index(readers, dtype=object))
    return compute_scan_key(patient, reader, convert_to_days(table["assessment_date"]), len(readers))


def _number_scans(*keys: np.ndarray) -> tuple[np.ndarray, ...]:
    """All scans in order, and the number of the scan of each row of each table; -1 for rows without scan."""
    codes, found = zip(*(factorize_runs(key) for key in keys), strict=True)
    scans = np.sort(np.concatenate(found))
    scans = scans[np.concatenate([[True], scans[1:] != scans[:-1]]) & (scans >= 0)] if len(scans) else scans
    numbers = []
    for code, uniques in zip(codes, found, strict=True):
        place = np.where(uniques >= 0, np.searchsorted(scans, uniques), MISSING).astype(np.int32)
        numbers.append(place[code] if len(uniques) else code)
    return scans, *numbers
