"""The names of the tests that a study can adjust together."""

from prrt_outcomes.study.model import Study

RESPONDERS = "responder:non_responder"
LESIONS = "lesions radionuclide:size"


def list_tests(study: Study) -> dict[str, tuple[str, dict[str, str]]]:
    """Every test that the family can hold, by name: the result table of its row, and cells that find it there.

    Of a control the cells are its id: which of its rows is quoted, the table itself tells. Of a covariate there is a
    test where it has one coefficient.
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
        for term in study.analysis.covariates:
            tests[f"{endpoint} cox {term}"] = (
                "cox",
                {"endpoint": endpoint, "model": "multivariable", "term": term},
            )
    for e in (e for e in study.endpoints if e.death == "competing"):
        cause = "progression" if e.progression == "event" else "event"
        for group_by in study.analysis.group_by:
            cells = {"endpoint": e.name, "cause": cause, "group_by": group_by, "test": "gray"}
            tests[f"{e.name} gray by {group_by}"] = ("competing_tests", cells)
    rate = {"criterion": study.response.primary_criterion, "model": "multivariable"}
    rate["confirmed"] = str(study.response.primary_rate == "confirmed")
    tests |= {
        f"response {name}": ("response_model", rate | {"term": name}) for name in study.analysis.covariates
    }
    if "lesions" in study.tables:
        tests[LESIONS] = ("lesion_change_test", {"term": "interaction", "model": "adjusted"})
    return tests
