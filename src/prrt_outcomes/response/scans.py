"""Readers, and the scans of each course; a course is a treatment period of a patient as one reader saw it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.response import codes
from prrt_outcomes.response.lesions import derive_lesions, find_structure_faults
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import ResponseSettings

LOCAL_THERAPIES = ("surgery", "liver_directed", "external_radiotherapy")
_FROM_BEST_TO_WORST = ("none", "CR", "NE", "non_CR_non_PD", "PD")
ADJUDICATED = "adjudicated"
LABORATORY = "laboratory"
DEFAULT_READER = "local"


@dataclass(frozen=True)
class Registry:
    """What criteria read.

    courses : one row a treatment period and reader: patient_id, period, reader, first_cycle, new_therapy_date,
        baseline (row of `scans`, -1: none), followed (has a scan after the first cycle), fault (text, or empty)
    scans : one row a course and scan, by course and date: course (row of `courses`), scan_id, date, kind (`PRIOR`,
        `BASELINE`, `FOLLOW_UP`), has_lesions, and what the assessments say: non_target_read (code),
        non_target_differs, new_lesion_read, new_lesion_stated, modality, new_modality; of the course: baseline (row of
        `scans`), baseline_date, fault
    lesions : one row a scan and lesion: see `derive_lesions`
    reports : one row a reported response: scan_id, criterion, response (code)
    readers : all readers, in alphabetical order
    """

    courses: pd.DataFrame
    scans: pd.DataFrame
    lesions: pd.DataFrame
    reports: pd.DataFrame
    readers: tuple[str, ...]

    def find_reported(self, criterion: str) -> np.ndarray:
        """Reported response of each scan by a criterion; a report by no stated criterion serves any. -1: none."""
        rows = self.reports[self.reports["criterion"].isin(["any", criterion])]
        rows = rows.assign(own=rows["criterion"] == criterion).sort_values("own", kind="stable")
        found = rows.drop_duplicates("scan_id", keep="last").set_index("scan_id")["response"]
        return found.reindex(self.scans["scan_id"], fill_value=codes.MISSING).to_numpy(dtype=np.int8)


def derive_registry(tables: dict[str, pd.DataFrame], study: Study) -> Registry:
    """Scans and lesions of the treated patients by treatment period and reader.

    tables : typed frames `treatment_periods`, `assessments`, `lesions`, `therapies`
    study : section `response`, new_anticancer_therapy, partial_dates
    """
    settings, read = study.response, (tables["lesions"], tables["assessments"])
    found = {str(reader) for table in read for reader in table["reader"].dropna().unique()}
    named = {reader for reader in (settings.reader, settings.adjudicator) if reader is not None}
    readers = tuple(sorted(found | named)) or (DEFAULT_READER,)
    # Every treatment period under every reader; `patient` and `place` (of the reader) are whole numbers.
    periods = tables["treatment_periods"].sort_values(
        ["patient_id", "period"], kind="stable", ignore_index=True
    )
    every = pd.DataFrame({"reader": pd.array(readers, dtype="string"), "place": np.arange(len(readers))})
    courses = periods[["patient_id", "period", "first_cycle"]].merge(every, how="cross")
    courses["patient"] = pd.factorize(courses["patient_id"])[0]
    courses["new_therapy_date"] = _find_new_therapies(tables["therapies"], courses, study)
    dated, lesions, assessments = _number_scans(tables, courses, readers)
    scans = _assign_scans(dated, courses, settings.baseline_days)
    scans = scans.join(_summarise_assessments(assessments), on="scan_id")
    flags = ["non_target_differs", "new_lesion_read", "new_lesion_stated"]
    scans[flags] = scans[flags].eq(True)
    scans["non_target_read"] = scans["non_target_read"].fillna(codes.MISSING).astype(np.int8)
    # Whether the modality is known and no earlier scan of the course had it, but another.
    known = scans["modality"].notna()
    first = known & ~scans.duplicated(["course", "modality"]) & (scans["kind"] == codes.FOLLOW_UP)
    earlier = known.groupby(scans["course"]).cumsum() - known.astype(int) > 0
    scans["new_modality"] = (first & earlier).to_numpy(dtype=bool)
    baseline = scans[scans["kind"] == codes.BASELINE].reset_index().set_index("course")["index"]
    courses["baseline"] = baseline.reindex(courses.index, fill_value=-1)
    courses["followed"] = courses.index.isin(scans.loc[scans["kind"] == codes.FOLLOW_UP, "course"])
    scans["baseline"] = courses["baseline"].to_numpy()[scans["course"]]
    scans["baseline_date"] = scans["date"].reindex(scans["baseline"]).to_numpy()
    lesions = derive_lesions(lesions, scans)
    courses = courses.join(find_structure_faults(lesions, courses))
    scans["fault"] = courses["fault"].to_numpy()[scans["course"]]
    reports = assessments[["scan_id"]].assign(
        criterion=assessments["reported_criterion"].astype("string").fillna("any").astype(object),
        response=codes.convert_to_codes(assessments["reported_response"], codes.RESPONSES),
    )
    reports = reports[reports["response"] >= 0]
    return Registry(courses.drop(columns=["patient", "place"]), scans, lesions, reports, readers)


def _number_scans(
    tables: dict[str, pd.DataFrame], courses: pd.DataFrame, readers: tuple[str, ...]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """All scans of the treated patients (patient, place, date, has_lesions), and their lesions and assessments.

    The rows of both tables have the number of their scan in `scan_id`.
    """
    names, patients = ("lesions", "assessments"), courses["patient_id"].unique()
    parts = [
        pd.DataFrame(
            {
                "patient": codes.convert_to_codes(tables[name]["patient_id"], patients),
                "place": codes.convert_to_codes(tables[name]["reader"], readers),
                "date": tables[name]["assessment_date"].to_numpy(dtype="datetime64[ns]"),
                "has_lesions": name == "lesions",
            }
        )
        for name in names
    ]
    rows = pd.concat(parts, keys=names)
    rows = rows[(rows["patient"] >= 0) & (rows["place"] >= 0) & rows["date"].notna()]
    keys = ["patient", "place", "date"]
    scan_id = rows.groupby(keys).ngroup()
    scans = rows.assign(scan_id=scan_id).drop_duplicates("scan_id").sort_values("scan_id", ignore_index=True)
    lesions, assessments = (
        tables[name].iloc[own.index.get_level_values(1)].assign(scan_id=own.to_numpy())
        for name, own in ((name, scan_id[rows["has_lesions"] == (name == "lesions")]) for name in names)
    )
    return scans, lesions, assessments


def _assign_scans(dated: pd.DataFrame, courses: pd.DataFrame, baseline_days: int) -> pd.DataFrame:
    """Scans of each course: prior, baseline and follow-up, by course and date.

    A scan on the day of the first cycle is before treatment. A scan between two periods is a follow-up of the
    first and can be the baseline of the second. The baseline is the last scan with lesions in the window; where
    no scan of the window has lesions, the last scan. `PRIOR` is the scan with lesions before the baseline.
    """
    by = ["patient", "place"]
    starts = courses[[*by, "first_cycle"]].rename_axis("course").reset_index()
    starts["first_cycle"] = starts["first_cycle"].astype("datetime64[ns]")
    before = starts.groupby(by)["first_cycle"].shift() + pd.Timedelta(1, "D")
    window = starts["first_cycle"] - pd.Timedelta(baseline_days, "D")
    earliest = window.where(~(before > window), before)
    starts, dated = starts.sort_values("first_cycle", kind="stable"), dated.sort_values("date", kind="stable")
    ends: dict[str, Any] = {"left_on": "date", "right_on": "first_cycle", "by": by}
    following = pd.merge_asof(dated, starts, **ends, allow_exact_matches=False).dropna(subset="course")

    def find_last(scans: pd.DataFrame) -> pd.DataFrame:
        ends: dict[str, Any] = {"left_on": "first_cycle", "right_on": "date", "by": by}
        found = pd.merge_asof(starts, scans, **ends).set_index("course").sort_index()
        return found[found["date"] >= earliest]

    read = dated[dated["has_lesions"]]
    baseline = find_last(read.assign(prior=read.groupby(by)["scan_id"].shift()))
    prior = baseline["prior"].dropna().rename("scan_id")
    last = find_last(dated)["scan_id"].astype("float64")
    last = baseline["scan_id"].astype("float64").reindex(last.index).fillna(last)
    kinds = {codes.FOLLOW_UP: following[["course", "scan_id"]], codes.BASELINE: last.reset_index()}
    kinds[codes.PRIOR] = prior.reset_index()
    parts = [part.assign(kind=kind) for kind, part in kinds.items()]
    scans = pd.concat([part.astype("int64") for part in parts], ignore_index=True)
    scans = scans.merge(dated[["scan_id", "date", "has_lesions"]], on="scan_id")
    return scans.sort_values(["course", "date"], kind="stable", ignore_index=True)


def filter_new_therapies(therapies: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Therapies that count as new anticancer therapy: of a kind the study names, no palliative local one."""
    kind = therapies["kind"].astype("string")
    palliative = therapies["intent"].astype("string").str.strip().str.lower().eq("palliative").fillna(False)
    local = kind.isin(LOCAL_THERAPIES) & palliative
    return therapies[kind.isin(study.new_anticancer_therapy) & ~local]


def _find_new_therapies(therapies: pd.DataFrame, courses: pd.DataFrame, study: Study) -> np.ndarray:
    """Start of the first new anticancer therapy after the first cycle of each course; empty where none began."""
    new = filter_new_therapies(therapies, study)
    start = resolve_partial_dates(new["start_date"], new["start_date_precision"], study.partial_dates)
    rows = pd.DataFrame({"patient_id": new["patient_id"].astype("string"), "start": start}).dropna()
    pairs = courses[["patient_id", "first_cycle"]].rename_axis("course").reset_index()
    pairs = pairs.astype({"patient_id": "string"}).merge(rows, on="patient_id")
    pairs = pairs[pairs["start"] > pairs["first_cycle"]]
    first = pairs.groupby("course")["start"].min().reindex(courses.index)
    return first.to_numpy(dtype="datetime64[ns]")


def _summarise_assessments(assessments: pd.DataFrame) -> pd.DataFrame:
    """What the rows of `assessments` say of each scan, one row a scan_id.

    The worst opinion of the non-targets, whether opinions differ, whether one row tells of a new lesion and
    whether any says yes or no; the modality of the first row.
    """
    rank = pd.Series(
        codes.convert_to_codes(assessments["non_target"], _FROM_BEST_TO_WORST), assessments.index
    )
    rows = pd.DataFrame(
        {
            "worst": rank,
            "best": rank.where(rank >= 0),
            "new_lesion_read": assessments["new_lesion"].astype("boolean").fillna(False).to_numpy(dtype=bool),
            "new_lesion_stated": assessments["new_lesion"].notna(),
            "modality": assessments["modality"].astype("string").str.strip().str.upper().astype(object),
        }
    )
    scan_id = assessments["scan_id"]
    how = {"worst": "max", "best": "min", "new_lesion_read": "max", "new_lesion_stated": "max"}
    found = rows.groupby(scan_id).agg(how)
    places = np.array([codes.NON_TARGETS.index(name) for name in _FROM_BEST_TO_WORST] + [codes.MISSING])
    return found.assign(
        non_target_read=places[found["worst"]],
        non_target_differs=found["best"] < found["worst"],
        modality=rows["modality"].set_axis(scan_id)[~scan_id.duplicated().to_numpy()],
    ).drop(columns=["worst", "best"])


def find_primary_reader(readers: Iterable[str], settings: ResponseSettings) -> str:
    """The reader whose responses are the study's: the adjudicated reading where the study names an adjudicator.

    Without a named reader it is `local`, else the only one, else the first in the alphabet (the stage says so).
    """
    return find_first_reader(readers, settings) if settings.adjudicator is None else ADJUDICATED


def find_first_reader(readers: Iterable[str], settings: ResponseSettings) -> str:
    """The primary reader before adjudication."""
    if settings.reader is not None:
        return settings.reader
    known = sorted(set(readers) - {ADJUDICATED, LABORATORY})
    return DEFAULT_READER if not known or DEFAULT_READER in known else known[0]


def choose_adjudicated_courses(courses: pd.DataFrame, settings: ResponseSettings) -> np.ndarray:
    """Courses whose reading stands after adjudication: the adjudicator's where he read the period, else the primary.

    courses : patient_id, period, reader, followed (has a scan after the first cycle); one row a course, by number
    """
    adjudicator = courses["reader"] == settings.adjudicator
    read = (adjudicator & courses["followed"]).groupby([courses["patient_id"], courses["period"]])
    primary = courses["reader"] == find_first_reader(courses["reader"].unique(), settings)
    return np.flatnonzero(np.where(read.transform("any"), adjudicator, primary))
