"""Words of a centre for codes of ours, in the form of `data_schema/vocabulary.yaml`."""

from typing import Annotated

from pydantic import Field, StringConstraints

from prrt_outcomes.study.base import Section

Words = tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], ...]
Topography = Annotated[str, StringConstraints(pattern=r"^C\d\d(\.\d)?$")]
Morphology = Annotated[int, Field(ge=8000, le=9999)]


class NamedCodes(Section):
    """Texts for each code of a column."""

    names: dict[str, Words] = Field(default_factory=dict, description="Our code: texts of files for it.")


class TumourWords(NamedCodes):
    """Tumour types by name and by ICD-O-3."""

    topography: dict[Topography, str] = Field(default_factory=dict)
    """Site, as C17.2 or C17: our code."""
    morphology: dict[Morphology, str] = Field(default_factory=dict)
    """Morphology, as 8240: our code."""
    neuroendocrine: tuple[Morphology, ...] = ()
    """Morphologies whose code is that of the site."""


class AgentWords(NamedCodes):
    """Radiopharmaceuticals by nuclide and ligand."""

    nuclides: dict[str, Words] = Field(default_factory=dict, description="Nuclide, as 177Lu: its names.")
    ligands: dict[str, Words] = Field(default_factory=dict, description="Ligand, as DOTATATE: its names.")
    passed_over: Words = Field((), description="Words beside them that say nothing.")


class Vocabulary(Section):
    """Words that the files of a study use beside those that everybody has."""

    tumour_type: TumourWords = Field(default_factory=TumourWords)
    """Tumour types by name and by ICD-O-3."""
    grade: NamedCodes = Field(default_factory=NamedCodes, description="Grades by name.")
    radiopharmaceutical: AgentWords = Field(default_factory=AgentWords)
    """Radiopharmaceuticals by nuclide and ligand."""
    term_group: NamedCodes = Field(default_factory=NamedCodes)
    """Groups of adverse events by their terms; a study can add groups."""
