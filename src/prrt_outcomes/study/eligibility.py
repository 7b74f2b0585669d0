"""Conditions of eligibility: named sets as data, or those that a centre writes out under `treatment: eligibility`."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from prrt_outcomes.study import base

DATA = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
SETS: dict[str, dict] = DATA["sets"]
MONITORED: dict[str, list[str]] = DATA["monitoring"]["analytes"]
SAID = ("source", "verified", "verified_by", "verified_where")
ALL_CONDITIONS, ALL_MEASURED = "eligible", "complete"
Radionuclide = Literal["177Lu", "90Y", "225Ac", "212Pb", "111In", "131I", "other"]
UNITS: dict[str, list[str]] = DATA["units"]


class Condition(base.Section):
    """One condition of eligibility; bounds are inclusive."""

    item: base.Name = Field(description="Name of the condition in results.")
    measure: Literal[tuple(UNITS)]  # type: ignore[valid-type]
    """What is judged: a column of patients, or an analyte."""
    minimum: base.Size | None = Field(None, description="Smallest value that meets the condition.")
    maximum: base.Size | None = Field(None, description="Largest value that meets the condition.")
    unit: str = Field(description="Unit of the bounds; ULN: upper limit of normal of the laboratory.")
    cycles: Literal["all", "first", "later"] = "all"
    """Whether it holds before the first cycle of a treatment period, the later ones, or all."""
    radionuclide: Radionuclide | None = Field(None, description="It holds for this radionuclide alone.")
    source: str = Field("", description="Citation.")
    verified: bool = Field(False, description="Whether the value was read in its source.")
    verified_by: str = Field("", description="Who read it.")
    verified_where: str = Field("", description="What was read (version, section, table), and when.")

    @model_validator(mode="after")
    def check_bounds(self) -> Self:
        if self.minimum is None and self.maximum is None:
            raise base.refuse("condition_without_bound", item=self.item)
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise base.refuse("minimum_above_maximum", item=self.item, maximum=self.maximum)
        if self.unit not in UNITS[self.measure]:
            known = ", ".join(UNITS[self.measure])
            raise base.refuse("no_unit_of_measure", measure=self.measure, unit=self.unit, known=known)
        return self


class EligibilitySet(base.Section):
    """Conditions that belong together."""

    title: base.Title = Field("Conditions of the centre", description="Name for readers.")
    successor: str = Field("", description="What took the place of the source.")
    conditions: tuple[Condition, ...] = Field(min_length=1, description="One row a condition.")

    @model_validator(mode="after")
    def check_items(self) -> Self:
        phases = {"all": ("first", "later"), "first": ("first",), "later": ("later",)}
        keys = [(c.item, phase, c.radionuclide) for c in self.conditions for phase in phases[c.cycles]]
        base.check_distinct(keys, "eligibility: an item has two bounds for the same cycles")
        units = {(c.item, c.measure, c.unit) for c in self.conditions}
        base.check_distinct((item for item, *_ in units), "eligibility: an item has two measures or units")
        for item in {ALL_CONDITIONS, ALL_MEASURED} & {c.item for c in self.conditions}:
            raise base.refuse("item_of_results", item=item)
        return self


def resolve_set(entry: Any) -> Any:
    """The set of a name; rows alone are a set; what a set says of its source holds for each of its rows.

    Raises ValueError when no set has the name.
    """
    if isinstance(entry, str) and entry not in SETS:
        raise base.refuse("no_such_set", name=entry, known=", ".join(SETS))
    found = SETS[entry] if isinstance(entry, str) else entry
    found = {"conditions": found} if isinstance(found, list | tuple) else found
    if not isinstance(found, dict) or not isinstance(found.get("conditions"), list | tuple):
        return found
    said = {key: found[key] for key in SAID if key in found}
    rows = [said | row if isinstance(row, dict) else row for row in found["conditions"]]
    return {key: value for key, value in found.items() if key not in SAID} | {"conditions": rows}
