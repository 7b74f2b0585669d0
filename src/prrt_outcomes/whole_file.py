"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replace_when_whole(path: Path, mark: str = "") -> Iterator[Path]:
    """Give the path of a hidden file beside `path`, and move it there once it was written without an error.

    `mark` is part of its name, for files that several processes may write at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}{mark}.unfinished")
    yield unfinished
    os.replace(unfinished, path)


def write_whole(path: Path, text: str, mark: str = "") -> None:
    """Write a text in UTF-8 to a file that appears whole or not at all; `mark` as `replace_when_whole` has it."""
    with replace_when_whole(path, mark) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
