"""Runs killed at random moments: in the end the results must be those of a run that nobody killed, byte by byte.

A run is killed (SIGKILL to the run and all its steps) after a random part of the time that a run takes; the same
command is then given again in the same folder, and killed again, until a run comes to its end. What is there then is
held against the results of a run that nobody killed; the next study begins in an empty folder.
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
from collections.abc import Iterator
from pathlib import Path

from benchmarks.results_page import describe_machine, format_table, replace_part
from benchmarks.robustness.faults import LONGEST_SECONDS, ROOT, STUDY, read_results, start

KILLS, SEED = 100, 20201231
SHARE = 0.5  # of the time of a whole run, the longest after which a run is killed


def run(study: Path, results: Path, temporary: Path, seconds: float | None = None) -> tuple[int, str]:
    """Run a study to its end, or until it is killed after some seconds; return the status and what was said."""
    process = start(study, results, temporary)
    try:
        said = process.communicate(timeout=LONGEST_SECONDS if seconds is None else seconds)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said = process.communicate()[0]
    return process.returncode, said


def judge(study: Path, right: dict[str, bytes], folder: Path, moments: Iterator[float]) -> tuple[int, str]:
    """Kill runs in one folder until one ends by itself; return the number of kills and what the last one left."""
    results, temporary = folder / "results", folder / "tmp"
    temporary.mkdir(parents=True)
    kills, status, said = 0, -signal.SIGKILL, ""
    while status == -signal.SIGKILL:
        status, said = run(study, results, temporary, next(moments, None))
        kills += status == -signal.SIGKILL
    if status:
        return kills, f"the run after them failed: {said.strip().splitlines()[-1]}"
    found = read_results(results)
    odd = sorted(name for name in right.keys() | found.keys() if right.get(name) != found.get(name))
    return kills, f"differs: {', '.join(odd[:3])}" if odd else "equal, byte by byte"


def main(most: int = KILLS, page: Path = ROOT / "docs" / "reliability.md") -> None:
    """Kill runs, and write the counts to the page of reliability; after `most` kills runs come to their end."""
    draw = random.Random(SEED)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        study = Path(shutil.copytree(STUDY, folder / "study"))
        (folder / "tmp").mkdir()
        begun = time.monotonic()
        status, said = run(study, folder / "results", folder / "tmp")
        if status:
            raise RuntimeError(said)
        longest, right = SHARE * (time.monotonic() - begun), read_results(folder / "results")
        kills, outcomes = 0, Counter[str]()
        while kills < most:
            moments = (draw.uniform(0, longest) for _ in range(most - kills))
            begun = time.monotonic()
            n, outcome = judge(study, right, folder / "killed", moments)
            longest = longest if n else SHARE * (time.monotonic() - begun)
            shutil.rmtree(folder / "killed")
            kills += n
            outcomes[outcome] += n > 0
            print(f"{kills} kills, {n} of them in this folder: {outcome}", flush=True)
            rows = [*sorted(outcomes.items()), ("kills", kills)]
            table = format_table(("results of a folder in which runs were killed", "folders"), rows)
            replace_part(page, "kills", f"{describe_machine()}\n\n{table}")


if __name__ == "__main__":
    main()
