"""Each endpoint as an estimand in words (ICH E9(R1)), and the patients whose status differs between two of them."""

from itertools import combinations

import numpy as np
import pandas as pd

from prrt_outcomes.endpoints.derivation import HALF_DAY, find_longest_gap
from prrt_outcomes.endpoints.sources import WORDS, find_rule, is_confirmed
from prrt_outcomes.study.endpoints import ColumnOrigin, EndpointDefinition
from prrt_outcomes.study.model import Study

SIDE_COLUMNS = ("time_days", "event", "reason")
ORIGIN_WORDS, POPULATION_WORDS, THERAPY_WORDS, STRATEGIES = (
    WORDS[name] for name in ("origin", "population", "therapy", "strategy")
)


def format_estimand(definition: EndpointDefinition, study: Study, *, scans_recorded: bool) -> dict[str, str]:
    """Describe one endpoint.

    `study`: response settings, planned scan interval and window, kinds of new anticancer therapy; `scans_recorded`:
    whether the study records assessments.
    Returns population, treatment, variable, intercurrent_events, censoring, summary, and `sentence` that joins
    them.
    """
    origin = definition.origin
    words = f"the date {origin.column}" if isinstance(origin, ColumnOrigin) else ORIGIN_WORDS[origin]
    if origin == "first_response" and is_confirmed(definition, study.response):
        words += f" that a second scan confirmed at least {study.response.confirmation_days} days later"
    events, ways = list_intercurrent_events(definition, study), WORDS["censoring"]
    end = "last_contact" if definition.end == "last_contact" else "scans" if scans_recorded else "no_scans"
    censoring = ways[end] + (ways["lost"] if definition.lost == "ignore" else "")
    censoring += ways["beyond"] if definition.data_cutoff == "ignore" else ""
    parts = {
        "population": POPULATION_WORDS.get(str(origin), "all patients with at least one cycle"),
        "treatment": "retreatment with PRRT" if origin == "retreatment" else "PRRT as given",
        "variable": f"time from {words} to {_event_words(definition, study, scans_recorded)}",
        "intercurrent_events": "; ".join(words for _, words in events.values() if words),
        "censoring": censoring,
        "summary": WORDS["summary"]["competing" if definition.death == "competing" else "kaplan_meier"],
    }
    return parts | {"sentence": WORDS["sentence"].format(title=definition.title, **parts)}


def format_reported_estimand(definition: EndpointDefinition, *, competing: bool) -> dict[str, str]:
    """The same of an endpoint of which every time was reported; `competing`: whether competing events were."""
    summary = WORDS["summary"]["competing_reported" if competing else "kaplan_meier"]
    parts = WORDS["reported"] | {"summary": summary}
    return parts | {"sentence": WORDS["sentence"].format(title=definition.title, **parts)}


def _event_words(definition: EndpointDefinition, study: Study, scans_recorded: bool) -> str:
    """The events of an endpoint, joined by or; without scans nobody knows by which criterion there was progression."""
    events = []
    if definition.progression == "event":
        words = "progression as dated by the registry"
        if scans_recorded:
            words = f"progression by {definition.criterion or study.response.primary_criterion}"
            reader = definition.reader or study.response.reader
            words += f" as {reader} read it" if reader else ""
        also = [kind for kind in ("clinical", "biochemical") if getattr(definition, f"{kind}_progression")]
        events.append(f"{words}, {' or '.join(also)} progression" if also else words)
    if definition.progression == "next_therapy":
        events.append("progression on the next anticancer therapy")
    if definition.new_therapy == "event":
        kinds = ", ".join(THERAPY_WORDS[kind] for kind in study.new_anticancer_therapy)
        events.append(f"a new anticancer therapy ({kinds})")
    if find_rule(definition, "retreatment") == "event":
        events.append("retreatment with PRRT")
    for source in definition.events:
        rows = (f"{name} {', '.join(map(str, values))}" for name, values in source.filter.items())
        events.append(f"an adverse event ({'; '.join(rows) or 'any'})")
    if definition.death == "event":
        events.append("death from any cause")
    if definition.lost == "event":
        events.append("loss to follow-up")
    return " or ".join(events) or "no event"


def list_intercurrent_events(definition: EndpointDefinition, study: Study) -> dict[str, tuple[str, str]]:
    """Strategy after ICH E9(R1) and words of each intercurrent event of an endpoint that is derived.

    Words are empty where they go without saying, and the strategy where the event can do nothing.
    """
    new, again, missed = definition.new_therapy, definition.retreatment, definition.missed_assessments
    events = {"new_therapy": (STRATEGIES[new], WORDS["therapy_rule"][new])}
    if again == "as_new_therapy" and "prrt" in study.new_anticancer_therapy:
        events["retreatment"] = (STRATEGIES[new], "")
    else:
        again = "ignore" if again == "as_new_therapy" else again
        events["retreatment"] = (STRATEGIES[again], WORDS["retreatment_rule"][again])
    scanned = missed != "ignore" or definition.progression == "event"
    words = WORDS["missed_rule"][missed].format(days=find_longest_gap(study))
    events["missed_assessments"] = (STRATEGIES[missed], words) if scanned else ("", "")
    events["death"] = (STRATEGIES[definition.death], WORDS["death_rule"].get(definition.death, ""))
    if definition.progression == "censor":
        events["progression"] = ("hypothetical", "progression ends the observation")
    return events


def summarise_estimands(
    rows: pd.DataFrame,
    definitions: list[tuple[EndpointDefinition, str]],
    study: Study,
    *,
    scans_recorded: bool,
    cutoff: pd.Timestamp,
) -> pd.DataFrame:
    """One row an endpoint and variant: the estimand, and how many patients and events it has.

    `rows`: tables `endpoints` and `endpoint_variants` with a column `variant`, empty for the endpoint itself;
    `definitions`: endpoint and name of the variant, empty for the endpoint itself; `study`, `scans_recorded`,
    `cutoff`: what all estimands share.
    """
    flags = {"n": 1, "events": rows["event"] == 1, "competing_events": rows["event"] == 2}
    flagged = rows[["endpoint", "variant"]].assign(**flags, reported=rows["reason"].eq("reported"))  # type: ignore[arg-type]
    counts = flagged.groupby(["endpoint", "variant"]).sum()
    table = []
    for definition, variant in definitions:
        found = counts.reindex([(definition.name, variant)], fill_value=0).iloc[0]
        rule: dict[str, str | None] = {"criterion": None, "reader": None}
        if definition.origin == "reported" or 0 < found["n"] == found["reported"]:
            words = format_reported_estimand(definition, competing=bool(found["competing_events"]))
        else:
            words = format_estimand(definition, study, scans_recorded=scans_recorded)
            if scans_recorded:
                rule["criterion"] = definition.criterion or study.response.primary_criterion
                rule["reader"] = definition.reader or study.response.reader
            if found["reported"]:
                words["sentence"] += WORDS["some_reported"].format(**found)
        own = {"endpoint": definition.name, "variant": variant, "title": definition.title}
        own |= {"preset": definition.preset, "data_cutoff": cutoff} | words | rule  # type: ignore[arg-type]
        table.append(own | {name: int(found[name]) for name in ("n", "events", "competing_events")})
    return pd.DataFrame(table)


def find_comparable(
    definitions: list[tuple[EndpointDefinition, str]],
) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of estimands that answer one question.

    Two endpoints with the same origin that both, or neither, count progression; and each endpoint with its variants.
    """
    pairs = []
    for (a, variant_a), (b, variant_b) in combinations(definitions, 2):
        own_variant = a.name == b.name and "" in (variant_a, variant_b)
        alike = a.origin == b.origin and a.progression == b.progression and not (variant_a or variant_b)
        if own_variant or alike:
            pairs.append(((a.name, variant_a), (b.name, variant_b)))
    return pairs


def derive_changes(rows: pd.DataFrame, definitions: list[tuple[EndpointDefinition, str]]) -> pd.DataFrame:
    """List the patients who differ between two comparable estimands.

    `rows`: endpoints and variants: patient_id, endpoint, variant (empty for the endpoint), time_days, event,
    reason.
    Returns one row a patient and pair of estimands whose event differs (`change = status`) or whose time differs by
    more than half a day (`change = time`): patient_id, endpoint_a, variant_a, endpoint_b, variant_b, time, event
    and reason of both. A patient who has only one of the two is `change = population`.
    """
    columns = ["patient_id", "endpoint_a", "variant_a", "endpoint_b", "variant_b", "change"]
    columns += [f"{name}_{side}" for name in SIDE_COLUMNS for side in ("a", "b")]
    by_estimand = dict(list(rows.groupby(["endpoint", "variant"])))
    tables = []
    for a, b in find_comparable(definitions):
        if a not in by_estimand or b not in by_estimand:
            continue
        sides = [by_estimand[key].set_index("patient_id")[list(SIDE_COLUMNS)] for key in (a, b)]
        both = sides[0].join(sides[1], how="outer", lsuffix="_a", rsuffix="_b").reset_index()
        one_sided = both["event_a"].isna() | both["event_b"].isna()
        status = (both["event_a"] != both["event_b"]) & ~one_sided
        time = ((both["time_days_a"] - both["time_days_b"]).abs() > HALF_DAY) & ~status & ~one_sided
        change = np.select([one_sided, status, time], ["population", "status", "time"], "")
        names = dict(zip(columns[1:5], (*a, *b), strict=True))
        tables.append(both.assign(change=change, **names)[change != ""])
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)
