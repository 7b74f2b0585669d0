"""The house keeps its shape: imports run one way, what starts often starts light, rooms stay small."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from prrt_outcomes import fingerprint

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "prrt_outcomes"
STAGES = (
    "cohort",
    "treatment",
    "response",
    "radionuclides",
    "endpoints",
    "survival",
    "responders",
    "controls",
    "safety",
    "quality_of_life",
    "appraisal",
)
GROUND = (
    "errors",
    "units",
    "laboratory",
    "attrition",
    "dates",
    "whole_file",
    "csv_cells",
    "fingerprint",
    "lazy",
)
ORDER = (
    *GROUND,
    "statistics",
    "study",
    "tables",
    "provenance",
    *STAGES[:-1],
    "wording",
    STAGES[-1],
    "figures",
    "report",
    "manuscript",
    "release",
    "simulate",
    "adopt",
    "steps",
    "run_crate",
    "compare",
    "cli",
)
STRANGERS = {
    ("statistics", "study"),
    ("statistics", "tables"),
    ("study", "statistics"),
    ("tables", "statistics"),
}
ONLY_IN = {
    "plotnine": "figures",
    "matplotlib": "figures",
    "mizani": "figures",
    "jinja2": "report",
    "docxtpl": "manuscript",
    "pypandoc": "manuscript",
    "typst": "manuscript",
    "rocrate": "run_crate",
}
HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "lifelines",
    "statsmodels",
    "plotnine",
    "matplotlib",
    "pyarrow",
)
LONGEST_MODULE = 400
WRITING = {
    "write_text",
    "write_bytes",
    "to_csv",
    "to_parquet",
    "to_excel",
    "savefig",
    "mkdir",
    "unlink",
    "rmtree",
}
WRITERS = (
    "tables/files.py",
    "study/schema.py",
    "figures/save.py",
    "report/",
    "manuscript/",
    "release/write.py",
    "steps.py",
    "fingerprint.py",
    "whole_file.py",
    "provenance.py",
    "run_crate.py",
    "simulate/",
    "adopt/write.py",
    "cli/",
)


CODE = fingerprint.Code()


def list_imports(module):
    """Names that a module imports at run time: ours and foreign."""
    return (*CODE.module(module).ours, *CODE.module(module).foreign)


def room(module):
    return module.split(".")[1] if "." in module else ""


def modules():
    return [name for name in fingerprint.list_modules() if "." in name]


def test_every_room_has_its_place_in_the_order():
    assert {room(name) for name in modules()} <= set(ORDER)


@pytest.mark.parametrize("module", modules())
def test_imports_run_one_way(module):
    here = room(module)
    for name in list_imports(module):
        if not name.startswith("prrt_outcomes."):
            continue
        there = room(name)
        assert ORDER.index(there) <= ORDER.index(here), f"{module} imports {name}: an arrow that runs back"
        assert (here, there) not in STRANGERS, f"{module} imports {name}: these rooms do not know each other"


def test_ground_floor_imports_nothing_of_ours_above_it():
    for module in modules():
        if room(module) in GROUND:
            ours = {room(n) for n in list_imports(module) if n.startswith("prrt_outcomes.")}
            assert ours <= set(GROUND), module


def test_nobody_but_the_command_line_knows_the_simulation():
    for module in modules():
        if room(module) not in ("simulate", "cli"):
            assert not any(name.startswith("prrt_outcomes.simulate") for name in list_imports(module))


def test_libraries_stay_in_their_rooms():
    for module in modules():
        for name in list_imports(module):
            assert ONLY_IN.get(name, room(module)) == room(module), f"{module} imports {name}"
            assert name != "snakemake", f"{module} imports snakemake; it is called as a process"


def test_every_library_that_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = [
        *project["dependencies"],
        *(t for extra in project["optional-dependencies"].values() for t in extra),
    ]
    declared = {re.match(r"[\w.-]+", text).group().lower() for text in listed}
    distributions = packages_distributions()
    foreign = {name for module in modules() for name in list_imports(module)}
    foreign -= {name for name in foreign if name.startswith("prrt_outcomes")} | set(sys.stdlib_module_names)
    unknown = {n for n in foreign if not {d.lower() for d in distributions.get(n, ())} & declared}
    assert unknown == set()


def test_only_the_rooms_that_may_write_do():
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE).as_posix()
        if not place.startswith(WRITERS):
            names = {
                n.attr for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Attribute)
            }
            assert not names & WRITING, f"{place} writes to disk"


def test_an_init_states_public_names_and_loads_nothing():
    for path in SOURCE.rglob("__init__.py"):
        body = ast.parse(path.read_text("utf-8")).body
        imported = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert all(getattr(node, "module", None) == "prrt_outcomes.lazy" for node in imported), path
        others = [
            node for node in body if not isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.Expr)
        ]
        assert others == [], path


@pytest.mark.parametrize("package", [name for name in ORDER if (SOURCE / name / "__init__.py").is_file()])
def test_every_public_name_is_there(package):
    loaded = importlib.import_module(f"prrt_outcomes.{package}")
    public = [name for name in dir(loaded) if not name.startswith("_")]
    assert [name for name in public if not hasattr(loaded, name)] == []
    assert all(getattr(getattr(loaded, name), "__doc__", None) for name in public)


def test_every_package_has_an_init():
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    assert sorted(folder.name for folder in folders if not (folder / "__init__.py").exists()) == []


def test_modules_are_read_in_one_sitting():
    paths = [*SOURCE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    long = {
        str(p.relative_to(ROOT)): n
        for p in paths
        if (n := len(p.read_text("utf-8").splitlines())) > LONGEST_MODULE
    }
    assert long == {}


def test_names_say_what_lives_there():
    vague = {"utils", "util", "helpers", "helper", "misc", "common_functions"}
    assert [str(p) for p in SOURCE.rglob("*.py") if p.stem in vague] == []


def loaded_modules(code):
    """Names of the modules that a fresh Python holds after some code."""
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split("\n")}


def test_help_loads_nothing_heavy():
    loaded = loaded_modules(
        "from prrt_outcomes.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    )
    assert loaded & {*HEAVY, "pydantic", "yaml", "snakemake", "importlib_metadata"} == set()
    assert len(loaded) < 130


def test_what_starts_often_starts_light():
    loaded = loaded_modules(
        "import prrt_outcomes.provenance, prrt_outcomes.study.load, prrt_outcomes.cohort.settings, "
        "prrt_outcomes.study.model, prrt_outcomes.steps, prrt_outcomes.cli.run, "
        "prrt_outcomes.cli.check"
    )
    assert loaded & set(HEAVY) == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_the_same_name_everywhere(stage):
    assert (ROOT / "workflow" / "rules" / f"{stage}.smk").is_file()
    if (SOURCE / stage / "stage.py").is_file():
        assert (ROOT / "tests" / "unit" / stage).is_dir()


@pytest.mark.parametrize("stage", [name for name in STAGES if (SOURCE / name / "stage.py").is_file()])
def test_a_stage_declares_its_tables_as_plain_tuples(stage):
    names = ("SETTINGS",) if stage == "cohort" else ("INPUTS", "OUTPUTS", "SETTINGS")
    for name in names:
        declared = fingerprint.read_declaration(f"prrt_outcomes.{stage}.stage", name)
        assert len(set(declared)) == len(declared)
