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
