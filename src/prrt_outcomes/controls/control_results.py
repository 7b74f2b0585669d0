"""What is compared with a control, and the rows that come of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import Control, CurveControl, PatientsControl, PublishedControl
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.tables.frames import pick_rows
from prrt_outcomes.tables.schema import load_schema

LABELS = ("control", "endpoint")
TEXTS = {"assumption": "", "note": "", "population": "all"}


@dataclass(frozen=True)
class Comparison(ABC):
    """A control of a study and the patients who are compared with it; `tables` are the inputs of the stage."""

    tables: dict[str, pd.DataFrame]
    study: Study
    control: PublishedControl | CurveControl | PatientsControl
    cohort: EndpointRows

    @abstractmethod
    def compare(self) -> ControlResults:
        """All that the information of the control allows."""

    @abstractmethod
    def estimate(self, cohort: EndpointRows, start: float = 0.0) -> dict:
        """Row of `controls` with one estimate for these of our patients, from a start in months on."""

    @abstractmethod
    def vary(self) -> list[dict]:
        """Rows of `control_sensitivity` with the estimate under other choices; none where there is no estimate."""

    @property
    def control_events(self) -> int:
        """Events of the control; 0 where its patients are not known one by one."""
        return 0

    @property
    def end(self) -> float:
        """Months up to which the control is known."""
        return math.inf

    @property
    def settings(self) -> AnalysisSettings:
        """Section `analysis` of the study."""
        return self.study.analysis

    @property
    def level(self) -> float:
        """Confidence level."""
        return self.study.analysis.confidence.level

    @property
    def definition(self) -> EndpointDefinition:
        """Definition of the endpoint."""
        return next(d for d in self.study.endpoints if d.name == self.control.endpoint)


@dataclass(frozen=True)
class ControlResults:
    """Rows of result tables of one control.

    `rows` of `controls`, `tables` by name but for the columns control and endpoint, `losses` of `attrition`, and the
    `reason` why a comparison is not there, empty where all are.
    """

    rows: list[dict] = field(default_factory=list)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    losses: list[dict] = field(default_factory=list)
    reason: str = ""


def comparison_row(
    method: str, estimate: str, *, weights: str = "none", status: str = "ok", **numbers
) -> dict:
    """Fill a row of `controls`; what is not given, or not finite, is empty.

    Raises ValueError for a name that is no column.
    """
    row = {name: np.nan for name in load_schema("controls").names if name not in LABELS} | TEXTS
    unknown = sorted(set(numbers) - set(row))
    if unknown:
        raise ValueError(f"no columns of controls: {', '.join(unknown)}")
    row |= {"method": method, "estimate": estimate, "weights": weights, "status": status}
    for name, value in numbers.items():
        row[name] = value if isinstance(value, str) or math.isfinite(value) else np.nan
    return row


def primary_estimate(controls: pd.DataFrame, control: Control) -> dict | None:
    """The estimate that a control of the study is quoted by.

    Cox with the first weighting that the study names, else another, else unweighted, else observed over expected; of
    the patients who fit a published arm, not of all who stand beside them.
    """
    rows = pick_rows(controls, control=control.id)
    fitting = rows["population"].astype("string").eq("fitting").fillna(False)
    rows = rows[rows["value"].notna() & (fitting | (not fitting.any()))]
    weightings = dict.fromkeys((*getattr(control, "weights", ()), "att", "overlap", "maic", "ate", "none"))
    wanted = [*(("cox", w) for w in weightings), ("rate_ratio", ""), ("one_sample_logrank", "")]
    for method, weights in wanted:
        found = pick_rows(rows, method=method, weights=weights) if weights else pick_rows(rows, method=method)
        found = found[found["estimate"].astype("string").isin(["hazard_ratio", "smr"])]
        if len(found):
            return found.iloc[0].to_dict()
    return None


def read_difference(found: Any) -> dict:
    """Columns of `controls` from a difference with its interval, cohort minus control."""
    own = {"value": "difference", "low": "lower", "high": "upper"}
    names = ("value", "low", "high", "std_error", "p_value", "status")
    return {name: getattr(found, own.get(name, name)) for name in names}


def join_frames(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join frames, empty ones left out."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
