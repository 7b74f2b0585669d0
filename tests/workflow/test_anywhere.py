"""A run gives the same bytes wherever, whenever and on whatever it runs; it needs no network and no checkout."""

import csv
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("src", "workflow", "data_schema")
FILES = ("Snakefile", "pyproject.toml", "README.md", "LICENSE")
LOCALES = ("de_DE", "tr_TR")
NAMESPACE = ("unshare", "--map-root-user", "--net")
RESULTS = ("derived", "per_patient", "tables", "figures", "cohort")
PAGES = ("report.html", "supplement.html", "manuscript.docx", "manuscript.pdf", "manuscript")
# What names the rows or the checksums of the inputs.
OF_INPUTS = ("provenance.json", "ro-crate-metadata.json", "warnings.csv")


def find_namespace():
    """Words before a command that take it from every network; none where this system does not permit it."""
    try:
        done = subprocess.run([*NAMESPACE, "true"], capture_output=True)
    except FileNotFoundError:
        return ()
    return NAMESPACE if done.returncode == 0 else ()


def make_locale(name, folder):
    """Environment in which a locale is spoken; that of C where it cannot be made."""
    call = ["localedef", "-i", name, "-f", "UTF-8", str(folder / f"{name}.UTF-8")]
    try:
        made = subprocess.run(call, capture_output=True).returncode == 0
    except FileNotFoundError:
        made = False
    return {"LC_ALL": f"{name}.UTF-8", "LOCPATH": str(folder)} if made else {"LC_ALL": "C"}


def read_results(results):
    """Every table, figure, page and document of a run, as bytes."""
    files = [path for name in RESULTS for path in (results / name).rglob("*.*")]
    files += [path for name in PAGES for path in (results / name, *(results / name).rglob("*.*"))]
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for path in files
        if path.is_file() and path.name not in OF_INPUTS
    }


def shuffle_rows(folder, seed):
    """Put the rows of each table of a study in another order."""
    for path in sorted((folder / "data").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
        random.Random(seed).shuffle(rows)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([head, *rows])


def run(study, results, environment=(), cores=2, before=(), documents=False):
    """Run a study in a process of its own, from the checkout where the environment names no other place."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LC_", "LANG"))}
    call = [*before, sys.executable, "-m", "prrt_outcomes.cli.main"]
    commands = [("run", "--cores", str(cores)), *([("manuscript",)] if documents else [])]
    for command, *options in commands:
        done = subprocess.run(
            [*call, command, str(study), "--out", str(results), *options],
            cwd=study.parent,
            env=kept | {"PYTHONPATH": str(ROOT / "src")} | dict(environment),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return read_results(results)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of the sources without a network."""
    source = tmp_path_factory.mktemp("source")
    for part in PARTS:
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    done = subprocess.run([*command, str(source / "dist"), str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next((source / "dist").glob("*.whl"))


def test_the_wheel_holds_workflow_and_contract(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("Snakefile", "workflow/rules/common.smk", "data_schema/input/patients.yaml"):
        assert f"prrt_outcomes/_workflow/{name}" in names
    assert not [name for name in names if name.endswith(".pyc")]


def test_an_installed_wheel_gives_the_same_bytes_elsewhere(wheel, finished, tmp_path):
    """All at once, since equal bytes need no more: another place, language, time zone, hash seed and order of rows, one
    core, no checkout, and no network where the system permits it."""
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
    study = shutil.copytree(finished.study("tiny"), tmp_path / "Ein Ordner für İıß" / "tiny")
    shuffle_rows(study, 1)
    environment = make_locale("tr_TR", tmp_path) | {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "7"}
    environment["PYTHONPATH"] = str(site)
    results = study.parent / "die Ergebnisse"
    again = run(study, results, environment, cores=1, before=find_namespace())
    log = (results / "logs" / "snakemake.log").read_text()
    assert str(site) in log
    assert all(str(ROOT / part) not in log for part in ("src", "workflow", "Snakefile"))
    before = read_results(finished.results("tiny"))
    assert before.keys() == again.keys()
    assert [name for name in before if before[name] != again[name]] == []


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A simulated study with all formats, and what its run gives."""
    from prrt_outcomes.simulate.registry import write_simulated_study

    folder = tmp_path_factory.mktemp("simulated")
    write_simulated_study(folder / "study", patients=60, seed=11)
    path = folder / "study" / "study.yaml"
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["figures"] = {"formats": ["svg", "pdf", "png"], "dpi": 72}
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return folder / "study", run(folder / "study", folder / "results", documents=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "zone", "seed", "cores"),
    [("C", "UTC", "0", 1), ("de_DE", "America/St_Johns", "1", 2), ("tr_TR", "Pacific/Kiritimati", "4242", 1)],
    ids=["C", *LOCALES],
)
def test_figures_pages_and_documents_are_the_same_bytes_anywhere(
    simulated, tmp_path, locale, zone, seed, cores
):
    study = shutil.copytree(simulated[0], tmp_path / f"à côté {locale}" / "study")
    shuffle_rows(study, seed)
    environment = make_locale(locale, tmp_path) | {"TZ": zone, "PYTHONHASHSEED": seed}
    again = run(study, tmp_path / "ö", environment, cores, find_namespace(), documents=True)
    before = simulated[1]
    assert {Path(name).suffix for name in before} > {
        ".csv",
        ".parquet",
        ".svg",
        ".pdf",
        ".png",
        ".html",
        ".docx",
    }
    assert before.keys() == again.keys()
    assert [name for name in before if before[name] != again[name]] == []
