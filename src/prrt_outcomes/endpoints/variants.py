"""Variants that stand beside an endpoint: other progressions, other partial dates, another fate of the lost."""

from __future__ import annotations

from prrt_outcomes.dates import RULES
from prrt_outcomes.study.endpoints import EndpointDefinition

ANY_PROGRESSION = "any_progression"
LOST_WORST = "lost_as_event"
LOST_BEST = "lost_event_free"
PARTIAL_DATES = "partial_dates_"
VARIANT_WORDS = {
    ANY_PROGRESSION: "clinical and biochemical progression count too",
    LOST_WORST: "loss to follow-up is an event",
    LOST_BEST: "the lost are event-free to the data cut-off",
    "partial_dates_first": "partial dates are the first day",
    "partial_dates_middle": "partial dates are the middle day",
    "partial_dates_last": "partial dates are the last day",
}


def list_variants(
    definition: EndpointDefinition, rule: str, *, primary: bool
) -> list[tuple[str, EndpointDefinition, str]]:
    """Variants of an endpoint: name, definition and rule of partial dates.

    Parameters
    ----------
    definition : the endpoint
    rule : the study's rule of partial dates
    primary : whether it is the primary endpoint, which has the sensitivity variants too

    Notes
    -----
    Each variant changes one thing. An endpoint that counts clinical and biochemical progression already has no
    variant with them.
    """
    variants = []
    everything = {"clinical_progression": True, "biochemical_progression": True}
    counts = definition.progression in ("event", "next_therapy")
    if counts and not (definition.clinical_progression and definition.biochemical_progression):
        variants.append((ANY_PROGRESSION, everything, rule))
    if primary:
        if definition.lost != "event":
            variants.append((LOST_WORST, {"lost": "event"}, rule))
        if definition.lost != "ignore":
            variants.append((LOST_BEST, {"lost": "ignore"}, rule))
        variants += [(f"{PARTIAL_DATES}{other}", {}, other) for other in RULES if other != rule]
    return [
        (
            name,
            definition.model_copy(update=change | {"title": f"{definition.title}, {VARIANT_WORDS[name]}"}),
            used,
        )
        for name, change, used in variants
    ]
