"""The patients of one endpoint with their times in months and what they are grouped by."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, compute_group, derive_covariates
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.units import convert_days_to_months

ENOUGH = 5


@dataclass(frozen=True)
class EndpointRows:
    """Arrays of one endpoint, one element a patient, or a row between two visits where there are weights."""

    endpoint: str
    time_months: np.ndarray  # end of observation
    event: np.ndarray  # 0 censored, 1 event, 2 competing event
    entry_months: np.ndarray | None  # start of observation after the origin; None where nobody enters late
    frame: pd.DataFrame  # columns of `analysis_set`, same order
    weights: np.ndarray | None = None

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.frame) if self.weights is None else self.frame["patient_id"].nunique()

    @property
    def entry(self) -> np.ndarray:
        """Start of observation of every patient, months; 0 where nobody enters late."""
        return np.zeros(len(self.time_months)) if self.entry_months is None else self.entry_months

    @cached_property
    def data(self) -> SurvivalData:
        """The times as survival data, events coded 0, 1, 2."""
        patient = None if self.weights is None else self.frame["patient_id"]
        return SurvivalData(
            self.time_months, self.event, self.entry_months, self.weights, cluster=patient, id=patient
        )

    @cached_property
    def cause_specific(self) -> SurvivalData:
        """The times as survival data in which a competing event censors."""
        return replace(self.data, event=self.event == 1)

    @property
    def has_competing_events(self) -> bool:
        """Whether any patient has a competing event."""
        return bool((self.event == 2).any())

    def derive_covariates(self, names: Iterable[str]) -> pd.DataFrame:
        """Covariates of a model, of the names that `analysis_set` holds, each once."""
        there = dict.fromkeys(name for name in names if name in self.frame.columns)
        return derive_covariates(self.frame, tuple(there))

    def derive_strata(self, names: Iterable[str]) -> pd.DataFrame | None:
        """Levels of the groupings within which is compared; None where there are none."""
        levels = {name: compute_group(self.frame, name).astype(str) for name in names}
        return pd.DataFrame(levels) if levels else None

    def select(self, rows: np.ndarray) -> Self:
        """The patients where `rows` is true."""
        return replace(
            self,
            time_months=self.time_months[rows],
            event=self.event[rows],
            entry_months=None if self.entry_months is None else self.entry_months[rows],
            frame=self.frame.loc[rows],
            weights=None if self.weights is None else self.weights[rows],
        )

    def split(self, group: pd.Series) -> Iterator[tuple[str, Self]]:
        """Each level of a grouping with its patients, in the order of the levels; levels without patients left out."""
        for level in group.cat.categories:
            chosen = (group == level).to_numpy()
            if chosen.any():
                yield level, self.select(chosen)


def find_start(rows: EndpointRows) -> float:
    """First month with enough patients under observation: 5, or half of the patients where they are under 10."""
    months = np.unique(rows.entry)
    entered, ended = (
        np.searchsorted(np.sort(times), months, side="right") for times in (rows.entry, rows.time_months)
    )
    enough = entered - ended >= min(ENOUGH, (rows.n_patients + 1) // 2)
    return float(months[enough.argmax()])


def start_at(rows: EndpointRows, start: float) -> EndpointRows | None:
    """Those still under observation after a month, from that month on; None where nobody is."""
    later = rows.time_months > start
    if start <= 0 or not later.any():
        return rows if later.any() else None
    return replace(rows.select(later), entry_months=np.maximum(rows.entry[later], start))


def select_known(rows: EndpointRows, group: pd.Series) -> tuple[EndpointRows, pd.Series] | None:
    """Patients whose group is known, with the group; None where they form fewer than two groups."""
    keep = group.ne(UNKNOWN).to_numpy()
    known = group[keep].cat.remove_unused_categories()
    return None if len(known.cat.categories) < 2 else (rows.select(keep), known)


def select_endpoint_rows(
    endpoints: pd.DataFrame, analysis_set: pd.DataFrame, endpoint: str
) -> EndpointRows | None:
    """Join the times of one endpoint with the analysis set; None where nobody has a time for it."""
    chosen = endpoints.loc[endpoints["endpoint"].eq(endpoint) & endpoints["time_days"].notna()]
    if chosen.empty:
        return None
    times = chosen[["patient_id", "entry_days", "time_days", "event"]]
    joined = times.merge(analysis_set, on="patient_id", how="left", validate="one_to_one")
    entry = convert_days_to_months(joined["entry_days"].fillna(0.0).to_numpy(dtype=float))
    return EndpointRows(
        endpoint=endpoint,
        time_months=convert_days_to_months(joined["time_days"].to_numpy(dtype=float)),
        event=joined["event"].to_numpy(dtype="int64"),
        entry_months=entry if (entry > 0).any() else None,
        frame=joined.drop(columns=["entry_days", "time_days", "event"]),
    )
