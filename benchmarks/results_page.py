"""Write one section of a results page, so that several benchmarks share a page."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent


def write_section(folder: str, title: str, body: str) -> Path:
    """Replace (or add) the section `title` of ``benchmarks/<folder>/RESULTS.md``; sections are sorted by title."""
    path = HERE / folder / "RESULTS.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = re.split(r"^## ", text, flags=re.M)[1:]
    sections = {part.split("\n", 1)[0].strip(): part.split("\n", 1)[1].strip() for part in parts}
    sections[title] = f"{describe_machine()}\n\n{body.strip()}"
    ordered = "\n\n".join(f"## {name}\n{sections[name]}" for name in sorted(sections))
    path.write_text(
        f"# Results: {folder}\n\nWritten by `python -m benchmarks {folder}`.\n\n{ordered}\n", encoding="utf-8"
    )
    return path


def replace_part(page: Path, name: str, body: str) -> None:
    """Replace what stands on a page between the comments `name` and `end of name`."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    page.write_text(f"{before}{begin}\n\n{body}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def describe_machine() -> str:
    """Return date, cores and versions in one line."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "lifelines"))
    return f"{date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}."


def format_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])
