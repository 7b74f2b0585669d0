"""What went in, what came out, with which versions; and a fingerprint of the code that a step runs."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

PACKAGE = "prrt_outcomes"
PACKAGE_FOLDER = Path(__file__).resolve().parent
DISTRIBUTIONS = (
    "firthmodels",
    "lifelines",
    "matplotlib",
    "numpy",
    "pandas",
    "plotnine",
    "pyarrow",
    "scipy",
    "statsmodels",
)
CODE_SUFFIXES = (".py", ".pyc", ".so")


def find_home() -> Path:
    """Folder of Snakefile, workflow/ and data_schema/: inside an installed wheel, else the checkout."""
    installed = PACKAGE_FOLDER / "_workflow"
    return installed if installed.is_dir() else PACKAGE_FOLDER.parents[1]


def fingerprint_code(modules: Sequence[str], tables: Sequence[str] = ()) -> str:
    """Fingerprint of everything that a step runs, so that an edit reruns what it must and nothing else.

    Parameters
    ----------
    modules : dotted names of our modules that the step starts from; what they import, directly or through
        others and also inside functions, belongs to them
    tables : tables whose schema the step reads or writes

    Returns
    -------
    Sixteen hexadecimal digits: of the syntax trees (comments, docstrings and layout are not in them), of the
    data files beside the modules, of the schemas, and of the versions of the libraries that are imported.

    Raises
    ------
    FileNotFoundError
        when a module or a schema does not exist.
    """
    closure = sorted(close_imports(modules))
    digest = hashlib.sha256()
    for module in closure:
        digest.update(f"{module} {_read_module(module).tree_digest}\n".encode())
    for path in [*_data_files(closure), *_schema_files(tables)]:
        digest.update(path.name.encode() + b"\n" + path.read_bytes())
    foreign = {name for module in closure for name in _read_module(module).foreign}
    for name, version in sorted(list_versions(foreign.intersection(DISTRIBUTIONS)).items()):
        digest.update(f"{name} {version}\n".encode())
    return digest.hexdigest()[:16]


def close_imports(modules: Iterable[str]) -> set[str]:
    """Our modules that the given ones import, directly or through others, with themselves."""
    closure: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in closure:
            closure.add(module)
            waiting.extend(_read_module(module).ours)
    return closure


def list_imports(module: str) -> tuple[str, ...]:
    """Dotted names that a module of ours imports at run time, also inside functions; ours and foreign."""
    read = _read_module(module)
    return (*read.ours, *read.foreign)


def read_declaration(module: str, name: str) -> tuple[str, ...]:
    """Read a constant of a module, such as `INPUTS` of a stage, without importing the module.

    Raises
    ------
    ValueError
        when the module does not assign a plain tuple of names to it.
    """
    tree = ast.parse(_module_path(module).read_text(encoding="utf-8"))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            value = ast.literal_eval(node.value)
            return (value,) if isinstance(value, str) else tuple(value)
    raise ValueError(f"{module} does not assign a plain tuple to {name}")


def list_modules() -> list[str]:
    """Dotted names of all our modules, sorted; a package stands for its `__init__`."""
    names = set()
    for path in PACKAGE_FOLDER.rglob("*.py"):
        parts = path.relative_to(PACKAGE_FOLDER).with_suffix("").parts
        names.add(".".join((PACKAGE, *(part for part in parts if part != "__init__"))))
    return sorted(names)


def has_module(module: str) -> bool:
    """Tell whether a module of ours exists."""
    return _find_module(module) is not None


def list_versions(distributions: Iterable[str] = DISTRIBUTIONS) -> dict[str, str]:
    """Versions of installed distributions; one that is not installed is left out."""
    versions = {}
    for name in distributions:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def list_data_files(study: Study, study_file: Path) -> list[Path]:
    """Files of the tables of a study, each once, sorted."""
    sources = {source.file for table in study.tables.values() for source in table}
    return sorted(study_file.parent / file for file in sources)


def list_run_modules() -> list[str]:
    """Our modules that make results: all but the commands and the simulation."""
    others = (f"{PACKAGE}.cli", f"{PACKAGE}.simulate")
    return [name for name in list_modules() if not name.startswith(others)]


def describe_run(study: Study, study_file: Path, results: Path) -> dict:
    """Describe a run: settings, versions, and the checksum of each file that went in and came out.

    Parameters
    ----------
    study : settings; all of them are written, those left at their default too
    study_file : its file, beside which the files of its tables are
    results : results folder; its `cohort`, `derived` and `tables` are listed

    Returns
    -------
    dict without times and without absolute paths, so that the same run describes itself the same anywhere.
    """
    produced = [
        path
        for folder in ("cohort", "derived", "tables")
        for path in sorted((results / folder).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    return {
        "study": study.model_dump(mode="json"),
        "prrt_outcomes": metadata.version("prrt-outcomes"),
        "code": fingerprint_code(list_run_modules()),
        "python": platform.python_version(),
        "libraries": list_versions(),
        "inputs": {
            os.path.relpath(path, study_file.parent): _checksum(path)
            for path in list_data_files(study, study_file)
        },
        "outputs": {path.relative_to(results).as_posix(): _checksum(path) for path in produced},
    }


def write_provenance(path: Path, description: dict) -> None:
    """Write the description of a run as JSON; the file appears whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(json.dumps(description, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def _checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Module:
    """What a fingerprint needs of one module."""

    def __init__(self, module: str):
        path = _module_path(module)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        imported = [name for node in _import_nodes(tree) for name in _imported_names(node, package)]
        ours = {found for name in imported for found in [_enclosing_module(name)] if found}
        self.ours = tuple(sorted(ours - {module}))
        self.foreign = tuple(sorted({n.partition(".")[0] for n in imported} - {PACKAGE}))
        self.tree_digest = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()


@cache
def _read_module(module: str) -> _Module:
    """Read a module once."""
    return _Module(module)


def _module_path(module: str) -> Path:
    path = _find_module(module)
    if path is None:
        raise FileNotFoundError(f"no module {module}")
    return path


def _find_module(module: str) -> Path | None:
    """File of a module of ours, or None."""
    base = PACKAGE_FOLDER.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file() and module.partition(".")[0] == PACKAGE:
            return path
    return None


def _enclosing_module(name: str) -> str | None:
    """The module that a dotted name is or lives in; None where it is not ours."""
    while name.partition(".")[0] == PACKAGE:
        if has_module(name):
            return name
        name = name.rpartition(".")[0]
    return None


def _import_nodes(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements at any depth, without those that only a type checker sees."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
        else:
            waiting.extend(child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))


def _imported_names(node: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    """Dotted names of one import statement; of `from a import b` both a and a.b."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    parts = package.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
    origin = ".".join(part for part in (base, node.module or "") if part)
    return [origin, *(f"{origin}.{alias.name}" for alias in node.names)]


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The tree without docstrings; they are words for readers and change no number."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            body[:1] = [ast.Pass()] if len(body) == 1 else []
    return tree


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _data_files(modules: Sequence[str]) -> list[Path]:
    """Files that are not code beside the modules, or in folders beside them that hold no code."""
    folders = {_module_path(module).parent for module in modules} - {PACKAGE_FOLDER}
    found = {path for folder in folders for path in folder.iterdir() if path.is_file()}
    for folder in folders:
        for sub in folder.iterdir():
            if sub.is_dir() and sub.name != "__pycache__" and not list(sub.glob("*.py")):
                found.update(path for path in sub.rglob("*") if path.is_file())
    return sorted(
        path for path in found if path.suffix not in CODE_SUFFIXES and not path.name.startswith(".")
    )


def _schema_files(tables: Sequence[str]) -> list[Path]:
    """Schema file of each table."""
    home = find_home() / "data_schema"
    files = []
    for table in sorted(set(tables)):
        matches = list(home.glob(f"*/{table}.yaml"))
        if not matches:
            raise FileNotFoundError(f"data_schema holds no table {table}")
        files.extend(matches)
    return files
