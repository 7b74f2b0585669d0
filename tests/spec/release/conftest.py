"""The second program that attacks a release."""

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def attack():
    """The functions of `attack.py`, which is a program of its own."""
    found = importlib.util.spec_from_file_location("attack", Path(__file__).with_name("attack.py"))
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
