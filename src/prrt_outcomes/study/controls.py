"""Sections `controls` and `claims`: what the cohort is compared with, and what was published."""

import itertools
import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from prrt_outcomes.study import base


class Milestone(base.Section):
    """Survival at a time, as published."""

    months: base.PositiveMonths
    survival: base.Number = Field(gt=0, le=1, description="Survival at that time.")
    low: base.Share | None = Field(None, description="Lower end of its interval.")
    high: base.Share | None = Field(None, description="Upper end of its interval.")

    @field_validator("survival", mode="before")
    @classmethod
    def check_survival(cls, value: object) -> object:
        if value == 0:
            raise base.refuse("survival_zero")
        return value


class UnmeasuredConfounder(base.Section):
    """A yes/no confounder that was not measured, as ranges of what it may be: [lowest, highest]."""

    title: base.Title = Field("", description="What it is, such as frailty.")
    prevalence: tuple[base.Share, base.Share] = (0.1, 0.3)
    """Share of our patients with it."""
    prevalence_control: tuple[base.Share, base.Share] = (0.2, 0.5)
    """Share of the control's patients with it."""
    hazard_ratio: tuple[base.Factor, base.Factor] = (1.2, 3.0)
    """Its hazard ratio on the outcome."""

    @model_validator(mode="after")
    def check_ranges(self) -> Self:
        for name in ("prevalence", "prevalence_control", "hazard_ratio"):
            low, high = getattr(self, name)
            if low > high:
                raise base.refuse("falling_range", name=name, low=low, high=high)
        return self

    def describe(self) -> str:
        """In words: `frailty in 10% to 30% of the cohort and ...`."""
        ours, theirs = (f"{a:.0%} to {b:.0%}" for a, b in (self.prevalence, self.prevalence_control))
        ratio = "hazard ratio {:g} to {:g}".format(*self.hazard_ratio)
        name = self.title if self.model_fields_set else "default assumption: present"
        return f"{name} in {ours} of the cohort and {theirs} of the control, {ratio}".lstrip()


class ControlBase(base.Section):
    """What every control has."""

    id: base.Name = Field(description="Name, used in tables and file names.")
    title: base.Title = ""
    """Name for readers; of a library arm else its study and treatment."""
    endpoint: base.Name = Field("pfs", description="Endpoint of the cohort that is compared.")
    primary: bool = Field(False, description="The one primary comparison; all others are called exploratory.")
    within: dict[base.Name, base.Values] = Field(default_factory=dict)
    """Which of our patients it is compared with: column: levels."""
    unmeasured: UnmeasuredConfounder = Field(default_factory=UnmeasuredConfounder)
    """A confounder that was not measured, for the analysis of the bias that it would make."""


class BaselineSummary(base.Section):
    """One number of a published baseline table, which the cohort is weighted to (MAIC)."""

    covariate: base.Name = Field(description="Column of patients.")
    statistic: Literal["mean", "sd", "median", "share"]
    """What was published; a standard deviation needs the mean of the same covariate too."""
    value: base.Number = Field(ge=-1_000_000, le=1_000_000)
    """The published number; a share between 0 and 1."""
    level: str | None = None
    """Level whose share it is; for a yes/no column the share of yes needs none."""

    @model_validator(mode="after")
    def check_level(self) -> Self:
        if self.level is not None and self.statistic != "share":
            raise base.refuse("level_of_no_share")
        if self.statistic == "share" and not 0 < self.value < 1:
            raise base.refuse("share_beyond")
        if self.statistic == "sd" and not self.value > 0:
            raise base.refuse("sd_of_zero")
        return self


class AggregateControl(ControlBase):
    """A control known by published summaries."""

    baseline: tuple[BaselineSummary, ...] = ()
    """Published baseline table; where given, the cohort is weighted to it too (MAIC)."""

    @model_validator(mode="after")
    def check_baseline(self) -> Self:
        places = [(b.covariate, b.statistic, b.level) for b in self.baseline]
        base.check_distinct(places, "baseline: a number is given twice")
        means = {b.covariate for b in self.baseline if b.statistic == "mean"}
        alone = [b.covariate for b in self.baseline if b.statistic == "sd" and b.covariate not in means]
        if alone:
            raise base.refuse("sd_without_mean", names=", ".join(alone), first=alone[0])
        return self


class Description(base.Section):
    """What is known of a control beside its numbers; what stays empty counts as unknown."""

    citation: str = Field("", description="Where it was published.")
    population: str = Field("", description="Population in words.")
    line: str = Field("", description="Line of treatment.")
    tumour_types: str = Field("", description="Tumour types in words.")
    grade: str = Field("", description="Grades in words.")
    criterion: str = Field("", description="Response criterion.")
    scan_interval_weeks: base.PositiveMonths | None = None
    """Planned interval between scans."""
    origin: str = Field("", description="Where time starts.")
    enrolment_start_year: base.Year | None = Field(None, description="First year of enrolment.")
    enrolment_end_year: base.Year | None = Field(None, description="Last year of enrolment.")
    progressive_at_entry: str = ""
    """Whether progression at entry was required: yes, no or mixed."""
    analogue_continued: str = ""
    """Whether a somatostatin analogue was given all along: yes or no."""
    central_review: str = Field("", description="Whether scans were read centrally: yes or no.")
    receptor_positive: str = ""
    """Whether receptor-positive tumours were required: yes or no."""
    performance: str = Field("", description="Performance status, such as ECOG 0-1.")
    crossover: str = Field("", description="Who received the other treatment later, such as 67 %.")
    censoring_rule: str = Field("", description="How new therapy and missed scans were counted.")


class LibraryControl(AggregateControl):
    """A published arm of the library that comes with the package."""

    kind: Literal["library"] = Field(description="A published arm of the library.")
    arm: base.Name = Field(description="Name of the arm.")


class PublishedControl(AggregateControl, Description):
    """A published arm written out in the study file."""

    kind: Literal["published"] = Field(description="A published arm written out here.")
    n: base.Count = Field(gt=0, description="Patients in the arm.")
    median_months: base.PositiveMonths | None = Field(None, description="Median of the endpoint.")
    median_low: base.PositiveMonths | None = Field(None, description="Lower end of its interval.")
    median_high: base.PositiveMonths | None = Field(None, description="Upper end of its interval.")
    events: base.Count | None = Field(None, description="Events in the arm, where published.")
    milestones: tuple[Milestone, ...] = Field((), description="Published survival at given months.")

    @model_validator(mode="after")
    def check_curve(self) -> Self:
        if self.median_months is None and all(m.survival == 1 for m in self.milestones):
            raise base.refuse("no_expected_event")
        points = [(m.months, m.survival) for m in self.milestones]
        if self.median_months is not None:
            points.append((self.median_months, 0.5))
        points.sort()
        if any(b[0] == a[0] or b[1] > a[1] for a, b in itertools.pairwise(points)):
            raise base.refuse("rising_survival")
        intervals: dict[str, tuple] = {
            f"survival at {m.months:g} months": (m.low, m.survival, m.high) for m in self.milestones
        }
        intervals["median_months"] = (self.median_low, self.median_months, self.median_high)
        for name, bounds in intervals.items():
            known = [bound for bound in bounds if bound is not None]
            if known != sorted(known):
                raise base.refuse("outside_interval", name=name)
        return self


class CurveControl(AggregateControl, Description):
    """A published curve: points in `control_curves`, numbers at risk in `control_at_risk`."""

    kind: Literal["curve"] = Field(description="A published curve.")
    arm: base.Name = Field(description="Name of the arm.")
    events: base.Count | None = Field(None, description="Events in the arm, where published.")
    published_median_months: base.PositiveMonths | None = None
    """Published median, which the reconstruction must meet."""
    published_follow_up_months: base.PositiveMonths | None = None
    """Published median follow-up; a curve that ends far from it is in another unit."""
    limit_survival: Annotated[base.Number, Field(gt=0, lt=1)] = 0.05
    """Largest difference of the reconstructed curve from the points that is accepted."""
    limit_at_risk: Annotated[base.Number, Field(gt=0, lt=1)] = 0.05
    """Largest difference of numbers at risk that is accepted, as a share of the arm."""
    limit_events: Annotated[base.Number, Field(gt=0, lt=1)] = 0.05
    """Largest relative difference of events that is accepted."""
    limit_median_months: base.PositiveMonths = 1.0
    """Largest difference of the median that is accepted."""
    limit_rmst: Annotated[base.Number, Field(gt=0, lt=1)] = 0.05
    """Largest relative difference of the restricted mean that is accepted."""


class PatientsControl(ControlBase, Description):
    """Individual rows in `control_patients` and `control_outcomes`."""

    kind: Literal["patients"] = Field(description="Individual patients.")
    source: str | None = None
    """Only rows of control_patients with this source; all rows where it is not named."""
    covariates: tuple[base.Name, ...] = ()
    """Baseline columns that both sides have and the weights balance."""
    weights: tuple[Literal["att", "overlap", "ate", "maic"], ...] = ()
    """Weightings beside the unweighted comparison, which is always there."""
    maic_moments: tuple[Literal["mean", "sd", "median"], ...] = ("mean",)
    """Moments of the covariates that MAIC matches."""
    trim: Annotated[base.Number, Field(ge=0, lt=0.5)] = 0.0
    """Share of extreme propensity scores that is left out at each end."""
    match_ratio: Annotated[base.Whole, Field(ge=0, le=20)] = 0
    """Controls matched to each patient by propensity score; 0 for no matching."""
    caliper_sd: Annotated[base.Number, Field(gt=0, le=100)] = 0.2
    """Caliper of the match, in standard deviations of the logit of the propensity score."""
    negative_control: base.Name | None = None
    """An outcome of both sides that treatment cannot change: an endpoint, or one of reported_outcomes."""

    @model_validator(mode="after")
    def check_weights(self) -> Self:
        if (self.weights or self.match_ratio) and not self.covariates:
            raise base.refuse("weights_without_covariates")
        return self


Control = Annotated[
    LibraryControl | PublishedControl | CurveControl | PatientsControl, Field(discriminator="kind")
]


NUCLIDE = r"^[0-9]+[A-Z][a-z]?$"


class Claim(base.Section):
    """A published figure that the run holds the cohort against."""

    id: base.Name = Field(description="Name, used in tables and file names.")
    title: base.Title = Field("", description="Name for readers; else quantity and group in words.")
    quantity: Literal[
        "disease_control", "objective", "objective_with_mr", "stable_or_minor", "progression", "complete", "partial",
        "minor", "stable", "median_pfs_months", "median_os_months", "median_ttp_months",
        "tmn_incidence", "mds_incidence", "leukaemia_incidence", "egfr_slope_per_year", "egfr_percent_per_year",
    ]  # fmt: skip
    """What was published."""
    months: base.PositiveMonths | None = None
    """Time of a cumulative incidence from the first cycle; needed for one, and for nothing else."""
    group: base.Name | Annotated[str, Field(pattern=NUCLIDE)] = "all"
    """`all`, the radionuclide of the first cycle, as 177Lu, or, for shares and medians, a response group."""
    published: base.Number = Field(ge=-100, le=base.LONGEST_MONTHS)
    """Published value: share, months, or a year mL/min/1.73 m2 or per cent."""
    relation: Literal["equal", "below", "above"] = "equal"
    """Whether the publication states a value or a bound."""
    source: str = Field("", description="Citation.")

    @model_validator(mode="after")
    def check_published(self) -> Self:
        longest = base.LONGEST_MONTHS
        ranges = {
            "months": (0, longest, f"months, at most {longest}"),
            "year": (-100, 100, "a change a year, -100 to 100"),
        }
        low, high, wanted = ranges.get(self.quantity.rpartition("_")[2], (0, 1, "a share between 0 and 1"))
        quantity, of_time = self.quantity, self.quantity.endswith("_incidence")
        if not low <= self.published <= high:
            raise base.refuse("published_beyond", published=self.published, quantity=quantity, wanted=wanted)
        if of_time != (self.months is not None):
            raise base.refuse("claim_needs_months" if of_time else "claim_has_no_months", quantity=quantity)
        of_safety = of_time or quantity.endswith("_year")
        if of_safety and self.group != "all" and not self.is_of_radionuclide:
            raise base.refuse("group_of_claim", group=self.group, quantity=quantity)
        return self

    @property
    def is_of_radionuclide(self) -> bool:
        """Whether the group is a radionuclide."""
        return re.match(NUCLIDE, self.group) is not None
