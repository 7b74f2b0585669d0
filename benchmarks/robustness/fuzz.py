"""Readers of files fed with damaged ones for an hour: each must give a table or problems in words, nothing else.

The table of patients of a small registry is written in the formats that a study can name, and the study file beside it;
bytes are then changed, removed, repeated or cut off.
"""

from __future__ import annotations

import gzip
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pandas as pd

from benchmarks.results_page import describe_machine, format_table, replace_part
from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.errors import PrrtError
from prrt_outcomes.study.base import TableSource
from prrt_outcomes.study.load import load_study

ROOT = Path(__file__).parents[2]
STUDY = ROOT / "tests" / "workflow" / "studies" / "small"
SECONDS, LONGEST, SEED = 3600, 20, 7
SPICES = (
    b"\0",
    b'"',
    b"\xff\xfe",
    b"\n" * 9,
    b"=1+1",
    b"9" * 400,
    b"&a [*a]",
    b"{{",
    b"\r",
    b"-0",
    b"1e999",
    b",",
)


def write_corpus(folder: Path) -> dict[str, bytes]:
    """A table of patients in each format, and a study file, by name."""
    table = pd.read_csv(STUDY / "data" / "patients.csv", dtype=str, keep_default_na=False)
    text = table.to_csv(index=False).encode()
    table.to_excel(folder / "t.xlsx", index=False)
    table.to_parquet(folder / "t.parquet")
    table.to_stata(folder / "t.dta", write_index=False)
    made = {name: (folder / name).read_bytes() for name in ("t.xlsx", "t.parquet", "t.dta")}
    texts = {"t.csv": text, "t.tsv": text.replace(b",", b"\t"), "t.csv.gz": gzip.compress(text)}
    return made | texts | {"study.yaml": (STUDY / "study.yaml").read_bytes()}


def mutate(content: bytes, draw: random.Random) -> bytes:
    """Content with one to eight changes of its bytes."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(changed) + 1)
        end = min(len(changed), at + draw.randint(1, 64))
        kind = draw.randrange(5)
        if kind == 0:
            changed[at:end] = bytes(draw.randrange(256) for _ in range(end - at))
        elif kind == 1:
            del changed[at:end]
        elif kind == 2:
            changed[at:at] = changed[at:end] * draw.randint(1, 50)
        elif kind == 3:
            changed[at:at] = draw.choice(SPICES)
        elif draw.random() < 0.2:
            del changed[at:]
    return bytes(changed)


def judge(folder: Path, name: str, content: bytes) -> str:
    """What a reader makes of a file: `read`, `told`, or `fault` with the exception."""
    (folder / name).write_bytes(content)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)  # of the processor, whatever else runs
    try:
        if name == "study.yaml":
            load_study(folder)
            return "read"
        problems = read_source(folder, "patients", TableSource(file=name)).problems
        return "told" if problems else "read"
    except PrrtError:
        return "told"
    except Exception as error:  # what no reader may raise is what is looked for
        return f"fault: {type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def fuzz(seconds: float, seed: int = SEED) -> Counter[tuple[str, str]]:
    """Feed mutants until the time is over; counts by file and outcome."""
    draw, outcomes = random.Random(seed), Counter[tuple[str, str]]()

    def stop(*_: object) -> None:
        raise TimeoutError(f"took more than {LONGEST} s")

    signal.signal(signal.SIGPROF, stop)
    with tempfile.TemporaryDirectory() as place:
        corpus = write_corpus(Path(place))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            name = draw.choice(sorted(corpus))
            content = mutate(corpus[name], draw)
            outcome = judge(Path(place), name, content)
            if outcome.startswith("fault"):
                print(name, outcome, content[:200], file=sys.stderr, flush=True)
            outcomes[name, outcome.partition(":")[0]] += 1
    return outcomes


def main(seconds: float = SECONDS) -> None:
    """Feed mutants for an hour, and write the counts to the page of reliability."""
    begun = time.process_time()
    outcomes = fuzz(seconds)
    used = time.process_time() - begun
    kinds = ("read", "told", "fault")
    rows = [
        (name, *(outcomes[name, kind] for kind in kinds)) for name in sorted({name for name, _ in outcomes})
    ]
    total = f"{sum(outcomes.values())} damaged files in {seconds / 60:.0f} minutes, {used / 60:.1f} of a processor."
    table = format_table(("file", *kinds), rows)
    replace_part(ROOT / "docs" / "reliability.md", "fuzz", f"{describe_machine()} {total}\n\n{table}")


if __name__ == "__main__":
    main()
