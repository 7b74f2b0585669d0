"""Section `treatment`: what the regimen asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from prrt_outcomes.study.base import Section


class TreatmentSettings(Section):
    """When a gap between cycles starts a new period, and which intervals and windows count as kept."""

    retreatment_gap_weeks: Annotated[float, Field(gt=0)] = 26.0
    """A gap between cycles longer than this starts a new treatment period (retreatment)."""
    cycle_interval_minimum_weeks: Annotated[float, Field(ge=0)] = 6.0
    """Shortest interval between two cycles that counts as kept."""
    cycle_interval_maximum_weeks: Annotated[float, Field(gt=0)] = 14.0
    """Longest interval between two cycles that counts as kept."""
    ssa_long_acting_days: Annotated[int, Field(ge=0)] = 28
    """A long-acting somatostatin analogue is given at least this many days before a cycle."""
    ssa_short_acting_days: Annotated[int, Field(ge=0)] = 1
    """A short-acting somatostatin analogue is stopped at least this many days before a cycle."""
    eligibility_days: Annotated[int, Field(gt=0)] = 60
    """A laboratory value that speaks for eligibility lies at most this many days before the first cycle."""

    @model_validator(mode="after")
    def check_interval(self) -> TreatmentSettings:
        """The shortest interval lies below the longest, and the longest below the gap of a new period."""
        if not self.cycle_interval_minimum_weeks < self.cycle_interval_maximum_weeks:
            raise ValueError("cycle_interval_minimum_weeks must be below cycle_interval_maximum_weeks")
        if self.cycle_interval_maximum_weeks > self.retreatment_gap_weeks:
            raise ValueError("cycle_interval_maximum_weeks must not exceed retreatment_gap_weeks")
        return self
