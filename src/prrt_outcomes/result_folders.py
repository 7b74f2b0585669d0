"""The folders of a run's results: what each holds and what it may be used for, as a README in each says."""

from __future__ import annotations

from pathlib import Path

from prrt_outcomes.whole_file import replace_when_whole

README = "README.md"
SIGN = "<!-- Written by prrt-outcomes. -->"
OF_PATIENTS = (
    "Rows of single patients with their pseudonyms and dates. For those who may see the registry itself; not to be "
    "shared, published or put beside a report."
)
OF_GROUPS = (
    "Numbers of groups, without names of patients. May be shared as far as the registry allows it: counts of few "
    "patients and the times of single events are not suppressed."
)
PLACES = {
    "cohort": ("The tables of the registry, checked and typed, and what the checks warn of.", OF_PATIENTS),
    "derived": ("Tables that pass between the steps of a run.", OF_PATIENTS),
    "per_patient": ("Result tables with a row a patient.", OF_PATIENTS),
    "logs": (
        "What each step said.",
        "A message may quote a row of a patient. For finding faults; not to be shared.",
    ),
    "tables": ("Result tables.", OF_GROUPS),
    "figures": (
        "Figures and their captions.",
        f"{OF_GROUPS} Waterfall and swimmer plots draw single patients, without names or dates.",
    ),
    "benchmarks": ("Time and memory of each step.", "Nothing of the registry is in it; may be shared."),
}
FILES = {
    "report.html": (
        "The report.",
        f"{OF_GROUPS} It holds waterfall and swimmer plots of single patients without names.",
    ),
    "provenance.json": (
        "Settings, versions and checksums.",
        "May be shared where `study.yaml` may: a patient who is named there is named in it.",
    ),
    "problems.csv": ("What is wrong with the tables, where a run ended with it.", OF_PATIENTS),
    ".snakemake": ("What the workflow remembers of the run.", "Not to be shared."),
}


def write_readmes(results: Path) -> None:
    """Write into a results folder and each of its folders what may be done with them; a README of others stays."""
    described = {f"{name}/": words for name, words in PLACES.items()} | FILES
    rows = [f"| `{name}` | {held} | {use} |" for name, (held, use) in described.items()]
    head = "# Results of a run\n\n| place | contents | use |\n|---|---|---|\n"
    texts = {results: head + "\n".join(rows)}
    texts |= {results / name: f"# {name}\n\n{held}\n\n{use}" for name, (held, use) in PLACES.items()}
    for folder, text in texts.items():
        path, content = folder / README, f"{SIGN}\n{text}\n"
        before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else SIGN
        if before.startswith(SIGN) and before != content:
            with replace_when_whole(path) as unfinished:
                unfinished.write_text(content, encoding="utf-8")
