"""The whole study file as one frozen model, with its small sections."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from prrt_outcomes.study import base
from prrt_outcomes.study.analysis import AnalysisSettings, MultiplicitySettings
from prrt_outcomes.study.controls import Claim, Control
from prrt_outcomes.study.eligibility import EligibilitySet, Radionuclide, resolve_set
from prrt_outcomes.study.endpoints import PRESETS, EndpointDefinition, resolve_endpoint
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.study.vocabulary import Vocabulary


class TreatmentSettings(base.Section):
    """When a gap between cycles starts a new period, and which intervals and windows count as kept."""

    retreatment_gap_weeks: base.Weeks = 26.0
    """A gap between cycles longer than this starts a new treatment period (retreatment)."""
    cycle_interval_minimum_weeks: Annotated[base.Number, Field(ge=0, le=5_218)] = 6.0
    """Shortest interval between two cycles that counts as kept."""
    cycle_interval_maximum_weeks: base.Weeks = 14.0
    """Longest interval between two cycles that counts as kept."""
    ssa_long_acting_days: base.Days = 28
    """A long-acting somatostatin analogue is given at least this many days before a cycle."""
    ssa_short_acting_days: base.Days = 1
    """A short-acting somatostatin analogue is stopped at least this many days before a cycle."""
    eligibility: Annotated[EligibilitySet, BeforeValidator(resolve_set)] = Field(
        "guidance_2013", validate_default=True
    )
    """Conditions before each cycle: name of a set, or rows of the centre's own."""
    eligibility_days: base.PositiveDays = 60
    """A laboratory value that is used for eligibility lies at most this many days before the cycle."""
    stop_reason: base.Name | None = None
    """Column of patients that says why no further cycle was given."""
    monitoring_days: base.PositiveDays = 28
    """A laboratory value counts as monitoring before a cycle if it lies at most this many days before it."""

    @model_validator(mode="after")
    def check_interval(self) -> Self:
        if self.monitoring_days > self.eligibility_days:
            raise base.refuse("days_of_monitoring", most=self.eligibility_days)
        longest, gap = self.cycle_interval_maximum_weeks, self.retreatment_gap_weeks
        if not self.cycle_interval_minimum_weeks < longest:
            raise base.refuse("shortest_interval", longest=longest)
        if longest > gap:
            raise base.refuse("longest_interval", gap=gap)
        return self


class FigureSettings(base.Section):
    """Formats, resolution and style of the figures."""

    formats: tuple[Literal["pdf", "svg", "png", "tiff"], ...] = Field(
        default=("pdf", "svg", "png"), min_length=1
    )
    """File formats of each figure."""
    dpi: base.Whole = Field(300, ge=72, le=1200, description="Resolution of png and tiff.")
    titles: bool = True
    """Whether the title stands on the figure; a journal sets it in the legend."""
    style: Literal["house", "nejm", "lancet", "jnm", "slides", "manuscript"] = "house"
    """Colours, font, lines and sizes: this project's own, like those of three journals, or of a slide."""
    width: Literal["single", "middle", "double"] | Annotated[base.Number, Field(ge=80, le=400)] = "double"
    """Columns of a page (89, 120 or 183 mm; 85, 120 or 170 in the styles of journals), or a width in mm."""


class TableParts(base.Section):
    """Rows or columns of a table of report and manuscript, named by their code or as the table shows them."""

    drop: tuple[str, ...] = Field((), description="What is left out; a heading with all rows below it.")
    rename: dict[str, base.Title] = Field(default_factory=dict)
    """What is shown under another name."""
    order: tuple[str, ...] = Field((), description="What stands first, in this order; the others follow.")


class TableEdits(base.Section):
    """What a study changes in one table of report and manuscript."""

    drop: bool = Field(False, description="The table is not shown.")
    title: base.Title = Field("", description="Its title.")
    place: base.Whole = Field(0, ge=-100, le=100, description="Tables of a section stand in this order.")
    rows: TableParts = Field(default_factory=TableParts, description="Rows, such as `sex` or `sex.female`.")
    columns: TableParts = Field(default_factory=TableParts, description="Columns; the first one stays.")


PublicationTable = Literal[
    "baseline", "delivery", "response", "lesions", "survival", "cox", "responders", "controls", "adverse_events",
    "laboratory_shift",
]  # fmt: skip


class DisclosureSettings(base.Section):
    """What a release may show."""

    minimum_count: base.Whole = Field(5, ge=3, le=1_000_000)
    """Smallest count that `prrt-outcomes release` may show; counts are rounded to its multiples."""


Activity = Annotated[base.Number, Field(gt=0, le=1_000)]


class SafetySettings(base.Section):
    """Phases of laboratory follow-up, and how kidney function is estimated."""

    baseline_days: base.PositiveDays = 60
    """A baseline sample lies at most this many days before the first cycle."""
    late_after_days: base.PositiveDays = 90
    """Samples later than this after the last cycle of a period are late toxicity."""
    egfr_equation: Literal["ckd_epi_2021", "ckd_epi_2009"] = "ckd_epi_2021"
    """Equation that estimates glomerular filtration from creatinine, by age and sex alone."""
    egfr_acute_months: base.PositiveMonths = 6.0
    """The acute slope of eGFR ends this many months after the first cycle, where the chronic slope begins."""
    egfr_schedule_months: base.PositiveMonths | None = None
    """Sampling was planned until this month; none for the 95th percentile of the last values of patients."""
    activity_landmark_months: base.PositiveMonths = 12
    """Neoplasms by activity and slopes of eGFR by kidney dose are by what was given until then, and count from then."""
    activity_bounds_gbq: dict[Radionuclide, Annotated[tuple[Activity, ...], Field(min_length=1)]] = Field(
        {"177Lu": (26.6, 32.6)}
    )
    """Bounds of the classes of cumulative activity by radionuclide; one without bounds is split at its median."""


class QuestionnaireSettings(base.Section):
    """Visits at which questionnaires are due, and what a deterioration is."""

    baseline_days: base.PositiveDays = 60
    """How long before the first cycle a baseline may lie."""
    visits_months: tuple[base.PositiveMonths, ...] = Field((3, 6, 12, 18, 24), min_length=1, max_length=50)
    """Planned visits after the first cycle, for scores without a label of their visit."""
    window_days: base.Days = Field(45, description="How far a score may lie from the planned day.")
    deterioration_points: base.Number = Field(10.0, gt=0, le=100)
    """Points worse than at baseline."""
    death_days: base.Days = 182
    """A death within this time of the last questionnaire counts."""
    scales: tuple[base.Title, ...] = Field(
        ("Global health status", "Physical functioning", "Fatigue", "Diarrhoea"),
        min_length=1,
        max_length=6,
        description="Scales of figures and sentences.",
    )
    better: dict[str, Literal["high", "low"]] = Field(default_factory=dict)
    """Which scores are better, for scales other than those of QLQ-C30 and GI.NET21."""


InputTable = Literal[
    "patients", "cycles", "therapies", "assessments", "lesions", "labs", "follow_up", "adverse_events",
    "reported_outcomes", "questionnaires", "pet", "control_patients", "control_outcomes", "control_curves",
    "control_at_risk",
]  # fmt: skip
INPUT_TABLES: tuple[str, ...] = get_args(InputTable)
OUTCOME_TABLES = ("follow_up", "reported_outcomes")
NewTherapy = Literal[
    "chemotherapy", "targeted", "liver_directed", "external_radiotherapy", "surgery", "prrt", "other"
]


def _expand_sources(tables: Any) -> Any:
    """A path is a mapping with a file, one mapping is a list of one."""
    if not isinstance(tables, dict):
        return tables
    listed = {name: source if isinstance(source, list) else [source] for name, source in tables.items()}
    return {
        name: [{"file": source} if isinstance(source, str) else source for source in sources]
        for name, sources in listed.items()
    }


def _check_required_tables(tables: dict) -> dict:
    if "patients" not in tables:
        raise base.refuse("no_patients")
    if not any(name in tables for name in OUTCOME_TABLES):
        raise base.refuse("no_outcome_table", tables=" and ".join(OUTCOME_TABLES))
    return tables


def _expand_presets(endpoints: Any) -> Any:
    if not isinstance(endpoints, list | tuple):
        return endpoints
    return [e if isinstance(e, EndpointDefinition) else resolve_endpoint(e) for e in endpoints]


class Study(base.Section):
    """Everything scientific about a study."""

    study: base.Name = Field(description="Name of the study and of its results folder.")
    title: base.Title = Field("", description="Title of the report.")
    synthetic: bool = False
    """Whether the patients were simulated; stamped on every page and figure."""
    confirmed: bool = Field(False, description="Whether a person has looked at the doubts.")
    doubts: tuple[str, ...] = ()
    """What adopt guessed of the files and changes numbers; nothing runs until it is confirmed."""
    data_cutoff: base.Day | None = None
    """Nothing after this date is known; the latest date of the data where it is not named."""
    tables: Annotated[
        dict[InputTable, Annotated[tuple[base.TableSource, ...], Field(min_length=1)]],
        BeforeValidator(_expand_sources),
        AfterValidator(_check_required_tables),
    ]
    """Where each table comes from."""
    extra_columns: dict[base.Name, Literal["string", "category", "integer", "number", "boolean", "date"]] = (
        Field(default_factory=dict)
    )
    """Columns of patients beyond the schema and their types."""
    vocabulary: Vocabulary = Field(default_factory=Vocabulary)
    """Words of the files for our codes, beside those of data_schema/vocabulary.yaml."""
    treatment: TreatmentSettings = Field(default_factory=TreatmentSettings)
    """What the regimen asks."""
    response: ResponseSettings = Field(default_factory=ResponseSettings)
    """Criteria, best response and groups."""
    endpoints: Annotated[tuple[EndpointDefinition, ...], BeforeValidator(_expand_presets)] = Field(
        default_factory=lambda: tuple(
            EndpointDefinition(**resolve_endpoint(name)) for name in ("pfs", "os", "ttp")
        ),
        min_length=1,
    )
    """Preset names or full definitions; the first is primary."""
    assessment_interval_days: base.PositiveDays | None = None
    """Planned interval between scans; needed where missed assessments censor."""
    assessment_window_days: base.Days = Field(14, description="How late a scan may be.")
    partial_dates: Literal["first", "middle", "last"] = "middle"
    """How a date without day or month is resolved."""
    dead_without_date: Literal["last_contact", "censor"] | None = None
    """A death without a date: at the last contact, or censored there; an error where it is not named."""
    accepted_problems: tuple[str, ...] = ()
    """Contradictions of dates that were looked at and stay as they are, such as cycle after death: warnings then."""
    new_anticancer_therapy: tuple[NewTherapy, ...] = get_args(NewTherapy)[:-1]
    """Kinds of therapy that end the observation of PRRT; prrt is a new treatment period."""
    analysis: AnalysisSettings = Field(default_factory=AnalysisSettings)
    """Groupings, covariates, horizons, intervals, resampling."""
    multiplicity: MultiplicitySettings = Field(default_factory=MultiplicitySettings)
    """Tests whose p-values are adjusted together."""
    controls: tuple[Control, ...] = Field((), description="What the cohort is compared with.")
    claims: tuple[Claim, ...] = Field((), description="Published figures that the cohort is held against.")
    safety: SafetySettings = Field(default_factory=SafetySettings)
    """Phases of laboratory follow-up."""
    questionnaires: QuestionnaireSettings = Field(default_factory=QuestionnaireSettings)
    """Visits and deterioration of quality of life."""
    figures: FigureSettings = Field(default_factory=FigureSettings)
    """Formats and style of the figures."""
    report_tables: dict[PublicationTable, TableEdits] = Field(default_factory=dict)
    """Tables of report and manuscript, of which rows and columns are dropped, renamed and ordered."""
    disclosure: DisclosureSettings = Field(default_factory=DisclosureSettings)
    """What a release may show."""

    @model_validator(mode="after")
    def check_endpoints(self) -> Self:
        base.check_distinct((e.name for e in self.endpoints), "endpoints: a name is given twice")
        reported = [e.name for e in self.endpoints if e.origin == "reported"]
        if reported and "reported_outcomes" not in self.tables:
            known = ", ".join(PRESETS)
            raise base.refuse("neither_preset_nor_reported", names=", ".join(reported), known=known)
        needing = [e.name for e in self.endpoints if e.missed_assessments != "ignore"]
        if needing and self.assessment_interval_days is None:
            raise base.refuse("needs_assessment_interval", names=", ".join(needing))
        return self

    @model_validator(mode="after")
    def check_controls(self) -> Self:
        for key in ("controls", "claims"):
            base.check_distinct((item.id for item in getattr(self, key)), f"{key}: an id is given twice")
        if sum(c.primary for c in self.controls) > 1:
            raise base.refuse("several_primary")
        known = {e.name for e in self.endpoints} | {"pfs", "os", "ttp"}
        unknown = sorted({c.endpoint for c in self.controls} - known)
        if unknown:
            names = {"names": ", ".join(unknown), "known": ", ".join(sorted(known))}
            raise base.refuse("endpoint_of_control", **names)
        return self
