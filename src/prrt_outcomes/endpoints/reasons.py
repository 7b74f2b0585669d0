"""The closed lists: why a time ends, and why a patient has no time for an endpoint."""

from __future__ import annotations

EVENT_REASONS = {
    "progression": "Progression by the criterion and reader of the endpoint",
    "clinical_progression": "Progression recorded as clinical",
    "biochemical_progression": "Progression recorded as biochemical",
    "progression_next_therapy": "Progression on the therapy after PRRT",
    "death": "Death",
    "new_therapy": "Start of a new anticancer therapy",
    "retreatment": "Start of a new PRRT period",
    "lost_to_follow_up": "Loss to follow-up, taken as an event",
    "missed_assessments": "Event after two or more missed assessments, dated at the first of them",
    "reported": "Event as reported",
}
CENSOR_REASONS = {
    "last_adequate_assessment": "Last adequate assessment without event",
    "no_adequate_assessment": "No adequate assessment after baseline",
    "last_contact": "Last contact without event",
    "lost_to_follow_up": "Lost to follow-up",
    "data_cutoff": "Without event at the data cut-off",
    "new_therapy": "New anticancer therapy before the event",
    "retreatment": "New PRRT period before the event",
    "missed_assessments": "Two or more missed assessments before the event",
    "death": "Death, which ends the observation",
    "progression": "Progression, which ends the observation",
    "reported": "Censored as reported",
}
EXCLUSION_REASONS = {
    "no_first_cycle": "no cycle is recorded",
    "no_origin_date": "the date from which time counts is missing",
    "no_response": "no response that could start the time",
    "no_retreatment": "no retreatment",
    "origin_after_cutoff": "the time would start after the data cut-off",
    "no_follow_up": "no date of last contact",
    "contact_before_origin": "the last contact lies before the time begins",
    "not_reported": "no reported outcome",
    "not_at_risk": "reported time ends before the patient came under observation",
}
REASONS = tuple(dict.fromkeys((*EVENT_REASONS, *CENSOR_REASONS)))
