"""docs/response_rules.md is the criteria, the combining tables and the truth tables, word for word."""

from __future__ import annotations

from pathlib import Path

from prrt_outcomes.response.criteria import NAMED, OVERALL_TABLES

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "response_rules.md"
CHAPTERS = {
    "thresholds": "Thresholds: at, just under, just over",
    "missing_and_special": "Missing targets, small lesions, nodes, lesions that split or merge",
    "overall": "Overall response",
    "course": "Whole courses: baselines, new lesions, non-targets, reports, faults",
    "best": "Best response and its confirmation",
    "chromogranin": "Chromogranin A",
}
INTRODUCTION = """# Response rules

Generated from the criteria of the package and from the truth tables of `tests/spec/response`, each row of which is
a test: `python -m pytest tests/spec/response --write-response-rules`. A test fails when this page is stale.

How several readers are treated: each reader's responses stand for themselves; the primary reader is the one that
`response.reader` names, else `local`, else the only one. Where `response.adjudicator` names a reader, a further
reader `adjudicated` holds the adjudicator's reading of the treatment periods that he followed and the primary
reader's of all others; it is then the primary one. A part of the target `T1` that split is written `T1.1`, `T1.2`;
targets that merged are written `T1+T2`.
"""


def format_share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def format_criteria() -> str:
    """The rows of the criteria, from the data that the classifier reads."""
    head = ["criterion", "measure", "PR", "MR", "PD", "reappearance", "non-targets", "source"]
    rows = []
    for row in NAMED.values():
        unit = {"diameter": "mm", "product": "mm2", "marker": ""}[row.measure]
        rise = f"+{format_share(row.progression_rise)}"
        if row.progression_absolute is not None:
            joint = "and" if row.progression_combine == "both" else "or"
            rise += f" {joint} +{row.progression_absolute:g} {unit}"
        rise += f" of {'any one lesion' if row.progression_unit == 'lesion' else 'the sum'}"
        rise += f" over {row.progression_reference}"
        measure = row.measure + (", nodes by short axis" if row.node_short_axis else "")
        cells = [f"`{row.name}`", measure, f"-{format_share(row.partial_fall)}"]
        minor = f"-{format_share(row.minor_fall)}" if row.minor_fall else ""
        rows.append([*cells, minor, rise, row.reappearance.replace("_", " "), row.overall_table, row.source])
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def format_overall_table(text: str) -> str:
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.strip()]
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render_page() -> str:
    parts = [INTRODUCTION, "## Criteria\n", format_criteria() + "\n", "## Tables of combination\n"]
    parts.append("Target response in rows, non-target response in columns.\n")
    for name, text in OVERALL_TABLES.items():
        parts += [f"### {name}\n", format_overall_table(text) + "\n"]
    for name, title in CHAPTERS.items():
        parts += [f"## {title}\n", (HERE / f"{name}.md").read_text(encoding="utf-8")]
    return "\n".join(parts)


def test_every_truth_table_is_on_the_page():
    assert {path.stem for path in HERE.glob("*.md")} == set(CHAPTERS)


def test_page_is_fresh(request):
    if request.config.getoption("--write-response-rules", default=False):
        PAGE.write_text(render_page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == render_page(), "run with --write-response-rules"
