"""Variants of an endpoint, each with one rule changed."""

from collections.abc import Iterator

from prrt_outcomes.dates import RULES
from prrt_outcomes.endpoints.sources import WORDS
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.study.model import Study

ANY_PROGRESSION = "any_progression"
LOST_WORST = "lost_as_event"
LOST_BEST = "lost_event_free"
PARTIAL_DATES = "partial_dates_"
VARIANT_WORDS: dict[str, str] = WORDS["variant"]


def list_variants(
    definition: EndpointDefinition, study: Study, *, primary: bool
) -> list[tuple[str, EndpointDefinition, str]]:
    """Variants of an endpoint: name, definition and rule of partial dates.

    `primary`: whether it is the primary endpoint, which has the sensitivity variants too.
    Each variant changes one thing. An endpoint that counts clinical and biochemical progression already has no
    variant with them.
    """
    variants: list[tuple[str, dict, str]] = []
    rule = study.partial_dates
    everything = {"clinical_progression": True, "biochemical_progression": True}
    counts = definition.progression in ("event", "next_therapy")
    if counts and not (definition.clinical_progression and definition.biochemical_progression):
        variants.append((ANY_PROGRESSION, everything, rule))
    if primary:
        variants += [(name, change, rule) for name, change in _vary_intercurrent(definition, study)]
        if definition.lost != "event":
            variants.append((LOST_WORST, {"lost": "event"}, rule))
        if definition.lost != "ignore":
            variants.append((LOST_BEST, {"lost": "ignore"}, rule))
        variants += [(f"{PARTIAL_DATES}{other}", {}, other) for other in RULES if other != rule]
    titles = {name: f"{definition.title}, {words}" for name, words in VARIANT_WORDS.items()}
    return [
        (name, definition.model_copy(update=change | {"title": titles[name]}), used)
        for name, change, used in variants
    ]


def _vary_intercurrent(definition: EndpointDefinition, study: Study) -> Iterator[tuple[str, dict]]:
    """New therapy and missed scans in the other ways; of an endpoint that progression ends."""
    if definition.progression != "event":
        return
    ways = {"ignore": "ignored", "censor": "censored", "event": "event"}
    events = (("new_therapy", "new_therapy"), ("missed_scans", "missed_assessments"))
    planned = study.assessment_interval_days is not None
    for prefix, field in events[: 1 + planned]:
        for way, ending in ways.items():
            if getattr(definition, field) != way:
                yield f"{prefix}_{ending}", {field: way}
    both = {field: "censor" for _, field in events}
    if planned and all(getattr(definition, field) != "censor" for field in both):
        yield "fda", both
