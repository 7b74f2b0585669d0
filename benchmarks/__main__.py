"""Run every benchmark: ``python -m benchmarks`` for all, ``python -m benchmarks speed`` for one folder.

A benchmark is a module of a subfolder that defines ``main()``; it prints what it measures and writes its section of
the folder's RESULTS.md.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent


def find_modules(wanted: list[str]) -> Iterator[Path]:
    """Yield the benchmark modules of the wanted folders or names (``speed``, ``speed/curves_and_tests``), sorted."""
    for path in sorted(HERE.glob("*/*.py")):
        name = path.relative_to(HERE).with_suffix("").as_posix()
        if not wanted or any(name == w or name.startswith(f"{w}/") for w in wanted):
            yield path


def load_module(path: Path) -> ModuleType:
    """Import a benchmark from its file."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> int:
    wanted = [w.strip("/").removesuffix(".py") for w in sys.argv[1:]]
    paths = list(find_modules(wanted))
    if not paths:
        print(f"no benchmark named {', '.join(wanted)}")
        return 2
    for path in paths:
        module = load_module(path)
        if hasattr(module, "main"):
            print(f"== {path.relative_to(HERE)}", flush=True)
            module.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
