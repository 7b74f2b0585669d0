"""Faults injected while a run goes on: each must end the run in words, or leave no trace in its results.

A finished run loses the table of one stage, so that the next makes it and what follows from it. When its first step
has ended, or is about to read, a fault is injected. It is noticed where the run ends with a status that is not 0 and
says what went wrong without a traceback; it is harmless where the results are those of a run without a fault. Then what
was broken is put back and what the run asked to be deleted is deleted: the same command must then give those results.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "tests" / "workflow" / "studies" / "tiny"
INPUTS, FIRST = ".snakemake/inputs.json", ".snakemake/made/safety.json"
REMOVED = "tables/safety_grades.csv"
LONGEST_SECONDS = 900
DELETE = re.compile(r"delete (.+?), and the same command")


@dataclass(frozen=True)
class Place:
    """Where a run goes on: its study, its results, its process, and a folder for temporary files."""

    study: Path
    results: Path
    temporary: Path
    process: subprocess.Popen


@dataclass(frozen=True)
class Fault:
    """One fault.

    words : what the run must say, empty where it is killed and can say nothing
    after : file of the results that is written before the fault is injected: the note of the inputs, or that of what
        the first step left
    """

    name: str
    inject: Callable[[Place], None]
    words: str
    after: str = FIRST


@dataclass(frozen=True)
class Verdict:
    """What came of a fault: `noticed`, `harmless`, or what is wrong; and what came of the next run."""

    fault: str
    outcome: str
    said: str


def write(path: Path, content: bytes, keep_time: bool = False) -> None:
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=times)


def edit_study(place: Place) -> None:
    path = place.study / "study.yaml"
    write(path, path.read_bytes().replace(b"study: tiny", b"assessment_window_days: 21\nstudy: tiny"), True)


def edit_and_put_back(place: Place) -> None:
    before = (place.study / "study.yaml").read_bytes()
    edit_study(place)
    time.sleep(3)
    write(place.study / "study.yaml", before, True)


def swap_table(place: Place) -> None:
    path = place.study / "data" / "reported_outcomes.csv"
    other = path.with_name("other")
    other.write_bytes(path.read_bytes().replace(b"T01,pfs,", b"T01,pfs,9"))
    shutil.copystat(path, other)
    os.replace(other, path)


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    write(path, content[: int(len(content) * share)])


def cut_last_row(path: Path) -> None:
    write(path, b"".join(path.read_bytes().splitlines(keepends=True)[:-1]), keep_time=True)


def swap_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def swap_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def other_numbers(path: Path) -> None:
    text = path.read_bytes()
    i = next(i for i in range(len(text) - 1, 0, -1) if text[i : i + 1].isdigit())
    write(path, text[:i] + (b"1" if text[i : i + 1] != b"1" else b"2") + text[i + 1 :], keep_time=True)


def kill_a_step(place: Place) -> None:
    """Kill the first process of a step that is found in the results folder."""
    while place.process.poll() is None:
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words, where = (entry / "cmdline").read_bytes().split(b"\0"), (entry / "cwd").readlink()
            except OSError:
                continue
            if where == place.results and b"step" in words and b"python" in words[0]:
                os.kill(int(entry.name), signal.SIGKILL)
                return
        time.sleep(0.02)


def remove_results(place: Place) -> None:
    place.results.rename(place.results.with_name("removed"))
    shutil.rmtree(place.results.with_name("removed"), ignore_errors=True)


def allow_small_files(place: Place) -> None:
    """Let no process that is begun from now on write more than 60 kB into a file, as on a disk that is full."""
    children = Path(f"/proc/{place.process.pid}/task/{place.process.pid}/children").read_text().split()
    for pid in (place.process.pid, *map(int, children)):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (60_000, 60_000))


def of_study(name: str, change: Callable[[Path], None]) -> Callable[[Place], None]:
    return lambda place: change(place.study / name)


def of_results(name: str, change: Callable[[Path], None]) -> Callable[[Place], None]:
    return lambda place: change(place.results / name)


CHANGED, OUTCOMES = "changed while the run went on", "data/reported_outcomes.csv"
LEFT = "changed since the step that made it ended"
LABS, QUALITY = "cohort/labs.parquet", "tables/data_quality.csv"
FAULTS = (
    Fault("study file edited, its time kept", edit_study, f"study.yaml {CHANGED}"),
    Fault("study file edited and put back after 3 s", edit_and_put_back, f"study.yaml {CHANGED}"),
    Fault("study file cut off", of_study("study.yaml", lambda p: cut(p, 0.5)), f"study.yaml {CHANGED}"),
    Fault("study file removed", of_study("study.yaml", Path.unlink), "study.yaml removed during the run"),
    Fault("table of the study swapped, its time kept", swap_table, f"{OUTCOMES} {CHANGED}"),
    Fault("table of the study cut off", of_study(OUTCOMES, lambda p: cut(p, 0.5)), f"{OUTCOMES} {CHANGED}"),
    Fault("table of the study removed", of_study(OUTCOMES, Path.unlink), f"{OUTCOMES} removed during the run"),
    Fault("table of the study swapped by a pipe", of_study(OUTCOMES, swap_by_pipe), f"{OUTCOMES} {CHANGED}"),
    Fault("parquet cut off before it is read", of_results(LABS, lambda p: cut(p, 0.7)), LEFT, INPUTS),
    Fault("parquet overwritten before it is read", of_results(
        LABS, lambda p: write(p, b"\0" * p.stat().st_size, True)), LEFT, INPUTS),
    Fault("parquet removed", of_results("derived/endpoints.parquet", Path.unlink), LEFT),
    Fault("csv between steps without its last row, its time kept", of_results(
        "derived/attrition/endpoints.csv", cut_last_row), LEFT),
    Fault("result table with one other digit, its time kept", of_results(QUALITY, other_numbers), LEFT),
    Fault("result table removed", of_results(QUALITY, Path.unlink), LEFT),
    Fault("result table swapped by a folder", of_results(QUALITY, swap_by_folder), LEFT),
    Fault("figures cut off", of_results("figures/treatment/figures.json", lambda p: cut(p, 0.5)), LEFT),
    Fault("note of the inputs damaged", of_results(INPUTS, lambda p: cut(p, 0.5)), "inputs.json is damaged"),
    Fault("folder of logs removed", of_results("logs", shutil.rmtree), "failed"),
    Fault("results folder removed", remove_results, "results was removed during the run"),
    Fault("no room for files", allow_small_files, "larger than the system allows"),
    Fault("a step killed", kill_a_step, "failed"),
    Fault("the run killed", lambda place: os.killpg(place.process.pid, signal.SIGKILL), ""),
    Fault("the run interrupted", lambda place: os.killpg(place.process.pid, signal.SIGINT), "interrupted"),
)  # fmt: skip


def command(study: Path, results: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "prrt_outcomes.cli.main", "run", str(study)),
        *("--out", str(results), "--cores", "2"),
    ]


def start(study: Path, results: Path, temporary: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(temporary)}
    return subprocess.Popen(
        command(study, results),
        cwd=results.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_results(results: Path) -> dict[str, bytes]:
    """Every file that a run makes, without its logs and its books."""
    kept = (".snakemake", "logs", "benchmarks")
    files = ((path.relative_to(results), path) for path in results.rglob("*") if path.is_file())
    return {
        str(name): path.read_bytes()
        for name, path in files
        if name.parts[0] not in kept and name.name != ".lock"
    }


def judge(fault: Fault, base: Path, right: dict[str, bytes], folder: Path) -> Verdict:
    """Inject a fault into a run that makes one stage anew, and run it again once it is mended."""
    study, results, temporary = (folder / name for name in ("study", "results", "tmp"))
    shutil.copytree(base / "study", study)
    shutil.copytree(base / "results", results)
    temporary.mkdir()
    (results / REMOVED).unlink()
    begun = (results / fault.after).stat().st_mtime_ns
    process = start(study, results, temporary)
    deadline = time.monotonic() + LONGEST_SECONDS
    while (results / fault.after).stat().st_mtime_ns == begun:
        if process.poll() is not None or time.monotonic() > deadline:
            return Verdict(fault.name, "not injected", process.communicate()[0])
        time.sleep(0.02)
    fault.inject(Place(study, results, temporary, process))
    said = process.communicate(timeout=LONGEST_SECONDS)[0]
    if process.returncode == 0:
        outcome = "harmless" if read_results(results) == right else "unnoticed"
    else:
        outcome = "noticed" if fault.words in said and "Traceback" not in said else "other words"
    if any(temporary.iterdir()):
        outcome += ", temporary files left"
    mended = _run_mended(base, study, results, temporary, said)
    if read_results(results) != right:
        outcome += ", the next run is not right"
    return Verdict(fault.name, outcome, f"{said.strip().splitlines()[-1] if said.strip() else ''}{mended}")


def _run_mended(base: Path, study: Path, results: Path, temporary: Path, said: str) -> str:
    """Put the study back, delete what the run asked for, and run again; what it says where it fails."""
    shutil.rmtree(study)
    shutil.copytree(base / "study", study)
    for found in DELETE.finditer(said):
        for name in found[1].split(", "):
            path = results / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    process = start(study, results, temporary)
    again = process.communicate(timeout=LONGEST_SECONDS)[0]
    return f" | again: {again.strip().splitlines()[-1]}" if process.returncode else ""


def main() -> None:
    """Inject each fault, and write the counts to the page of reliability."""
    from benchmarks.results_page import describe_machine, format_table, replace_part

    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell lets what it runs beside it ignore this
    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / "base"
        shutil.copytree(STUDY, base / "study")
        (base / "tmp").mkdir()
        process = start(base / "study", base / "results", base / "tmp")
        said = process.communicate(timeout=LONGEST_SECONDS)[0]
        if process.returncode:
            raise RuntimeError(said)
        right = read_results(base / "results")
        verdicts = []
        for number, fault in enumerate(FAULTS):
            verdict = judge(fault, base, right, Path(place) / str(number))
            shutil.rmtree(Path(place) / str(number))
            print(f"{verdict.outcome:<12} {verdict.fault}: {verdict.said}", flush=True)
            verdicts.append(verdict)
    rows = [(verdict.fault, verdict.outcome) for verdict in verdicts]
    table = format_table(("fault", "outcome"), rows)
    replace_part(ROOT / "docs" / "reliability.md", "faults", f"{describe_machine()}\n\n{table}")


if __name__ == "__main__":
    main()
