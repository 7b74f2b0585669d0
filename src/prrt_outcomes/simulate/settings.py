"""What a synthetic registry is drawn from: every rate, effect and habit by name."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from prrt_outcomes.study.base import Name, Section, Share

Ratio = Annotated[float, Field(gt=0, le=100)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Days = Annotated[int, Field(gt=0)]
TumourType = Literal[
    "gep_pancreas",
    "gep_small_intestine",
    "gep_large_intestine",
    "gep_stomach_duodenum",
    "gep_other",
    "gep_unknown_primary",
    "lung",
    "paraganglioma",
    "phaeochromocytoma",
    "other",
]


class GroupRatios(Section):
    """Hazard ratio of each tumour group against gep."""

    lung: Ratio = 1.3
    neuroectodermal: Ratio = 1.1
    other: Ratio = 1.5


class GradeRatios(Section):
    """Hazard ratio of each grade against G1."""

    G2: Ratio = 1.5
    G3: Ratio = 2.6


class NuclideValues(Section):
    """One value for each radionuclide of the first cycle."""

    lu177: NonNegative
    y90: NonNegative


class Effects(Section):
    """Every effect of the model; a ratio of 1 or a difference of 0 switches it off."""

    progression_tumour_group: GroupRatios = Field(default_factory=GroupRatios)
    """Hazard ratio of progression by tumour group."""
    progression_grade: GradeRatios = Field(default_factory=GradeRatios)
    """Hazard ratio of progression by grade."""
    death_tumour_group: GroupRatios = Field(default_factory=GroupRatios)
    """Hazard ratio of death by tumour group, before and after progression alike."""
    death_grade: GradeRatios = Field(default_factory=lambda: GradeRatios(G2=1.3, G3=2.2))
    """Hazard ratio of death by grade, before and after progression alike."""
    progressive_at_baseline_hazard_ratio: Ratio = 1.3
    """Hazard ratio of progression where progression was proved before the first cycle."""
    age_hazard_ratio_per_decade: Ratio = 1.15
    """Hazard ratio of death for ten years of age."""
    ecog_hazard_ratio: Ratio = 1.3
    """Hazard ratio of progression and of death for one step of performance status."""
    objective_response_hazard_ratio: Ratio = 0.75
    """Hazard ratio of progression and of death from the scan that first shows a response on; 1: response tells
    nothing about the hazard that follows."""
    radionuclide_size_interaction: float = 0.10
    """Gain of log shrinkage of 90Y over the average for each doubling of the diameter over 25 mm, and loss of
    177Lu by as much; 0: size does not matter."""
    radionuclide_hazard_ratio: Ratio = 1.0
    """Hazard ratio of progression and of death of 90Y against 177Lu."""
    egfr_decline_per_year: NuclideValues = Field(
        default_factory=lambda: NuclideValues(lu177=0.035, y90=0.075)
    )
    """Share of filtration lost a year after treatment (177Lu, 90Y); equal values: no effect of the radionuclide."""
    platelet_nadir: NuclideValues = Field(default_factory=lambda: NuclideValues(lu177=0.22, y90=0.38))
    """Depth of the logarithm of platelets four to five weeks after a cycle; white cells and haemoglobin in
    proportion."""
    myeloid_neoplasm_per_year: NuclideValues = Field(
        default_factory=lambda: NuclideValues(lu177=0.004, y90=0.006)
    )
    """Rate of therapy-related myeloid neoplasm a year."""
    treatment_progression_hazard_ratio: Ratio = 0.40
    """Hazard ratio of progression of the treated against the historical controls, all else equal."""
    treatment_death_hazard_ratio: Ratio = 0.65
    """Hazard ratio of death of the treated against the historical controls, all else equal."""
    confounding_strength: NonNegative = 1.0
    """How much older, higher in grade and frailer the historical controls are; 0: as the cohort."""
    unmeasured_hazard_ratio: Ratio = 1.0
    """Hazard ratio of progression and of death for one standard deviation of an unmeasured confounder."""
    unmeasured_shift: float = 0.5
    """Mean of the unmeasured confounder in the controls; it is 0 in the cohort."""


class CohortSettings(Section):
    """Who is treated, where and when."""

    centres: Annotated[int, Field(ge=1, le=99)] = 4
    """Number of centres; the first treats most patients."""
    first_year: Annotated[int, Field(ge=1990, le=2100)] = 2005
    """Year of the first patient."""
    last_year: Annotated[int, Field(ge=1990, le=2100)] = 2020
    """Year of the last patient."""
    data_cutoff: date = date(2021, 12, 31)
    """Nothing after this day is known."""
    tumour_types: dict[TumourType, Share] = Field(
        default_factory=lambda: {  # type: ignore[arg-type]
            "gep_pancreas": 0.24,
            "gep_small_intestine": 0.34,
            "gep_large_intestine": 0.06,
            "gep_stomach_duodenum": 0.03,
            "gep_other": 0.02,
            "gep_unknown_primary": 0.08,
            "lung": 0.10,
            "paraganglioma": 0.05,
            "phaeochromocytoma": 0.03,
            "other": 0.05,
        }
    )
    """Shares of the tumour types."""
    grade_shares: tuple[Share, Share, Share] = (0.42, 0.46, 0.12)
    """Shares of G1, G2 and G3."""
    progressive_share: Share = 0.7
    """Share whose progression was proved before the first cycle."""

    @model_validator(mode="after")
    def check_calendar_and_shares(self) -> CohortSettings:
        """The years precede the cut-off, and shares add up to something."""
        if not self.first_year <= self.last_year < self.data_cutoff.year:
            raise ValueError("first_year, last_year and the year of data_cutoff must rise")
        if sum(self.tumour_types.values()) <= 0 or sum(self.grade_shares) <= 0:
            raise ValueError("tumour_types and grade_shares need a share above 0")
        return self


class DiseaseSettings(Section):
    """Latent progression and death of the reference patient: gep, G1, stable before, ECOG 0, 60 years, 177Lu."""

    progression_median_months: Positive = 49.0
    """Median time to latent progression."""
    progression_shape: Positive = 1.15
    """Shape of the Weibull distribution of latent progression; 1 is exponential."""
    death_per_year_before_progression: NonNegative = 0.008
    """Rate of death a year before progression."""
    death_per_year_after_progression: Positive = 0.19
    """Rate of death a year after progression."""
    early_progression_exponent: NonNegative = 0.15
    """Death after a progression at t months is faster by (24 / t) to this power, at most 4; 0: as after any."""
    target_share: Share = 0.5
    """Share of progressions that show in the growth of targets."""
    new_lesion_share: Share = 0.35
    """Share that shows as a new lesion; the rest is unequivocal growth of non-targets."""


class LesionSettings(Section):
    """Target lesions: number, size, shrinkage, error of measurement."""

    number_shares: tuple[Share, ...] = Field(
        default=(0.15, 0.25, 0.30, 0.18, 0.12), min_length=5, max_length=5
    )
    """Shares of patients with 1 to 5 target lesions."""
    non_target_only_share: Share = 0.02
    """Share of patients without any target lesion."""
    median_diameter_mm: Positive = 28.0
    """Median diameter of a target at baseline."""
    diameter_log_sd: Positive = 0.5
    """Spread of the logarithm of the diameter."""
    shrinkage_log_mean: float = 0.30
    """Mean over patients of the logarithm of shrinkage, of a lesion of 25 mm, if progression does not intervene."""
    shrinkage_patient_sd: NonNegative = 0.26
    """Spread of shrinkage between patients."""
    shrinkage_lesion_sd: NonNegative = 0.10
    """Spread of shrinkage between lesions of a patient."""
    shrinkage_days: Positive = 120.0
    """Days to 63 % of the shrinkage."""
    complete_response_share: Share = 0.012
    """Share of patients whose disease goes away altogether."""
    measurement_sd: NonNegative = 0.03
    """Error of the logarithm of a measured diameter."""
    growth_per_year: Positive = 0.35
    """Growth of the logarithm of diameter a year, before treatment and after progression."""


class TreatmentSettings(Section):
    """Cycles, their spacing, and what stops them."""

    cycle_shares: tuple[Share, Share, Share, Share] = (0.05, 0.12, 0.75, 0.08)
    """Shares of patients with 2 to 5 planned cycles."""
    interval_days: Days = 70
    """Days between cycles."""
    interval_sd_days: NonNegative = 6.0
    """Spread of the days between cycles; one interval in 25 is longer still."""
    y90_share_first_year: Share = 0.75
    """Share treated with 90Y at the start of the registry; it falls to 10 % at its end."""
    combined_share: Share = 0.10
    """Share of patients who receive both radionuclides in turn."""
    toxicity_stop_share: Share = 0.05
    """Share of courses that toxicity stops."""
    choice_stop_share: Share = 0.03
    """Share of courses that the patient stops."""
    retreatment_share: Share = 0.25
    """Share of progressions after a first benefit that are treated again."""
    analogue_share: Share = 0.6
    """Share of patients on a long-acting somatostatin analogue."""
    analogue_window_kept_share: Share = 0.93
    """Share of injections before a cycle that keep the wash-out."""


class ScanSettings(Section):
    """When the tumour is looked at."""

    first_after_last_cycle_days: Days = 63
    """First restaging after the last planned cycle."""
    interval_days: Annotated[int, Field(ge=28, le=400)] = 120
    """Days between planned scans after the first restaging."""
    delay_mean_days: NonNegative = 8.0
    """Mean delay of a scan."""
    missed_share: Share = 0.06
    """Share of planned scans that do not take place."""
    no_baseline_share: Share = 0.005
    """Share of patients without a baseline scan."""
    pre_baseline_share: Share = 0.35
    """Share of patients with a scan before the baseline scan."""
    not_evaluable_share: Share = 0.02
    """Share of scans that do not show one of the targets."""
    clinical_progression_share: Share = 0.025
    """Share of progressions that are clinical only: no scan follows."""
    prompted_share: Share = 0.4
    """Share of progressions whose symptoms bring the next scan forward."""
    fatal_prompted_share: Share = 0.7
    """The same share where death would come before the next planned scan."""
    prompted_first_day: Annotated[int, Field(ge=0)] = 10
    """Such a scan follows the progression by at least this many days."""
    prompted_last_day: Annotated[int, Field(ge=0)] = 40
    """Such a scan follows the progression by at most this many days."""

    @model_validator(mode="after")
    def check_prompted_days(self) -> ScanSettings:
        """The first day does not follow the last."""
        if self.prompted_first_day > self.prompted_last_day:
            raise ValueError("prompted_first_day must not exceed prompted_last_day")
        return self


class FollowUpSettings(Section):
    """How long patients are known."""

    lost_per_year: NonNegative = 0.01
    """Rate of loss to follow-up a year."""
    contact_lag_days: Annotated[int, Field(ge=0, le=365)] = 90
    """The living were last seen up to this many days before the cut-off."""
    new_therapy_share: Share = 0.6
    """Share of progressions that are followed by another anticancer therapy."""
    early_therapy_share: Share = 0.02
    """Share of patients with another anticancer therapy before progression."""


class RecordSettings(Section):
    """What the registry fails to record, and how."""

    missing_share: Share = 0.04
    """Share of missing values in covariates and doses; 0: complete."""
    partial_date_share: Share = 0.3
    """Share of dates of diagnosis and of earlier therapies without day, a third of them without month."""
    report_error_share: Share = 0.08
    """Share of scans whose reported response differs from what the lesions say."""


class ControlSettings(Section):
    """The historical controls."""

    patients: Annotated[int, Field(ge=0)] = 160
    """Number of individual controls; 0: none."""
    source: Name = "registry_1995"
    """Name of their source."""
    first_year: Annotated[int, Field(ge=1950, le=2100)] = 1995
    """Year of the first control."""
    last_year: Annotated[int, Field(ge=1950, le=2100)] = 2003
    """Year of the last control."""
    curve_patients: Annotated[int, Field(ge=10)] = 120
    """Size of the arm behind the published-like curve."""
    curve_months: Positive = 36.0
    """End of the published-like figure."""


class SimulationSettings(Section):
    """Everything that a synthetic registry is drawn from."""

    effects: Effects = Field(default_factory=Effects)
    """What acts on what."""
    cohort: CohortSettings = Field(default_factory=CohortSettings)
    """Who is treated, where and when."""
    disease: DiseaseSettings = Field(default_factory=DiseaseSettings)
    """Progression and death of the reference patient."""
    lesions: LesionSettings = Field(default_factory=LesionSettings)
    """Target lesions."""
    treatment: TreatmentSettings = Field(default_factory=TreatmentSettings)
    """Cycles and analogues."""
    scans: ScanSettings = Field(default_factory=ScanSettings)
    """When the tumour is looked at."""
    follow_up: FollowUpSettings = Field(default_factory=FollowUpSettings)
    """How long patients are known."""
    records: RecordSettings = Field(default_factory=RecordSettings)
    """What is not recorded."""
    controls: ControlSettings = Field(default_factory=ControlSettings)
    """Historical controls."""
