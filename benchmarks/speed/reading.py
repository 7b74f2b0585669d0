"""What `check` costs on a large registry: seconds and memory for 100,000 and 1,000,000 patients.

The example is repeated under new names of patients: its patients, follow-up, cycles and adverse events, and the first
12 laboratory values of each patient, 20 rows a patient in all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from benchmarks.results_page import format_table, write_section

EXAMPLE = Path(__file__).resolve().parents[2] / "studies" / "example"
TABLES = ("patients", "follow_up", "cycles", "adverse_events", "labs")
LABS_OF_A_PATIENT = 12
SIZES = (100_000, 1_000_000)
LIMIT_SECONDS = 60
LIMIT_GB = 6
STUDY = """\
study: large
synthetic: true
data_cutoff: 2021-12-31
tables: {{{tables}}}
extra_columns: {{stop_reason: category}}
"""


def main() -> None:
    """Measure and write the section of the page."""
    rows, load = [], os.getloadavg()[0]
    for patients in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            n_rows = write_large_study(Path(folder), patients)
            for out in ([], ["--out", f"{folder}/out"]):
                seconds, busy, gigabytes = measure([folder, *out])
                what = "check --out DIR" if out else "check"
                found = (f"{seconds:.1f}", f"{busy:.1f}", f"{gigabytes:.2f}")
                rows.append((what, f"{patients:,}", f"{n_rows:,}", *found))
                print(*rows[-1], flush=True)
    table = format_table(("command", "patients", "rows", "seconds", "of the processor", "GB"), rows)
    words = (
        f"The limit for the largest is {LIMIT_SECONDS} s and {LIMIT_GB} GB; one call each. Load average "
        f"of the machine before the first call: {load:.1f} on {os.cpu_count()} cores."
    )
    write_section("speed", "Reading and checking", f"{words}\n\n{table}")


def write_large_study(folder: Path, patients: int) -> int:
    """Write a study of the example repeated, and give the number of its rows."""
    example = {name: pd.read_csv(EXAMPLE / "data" / f"{name}.csv", dtype=str) for name in TABLES}
    example["labs"] = example["labs"].groupby("patient_id", sort=False).head(LABS_OF_A_PATIENT)
    copies = -(-patients // len(example["patients"]))
    n_rows = 0
    for name, frame in example.items():
        columns = pa.Table.from_pandas(frame, preserve_index=False)
        with csv.CSVWriter(folder / f"{name}.csv", columns.schema) as writer:
            for copy in range(copies):
                names = pa.array(frame["patient_id"].to_numpy(object) + f"-{copy:05d}")
                writer.write_table(columns.set_column(0, "patient_id", names))
        n_rows += len(frame) * copies
    paths = ", ".join(f"{name}: {name}.csv" for name in TABLES)
    (folder / "study.yaml").write_text(STUDY.format(tables=paths), encoding="utf-8")
    return n_rows


def measure(arguments: list[str]) -> tuple[float, float, float]:
    """Seconds, seconds of the processor and peak memory in GB of one call of `check`."""
    code = (
        "import resource, sys, time; from prrt_outcomes.cli.main import main;"
        "status = main(['check', *sys.argv[1:]]); peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "print(time.process_time(), peak, file=sys.stderr); sys.exit(status)"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    seconds = time.perf_counter() - begin
    busy, peak = map(float, done.stderr.split()[-2:])
    return seconds, busy, peak * 1024 / 1e9
