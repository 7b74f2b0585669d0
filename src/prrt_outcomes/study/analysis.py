"""Section `analysis`: groupings, covariates, horizons, intervals and resampling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from prrt_outcomes.study.base import Name, PositiveMonths, Section, Share

KNOWN_ONLY_LATER = (
    "response_group",
    "best_response",
    "best_response_date",
    "n_cycles",
    "n_cycles_after_progression",
    "last_cycle",
    "cumulative_activity_gbq",
    "several_radionuclides",
    "kind",
)


def _refuse_late(names: tuple[str, ...]) -> None:
    late = [name for name in names if name in KNOWN_ONLY_LATER]
    if late:
        raise ValueError(
            f"{', '.join(late)} is known only after treatment began; "
            "such groups are compared by `responders` (landmark, time-dependent), never in group_by"
        )


class ConfidenceSettings(Section):
    """Level and scale of the intervals of survival."""

    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Level of the intervals."""
    type: Literal["log-log", "log", "plain", "logit", "arcsin"] = "log-log"
    """Scale of the intervals of survival."""


class BootstrapSettings(Section):
    """Resampling of patients within centre."""

    replicates: Annotated[int, Field(ge=0, le=100_000)] = 2000
    """Number of replicates; 0 leaves the bootstrap out."""
    seed: Annotated[int, Field(ge=0)] = 20151122
    """Seed of the random numbers."""


class SubgroupSettings(Section):
    """Which effect is looked at within which baseline columns."""

    effect: Name
    """Column whose hazard ratio is estimated within subgroups, such as radionuclide."""
    within: tuple[Name, ...] = Field(min_length=1)
    """Columns whose levels are the subgroups; categories."""

    @field_validator("effect", "within")
    @classmethod
    def check_known_at_start(cls, names: str | tuple[str, ...]) -> str | tuple[str, ...]:
        """Refuse what is known only after treatment began."""
        _refuse_late((names,) if isinstance(names, str) else names)
        return names


class AnalysisSettings(Section):
    """What is compared, at which times, with which doubt."""

    group_by: tuple[Name, ...] = ("tumour_group", "tumour_type", "radionuclide")
    """Groupings known at the start of treatment."""
    covariates: tuple[Name, ...] = ("age_years", "sex", "tumour_group", "grade")
    """Covariates of the Cox models."""
    reference: dict[Name, str] = Field(default_factory=dict)
    """Reference level of a grouping or covariate; else the most frequent, ties in schema order."""
    strata: tuple[Name, ...] = ()
    """Columns that stratify: adds the stratified tests and the model multivariable_stratified."""
    subgroups: SubgroupSettings | None = None
    """An effect looked at within subgroups, with interaction tests; none where it is not named."""
    milestones_months: tuple[PositiveMonths, ...] = (12, 24, 60)
    """Times at which survival is stated."""
    rmst_months: PositiveMonths = 60
    """Horizon of the restricted mean survival time."""
    confidence: ConfidenceSettings = Field(default_factory=ConfidenceSettings)
    """Intervals of survival."""
    landmark_months: tuple[PositiveMonths, ...] = Field(default=(3, 6, 12), min_length=1)
    """Landmarks of the responder analyses; at least one, since the naive comparison never stands without them."""
    weight_landmarks: bool = False
    """Whether landmark analyses are also weighted for reaching the landmark, given the covariates."""
    bootstrap: BootstrapSettings = Field(default_factory=BootstrapSettings)
    """Resampling of patients within centre."""
    multiple_imputation_sets: Annotated[int, Field(ge=0, le=200)] = 20
    """Sets of the multiple imputation beside the complete cases; 0 leaves it out."""
    alpha: Annotated[Share, Field(gt=0, lt=0.5)] = 0.05
    """Level at which a hazard-crossing warning is given in the report."""

    @field_validator("group_by", "strata", "covariates")
    @classmethod
    def check_known_at_start(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is known only after treatment began: such groups live through immortal time."""
        _refuse_late(names)
        if len(set(names)) < len(names):
            raise ValueError("a name stands twice")
        return names

    @model_validator(mode="after")
    def check_sorted(self) -> AnalysisSettings:
        """Milestones and landmarks are rising."""
        for key in ("milestones_months", "landmark_months"):
            times = getattr(self, key)
            if list(times) != sorted(set(times)):
                raise ValueError(f"{key} must rise and hold no time twice")
        return self
