"""Command `trace`: from a number of a result back to the files that it was made from."""

import argparse
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from prrt_outcomes.csv_cells import read_rows
from prrt_outcomes.errors import StepError, UsageError, suggest

LONGEST, WIDTH = 400, 110  # signs of a setting that are shown, and of a line


def main(arguments: argparse.Namespace) -> int:
    """Print where a number comes from: its row, and each step before it with code, settings, losses and files.

    Raises UsageError with the nearest name where no number has this one; StepError where the folder holds no finished
    run, or the table is not as its step left it.
    """
    from prrt_outcomes.manuscript.names import ALIASES, list_numbers
    from prrt_outcomes.run_crate import CRATE
    from prrt_outcomes.steps import read_tables

    results, name = arguments.results, arguments.number
    if not (results / CRATE).is_file():
        raise StepError(f"{results} holds no finished run: {CRATE} is not there")
    alias, stem = name.partition(".")[0], name.rpartition(".")[0]
    table = ALIASES.get(alias, {"table": None})["table"]
    numbers = list_numbers(alias, read_tables([table], results)) if table else {}
    if name not in numbers:
        if numbers:
            advice = suggest(name, list(numbers), f"names are {', '.join(list(numbers)[:3])} and so on")
        else:
            advice = suggest(alias, list(ALIASES), f"names begin with {', '.join(ALIASES)}")
        raise UsageError(f"no number is named {name}: {advice}")
    beside = {word: numbers.get(f"{stem}.{word}") for word in ("n", "total", "events")}
    counts = [f", {word} {number.text}" for word, number in beside.items() if number is not None]
    print(f"{name} = {numbers[name].text}{''.join(counts)}\n{numbers[name].place}")
    print("\n".join(_Trail(results, results / CRATE, name).follow(f"tables/{table}.csv", "  ")))
    return 0


class _Trail:
    """The files and steps of a run by the crate that describes it; each step is described once."""

    def __init__(self, results: Path, crate: Path, name: str) -> None:
        from prrt_outcomes.study.model import Study

        graph = json.loads(crate.read_text(encoding="utf-8"))["@graph"]
        provenance = json.loads((results / "provenance.json").read_text(encoding="utf-8"))
        study = Study.model_validate(provenance["study"])
        rows = read_rows(results / "tables" / "attrition.csv")
        self.losses = [row for row in rows if row["n_lost"] != "0"]
        self.known = {entity["@id"]: entity for entity in graph}
        self.settings = study.model_dump(mode="json", exclude_defaults=True)
        named = (*(e.name for e in study.endpoints), *(c.id for c in study.controls))
        self.others = set(named).difference(name.split("."))
        actions = [entity for entity in graph if entity["@type"] == "CreateAction"]
        self.makers = {file: action for action in actions for file in _list_files(action, "result")}
        self.told: set[str] = set()

    def follow(self, file: str, indent: str) -> Iterator[str]:
        """Lines on a file, the step that made it, and what that read."""
        entity, step = self.known[file], self.makers.get(file)
        if step is None:
            yield f"{indent}{entity['name']}: input, sha256 {entity['sha256']}"
            return
        above = " (above)" if step["name"] in self.told else ""
        size = f"{entity['size']}, " if "size" in entity else ""
        yield f"{indent}{entity['name']}: {size}sha256 {entity['sha256'][:12]}..., of step {step['name']}{above}"
        if above:
            return
        self.told.add(step["name"])
        yield from self._describe(step, indent + "  ")
        for read in _list_files(step, "object"):
            if read in self.makers or step["name"] == "cohort":
                yield from self.follow(read, indent + "    ")

    def _describe(self, step: dict, indent: str) -> Iterator[str]:
        """Program, settings that are not those by default (whole in provenance.json), and losses of a step."""
        program, default = self.known[step["instrument"]["@id"]], []
        yield f"{indent}{program['name']} {program['softwareVersion']}, {program['identifier']}"
        for section in step["description"].removeprefix("settings: ").split(", "):
            own = self.settings
            for part in section.split("."):
                own = own.get(part, {}) if isinstance(own, dict) else {}
            if own == {}:
                default.append(section)
                continue
            words = f"{section}: {json.dumps(own, ensure_ascii=False)}"
            words = textwrap.shorten(words, LONGEST, placeholder=" ...")
            yield from textwrap.wrap(words, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")
        yield from [f"{indent}by default: {', '.join(default)}"] * bool(default)
        for row in self.losses:
            made_by, _, where = row["step"].partition(": ")
            if made_by == step["name"] and re.split(r"[ ,]", where)[0] not in self.others:
                yield f"{indent}{row['n_lost']} of {row['n_before']} {row['unit']} lost ({where}): {row['reason']}"


def _list_files(action: dict, role: str) -> list[str]:
    """Identifiers of the files in a role of a step; a single one is no list."""
    files = action.get(role, [])
    return [file["@id"] for file in (files if isinstance(files, list) else [files])]
