"""The public names of a package, each loaded when it is first asked for (PEP 562)."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def expose(package: str, **modules: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a package.

    package : dotted name of the package
    modules : for each module of the package the public names that it defines, parted by blanks

    Importing the package loads none of its modules, so that a command which needs one function does not pay
    for the libraries of all others.
    """
    places = {name: module for module, names in modules.items() for name in names.split()}

    def get_name(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{places[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def list_names() -> list[str]:
        return sorted(places)

    return get_name, list_names
