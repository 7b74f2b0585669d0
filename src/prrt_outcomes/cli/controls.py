"""Command `controls`: the library of published arms, listed or explained."""

import argparse
from collections.abc import Sequence

from prrt_outcomes.cli.problems import align_columns
from prrt_outcomes.controls.library import PublishedArm, list_arm_names, list_columns, load_library
from prrt_outcomes.errors import UsageError, nearest_name, shorten, suggest
from prrt_outcomes.study.controls import Milestone

HEADINGS = ("arm", "endpoint", "treatment", "n", "median months", "criterion", "citation")
WIDEST = 34
FILTERS = ("endpoint", "role", "tumour_group")


def main(arguments: argparse.Namespace) -> int:
    """List the arms of the library, or all that is known of one.

    Raises UsageError when the library has no arm of that name, or none that a filter names.
    """
    wanted = {name: getattr(arguments, name) for name in FILTERS}
    kept = filter_arms(load_library(), {name: value for name, value in wanted.items() if value is not None})
    if arguments.arm is None:
        print("\n".join(align_columns([HEADINGS, *(_cells(arm) for arm in kept)])))
        print("\nprrt-outcomes controls ARM tells all that its source shows, and what it leaves open")
        return 0
    chosen = [arm for arm in kept if arm.arm == arguments.arm]
    if not chosen and arguments.arm in list_arm_names():
        raise UsageError(f"{arguments.arm} has no entry with these filters")
    if not chosen:
        near = nearest_name(arguments.arm, list_arm_names())
        hint = f"; did you mean {near}?" if near else ""
        raise UsageError(f"the library has no arm {arguments.arm}{hint}")
    print("\n\n".join(format_arm(arm) for arm in chosen))
    return 0


def filter_arms(arms: Sequence[PublishedArm], wanted: dict[str, str]) -> list[PublishedArm]:
    """Arms with the wanted values.

    Raises UsageError when no arm has a wanted value, with the values that there are.
    """
    for name, value in wanted.items():
        known = sorted({getattr(arm, name) for arm in arms} - {""})
        if value not in known:
            hint = suggest(value, known, f"there are {', '.join(known)}")
            raise UsageError(f"no arm has {name.replace('_', ' ')} {value}; {hint}")
    return [arm for arm in arms if all(getattr(arm, name) == value for name, value in wanted.items())]


def format_arm(arm: PublishedArm) -> str:
    """All fields of one arm and endpoint; what the source did not show is called not shown."""
    values = {name: getattr(arm, name) for name in list_columns()}
    values["milestones"] = ", ".join(map(_format_milestone, arm.milestones))
    shown = {name: "not shown" if value in (None, "") else value for name, value in values.items()}
    return "\n".join(f"{name.replace('_', ' '):<22} {value}" for name, value in shown.items())


def _format_milestone(point: Milestone) -> str:
    return f"{point.survival:g}{_format_interval(point.low, point.high)} at {point.months:g} months"


def _format_interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:g} to {high:g})"


def _cells(arm: PublishedArm) -> tuple[str, ...]:
    n = "" if arm.n is None else str(arm.n)
    criterion, treatment = shorten(arm.criterion, WIDEST), shorten(arm.treatment, WIDEST)
    return (arm.arm, arm.endpoint, treatment, n, _format_median(arm), criterion, arm.citation)


def _format_median(arm: PublishedArm) -> str:
    if arm.median_status == "not_reached":
        return "not reached"
    if arm.median_months is None:
        return ""
    return f"{arm.median_months:g}{_format_interval(arm.median_low, arm.median_high)}"
