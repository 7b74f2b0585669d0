"""An installed wheel runs a study without a checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("src", "workflow", "data_schema")
FILES = ("Snakefile", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the sources without a network."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        source / "dist",
        source,
    ]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((source / "dist").glob("*.whl"))


def test_the_wheel_holds_workflow_and_contract(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("Snakefile", "workflow/rules/common.smk", "data_schema/input/patients.yaml"):
        assert f"prrt_outcomes/_workflow/{name}" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_a_run_from_the_wheel_gives_the_same_numbers(wheel, finished, tmp_path):
    site = tmp_path / "site"
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run([sys.executable, *install], check=True)
    environment = finished.environment() | {"PYTHONPATH": str(site)}
    shutil.copytree(finished.study("tiny"), tmp_path / "tiny")
    done = subprocess.run(
        [sys.executable, "-m", "prrt_outcomes.cli.main", "run", "tiny", "--cores", "2"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    log = (tmp_path / "results" / "tiny" / "logs" / "snakemake.log").read_text()
    assert str(site) in log
    assert all(str(ROOT / part) not in log for part in ("src", "workflow", "Snakefile"))
    for path in (finished.results("tiny") / "tables").glob("*.csv"):
        assert (tmp_path / "results" / "tiny" / "tables" / path.name).read_bytes() == path.read_bytes()
