"""Command `compare`: two results folders, what changed between them and by what."""

import argparse
import os

from prrt_outcomes.errors import UsageError
from prrt_outcomes.provenance import INPUTS_FILE
from prrt_outcomes.whole_file import replace_when_whole, write_whole


def main(arguments: argparse.Namespace) -> int:
    """Compare two runs and write `patients.csv`, `numbers.csv` and `report.html`.

    Raises UsageError when a folder holds no finished run, the two have no patient in common, or the files would stand
    in a results folder, which may be shared; StepError when a step between the two cannot be computed.
    """
    out = arguments.out.resolve()
    if any((folder / INPUTS_FILE).is_file() for folder in (out, *out.parents)):
        raise UsageError(
            f"{arguments.out} is inside the results folder of a run; choose another place: it names patients"
        )
    if out.exists() and not out.is_dir():
        raise UsageError(f"{arguments.out} is a file: name a folder")

    from prrt_outcomes.compare.page import render_comparison
    from prrt_outcomes.compare.runs import compare_runs, read_run
    from prrt_outcomes.tables.files import write_csv

    cores = arguments.cores or os.cpu_count() or 1
    found = compare_runs(read_run(arguments.old), read_run(arguments.new), cores)
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in (("patients", found.patients), ("numbers", found.numbers)):
        with replace_when_whole(out / f"{name}.csv") as unfinished:
            write_csv(unfinished, frame)
    write_whole(out / "report.html", render_comparison(found))
    moved = int(found.numbers["difference"].fillna(1).ne(0).mul(found.numbers["status"].ne("without")).sum())
    came = found.patients["change"].value_counts()
    added, removed = (came.get(f"patient_{how}", 0) for how in ("added", "removed"))
    print(f"{added} patients added, {removed} removed; {moved} of {len(found.numbers)} numbers moved")
    print(f"report: {arguments.out / 'report.html'}; it names patients and is not for release")
    return 0
