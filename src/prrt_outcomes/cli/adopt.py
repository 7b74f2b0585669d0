"""Command `adopt`: from the files that people have to a study that runs."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from prrt_outcomes.adopt.plan import StudyPlan, say
from prrt_outcomes.adopt.write import write_study
from prrt_outcomes.cli.check import check_all
from prrt_outcomes.cli.problems import format_problems
from prrt_outcomes.errors import Problem, UsageError, has_errors

MOST_SHOWN = 20
# Kinds of source, each a module of `adopt`, with the further options that it takes; else files made by hand.
MORE: dict[str, tuple[str, ...]] = {
    "redcap": ("redcap",), "omop": ("codes",), "cbioportal": (), "sdtm": (), "adam": (),
    "outcomes": ("time", "event", "unit", "dead"),
}  # fmt: skip


def main(arguments: argparse.Namespace) -> int:
    """Write a study from other files, and report what was placed, doubted and left out.

    Returns 1 where the study that was written has problems, else 0.
    Raises UsageError when a source is not there or the folder holds a study; InputError when a source cannot be read.
    """
    sources = arguments.source
    remote = [str(source) for source in sources if not isinstance(source, Path)]
    if remote and not arguments.omop:
        raise UsageError("a database is a source of --omop alone")
    if arguments.codes and not arguments.omop:
        raise UsageError("--codes is a table of codes for --omop alone")
    absent = [str(path) for path in sources if isinstance(path, Path) and not path.exists()]
    if absent:
        raise UsageError(f"not found: {', '.join(absent)}")
    kind = next((name for name in MORE if getattr(arguments, name)), "sheets")
    read = getattr(import_module(f"prrt_outcomes.adopt.{kind}"), f"plan_{kind}")
    plan: StudyPlan = read(sources, *(getattr(arguments, name) for name in MORE.get(kind, ())))
    study_file = write_study(plan, arguments.folder, arguments.confirm)
    checked = check_all(study_file)
    if _accept(plan, checked.problems):
        write_study(plan, arguments.folder, arguments.confirm, again=True)
        checked = check_all(study_file)
    _report(plan, study_file)
    waiting = {p for p in checked.problems if p.column.startswith("doubts.")}
    others = [p for p in checked.problems if p not in waiting]
    if others:
        print(format_problems(others, f"all with prrt-outcomes check {study_file.parent}"))
    print("rows read: " + ", ".join(f"{name} {size}" for name, size in checked.sizes.items()))
    if has_errors(others):
        return 1
    if plan.doubts and not arguments.confirm:
        print(f"look at the doubts in {study_file}, set confirmed: true, then")
    print(f"prrt-outcomes run {study_file.parent}")
    return 0


def _accept(plan: StudyPlan, problems: Sequence[Problem]) -> bool:
    """Add to the doubts what a study may accept: contradictions, deaths without a date; whether there is any."""
    from prrt_outcomes.cohort.plausibility import list_acceptable_problems
    from prrt_outcomes.errors import describe_fault

    found: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.severity == "error" and problem.problem in list_acceptable_problems():
            found.setdefault(problem.problem, []).append(problem)
    for name, cases in found.items():
        lines = ", ".join(str(case.row) for case in cases[:MOST_SHOWN])
        plan.doubts.append(f"{name} (line {lines} of {cases[0].table}) stays as it is")
    if found:
        plan.settings["accepted_problems"] = list(found)
    undated = [p for p in problems if p.problem == describe_fault("undated_death", expected="")[0]]
    if undated:
        lines = ", ".join(str(problem.row) for problem in undated[:MOST_SHOWN])
        more = " ..." if len(undated) > MOST_SHOWN else ""
        plan.settings["dead_without_date"] = "last_contact"
        plan.doubts.append(say("undated_deaths", n=len(undated), lines=f"{lines}{more}"))
    return bool(found or undated)


def _report(plan: StudyPlan, study_file: Path) -> None:
    print(f"{study_file}: {', '.join(plan.tables) or 'no table was recognised'}")
    print("".join(f"{note}\n" for note in plan.notes), end="")
    if plan.doubts:
        print(f"{len(plan.doubts)} to confirm, since they change numbers:")
        print("\n".join(f"  - {doubt}" for doubt in plan.doubts))
    if plan.unplaced:
        print(f"{len(plan.unplaced)} columns left out:")
        print("\n".join(f"  - {column}" for column in plan.unplaced[:MOST_SHOWN]))
        if len(plan.unplaced) > MOST_SHOWN:
            print(f"  and {len(plan.unplaced) - MOST_SHOWN} more, all in {study_file}")
