"""What `make example` installs is a part of what tests install, in the same versions, without tools of development."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PINNED = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9.-]+")


def read_pins(name):
    return set(PINNED.findall((ROOT / "requirements" / name).read_text("utf-8")))


def names(requirements):
    return {NAME.match(one)[0].lower() for one in requirements}


def test_a_run_needs_a_part_of_the_lock():
    run, lock = read_pins("run.txt"), read_pins("lock.txt")
    assert run < lock
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = names(project["project"]["dependencies"]) | names(project["dependency-groups"]["install"])
    installed = {name for name, _ in run}
    assert needed <= installed
    assert not {"pytest", "hypothesis", "ruff", "mypy", "uv", "pip", "build", "duckdb"} & installed
