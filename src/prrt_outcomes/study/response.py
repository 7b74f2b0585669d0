"""Section `response`: which criteria, and how best response and groups are made from them."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from prrt_outcomes.study import base

ResponseCode = Literal["CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE"]
NAMED_CRITERIA = ("recist_1_1", "recist_1_0", "recist_mr", "swog", "swog_mr", "who", "chromogranin_a")
DEFAULT_GROUPS: dict[str, tuple[ResponseCode, ...]] = {
    "responder": ("CR", "PR"),
    "stable": ("MR", "SD"),
    "progressive": ("PD",),
}


class CriterionDefinition(base.Section):
    """A response criterion as data: what is measured, against what, and where the thresholds lie."""

    name: base.Name = Field(description="Name by which results speak of the criterion.")
    title: base.Title = Field("", description="Name for readers.")
    source: str = Field("", description="Citation, with the section or table.")
    measure: Literal["diameter", "product", "marker"]
    """Sum of longest diameters (mm), sum of products of two diameters (mm2), or a laboratory value."""
    analyte: Literal["chromogranin_a"] | None = None
    """The laboratory value that is measured; only for the measure `marker`."""
    node_short_axis: bool = False
    """Whether a lymph node counts by its short axis instead of its longest diameter."""
    node_normal_mm: base.Size = 0.0
    """A node with a short axis below this is normal: it counts as gone, and reappears only from here on."""
    node_target_minimum_mm: base.Size = 0.0
    """A nodal target below this short axis at baseline is a warning."""
    target_minimum_mm: base.Size = 10.0
    """A target with a shorter longest diameter at baseline is a warning."""
    targets_maximum: base.Whole | None = Field(None, gt=0, le=1_000)
    """More targets are a warning."""
    targets_maximum_organ: Annotated[base.Whole, Field(gt=0, le=1_000)] | None = None
    """More targets in one organ are a warning."""
    too_small_mm: base.Size = 5.0
    """Diameter of a lesion that is there but too small to measure (both diameters of a product)."""
    partial_fall: base.Share = Field(gt=0)
    """PR: the sum fell by at least this share of the baseline."""
    minor_fall: Annotated[base.Share, Field(gt=0)] | None = None
    """MR: the sum fell by at least this share of the baseline, but not to a PR; none: no such category."""
    progression_rise: base.Number = Field(gt=0, le=100)
    """PD: a rise by at least this share of the reference."""
    progression_absolute: Annotated[base.Size, Field(gt=0)] | None = None
    """PD: a rise by at least this many mm (diameter), mm2 (product) or units of the marker."""
    progression_combine: Literal["both", "either"] = "both"
    """Whether the relative and the absolute rise must both be reached, or the smaller one suffices."""
    progression_reference: Literal["nadir", "baseline"] = "nadir"
    """What a rise is measured from."""
    progression_unit: Literal["sum", "lesion"] = "sum"
    """Whether the sum rises, or any single lesion over its own reference."""
    reappearance: Literal["after_complete", "any_lesion", "never"] = "after_complete"
    """Which reappearance is PD: after a complete response, of any lesion that had gone as well, or none."""
    overall_table: Literal["recist", "swog", "marker"] = "recist"
    """Table that combines targets, non-targets and new lesions."""
    confirmation: bool = True
    """Whether the source asks that CR and PR be confirmed in a non-randomised study."""

    @model_validator(mode="after")
    def check_definition(self) -> Self:
        if self.minor_fall is not None and self.minor_fall >= self.partial_fall:
            raise base.refuse("minor_above_partial", most=self.partial_fall)
        if (self.measure == "marker") != (self.analyte is not None):
            raise base.refuse("marker_and_analyte")
        if (self.measure == "marker") != (self.overall_table == "marker"):
            raise base.refuse("marker_and_table")
        if self.measure == "product" and self.node_short_axis:
            raise base.refuse("short_axis_of_product")
        return self


CriterionEntry = Annotated[
    Annotated[base.Name, Tag("name")] | Annotated[CriterionDefinition, Tag("CriterionDefinition")],
    # a name, or else a definition: faults are then those of the right one
    Discriminator(lambda entry: "name" if isinstance(entry, str) else "CriterionDefinition"),
]


class MarkerSettings(base.Section):
    """Cut-offs of the criterion `chromogranin_a`, whose changes are followed and never called a response."""

    fall: base.Share = Field(0.5, gt=0, description="It fell: by at least this share of the baseline.")
    rise: base.Number = Field(0.25, gt=0, le=100, description="It rose: by this share of the lowest value.")
    source: str = Field("our choice", description="Citation of the cut-offs.")


class ResponseSettings(base.Section):
    """Criteria, confirmation, minimum duration of stable disease and the groups made from best response."""

    criteria: tuple[CriterionEntry, ...] = ("recist_1_1",)
    """Criteria by name or by full definition; the first is primary. Once read, these are names."""
    definitions: tuple[CriterionDefinition, ...] = ()
    """Definitions of the criteria that the study made itself; those written in `criteria` are kept here."""
    chromogranin_a: MarkerSettings = Field(default_factory=MarkerSettings)
    """Cut-offs of chromogranin A."""
    confirmation_days: base.Days = 28
    """A second CR or PR at least this many days later confirms the first."""
    primary_rate: Literal["unconfirmed", "confirmed"] = "unconfirmed"
    """Which of the two rates the report quotes; both are always written."""
    minimum_stable_days: base.Days = 42
    """SD, MR and NON-CR/NON-PD earlier than this after the origin are NE."""
    baseline_days: base.PositiveDays = 120
    """The baseline scan lies at most this many days before the first cycle."""
    sustain_response: bool = False
    """Whether a PR lasts until PD (the EORTC's reading) instead of each scan being judged on its own."""
    confirmation_max_not_evaluable: base.Count = 1
    """How many NE may stand between a response and its confirmation."""
    confirmation_accept_stable: bool = False
    """Whether one SD may stand between a PR and its confirmation."""
    new_modality_lesion_is_progression: bool = False
    """Whether a lesion first seen because the modality changed counts as PD; else it is flagged."""
    reader: str | None = None
    """The primary reader where there are several; else `local`, or the only one."""
    adjudicator: str | None = None
    """The reader whose reading replaces the primary one in the treatment periods that he read."""
    groups: dict[base.Name, tuple[ResponseCode, ...]] = Field(default_factory=lambda: dict(DEFAULT_GROUPS))
    """Response groups and the best responses that make them."""

    @property
    def criterion_names(self) -> tuple[str, ...]:
        """Names of the criteria, the primary one first."""
        return tuple(str(name) for name in self.criteria)

    @property
    def primary_criterion(self) -> str:
        """Name of the first criterion, by which the report quotes response and progression."""
        return self.criterion_names[0]

    @property
    def markers(self) -> dict[str, str]:
        """Criteria of the study that a laboratory value judges, which is no response to treatment: their analytes."""
        known = {"chromogranin_a": "chromogranin_a"} | {
            d.name: d.analyte for d in self.definitions if d.analyte
        }
        return {name: known[name] for name in self.criterion_names if name in known}

    @model_validator(mode="after")
    def check_groups(self) -> Self:
        codes = [code for group in self.groups.values() for code in group]
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise base.refuse("response_in_two_groups", names=", ".join(twice))
        return self

    @model_validator(mode="after")
    def gather_definitions(self) -> Self:
        """Keep the names in `criteria` and the definitions beside them; each name is known and stands once."""
        written = tuple(c for c in self.criteria if isinstance(c, CriterionDefinition))
        names = tuple(c.name if isinstance(c, CriterionDefinition) else c for c in self.criteria)
        definitions = (*self.definitions, *written)
        own = [d.name for d in definitions]
        if not names or len(set(names)) < len(names) or len(set(own)) < len(own):
            raise base.refuse("no_criteria")
        shadowing = sorted(set(own) & set(NAMED_CRITERIA))
        if shadowing:
            raise base.refuse("criterion_taken", names=", ".join(shadowing))
        unknown = [name for name in names if name not in NAMED_CRITERIA and name not in own]
        if unknown:
            known = ", ".join(NAMED_CRITERIA)
            raise base.refuse("unknown_criterion", names=", ".join(unknown), known=known)
        # The model is frozen; this is the one moment at which its parts are put in their places.
        object.__setattr__(self, "criteria", names)
        object.__setattr__(self, "definitions", definitions)
        if names[0] in self.markers:
            raise base.refuse("marker_first", name=names[0])
        return self
