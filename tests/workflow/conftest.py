"""A project of its own in a temporary folder: its code, workflow, studies and results can be edited and moved."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUDIES = Path(__file__).parent / "studies"
RULE = re.compile(r"^(?:local)?rule (\w+):", re.MULTILINE)
LONGEST_SECONDS = 240


@dataclass(frozen=True)
class Project:
    """A copy of the house with studies beside it."""

    folder: Path

    @property
    def code(self):
        return self.folder / "src" / "prrt_outcomes"

    def study(self, name):
        return self.folder / "studies" / name

    def results(self, name):
        return self.folder / "results" / name

    @property
    def temporary(self):
        """A folder for temporary files, in which a run must leave none."""
        folder = self.folder / "temporary"
        folder.mkdir(exist_ok=True)
        return folder

    def environment(self):
        """Neither the environment of Python nor its commands are on the path, as in a fresh shell."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))
        }
        return kept | {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(self.folder / "src")}

    def call(self, *arguments, cwd=None):
        """Call `prrt-outcomes` and return what it did."""
        return subprocess.run(
            self.command(*arguments),
            cwd=cwd or self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )

    def command(self, *arguments):
        return [sys.executable, "-m", "prrt_outcomes.cli.main", *map(str, arguments)]

    def snakemake(self, *arguments):
        """Call Snakemake itself in the project."""
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )

    def would_run(self, name):
        """Names of the rules that a run of a study would do now."""
        done = self.snakemake("--cores", "1", "-n", "--config", f"study=studies/{name}")
        assert done.returncode == 0, done.stdout + done.stderr
        return set(RULE.findall(done.stdout + done.stderr)) - {"all"}

    def provenance(self, name):
        return json.loads((self.results(name) / "provenance.json").read_text())


def snapshot(folder):
    """Content and time of every file that a run made, without the books that Snakemake keeps."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".snakemake" not in path.parts and path.name not in (".lock", "snakemake.log")
    }


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project whose study `tiny` has run; nobody edits this one. Its path holds what a shell would split.

    The workers of pytest-xdist share it: the first makes it, the others wait.
    """
    base = tmp_path_factory.getbasetemp()
    base = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    project = Project(base / "projects" / "a project's föld(er)")
    with (base / "projects.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (project.folder / "first_run.txt").exists():
            shutil.rmtree(project.folder, ignore_errors=True)
            _make(project)
    return project


def _make(project):
    """Copy the house and run `tiny`; what was said is kept as `first_run.txt` once all is well."""
    skipped = shutil.ignore_patterns("__pycache__")
    for part in ("src", "workflow", "data_schema"):
        shutil.copytree(ROOT / part, project.folder / part, ignore=skipped)
    shutil.copy2(ROOT / "Snakefile", project.folder / "Snakefile")
    shutil.copytree(STUDIES, project.folder / "studies")
    done = project.call("run", "studies/tiny", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    (project.folder / "first_run.txt").write_text(done.stdout + done.stderr)


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project, to edit; times of files are those of the original."""
    folder = tmp_path / "project"
    shutil.copytree(finished.folder, folder)
    return Project(folder)
