"""The patients of one endpoint with their times in months and what they are grouped by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prrt_outcomes.cohort.grouping import UNKNOWN, compute_group
from prrt_outcomes.units import convert_days_to_months

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd


@dataclass(frozen=True)
class EndpointRows:
    """Arrays of one endpoint, one element a patient.

    Attributes
    ----------
    endpoint : name
    time_months, event : end of observation and code (0 censored, 1 event, 2 competing event)
    entry_months : start of observation after the origin; None where nobody enters late
    frame : columns of `analysis_set`, same order
    """

    endpoint: str
    time_months: np.ndarray
    event: np.ndarray
    entry_months: np.ndarray | None
    frame: pd.DataFrame

    @property
    def has_competing_events(self) -> bool:
        """Whether any patient has a competing event."""
        return bool((self.event == 2).any())

    def select(self, rows: np.ndarray) -> EndpointRows:
        """The patients where `rows` is true."""
        entry = None if self.entry_months is None else self.entry_months[rows]
        return EndpointRows(
            self.endpoint, self.time_months[rows], self.event[rows], entry, self.frame.loc[rows]
        )


def select_endpoint_rows(
    endpoints: pd.DataFrame, analysis_set: pd.DataFrame, endpoint: str
) -> EndpointRows | None:
    """Join the times of one endpoint with the analysis set.

    Parameters
    ----------
    endpoints : derived table `endpoints`
    analysis_set : derived table `analysis_set`, one row a patient
    endpoint : name

    Returns
    -------
    EndpointRows, or None where nobody has a time for this endpoint.
    """
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


def choose_reference(group: pd.Series, wanted: str | None) -> str | None:
    """Reference level of a grouping: the wanted one where it occurs, else the most frequent, ties in order."""
    counts = group[group.ne(UNKNOWN)].value_counts(sort=False)
    counts = counts[counts > 0]
    if wanted is not None and wanted in counts.index:
        return wanted
    return None if counts.empty else str(counts.idxmax())


def derive_covariates(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """Covariates of a model: numbers as they are, everything else as categories, `unknown` missing.

    A category keeps schema order and only the levels that occur.
    """
    import pandas as pd

    columns = {}
    for name in names:
        values = frame[name]
        if pd.api.types.is_numeric_dtype(values.dtype) and not isinstance(values.dtype, pd.BooleanDtype):
            columns[name] = values.astype("Float64").astype("float64")
        else:
            group = compute_group(frame, name)
            known = group.cat.remove_categories([UNKNOWN]) if UNKNOWN in group.cat.categories else group
            columns[name] = known.cat.remove_unused_categories()
    return pd.DataFrame(columns, index=frame.index)


def choose_references(covariates: pd.DataFrame, wanted: Mapping[str, str]) -> dict[str, str]:
    """Reference level of each categorical covariate, as `choose_reference`."""
    import pandas as pd

    references = {}
    for name in covariates.columns:
        if isinstance(covariates[name].dtype, pd.CategoricalDtype):
            complete = covariates.loc[covariates.notna().all(axis=1), name].cat.remove_unused_categories()
            level = choose_reference(complete, wanted.get(name))
            if level is not None:
                references[name] = level
    return references
