"""A fingerprint of the code that a step runs, so that an edit reruns what it must and nothing else."""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import CodeType

from prrt_outcomes.whole_file import write_whole

PACKAGE = "prrt_outcomes"
PACKAGE_FOLDER = Path(__file__).resolve().parent
DISTRIBUTIONS = (
    "firthmodels", "lifelines", "matplotlib", "numpy", "pandas", "plotnine", "pyarrow", "scipy", "statsmodels",
)  # fmt: skip
CODE_SUFFIXES = (".py", ".pyc", ".so")
BOOK = Path(".snakemake") / "code.json"  # of a results folder: the modules as the last run read them


@dataclass(frozen=True)
class Module:
    """What a fingerprint needs of one module."""

    stamp: str  # time and size of the file when it was read
    digest: str  # of the compiled code without docstrings; comments and layout are not in it
    ours: tuple[str, ...]  # dotted names of our modules that it imports at run time, also inside functions
    foreign: tuple[str, ...]  # names of the other packages that it imports


class Code:
    """The modules of the package, each parsed once.

    The file `book` keeps them from one run to the next; a module whose file has changed since is read anew.
    """

    def __init__(self, book: Path | None = None):
        self._book = book
        self._known = _read_book(book) if book is not None else {}
        self._current: dict[str, Module] = {}

    def module(self, name: str) -> Module:
        """Return one module; FileNotFoundError when it does not exist."""
        if name not in self._current:
            path = find_module(name)
            if path is None:
                raise FileNotFoundError(f"no module {name}")
            status = path.stat()
            stamp = f"{path.name} {status.st_mtime_ns} {status.st_size}"
            known = self._known.get(name)
            if known is None or known.stamp != stamp:
                known = _parse_module(name, path, stamp)
            self._current[name] = known
        return self._current[name]

    def close_imports(self, names: Iterable[str]) -> set[str]:
        """Our modules that the given ones import, directly or through others, with themselves."""
        closure: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in closure:
                closure.add(name)
                waiting.extend(self.module(name).ours)
        return closure

    def fingerprint(self, names: Sequence[str], schemas: Sequence[Path] = ()) -> str:
        """Fingerprint of everything that a step which starts from the modules `names` runs: sixteen hexadecimal digits.

        Of the closure of the modules, of the data files beside them, of the schema files of the tables that it
        reads and writes, and of the versions of the libraries that they import.
        Raises FileNotFoundError when a module or a schema does not exist.
        """
        closure = sorted(self.close_imports(names))
        digest = hashlib.sha256()
        for name in closure:
            digest.update(f"{name} {self.module(name).digest}\n".encode())
        for path in [*self._list_data_files(closure), *sorted(set(schemas))]:
            digest.update(f"{path.name} ".encode() + path.read_bytes())
        foreign = {library for name in closure for library in self.module(name).foreign}
        for library in sorted(foreign.intersection(DISTRIBUTIONS)):
            digest.update(f"{library} {read_version(library)}\n".encode())
        return digest.hexdigest()[:16]

    def _list_data_files(self, names: Iterable[str]) -> list[Path]:
        """Files that are not code beside the modules, or in folders beside them that hold no code."""
        folders = {path.parent for name in names if (path := find_module(name))} - {PACKAGE_FOLDER}
        return sorted(path for folder in folders for path in _list_folder(folder))

    def write_book(self) -> None:
        """Write what was read to the book, if it differs from what stands there."""
        if self._book is None or self._current == self._known:
            return
        entries = {name: asdict(module) for name, module in self._current.items()}
        write_whole(self._book, json.dumps(entries), mark=str(os.getpid()))


def find_home() -> Path:
    """Folder of Snakefile, workflow/ and data_schema/: inside an installed wheel, else the checkout."""
    installed = PACKAGE_FOLDER / "_workflow"
    return installed if installed.is_dir() else PACKAGE_FOLDER.parents[1]


def list_modules() -> list[str]:
    """Dotted names of all our modules, sorted; a package stands for its `__init__`."""
    names = set()
    for path in PACKAGE_FOLDER.rglob("*.py"):
        parts = path.relative_to(PACKAGE_FOLDER).with_suffix("").parts
        names.add(".".join((PACKAGE, *(part for part in parts if part != "__init__"))))
    return sorted(names)


def list_run_modules() -> list[str]:
    """Our modules that make results: all but the commands, the simulation, the adoption of files and comparisons."""
    others = tuple(f"{PACKAGE}.{name}" for name in ("cli", "simulate", "adopt", "compare"))
    return [name for name in list_modules() if not name.startswith(others)]


def find_module(name: str) -> Path | None:
    """File of a module of ours; None where there is none."""
    base = PACKAGE_FOLDER.joinpath(*name.split(".")[1:])
    if name.partition(".")[0] == PACKAGE:
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def read_declaration(name: str, constant: str) -> tuple[str, ...]:
    """Read a constant of a module, such as `INPUTS` of a stage, without importing the module.
    Raises ValueError when the module does not assign a plain tuple of names to it.
    """
    path = find_module(name)
    for node in _parse_text(path.read_text(encoding="utf-8")).body if path else []:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == constant for target in targets):
            return tuple(ast.literal_eval(node.value))
    raise ValueError(f"{name} does not assign a plain tuple to {constant}")


@cache
def _parse_text(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def read_version(distribution: str) -> str:
    """Version of an installed distribution; empty where it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _read_book(book: Path) -> dict[str, Module]:
    """Modules that stand in a book; none where it cannot be read."""
    try:
        entries = json.loads(book.read_text(encoding="utf-8"))
        return {
            name: Module(e["stamp"], e["digest"], tuple(e["ours"]), tuple(e["foreign"]))
            for name, e in entries.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _parse_module(name: str, path: Path, stamp: str) -> Module:
    tree = ast.parse(path.read_bytes(), filename=str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imported = [found for node in _import_nodes(tree) for found in _imported_names(node, package)]
    ours = {module for text in imported for module in [_enclosing_module(text)] if module}
    foreign = {text.partition(".")[0] for text in imported} - {PACKAGE}
    digest = _hash_code(compile(tree, "", "exec", dont_inherit=True, optimize=2)).hex()
    return Module(stamp, digest, tuple(sorted(ours - {name})), tuple(sorted(foreign)))


def _enclosing_module(name: str) -> str | None:
    """The module that a dotted name is or lives in; None where it is not ours."""
    while name.partition(".")[0] == PACKAGE:
        if find_module(name) is not None:
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


def _hash_code(code: CodeType) -> bytes:
    """Hash of compiled code and of the code inside it, without names of files and numbers of lines."""
    digest = hashlib.sha256(code.co_code + code.co_exceptiontable)
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags)).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            digest.update(_hash_code(constant))
        else:  # the order of a set differs from run to run
            written = sorted(constant, key=repr) if isinstance(constant, frozenset) else constant
            digest.update(repr(written).encode())
    return digest.digest()


def _list_folder(folder: Path) -> list[Path]:
    """Files of a folder and of those in it without code, that are not code."""
    found: set[Path] = set()
    for entry in folder.iterdir():
        if entry.is_file():
            found.add(entry)
        elif entry.name != "__pycache__" and not list(entry.glob("*.py")):
            found.update(path for path in entry.rglob("*") if path.is_file())
    return [path for path in found if path.suffix not in CODE_SUFFIXES and not path.name.startswith(".")]
