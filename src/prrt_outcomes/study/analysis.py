"""Sections `analysis` (groupings, covariates, horizons, intervals, resampling) and `multiplicity`."""

from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from prrt_outcomes.study.base import (
    Name,
    Number,
    PositiveMonths,
    Section,
    Share,
    Whole,
    check_distinct,
    refuse,
)

Names = TypeVar("Names", str, tuple[str, ...])

KNOWN_ONLY_LATER = (
    "response_group", "best_response", "best_response_date", "n_cycles", "n_cycles_after_progression", "last_cycle",
    "cumulative_activity_gbq", "several_radionuclides", "kind",
)  # fmt: skip


def _refuse_late(value: Names) -> Names:
    """Refuse what is known only after treatment began: such groups live through immortal time."""
    names = (value,) if isinstance(value, str) else value
    late = [name for name in names if name in KNOWN_ONLY_LATER]
    if late:
        raise refuse("known_only_later", names=", ".join(late))
    return value


def _refuse_repeated(names: tuple[str, ...]) -> tuple[str, ...]:
    check_distinct(names, "a name is given twice")
    return names


BaselineColumn = Annotated[Name, AfterValidator(_refuse_late)]
BaselineColumns = Annotated[tuple[Name, ...], AfterValidator(_refuse_late)]
DistinctColumns = Annotated[BaselineColumns, AfterValidator(_refuse_repeated)]


class ConfidenceSettings(Section):
    """Level and scale of the intervals of survival."""

    level: Number = Field(0.95, gt=0.5, lt=1, description="Level of the intervals.")
    type: Literal["log-log", "log", "plain", "logit", "arcsin"] = "log-log"
    """Scale of the intervals of survival."""


class BootstrapSettings(Section):
    """Resampling of patients within centre."""

    replicates: Annotated[Whole, Field(ge=0, le=100_000)] = 2000
    """Number of replicates; 0 leaves the bootstrap out."""
    seed: Whole = Field(20151122, ge=0, le=4_294_967_295, description="Seed of the random numbers.")


class SubgroupSettings(Section):
    """Which effect is looked at within which baseline columns."""

    effect: BaselineColumn
    """Column whose hazard ratio is estimated within subgroups, such as radionuclide."""
    within: BaselineColumns = Field(min_length=1)
    """Columns whose levels are the subgroups; categories."""


class AnalysisSettings(Section):
    """What is compared, at which times, with which doubt."""

    group_by: DistinctColumns = ("tumour_group", "tumour_type", "radionuclide")
    """Groupings known at the start of treatment."""
    covariates: DistinctColumns = ("age_years", "sex", "tumour_group", "grade")
    """Covariates of the Cox models."""
    reference: dict[Name, str] = Field(default_factory=dict)
    """Reference level of a grouping or covariate; else the most frequent in all patients, ties in schema order."""
    strata: DistinctColumns | None = None
    """Columns that stratify tests and a model; where not named the centre, if there are three or more."""
    subgroups: SubgroupSettings | None = None
    """An effect looked at within subgroups, with interaction tests; none where it is not named."""
    milestones_months: tuple[PositiveMonths, ...] = Field(default=(12, 24, 60), max_length=50)
    """Times at which survival is stated."""
    rmst_months: PositiveMonths = 60
    """Horizon of the restricted mean survival time."""
    confidence: ConfidenceSettings = Field(default_factory=ConfidenceSettings)
    """Intervals of survival."""
    landmark_months: tuple[PositiveMonths, ...] = Field(default=(3, 6, 12), min_length=1, max_length=50)
    """Landmarks of the responder analyses; at least one, since the naive comparison never stands without them."""
    weight_landmarks: bool = False
    """Whether landmark analyses are also weighted for reaching the landmark, given the covariates."""
    bootstrap: BootstrapSettings = Field(default_factory=BootstrapSettings)
    """Resampling of patients within centre."""
    multiple_imputation_sets: Annotated[Whole, Field(ge=0, le=200)] = 20
    """Sets of the multiple imputation beside the complete cases; 0 leaves it out."""
    alpha: Annotated[Share, Field(gt=0, lt=0.5)] = 0.05
    """Level at which a hazard-crossing warning is given in the report."""

    @model_validator(mode="after")
    def check_sorted(self) -> Self:
        for key in ("milestones_months", "landmark_months"):
            times = getattr(self, key)
            if list(times) != sorted(set(times)):
                raise refuse("times_not_sorted", key=key, times=sorted(set(times)))
        return self


class MultiplicitySettings(Section):
    """The family of tests whose p-values are adjusted together by Holm."""

    family: tuple[str, ...] = ()
    """Ids of controls, or tests: `pfs by sex`, `pfs responder:non_responder`, `pfs cox sex`, `ttp gray by sex`."""

    @model_validator(mode="after")
    def check_family(self) -> Self:
        check_distinct(self.family, "family: a test is given twice")
        return self
