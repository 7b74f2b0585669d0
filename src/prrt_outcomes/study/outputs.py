"""Sections `figures`, `disclosure` and `safety`: how results are shown, and what may leave the house."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from prrt_outcomes.study.base import Section


class FigureSettings(Section):
    """Formats, resolution and style of the figures."""

    formats: tuple[Literal["pdf", "svg", "png"], ...] = Field(default=("pdf", "svg", "png"), min_length=1)
    """File formats of each figure."""
    dpi: Annotated[int, Field(ge=72, le=1200)] = 600
    """Resolution of png."""
    style: Literal["manuscript", "slides"] = "manuscript"
    """Sizes of text and figure."""


class DisclosureSettings(Section):
    """What a release may show."""

    minimum_count: Annotated[int, Field(ge=0)] = 5
    """Cells with fewer patients are suppressed in a release."""


class SafetySettings(Section):
    """Phases of laboratory follow-up."""

    baseline_days: Annotated[int, Field(gt=0)] = 60
    """A baseline sample lies at most this many days before the first cycle."""
    late_after_days: Annotated[int, Field(gt=0)] = 90
    """Samples later than this after the last cycle of a period are late toxicity."""
