"""The names of the tests that a study can adjust together."""

from prrt_outcomes.study.model import Study

RESPONDERS = "responder:non_responder"
LESIONS = "lesions radionuclide:size"


def list_tests(study: Study) -> dict[str, tuple[str, dict[str, str]]]:
    """Every test that the family can hold, by name: the result table of its row, and cells that find it there.

    Of a control the cells are its id: which of its rows is quoted, the table itself tells. Of a covariate there is a
    test where it has one coefficient.
    """
    tests: dict[str, tuple[str, dict[str, str]]] = {}
    tests |= {control.id: ("controls", {"control": control.id}) for control in study.controls}
    criterion = {"criterion": study.response.primary_criterion}
    for name in (e.name for e in study.endpoints):
        own = {"endpoint": name}
        for group_by in study.analysis.group_by:
            cells = own | {"group_by": group_by, "test": "logrank", "group": "", "strata": ""}
            tests[f"{name} by {group_by}"] = ("logrank", cells)
        cells = own | {"comparison": RESPONDERS, "method": "mantel_byar"} | criterion
        tests[f"{name} {RESPONDERS}"] = ("responders", cells)
        for term in study.analysis.covariates:
            tests[f"{name} cox {term}"] = ("cox", own | {"model": "multivariable", "term": term})
    for e in (e for e in study.endpoints if e.death == "competing"):
        cause = "progression" if e.progression == "event" else "event"
        for group_by in study.analysis.group_by:
            cells = {"endpoint": e.name, "cause": cause, "group_by": group_by, "test": "gray"}
            tests[f"{e.name} gray by {group_by}"] = ("competing_tests", cells)
    rate = criterion | {"model": "multivariable"}
    rate["confirmed"] = str(study.response.primary_rate == "confirmed")
    for term in study.analysis.covariates:
        tests[f"response {term}"] = ("response_model", rate | {"term": term})
    if "lesions" in study.tables:
        tests[LESIONS] = ("lesion_change_test", {"term": "interaction", "model": "adjusted"})
    return tests
