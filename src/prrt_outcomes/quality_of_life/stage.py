"""Quality of life: which questionnaires were returned, how scores change, time to deterioration."""

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, stage_frame
from prrt_outcomes.cohort.grouping import WHOLE, compute_group
from prrt_outcomes.endpoints.patient_dates import derive_observation
from prrt_outcomes.quality_of_life import scores
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import derive_skipped_tables, stack_tables

INPUTS = (
    "patients", "cycles", "assessments", "follow_up", "adverse_events", "treatment_periods", "questionnaires",
    "analysis_set",
)  # fmt: skip
OUTPUTS = ("questionnaire_compliance", "questionnaire_change", "deterioration")
SETTINGS = (
    "questionnaires", "analysis", "data_cutoff", "partial_dates", "endpoints", "new_anticancer_therapy",
)  # fmt: skip


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Describe the questionnaires of treated patients from their first cycle on.

    Returns the tables of `OUTPUTS`, `attrition` and `stages`.
    """
    if tables["questionnaires"].empty:
        return derive_skipped_tables("quality_of_life", OUTPUTS, "there are no questionnaires")
    known = derive_observation(tables, study).patients
    treated = known[known["first_cycle"].notna()]
    first, death = treated["first_cycle"], treated["death_date"]
    last = death.fillna(treated["last_contact_date"])
    patients = treated.assign(death_day=(death - first).dt.days, last_day=(last - first).dt.days)
    settings, analysis = study.questionnaires, study.analysis
    level, known = analysis.confidence.level, tables["analysis_set"].drop_duplicates("patient_id")
    known = known.set_index("patient_id").reindex(patients.index)
    asked = dict.fromkeys([WHOLE, *analysis.group_by, "radionuclide"])
    names = [name for name in asked if name in (WHOLE, *known)]
    groups = pd.DataFrame({name: compute_group(known, name) for name in names})
    found = scores.derive_scores(tables["questionnaires"], patients, settings)
    shown = scores.choose_scales(found.rows["scale"], settings)
    made = {
        "questionnaire_compliance": [scores.summarise_compliance(found, patients, groups, level)],
        "questionnaire_change": [scores.summarise_changes(found, groups, settings, level)],
        "deterioration": [],
    }
    for labels, rows in scores.derive_deterioration(found, patients, settings):
        is_drawn = labels["scale"] in shown and labels["definition"] == "definitive"
        own, further = groups.loc[rows.frame["patient_id"]], settings.visits_months if is_drawn else None
        for name in names if is_drawn else [name for name in names if name in (WHOLE, "radionuclide")]:
            for label, part in rows.split(own[name]):
                whose = labels | {"group_by": name, "group": label}
                made["deterioration"].append(scores.tabulate_deterioration(whose, part, analysis, further))
    reason = "no score is of a treated patient and a scale whose direction is known"
    named = settings.scales if "scales" in settings.model_fields_set else ()
    unseen = [name for name in named if name not in shown]
    status = ("partial", f"no score of {', '.join(unseen)}") if unseen else ("done",)
    stage = stage_frame("quality_of_life", *(status if len(found.rows) else ("skipped", reason)))
    results = {name: stack_tables(name, parts) for name, parts in made.items()}
    return results | {"attrition": attrition_frame(found.losses), "stages": stage}
