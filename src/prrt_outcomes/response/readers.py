"""Readers: who reads, whose reading is primary, and the adjudicated reading made of two."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from prrt_outcomes.study.response import ResponseSettings

ADJUDICATED = "adjudicated"
LABORATORY = "laboratory"
DEFAULT_READER = "local"


def list_readers(tables: Iterable[pd.DataFrame], settings: ResponseSettings) -> tuple[str, ...]:
    """Readers of the tables in alphabetical order; the one that the study names is among them."""
    found = {str(reader) for table in tables for reader in table["reader"].dropna().unique()}
    named = {reader for reader in (settings.reader, settings.adjudicator) if reader is not None}
    return tuple(sorted(found | named)) or (DEFAULT_READER,)


def find_primary_reader(readers: Iterable[str], settings: ResponseSettings) -> str:
    """The reader whose responses are the study's: the adjudicated reading where the study names an adjudicator.

    Parameters
    ----------
    readers : readers of `responses` or `best_responses`
    settings : section `response` of the study

    Notes
    -----
    Without a named reader it is `local`, else the only one, else the first in the alphabet (the stage says so).
    """
    if settings.adjudicator is not None:
        return ADJUDICATED
    return find_first_reader(readers, settings)


def find_first_reader(readers: Iterable[str], settings: ResponseSettings) -> str:
    """The primary reader before adjudication."""
    if settings.reader is not None:
        return settings.reader
    known = sorted(set(readers) - {ADJUDICATED, LABORATORY})
    if not known or DEFAULT_READER in known:
        return DEFAULT_READER
    return known[0]


def choose_adjudicated_courses(courses: pd.DataFrame, settings: ResponseSettings) -> np.ndarray:
    """Courses whose reading stands after adjudication: the adjudicator's where he read the period, else the primary.

    Parameters
    ----------
    courses : patient_id, period, reader, followed (has a scan after the first cycle); one row a course, by number
    """
    adjudicator = courses["reader"] == settings.adjudicator
    read = (adjudicator & courses["followed"]).groupby([courses["patient_id"], courses["period"]])
    primary = courses["reader"] == find_first_reader(courses["reader"].unique(), settings)
    return np.flatnonzero(np.where(read.transform("any"), adjudicator, primary))
