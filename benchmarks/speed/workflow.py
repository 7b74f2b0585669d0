"""What the workflow itself costs: help, a second run against an empty Snakefile, the whole example from nothing."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results_page import format_table, write_section

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "studies" / "example"
REPETITIONS = 7
HELP_LIMIT_SECONDS = 0.3
SECOND_RUN_LIMIT_SECONDS = 1.0


def main() -> None:
    """Measure and write the section of the page."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        run = [sys.executable, "-m", "prrt_outcomes.cli.main", "run", str(EXAMPLE), "--out", str(out)]
        cold = measure(run)
        again, empty = measure_in_turn([run, call_empty_snakefile(Path(folder) / "empty")])
        ours = [sys.executable, "-m", "prrt_outcomes.cli.main", "--help"]
        helped, bare = measure_in_turn([ours, [sys.executable, "-c", "pass"]])
    rows = [
        ("the whole example from nothing, all cores", f"{cold:.1f}", "", ""),
        (
            "second run, nothing to do",
            f"{again:.2f}",
            f"empty Snakefile {empty:.2f}",
            f"+ {SECOND_RUN_LIMIT_SECONDS}",
        ),
        ("prrt-outcomes --help", f"{helped:.2f}", f"empty Python {bare:.2f}", f"{HELP_LIMIT_SECONDS}"),
    ]
    table = format_table(("what", "seconds", "beside it", "limit"), rows)
    words = f"Medians of {REPETITIONS} calls in turn; the run from nothing is one call."
    print(table)
    write_section("speed", "Workflow", f"{words}\n\n{table}")


def call_empty_snakefile(folder: Path) -> list[str]:
    """Call of Snakemake on a Snakefile of zero bytes, under the same settings."""
    folder.mkdir()
    (folder / "Snakefile").write_bytes(b"")
    options = (
        "--snakefile",
        str(folder / "Snakefile"),
        "--directory",
        str(folder),
        "--cores",
        "all",
        "--nolock",
    )
    return [sys.executable, "-m", "snakemake", *options]


def measure_in_turn(commands: Sequence[list[str]]) -> list[float]:
    """Median seconds of each command, measured in turn so that a busy machine slows all alike."""
    measured = [[measure(command) for command in commands] for _ in range(REPETITIONS)]
    return [statistics.median(column) for column in zip(*measured, strict=True)]


def measure(command: list[str]) -> float:
    """Seconds that a command takes; bytecode may be written, as in an environment that `make env` has set up."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
