"""Section `endpoints`: an endpoint is data; presets by name, one model for all of them."""

from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, model_validator

from prrt_outcomes.study.base import Name, Section, Title, refuse, spell_name

Origin = Literal["first_cycle", "diagnosis", "referral", "first_response", "retreatment", "reported"]


class ColumnOrigin(Section):
    """An origin that stands in a date column of `patients` (declared in `extra_columns`)."""

    column: Name = Field(description="The date column.")


class EventSource(Section):
    """Rows of a table whose first date is an event of an endpoint, such as adverse events of grade 3 or more."""

    table: Literal["adverse_events"] = Field("adverse_events", description="The table.")
    filter: dict[Name, Annotated[tuple[bool | int | str, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Column and values: a row counts where every column holds one of its values; all rows where none is named."""
    date: Literal["onset_date"] = Field("onset_date", description="The date of the event.")
    reason: Literal["adverse_event"] = "adverse_event"
    """Why the time ends, as the column `reason` says it."""


class EndpointDefinition(Section):
    """Origin, events, intercurrent events and end of one time to event."""

    name: Name = Field(description="Name, used in tables and file names.")
    preset: Name | None = None
    """The preset that this definition starts from; what is written beside it overrides it."""
    title: Title = Field("", description="Name for readers, such as Progression-free survival.")
    origin: Origin | ColumnOrigin = "first_cycle"
    """Where time starts; `reported`: times come from reported_outcomes alone and nothing is derived."""
    progression: Literal["event", "censor", "ignore", "next_therapy"] = "event"
    """What progression is; `next_therapy` counts only progression on the therapy after PRRT (PFS2)."""
    death: Literal["event", "competing", "censor"] = "event"
    """What death is: the event, a competing event (2) at its date, or the end of observation."""
    new_therapy: Literal["ignore", "censor", "event"] = "ignore"
    """A new anticancer therapy: ignored, censored at the last adequate assessment before it, or event."""
    missed_assessments: Literal["ignore", "censor", "event"] = "ignore"
    """Two or more missed assessments before the event: ignored, censored before the gap, or the event is dated
    at the first missed assessment."""
    retreatment: Literal["as_new_therapy", "ignore", "censor", "event"] = "as_new_therapy"
    """A new PRRT period: as a new therapy where new_anticancer_therapy names prrt (else ignored), or its own rule."""
    data_cutoff: Literal["censor", "ignore"] = "censor"
    """Nothing after the data cut-off is known, or the follow-up after it is used; rows of the other tables after it
    never reach an analysis."""
    end: Literal["last_adequate_assessment", "last_contact"] = "last_adequate_assessment"
    """Where a patient without event is censored."""
    lost: Literal["censor", "event", "ignore"] = "censor"
    """Loss to follow-up: censored, an event at last contact (worst case), or ignored: as if seen without event
    until the data cut-off (best case)."""
    criterion: Name | None = None
    """Criterion that progression comes from; the study's primary one where it is not named."""
    reader: str | None = None
    """Reader that progression comes from; the study's primary one where it is not named."""
    confirmed: bool | None = None
    """Whether a response that starts the time must be confirmed (the first scan of the pair counts); as
    response.primary_rate where it is not named."""
    clinical_progression: bool = Field(False, description="Whether clinical progression counts.")
    biochemical_progression: bool = Field(False, description="Whether biochemical progression counts.")
    events: tuple[EventSource, ...] = ()
    """Further events, such as an adverse event; whoever had one before observation starts has no time."""

    @model_validator(mode="after")
    def check_event(self) -> Self:
        rules = (self.progression, self.death, self.new_therapy, self.retreatment, self.lost)
        if not {"event", "next_therapy"} & set(rules) and not self.events:
            raise refuse("nothing_is_event")
        return self


_NAMED = yaml.safe_load(Path(__file__).with_name("presets.yaml").read_text("utf-8"))
PRESETS: dict[str, dict] = _NAMED["presets"]
REPORTED_TITLES: dict[str, str] = _NAMED["reported"]


def resolve_endpoint(entry: str | dict) -> dict:
    """Fill a preset name or a definition with the values of its preset; another name alone is a reported endpoint.

    Raises ValueError when a definition names a preset that does not exist.
    """
    if isinstance(entry, str):
        entry = {"name": entry} | ({"preset": entry} if entry in PRESETS else {"origin": "reported"})
    if not isinstance(entry, dict):
        raise refuse("no_endpoint")
    name, preset = str(entry.get("name", "")), entry.get("preset")
    if not isinstance(preset, str | None):
        raise refuse("preset_no_name", known=", ".join(PRESETS))
    if preset is None and name in PRESETS and len(entry) == 1:
        preset = name
    if preset is not None and preset not in PRESETS:
        raise refuse("no_such_preset", name=preset, known=", ".join(PRESETS))
    if not preset and entry.get("origin") == "reported":
        title = REPORTED_TITLES.get(name) or spell_name(name)
        return {"title": title, "progression": "ignore", "end": "last_contact"} | entry
    if not preset:
        return {"title": spell_name(name)} | entry
    base = PRESETS[preset]
    words = spell_name(name) if "_" in name else name
    title = base["title"] if preset == name else f"{base['title']} ({words})"
    return base | {"title": title} | entry | {"preset": preset}
