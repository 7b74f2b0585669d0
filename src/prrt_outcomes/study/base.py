"""What all sections of a study file share: frozen, no unknown keys, names that can be file names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveMonths = Annotated[float, Field(gt=0, description="months of 30.4375 days")]

ACRONYMS = frozenset(
    ["prrt", "ssa", "net", "ecog", "pfs", "os", "ttp", "dor", "ttnt", "mr", "swog", "recist", "who", "fda"]
)


def spell_name(name: str) -> str:
    """`arm_of_trial` as `Arm of trial`; a text that is no name stays as it is."""
    words = name.replace("_", " ").split(" ")
    text = " ".join(word.upper() if word in ACRONYMS else word for word in words)
    return text[:1].upper() + text[1:]


def check_distinct(names: Iterable, words: str) -> None:
    """Refuse, with these words, names of which one stands twice.

    Whoever refuses a setting that contradicts another says behind a semicolon what works.
    """
    listed = list(names)
    twice = sorted({str(name) for name in listed if listed.count(name) > 1})
    if twice:
        raise ValueError(f"{words}; {', '.join(twice)} once only")


class Section(BaseModel):
    """A section of `study.yaml`: every key is known, checked on creation and fixed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
