"""Concepts of the OMOP vocabularies, each with its meaning here."""

from pathlib import Path

import pytest

from prrt_outcomes.adopt.omop_codes import Concept, read_codes

LINES = Path(__file__).with_name("omop_codes.txt").read_text("utf-8").splitlines()
CASES = [[cell.strip() for cell in line.split("|")] for line in LINES if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("domain", "vocabulary", "code", "name", "ours"), CASES, ids=[f"{c[1]} {c[2]} {c[3]}" for c in CASES]
)
def test_a_concept_has_its_meaning(domain, vocabulary, code, name, ours):
    found = read_codes(None).find(domain, Concept("1", vocabulary, code, name))
    told = f"{found.column}={found.value}{'?' if found.is_doubtful else ''}" if found else "-"
    assert told == ours
