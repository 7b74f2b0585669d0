"""Section `response`: which criteria, and how best response and groups are made from them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from prrt_outcomes.study.base import Name, Section

ResponseCode = Literal["CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE"]
NAMED_CRITERIA = ("recist_1_1", "recist_1_0", "recist_mr", "swog", "swog_mr", "who")
DEFAULT_GROUPS: dict[str, tuple[str, ...]] = {
    "responder": ("CR", "PR"),
    "stable": ("MR", "SD"),
    "progressive": ("PD",),
}


class ResponseSettings(Section):
    """Criteria, confirmation, minimum duration of stable disease and the groups made from best response."""

    criteria: tuple[Name, ...] = ("recist_1_1",)
    """Criteria by name; the first is primary."""
    confirmation_days: Annotated[int, Field(ge=0)] = 28
    """A second CR or PR at least this many days later confirms the first."""
    primary_rate: Literal["unconfirmed", "confirmed"] = "unconfirmed"
    """Which of the two rates the report quotes; both are always written."""
    minimum_stable_days: Annotated[int, Field(ge=0)] = 42
    """SD, MR and NON-CR/NON-PD earlier than this after the origin are NE."""
    baseline_days: Annotated[int, Field(gt=0)] = 120
    """The baseline scan lies at most this many days before the first cycle."""
    sustain_response: bool = False
    """Whether a PR lasts until PD (the EORTC's reading) instead of each scan being judged on its own."""
    confirmation_max_not_evaluable: Annotated[int, Field(ge=0)] = 1
    """How many NE may stand between a response and its confirmation."""
    confirmation_accept_stable: bool = False
    """Whether SD may stand between a PR and its confirmation."""
    new_modality_lesion_is_progression: bool = False
    """Whether a lesion first seen because the modality changed counts as PD; else it is flagged."""
    reader: str | None = None
    """The primary reader where there are several; else `local`, or the only one."""
    groups: dict[Name, tuple[ResponseCode, ...]] = Field(default_factory=lambda: dict(DEFAULT_GROUPS))
    """Response groups and the best responses that make them."""

    @model_validator(mode="after")
    def check_groups(self) -> ResponseSettings:
        """No best response stands in two groups, no criterion is named twice."""
        codes = [code for group in self.groups.values() for code in group]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"groups: {', '.join(twice)} stand in more than one group")
        if not self.criteria or len(set(self.criteria)) < len(self.criteria):
            raise ValueError("criteria: name at least one criterion, and each once")
        return self
