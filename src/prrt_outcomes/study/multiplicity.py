"""Section `multiplicity`: which tests are adjusted together, and the names that tests have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import model_validator

from prrt_outcomes.study.base import Section, check_distinct

if TYPE_CHECKING:
    from prrt_outcomes.study.model import Study

RESPONDERS = "responder:non_responder"


class MultiplicitySettings(Section):
    """The family of tests whose p-values are adjusted together by Holm."""

    family: tuple[str, ...] = ()
    """Ids of controls, `pfs by sex` (log-rank test), `pfs responder:non_responder` (Mantel-Byar test)."""

    @model_validator(mode="after")
    def check_family(self) -> MultiplicitySettings:
        """Each test stands once."""
        check_distinct(self.family, "family: a test stands twice")
        return self


def list_tests(study: Study) -> dict[str, tuple[str, dict[str, str]]]:
    """Every test that the family can hold, by name: the result table of its row, and cells that find it there.

    Of a control the cells are its id: which of its rows is quoted, the table itself tells.
    """
    tests: dict[str, tuple[str, dict[str, str]]] = {
        c.id: ("controls", {"control": c.id}) for c in study.controls
    }
    for endpoint in (e.name for e in study.endpoints):
        for group_by in study.analysis.group_by:
            cells = {"endpoint": endpoint, "group_by": group_by, "test": "logrank", "group": "", "strata": ""}
            tests[f"{endpoint} by {group_by}"] = ("logrank", cells)
        cells = {"endpoint": endpoint, "comparison": RESPONDERS, "method": "mantel_byar"}
        cells["criterion"] = study.response.primary_criterion
        tests[f"{endpoint} {RESPONDERS}"] = ("responders", cells)
    return tests
