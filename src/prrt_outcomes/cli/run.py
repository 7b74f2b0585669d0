"""Command `run`: Snakemake as a process, under a lock, with its progress in words."""

import argparse
import errno
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prrt_outcomes.cli.problems import PROBLEMS_FILE, format_problems, read_problems, write_problems
from prrt_outcomes.csv_cells import read_rows
from prrt_outcomes.errors import InputError, StepError, UsageError
from prrt_outcomes.fingerprint import find_home
from prrt_outcomes.provenance import hold_made, list_made, list_removed_inputs
from prrt_outcomes.study.load import find_study_file
from prrt_outcomes.study.yaml_file import read_yaml
from prrt_outcomes.tables.schema import load_schema

STARTED = re.compile(r"^(?:local)?rule (\w+):")
FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)")
FAILED = re.compile(r"^(?:Error|MissingOutputException) in rule (\w+)")
TOTAL = re.compile(r"^total\s+(\d+)")
WITHOUT_WORK = frozenset({"all"})


class Progress:
    """Reads the log of Snakemake piece by piece.

    done : names of the finished rules, in order
    failed : names of the failed rules
    last_words : last line that says something, for a failure without a rule
    """

    def __init__(self):
        self.done: list[str] = []
        self.failed: list[str] = []
        self.last_words = ""
        self._total = 0
        self._rest = ""
        self._started: dict[str, float] = {}

    def read(self, text: str) -> list[str]:
        """Take the next piece of the log and return lines for a reader; a half line waits for its end."""
        *lines, self._rest = (self._rest + text).split("\n")
        return [told for line in lines for told in [self._read_line(line)] if told]

    def _read_line(self, line: str) -> str | None:
        if line.strip() and not line.startswith((" ", "\t", "[")):
            self.last_words = line.strip()
        if match := TOTAL.match(line):
            self._total = max(int(match[1]) - len(WITHOUT_WORK), 0)
        elif match := STARTED.match(line):
            self._started[match[1]] = time.monotonic()
        elif (match := FAILED.match(line)) and match[1] not in self.failed:
            self.failed.append(match[1])
        elif (match := FINISHED.match(line)) and match[1] not in WITHOUT_WORK:
            return self._finish(match[1])
        return None

    def _finish(self, rule: str) -> str:
        self.done.append(rule)
        seconds = time.monotonic() - self._started.get(rule, time.monotonic())
        width = len(str(self._total))
        return f"[{len(self.done):>{width}}/{self._total}] {rule:<20} {seconds:6.1f} s"


LOCK_FILE = ".lock"
PAGE = "report.html"
REFUSED = ("#", ": ", "{", "}")
STUDY_NAME = re.compile(r"[a-z][a-z0-9_]*")
KINDS_SHOWN = 3
WARNED = {  # result tables that count warnings, and where each of these stands
    "data_warnings": "the data (each in {}/cohort/warnings.csv)",
    "response_warning_counts": "scans and lesions (each in {}/derived/response_warnings.parquet)",
}
SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_TO_END = 10
FULL_BYTES = 1 << 20
TEMPORARY = Path(".snakemake") / "tmp"  # of a results folder: what steps that are killed leave behind


def main(arguments: argparse.Namespace) -> int:
    """Run a study to its report.

    Returns 0 when all is done; 1 when the study or its tables have problems, which stand in `problems.csv`.
    Raises InputError when the study file has problems; UsageError when a path cannot be used, or another run writes
    to the same folder; StepError when a step failed although the input was sound.
    """
    study_file = find_study_file(arguments.study)
    check_path(study_file)
    results = choose_results(study_file, arguments.out)
    command = build_command(study_file, results, arguments.cores, arguments.profile)
    with lock_results(results) as lock:
        (results / PROBLEMS_FILE).unlink(missing_ok=True)
        try:
            title = read_yaml(study_file)[0].get("title")
        except InputError as error:
            write_problems(results / PROBLEMS_FILE, error.problems)
            raise
        print(f"{title or study_file.parent.name}: results in {_short(results)}", flush=True)
        progress = Progress()
        if follow(command, results, lock, progress) != 0:
            return _tell_failure(study_file, results, progress)
        _tell_success(results, progress)
    return 0


def check_path(study_file: Path) -> None:
    """Refuse a path that Snakemake would misread; no quoting helps.

    Raises UsageError naming what stands in the path.
    """
    found = [mark for mark in REFUSED if mark in str(study_file)]
    if found or not str(study_file).isprintable():
        marks = ", ".join(repr(mark) for mark in found) or "characters that cannot be printed"
        raise UsageError(f"the path of the study holds {marks}: {str(study_file)!r}; rename the folder")


def choose_results(study_file: Path, out: Path | None) -> Path:
    """Return the absolute results folder: `out`, or `results/<study>` where the command is called.

    A study file that does not say its name leaves its problems under the name of its folder.

    Raises UsageError when the folder is a file, or holds a study or the tables of this one.
    """
    try:
        written = read_yaml(study_file)[0]
    except InputError:  # reported by the run itself
        written = {}
    if out is None:
        name = str(written.get("study", ""))
        out = Path("results") / (name if STUDY_NAME.fullmatch(name) else study_file.parent.name)
    results = out.absolute()
    if results.exists() and not results.is_dir():
        raise UsageError(f"{results} is a file; name a folder for the results")
    tables = written.get("tables")
    listed = tables.values() if isinstance(tables, dict) else ()
    sources = [one for source in listed for one in (source if isinstance(source, list) else [source])]
    files = [source.get("file") if isinstance(source, dict) else source for source in sources]
    taken = {(study_file.parent / file).parent.resolve() for file in files if isinstance(file, str)}
    if (results / study_file.name).exists() or results.resolve() in taken:
        words = "holds a study or its tables; results cannot go there, name another with --out"
        raise UsageError(f"{results} {words}")
    return results


@contextmanager
def lock_results(results: Path) -> Iterator[int]:
    """Hold the lock of a results folder; the file descriptor is for a child that shall hold it too.

    Raises UsageError when another run holds it.
    """
    import fcntl

    results.mkdir(parents=True, exist_ok=True)
    lock = os.open(results / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another run is writing to {_short(results)}; wait for its end, or name another folder with --out"
            ) from None
        yield lock
    finally:
        os.close(lock)


def build_command(study_file: Path, results: Path, cores: int | None, profile: str) -> list[str]:
    """Return the call of Snakemake; raises UsageError when there is no such profile."""
    home = find_home()
    named = home / "workflow" / "profiles" / profile
    folder = named if named.is_dir() else Path(profile).absolute()
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in named.parent.iterdir()))
        raise UsageError(f"no profile {profile}: name one of {known}, or a folder with a config.yaml")
    return [
        *(sys.executable, "-m", "snakemake"),
        *("--snakefile", str(home / "Snakefile")),
        *("--directory", str(results)),
        *("--profile", str(folder)),
        *("--cores", str(cores or "all")),
        *("--nolock", "--rerun-incomplete"),
        *("--config", f"study={study_file}"),
    ]


def follow(command: list[str], results: Path, lock: int, progress: Progress) -> int:
    """Run a command to its end and tell its progress; what it says goes to `logs/snakemake.log`.

    The command writes to a file and not to us, so that it ends its work should we be killed. Its temporary files are
    in the results folder, where the next run removes those of one that was killed.
    """
    log, temporary = _log_path(results), results / TEMPORARY
    log.parent.mkdir(exist_ok=True)
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            pass_fds=(lock,),
            env=os.environ | {"TMPDIR": str(temporary)},
        )
    try:
        with log.open(encoding="utf-8", errors="replace") as text:
            while True:
                status = process.poll()
                for line in progress.read(text.read()):
                    print(line, flush=True)
                if status is not None:
                    return status
                _wait(process, SECONDS_BETWEEN_LOOKS)
    except BaseException:  # the process was interrupted with us and may come to its end
        _wait(process, SECONDS_TO_END)
        if process.poll() is None:
            process.terminate()
            process.wait()
        raise


def _wait(process: subprocess.Popen, seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _tell_failure(study_file: Path, results: Path, progress: Progress) -> int:
    """Say what failed, and that what stands in the results folder is older."""
    if not results.is_dir():
        raise StepError(f"{_short(results)} was removed during the run; the same command creates it again")
    if removed := list_removed_inputs(results, study_file):
        words = "removed during the run; restore them and run the same command again"
        raise StepError(f"{', '.join(removed)} {words}")
    if shutil.disk_usage(results).free < FULL_BYTES:
        raise OSError(errno.ENOSPC, "", _short(results))
    if (results / PAGE).exists():
        print(f"{_short(results / PAGE)} is of an earlier run and not of these tables and settings")
    problems = results / PROBLEMS_FILE
    if problems.exists():
        print(format_problems(read_problems(problems), f"all are in {PROBLEMS_FILE}"), file=sys.stderr)
        print(f"all of them: {_short(problems)}", file=sys.stderr)
        return InputError.exit_status
    if not progress.failed:
        hold_made(results, list_made(results))
        raise StepError(f"the workflow failed: {progress.last_words}; log: {_short(_log_path(results))}")
    lines = [f"{rule} failed: {_last_words(results, rule)}" for rule in progress.failed]
    raise StepError("; ".join(lines))


def _last_words(results: Path, rule: str) -> str:
    log = results / "logs" / f"{rule}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    words = next((line.strip() for line in reversed(lines) if line.strip()), "it ended without a word")
    return f"{words.removeprefix('prrt-outcomes: ')} (log: {_short(log)})"


def _tell_success(results: Path, progress: Progress) -> None:
    """Say where the report is, and what is warned of, once all results are as their steps left them."""
    hold_made(results, list_made(results))
    if not progress.done:
        print("nothing to do: everything is up to date")
    told = [line for name, words in WARNED.items() for line in _tell_warnings(results, name, words)]
    if told:
        told.append(f"what follows from them for the results: {PAGE}, What to look at")
        print("\n".join(told), file=sys.stderr)
    print(f"report: {_short(results / PAGE)}")


def _tell_warnings(results: Path, table: str, words: str) -> list[str]:
    """Number of the warnings that a result table counts, with the first kinds; nothing where there are none."""
    label = load_schema("response_warning_counts").field("rule").label
    kinds: dict[str, int] = {}
    for row in read_rows(results / "tables" / f"{table}.csv"):
        place = ", ".join(filter(None, (row.get("table"), row.get("column"))))
        kind = f"{place}: {row['problem']}" if place else label(row["rule"])
        kinds[kind] = kinds.get(kind, 0) + int(row["n"])
    if not kinds:
        return []
    n = sum(kinds.values())
    shown = "; ".join(f"{kind} ({count})" for kind, count in list(kinds.items())[:KINDS_SHOWN])
    more = f"; {len(kinds) - KINDS_SHOWN} more kinds" if len(kinds) > KINDS_SHOWN else ""
    return [f"{n} {'warning' if n == 1 else 'warnings'} of {words.format(_short(results))}: {shown}{more}"]


def _log_path(results: Path) -> Path:
    return results / "logs" / "snakemake.log"


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
