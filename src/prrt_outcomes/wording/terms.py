"""Words for the codes of statistics, and the way to the words of the data schema for all others."""

import re
from collections import Counter
from functools import cache
from pathlib import Path

import yaml

from prrt_outcomes.controls.library import title_control
from prrt_outcomes.study.base import spell_name
from prrt_outcomes.study.endpoints import PRESETS
from prrt_outcomes.tables.schema import Field, load_schema
from prrt_outcomes.wording.numbers import format_unit, is_missing

_WORDS = yaml.safe_load(Path(__file__).with_name("terms.yaml").read_text("utf-8"))
_COMPARED = [load_schema("controls").field(column) for column in ("method", "weights")]
TERMS = {name: str(preset["title"]) for name, preset in PRESETS.items()} | _WORDS["terms"]
TERMS |= {code: label for field in _COMPARED for code, label in zip(field.codes, field.labels, strict=True)}
NAMES = ("Cox", "Fine", "Firth", "Kaplan", "Karnofsky", "Ki-67", "Krenning", "Mantel", "Simon", "Tarone")
CLAIMED = _WORDS["claimed"]
CODES = re.compile(r"\b(?:pfs|os|ttp|ecog|karnofsky|[a-z][a-z0-9]*(?:_[a-z0-9]+)+)\b")
COHORT_TABLES = ("analysis_set", "patients", "safety_grades", "response_rates", "treatment_periods", "cycles")


@cache
def _find_fields(column: str) -> tuple[Field, ...]:
    """Fields of this name in the tables that groupings and covariates come from."""
    return tuple(
        field for table in COHORT_TABLES for field in load_schema(table).fields if field.name == column
    )


def name_column(column: str) -> str:
    """Title of a grouping or covariate: that of the schema, else the name as words."""
    fields = _find_fields(column)
    return fields[0].title if fields else TERMS.get(column, spell_name(column))


def name_quantity(column: str) -> str:
    """Title of a numeric covariate of a model with its step: `Age, per year`."""
    unit = next((str(f.unit) for f in _find_fields(column) if f.unit), "unit")
    return f"{name_column(column)}, per {_WORDS['steps'].get(unit) or format_unit(unit)}"


def name_covariate(column: str, level: object = "") -> str:
    """Title of a term of a model: of a numeric one, which has no level, with its step."""
    has_level = not is_missing(level) and str(level)
    return name_column(column) if has_level else name_quantity(column)


def name_code(column: str, code: str, *, inside: bool = False) -> str:
    """Words for a level of a grouping or covariate: those of the schema, else the code as it stands.

    `inside` a sentence our words begin small; a value of the data never changes.
    """
    if column == "cumulative_activity" and ": " in code:  # class of activity within a radionuclide
        nuclide, activity = code.split(": ", 1)
        return f"{name_code('radionuclide', nuclide)}: {activity}"
    labels = (field.label(code) for field in _find_fields(column))
    label = next((label for label in labels if label != code), None)
    if code in ("all", "unknown") or (label is None and code.lower() in ("true", "false")):
        label = name_term(code.lower())
    return code if label is None else inside_sentence(label) if inside else label


def list_codes(column: str) -> tuple[str, ...]:
    """Levels that the data schema lists for a grouping or covariate, in its order; empty where it lists none."""
    return next((field.codes for field in _find_fields(column) if field.codes), ())


def name_term(code: object) -> str:
    """Words for a statistics term, an endpoint preset, a criterion or a method."""
    text = "" if is_missing(code) else str(code)
    for ending in ("_as_reported", " as reported"):
        if text.endswith(ending):
            return f"{name_term(text.removesuffix(ending))} as reported"
    return TERMS.get(text) or spell_name(text)


def name_codes(text: str) -> str:
    """Write words where a text holds codes: `gep_pancreas 40%, pfs` as `pancreas 40%, progression-free survival`.

    A value of the data that the schema does not know (`source is not registry_1995`) stays as it is.
    """

    def name(found: re.Match) -> str:
        code = found.group()
        label = name_code("tumour_type", code)
        if code not in TERMS and label == code and text[: found.start()].endswith((" is not ", " or ")):
            return code
        return inside_sentence(TERMS.get(code) or (label if label != code else name_column(code)))

    return CODES.sub(name, text)


def name_step(step: str, study) -> str:
    """`survival: pfs by arm` as `Survival: progression-free survival by arm`, with the study's own titles."""
    stage, _, rest = step.partition(": ")
    endpoints = {name: inside_sentence(title) for name, title in endpoint_titles(study).items()}
    titles = control_titles(study) if stage == "controls" else endpoints
    parts = re.split("(, | by )", rest)
    words = "".join(
        titles.get(p) or (inside_sentence(TERMS[p]) if p in TERMS else name_codes(p)) for p in parts
    )
    return f"{spell_name(stage)}: {words}" if rest else step


def inside_sentence(name: str) -> str:
    """A label inside a sentence: small first letter, unless it is an abbreviation or a name (`RECIST 1.1`, `Cox`)."""
    return (
        name
        if name.startswith(NAMES) or len(name) < 2 or not (name[1].islower() or name.startswith("A "))
        else name[0].lower() + name[1:]
    )


def name_endpoint(endpoint: str, titles: dict[str, str] | None = None) -> str:
    """Title of an endpoint: that of the study, else of the preset."""
    return (titles or {}).get(endpoint) or name_term(endpoint)


def endpoint_titles(study) -> dict[str, str]:
    """Titles of the study's endpoints by name."""
    return {e.name: e.title or name_term(e.name) for e in study.endpoints}


def control_titles(study) -> dict[str, str]:
    """Titles of the study's controls by id; endpoint and patients, else a number, tell apart those of one title."""
    titles, endpoints = {c.id: title_control(c) for c in study.controls}, endpoint_titles(study)
    count = Counter(titles.values())
    for c in study.controls:
        if count[titles[c.id]] > 1:
            levels = [name_code(column, level) for column, values in c.within.items() for level in values]
            titles[c.id] += f" ({', '.join([name_endpoint(c.endpoint, endpoints), *levels])})"
    alike = [[name for name in titles if titles[name] == title] for title in dict.fromkeys(titles.values())]
    numbers = {name: f" {i}" for names in alike if len(names) > 1 for i, name in enumerate(names, start=1)}
    return {name: title + numbers.get(name, "") for name, title in titles.items()}


def claim_titles(study) -> dict[str, str]:
    """Titles of the study's claims by id; else quantity and group in words."""
    titles = {}
    for c in study.claims:
        median = c.quantity.removeprefix("median_").removesuffix("_months")
        words = CLAIMED.get(c.quantity) or spell_name(c.quantity)
        if median != c.quantity:
            words = f"Median {inside_sentence(name_term(median))}, months"
        group = "" if c.group == "all" else f": {inside_sentence(name_term(c.group))}"
        when = "" if c.months is None else f", {c.months:g} months"
        titles[c.id] = c.title or words + when + group
    return titles


PHASES = {"treatment": "during treatment", "late": "late", "any": "at any time"}
QUANTITIES = ("_gbq", "_weeks", "cycles_per_patient")
ITEM_WORDS, TREATMENT_SENTENCES = _WORDS["items"], _WORDS["treatment"]


def phase_words(phase: str) -> str:
    """`during treatment`, `late`, `at any time`."""
    return PHASES.get(phase, spell_name(phase).lower())


def name_item(item: str) -> str:
    """Words for an item of `treatment_delivery`."""
    if item in ITEM_WORDS:
        return ITEM_WORDS[item]
    if item.startswith("stop_reason_"):
        return f"No further cycle: {item.removeprefix('stop_reason_').replace('_', ' ')}"
    if item.startswith("eligibility_"):
        for state in ("not_met", "met", "unknown"):
            if item.endswith(f"_{state}"):
                condition = item.removeprefix("eligibility_").removesuffix(f"_{state}")
                return f"{spell_name(condition)}: {state.replace('_', ' ')}"
    return spell_name(item)


def is_share(item: str) -> bool:
    """Whether an item is a share of cycles or patients (else a quantity with quartiles)."""
    return not item.endswith(QUANTITIES)
