"""Settings under which one effect stands alone, for calibration."""

from __future__ import annotations

from prrt_outcomes.simulate.overrides import apply_overrides
from prrt_outcomes.simulate.settings import SimulationSettings

PLAIN_HAZARDS = (
    *(
        f"effects.{event}_tumour_group.{group}=1"
        for event in ("progression", "death")
        for group in ("lung", "neuroectodermal", "other")
    ),
    *(f"effects.{event}_grade.{grade}=1" for event in ("progression", "death") for grade in ("G2", "G3")),
    "effects.progressive_at_baseline_hazard_ratio=1",
    "effects.age_hazard_ratio_per_decade=1",
    "effects.ecog_hazard_ratio=1",
    "effects.radionuclide_hazard_ratio=1",
    "effects.unmeasured_hazard_ratio=1",
)
EXACT_PROGRESSION = (
    "scans.prompted_share=1",
    "scans.fatal_prompted_share=1",
    "scans.prompted_first_day=0",
    "scans.prompted_last_day=0",
    "scans.clinical_progression_share=0",
    "scans.no_baseline_share=0",
    "scans.not_evaluable_share=0",
    "lesions.measurement_sd=0.01",
)
DEATH_PER_YEAR = 0.09


def isolate_response_effect(settings: SimulationSettings, hazard_ratio: float = 1.0) -> SimulationSettings:
    """Settings under which a response changes the hazard by one ratio and nothing else does.

    With the default settings two things besides the effect separate responders from others. A scan that shows
    a response shows also that there is no progression yet, and the next look comes months later; and a
    responder has not progressed, while among the others who are alive some have, and die sooner. Both are
    real, and both make a time-dependent comparison deviate from 1 where response does nothing. Here a
    progression is seen on its day, death is as likely before as after it, and all other hazard ratios are 1:
    the time-dependent hazard ratio of `pfs` and of `os` is `hazard_ratio` exactly, and with 1 Mantel-Byar and
    landmark tests must keep their level.

    Parameters
    ----------
    settings : settings to start from
    hazard_ratio : of progression and of death from the first response on
    """
    return apply_overrides(
        settings,
        (
            *PLAIN_HAZARDS,
            *EXACT_PROGRESSION,
            f"effects.objective_response_hazard_ratio={hazard_ratio}",
            f"disease.death_per_year_before_progression={DEATH_PER_YEAR}",
            f"disease.death_per_year_after_progression={DEATH_PER_YEAR}",
            "disease.early_progression_exponent=0",
        ),
    )
