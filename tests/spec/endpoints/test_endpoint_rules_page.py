"""docs/endpoint_rules.md is the presets, the reasons and the truth tables, word for word."""

from pathlib import Path

from prrt_outcomes.endpoints.sources import CENSOR_REASONS, EVENT_REASONS, EXCLUSION_REASONS
from prrt_outcomes.study.endpoints import PRESETS, EndpointDefinition

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "endpoint_rules.md"
RULES = ("origin", "progression", "death", "new_therapy", "missed_assessments", "end")
HEAD = """# Rules of the endpoints

Made from `tests/spec/endpoints/rules.txt` and the definitions in the code by
`pytest tests/spec/endpoints --write-endpoint-rules`; a test fails when it is stale.

Days count from the first cycle. On one day progression comes before a new therapy, a retreatment and death, and a scan
before a therapy that begins on its day. The tables assume a scan every 90 days, 14 days early or late, and a data
cut-off at the end of 2020 unless they say otherwise; `period=2` marks a scan judged against the baseline of a
retreatment; `none` in the column time means that the patient has no time for the endpoint and is counted with the
reason. A definition in braces is written in `study.yaml` as it stands.
"""


def format_table(header, rows):
    """Markdown of a table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def format_page() -> str:
    """The whole page."""
    presets = []
    for name, values in PRESETS.items():
        definition = EndpointDefinition(name=name, **values)
        presets.append((f"`{name}`", *(f"{getattr(definition, rule)}" for rule in RULES)))
    parts = [HEAD, "## Presets\n", format_table(("preset", *RULES), presets), "## Reasons\n"]
    reasons = [
        (kind, f"`{code}`", words)
        for kind, table in (
            ("event", EVENT_REASONS),
            ("censored", CENSOR_REASONS),
            ("no time", EXCLUSION_REASONS),
        )
        for code, words in table.items()
    ]
    parts.append(format_table(("kind", "reason", "meaning"), reasons))
    rows: list = []
    for line in (HERE / "rules.txt").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if line.startswith("#"):
            parts += [format_table(*rows)] if rows else []
            parts.append(f"## {line.lstrip('# ')}\n")
            rows = []
        elif line.startswith("endpoint"):
            rows = [cells, []]
        elif "|" in line:
            rows[1].append([f"`{cells[0]}`", *cells[1:]])
    parts.append(format_table(*rows))
    return "\n".join(parts)


def test_the_page_is_current(request):
    if request.config.getoption("--write-endpoint-rules", default=False):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(format_page(), encoding="utf-8")
    assert PAGE.is_file(), "write it: pytest tests/spec/endpoints --write-endpoint-rules"
    assert PAGE.read_text(encoding="utf-8") == format_page()
