"""What `adopt` found out about the files it was given, before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from prrt_outcomes.study.base import clean_text

if TYPE_CHECKING:
    from prrt_outcomes.adopt.omop_tables import OmopTables


MOST_NAMED = 6
SENTENCES: dict[str, str] = yaml.safe_load(Path(__file__).with_name("sentences.yaml").read_text("utf-8"))


def say(name: str, **named: object) -> str:
    """A sentence of `sentences.yaml`, filled with what is named."""
    return SENTENCES[name].format(**named)


def name_some(texts: Iterable[str]) -> str:
    """The first few of some texts."""
    found = list(texts)
    rest = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + rest


@dataclass
class SourcePlan:
    """One mapping of a table, as it will stand in `study.yaml`."""

    file: Path  # the file as it was given
    # keys of `TableSource` but `file`, in the order in which they are written
    settings: dict[str, Any] = field(default_factory=dict)
    # dotted key of the settings to a comment behind its line, such as ``columns.cycle_date``
    evidence: dict[str, str] = field(default_factory=dict)

    def add_column(self, ours: str, theirs: str | tuple[str, ...] | None, evidence: str) -> None:
        """Read one of our columns from a column of the file, or from the first of several that is filled."""
        named = theirs if not isinstance(theirs, tuple) else theirs[0] if len(theirs) == 1 else list(theirs)
        self.settings.setdefault("columns", {})[ours] = named
        self.evidence[f"columns.{ours}"] = evidence

    def add_values(self, ours: str, values: Mapping[str, Any]) -> None:
        """Translate values of a column; those that are the same already need no line."""
        changed = {clean_text(theirs): code for theirs, code in values.items() if theirs != code}
        if changed:
            self.settings.setdefault("values", {}).setdefault(ours, {}).update(changed)

    def choose(self, setting: str, column: str, values: Sequence[str], evidence: str = "") -> None:
        """Read the rows with one of some values (``filter``), or those with none of them (``exclude``)."""
        self.settings.setdefault(setting, {})[column] = list(dict.fromkeys(map(clean_text, values)))
        if evidence:
            told = self.evidence.get(setting)
            self.evidence[setting] = f"{told}; {evidence}" if told else evidence

    def add_constant(self, ours: str, value: Any, evidence: str = "") -> None:
        """Give all rows one value."""
        self.settings.setdefault("constants", {})[ours] = value
        if evidence:
            self.evidence[f"constants.{ours}"] = evidence


@dataclass
class StudyPlan:
    """A study as it will be written."""

    title: str = ""
    tables: dict[str, list[SourcePlan]] = field(default_factory=dict)  # mappings of each input table
    settings: dict[str, Any] = field(default_factory=dict)  # other sections of `study.yaml`
    # what changes a number and was guessed; each must be confirmed before a run
    doubts: list[str] = field(default_factory=list)
    # columns that no table of ours has room for, and what they look like; no value of them is shown
    unplaced: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what was counted
    database: OmopTables | None = None  # where files come from that are no files yet

    def add(self, table: str, source: SourcePlan) -> None:
        """Add a mapping to a table."""
        self.tables.setdefault(table, []).append(source)

    def doubt(self, sentence: str) -> None:
        """Note what changes a number and was guessed; once."""
        if sentence and sentence not in self.doubts:
            self.doubts.append(sentence)

    def ignore(self, file: Path, names: Iterable[str], sheet: str | None = None) -> None:
        """Let the first mapping of a file or sheet say that some columns are known and not needed."""
        left = list(names)
        for source in (source for sources in self.tables.values() for source in sources):
            if (source.file, source.settings.get("sheet")) == (file, sheet):
                if left:
                    source.settings.setdefault("ignore", []).extend(left)
                return

    def leave_out(self, file: str, looks: Mapping[str, str]) -> None:
        """Name columns of a file that went into no table, with what they look like."""
        self.unplaced += [f"{column!r} of {file}: {looks_like}" for column, looks_like in looks.items()]

    def files(self) -> list[Path]:
        """All files that the mappings read, each once, in order; those of joins among them."""
        sources = [source for own in self.tables.values() for source in own]
        joined = [[join["file"] for join in source.settings.get("join", ())] for source in sources]
        return list(dict.fromkeys(f for s, m in zip(sources, joined, strict=True) for f in (s.file, *m)))
