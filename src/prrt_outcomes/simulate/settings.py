"""Settings of a synthetic registry, and how they are set by name.

What is turned to study a method is a setting; all other rates of the model stand in `model.yaml`.
"""

from collections.abc import Sequence
from datetime import date
from functools import reduce
from operator import getitem
from typing import Annotated, Self

import pandas as pd
import yaml
from pydantic import Field, ValidationError, model_validator

from prrt_outcomes.errors import InputError, Problem, nearest_name
from prrt_outcomes.study.base import Section, Share

Ratio = Annotated[float, Field(gt=0, le=100)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Year = Annotated[int, Field(ge=1990, le=2100)]
SOURCE = "simulation settings"


class NuclideValues(Section):
    """One value for each radionuclide of the first cycle."""

    lu177: NonNegative
    y90: NonNegative


class Effects(Section):
    """Every effect of the model; a ratio of 1 or a difference of 0 switches it off."""

    prognosis_strength: NonNegative = 1.0
    """Factor of the logarithms of the hazard ratios of tumour group, grade, performance status, age and
    progression at entry; 0: none of them acts."""
    objective_response_hazard_ratio: Ratio = 0.75
    """Hazard ratio of progression and of death from the scan that first shows a response on; 1: response tells
    nothing about the hazard that follows."""
    radionuclide_size_interaction: float = 0.10
    """Gain of log shrinkage of 90Y over the average for each doubling of the diameter over 25 mm, and loss of
    177Lu by as much; 0: size does not matter."""
    radionuclide_hazard_ratio: Ratio = 1.0
    """Hazard ratio of progression and of death of 90Y against 177Lu."""
    egfr_decline_per_year: NuclideValues = NuclideValues(lu177=0.035, y90=0.075)
    """Share of filtration lost a year after treatment (177Lu, 90Y); equal values: no effect of the radionuclide."""
    platelet_nadir: NuclideValues = NuclideValues(lu177=0.22, y90=0.38)
    """Depth of the logarithm of platelets four to five weeks after a cycle; white cells and haemoglobin in
    proportion."""
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
    """Where and when patients are treated."""

    centres: Annotated[int, Field(ge=1, le=99)] = 4
    """Number of centres; the first treats most patients."""
    first_year: Year = Field(2005, description="Year of the first patient.")
    last_year: Year = Field(2020, description="Year of the last patient.")
    data_cutoff: date = Field(date(2021, 12, 31), description="Nothing after this day is known.")

    @model_validator(mode="after")
    def check_calendar(self) -> Self:
        """The years precede the cut-off."""
        if not self.first_year <= self.last_year < self.data_cutoff.year:
            raise ValueError("first_year, last_year and the year of data_cutoff must rise")
        return self


class DiseaseSettings(Section):
    """Latent progression and death of the reference patient: gep, G1, stable before, ECOG 0, 60 years, 177Lu."""

    progression_median_months: Positive = Field(49.0, description="Median time to latent progression.")
    progression_shape: Positive = 1.15
    """Shape of the Weibull distribution of latent progression; 1 is exponential."""
    death_per_year_before_progression: NonNegative = 0.008
    """Rate of death a year before progression."""
    death_per_year_after_progression: Positive = 0.19
    """Rate of death a year after progression."""
    early_progression_exponent: NonNegative = 0.15
    """Death after a progression at t months is faster by (24 / t) to this power, at most 4; 0: as after any."""


class LesionSettings(Section):
    """Target lesions."""

    non_target_only_share: Share = Field(0.02, description="Share of patients without any target lesion.")
    median_diameter_mm: Positive = Field(28.0, description="Median diameter of a target at baseline.")
    complete_response_share: Share = 0.012
    """Share of patients whose disease goes away altogether."""
    measurement_sd: NonNegative = Field(0.03, description="Error of the logarithm of a measured diameter.")


class TreatmentSettings(Section):
    """Cycles and somatostatin analogues."""

    combined_share: Share = 0.10
    """Share of patients who receive both radionuclides in turn."""
    retreatment_share: Share = 0.25
    """Share of progressions after a first benefit that are treated again."""
    analogue_share: Share = 0.6
    """Share of patients on a long-acting somatostatin analogue."""


class ScanSettings(Section):
    """When the tumour is imaged."""

    interval_days: Annotated[int, Field(ge=28, le=400)] = 120
    """Days between planned scans after the first restaging."""
    missed_share: Share = Field(0.06, description="Share of planned scans that do not take place.")
    no_baseline_share: Share = Field(0.005, description="Share of patients without a baseline scan.")
    not_evaluable_share: Share = 0.02
    """Share of scans that do not show one of the targets."""
    clinical_progression_share: Share = 0.025
    """Share of progressions that are clinical only: no scan follows."""
    prompted_share: Share = 0.4
    """Share of progressions whose symptoms bring the next scan forward; at least 0.7 where death would come
    before the next planned scan."""
    prompted_delay_days: Annotated[int, Field(ge=0, le=365)] = 25
    """Mean days from the progression to such a scan, which comes after 0.4 to 1.6 times as many; 0: that day."""


class FollowUpSettings(Section):
    """How long patients are known."""

    lost_per_year: NonNegative = Field(0.01, description="Rate of loss to follow-up a year.")


class RecordSettings(Section):
    """What the registry fails to record."""

    missing_share: Share = 0.04
    """Share of missing values in covariates and doses; 0: complete."""
    partial_date_share: Share = 0.3
    """Share of dates of diagnosis and of earlier therapies without day, a third of them without month."""


class ControlSettings(Section):
    """The historical controls."""

    patients: Annotated[int, Field(ge=0)] = Field(160, description="Number of individual controls; 0: none.")


class SimulationSettings(Section):
    """Everything that can be set of a synthetic registry."""

    effects: Effects = Effects()
    cohort: CohortSettings = CohortSettings()
    disease: DiseaseSettings = DiseaseSettings()
    lesions: LesionSettings = LesionSettings()
    treatment: TreatmentSettings = TreatmentSettings()
    scans: ScanSettings = ScanSettings()
    follow_up: FollowUpSettings = FollowUpSettings()
    records: RecordSettings = RecordSettings()
    controls: ControlSettings = ControlSettings()


def apply_overrides(settings: SimulationSettings, overrides: Sequence[str]) -> SimulationSettings:
    """A copy of the settings with single values set, such as `effects.platelet_nadir.y90=0.22`; values are YAML.

    Raises InputError with every fault: no `=`, an unknown key (and the nearest known one), a section where a value is
    meant, a value of the wrong type or out of range.
    """
    content = settings.model_dump(mode="json")
    known = list_setting_names(settings)
    faults = []
    for text in overrides:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value:
            faults.append(_fault(key, text, "is no key=value", "such as effects.confounding_strength=0"))
        elif key not in known:
            faults.append(_unknown_key(key, known))
        else:
            try:
                *path, last = key.split(".")
                reduce(getitem, path, content)[last] = yaml.safe_load(value)
            except yaml.YAMLError:
                faults.append(_fault(key, value, "is not a value", "a number, a date or a list"))
    if faults:
        raise InputError(faults)
    try:
        return SimulationSettings.model_validate(content)
    except ValidationError as error:
        found = [(".".join(map(str, fault["loc"])), fault) for fault in error.errors()]
        faults = [_fault(key, str(f["input"])[:60], "does not fit", f["msg"]) for key, f in found]
        raise InputError(faults) from None


def list_setting_names(settings: SimulationSettings) -> tuple[str, ...]:
    """List the dotted names of all values that can be set, in their order."""
    return tuple(pd.json_normalize(settings.model_dump(mode="json")).columns)


def _unknown_key(key: str, known: Sequence[str]) -> Problem:
    """An unknown key, with the nearest known one or the names of its section."""
    leaves = {name.rpartition(".")[2]: name for name in known}
    near = nearest_name(key, known) or leaves.get(nearest_name(key.rpartition(".")[2], list(leaves)) or "")
    inside = [name for name in known if name.startswith(f"{key}.")]
    if inside:
        return _fault(key, key, "is a section, not a value", f"one of {', '.join(inside)}")
    expected = f"did you mean {near}?" if near else "a name of docs/simulation_model.md"
    return _fault(key, key, "unknown key", expected)


def _fault(key: str, value: str, problem: str, expected: str) -> Problem:
    return Problem(SOURCE, None, key, value, problem, expected)
