"""Runs killed at random moments: the next run must give the results of a run that nobody killed, byte by byte.

A whole run is killed (SIGKILL to the run and all its steps) after a random share of the time that a run takes; the same
command is then given again. `right` has equal bytes and leaves no unfinished file; else the line says what is wrong.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.results_page import describe_machine, format_table, replace_part
from benchmarks.robustness.faults import LONGEST_SECONDS, ROOT, STUDY, read_results, start

KILLS, SEED = 100, 20201231


def run(study: Path, results: Path, temporary: Path, seconds: float | None = None) -> tuple[int, str]:
    """Run a study to its end, or until it is killed after some seconds; return the status and what was said."""
    process = start(study, results, temporary)
    try:
        said = process.communicate(timeout=LONGEST_SECONDS if seconds is None else seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[0]
    return process.returncode, said


def judge(study: Path, right: dict[str, bytes], folder: Path, seconds: float) -> str:
    """Kill a run after some seconds, run again, and say what came of it."""
    results, temporary = folder / "results", folder / "tmp"
    temporary.mkdir(parents=True)
    killed, _ = run(study, results, temporary, seconds)
    if killed == 0:
        return "ended before it was killed"
    status, said = run(study, results, temporary)
    if status:
        return f"the next run failed: {said.strip().splitlines()[-1]}"
    found = read_results(results)
    odd = sorted(name for name in right.keys() | found.keys() if right.get(name) != found.get(name))
    return f"differs: {', '.join(odd[:3])}" if odd else "right"


def main() -> None:
    """Kill runs, and write the counts to the page of reliability."""
    draw = random.Random(SEED)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        study = Path(shutil.copytree(STUDY, folder / "study"))
        (folder / "tmp").mkdir()
        begun = time.monotonic()
        status, said = run(study, folder / "results", folder / "tmp")
        if status:
            raise RuntimeError(said)
        lasts, right = time.monotonic() - begun, read_results(folder / "results")
        outcomes: Counter[str] = Counter()
        for number in range(KILLS):
            seconds = draw.uniform(0, lasts)
            outcome = judge(study, right, folder / str(number), seconds)
            shutil.rmtree(folder / str(number))
            print(f"{seconds:6.1f} s {outcome}", flush=True)
            outcomes[outcome] += 1
    table = format_table(("outcome of the run after", "kills"), sorted(outcomes.items()))
    replace_part(ROOT / "docs" / "reliability.md", "kills", f"{describe_machine()}\n\n{table}")


if __name__ == "__main__":
    main()
