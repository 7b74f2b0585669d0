"""What all sections of a study file share: frozen, no unknown keys, names that can be file names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveMonths = Annotated[float, Field(gt=0, description="months of 30.4375 days")]


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

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
