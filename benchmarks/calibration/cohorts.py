"""Simulated cohorts whose truth is known exactly, also when times are recorded by day or by month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MONTH = 30.0
MILESTONE = 720.0
HORIZON = 720.0
HAZARD = np.log(2.0) / 600.0
COMPETING_HAZARD = HAZARD / 2.0


@dataclass(frozen=True)
class Scenario:
    """Size, censoring and grid of the recorded times."""

    n: int
    censoring: str
    grid: str

    @property
    def step(self) -> float:
        return 1.0 if self.grid == "day" else MONTH

    @property
    def limits(self) -> tuple[float, float]:
        """Censoring is uniform between these days: about 15 % and about 55 % of patients."""
        return (1000.0, 2400.0) if self.censoring == "light" else (100.0, 1100.0)


SCENARIOS = tuple(
    Scenario(n, c, g) for n in (50, 200, 1000) for c in ("light", "heavy") for g in ("day", "month")
)


def record(days: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """Round up to the grid, as a date in a registry does."""
    return np.ceil(days / step) * step


def simulate(scenario: Scenario, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Return recorded time and event of patients with exponential times."""
    event_time = record(rng.exponential(1 / HAZARD, scenario.n), scenario.step)
    censoring = record(rng.uniform(*scenario.limits, scenario.n), scenario.step)
    observed = event_time <= censoring
    return np.minimum(event_time, censoring), observed.astype(int)


def simulate_competing(scenario: Scenario, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Return time and status of patients with two exponential causes, the second half as frequent."""
    any_event = rng.exponential(1 / (HAZARD + COMPETING_HAZARD), scenario.n)
    cause = np.where(rng.random(scenario.n) < HAZARD / (HAZARD + COMPETING_HAZARD), 1, 2)
    event_time = record(any_event, scenario.step)
    censoring = record(rng.uniform(*scenario.limits, scenario.n), scenario.step)
    return np.minimum(event_time, censoring), np.where(event_time <= censoring, cause, 0)


@dataclass(frozen=True)
class Truth:
    """What the recorded times really have: the milestone, median, RMST and incidence of the rounded-up time."""

    survival: float
    median: float
    rmst: float
    incidence: float


def compute_truth(scenario: Scenario) -> Truth:
    """Return the exact values on the grid; the milestone and horizon lie on it."""
    step = scenario.step
    starts = np.arange(0.0, HORIZON, step)
    total = HAZARD + COMPETING_HAZARD
    return Truth(
        survival=float(np.exp(-HAZARD * MILESTONE)),
        median=float(np.ceil(np.log(2) / HAZARD / step - 1e-9) * step),
        rmst=float(np.sum(np.exp(-HAZARD * starts)) * step),
        incidence=float(HAZARD / total * (1 - np.exp(-total * MILESTONE))),
    )
