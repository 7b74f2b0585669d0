"""The family that a study names: the right row of each test, adjusted as R does."""

import pytest

from prrt_outcomes.appraisal.multiplicity import adjust_family
from prrt_outcomes.study.multiplicity import list_tests

FAMILY = ["pfs by sex", "pfs responder:non_responder", "arm", "os by sex", "old"]
R_HOLM = [0.04, 0.09, 0.09, None, 0.025]  # p.adjust(c(0.01, 0.04, 0.03, 1, 0.005), "holm"), R 4


@pytest.fixture
def results(tables, controls):
    test = {"endpoint": "pfs", "group_by": "sex", "status": "ok"}
    logrank = [
        test | {"test": "gehan", "p_value": 0.2},
        test | {"test": "logrank", "strata": "centre_id", "p_value": 0.3},
        test | {"test": "logrank", "group": "male", "reference": "female", "p_value": 0.4},
        test | {"test": "logrank", "p_value": 0.01},
    ]
    byar = {"endpoint": "pfs", "comparison": "responder:non_responder", "adjusted": False, "weighted": False}
    byar |= {"method": "mantel_byar", "status": "ok"}
    responders = [
        byar | {"criterion": "who", "p_value": 0.9},
        byar | {"criterion": "recist_1_1", "p_value": 0.04},
    ]
    return tables(logrank=logrank, responders=responders, controls=controls)


def test_p_values_are_adjusted_as_r_does(results, make_study):
    study = make_study(endpoints=["pfs", "os"], multiplicity={"family": FAMILY})
    found = adjust_family(results, study).set_index("test")
    assert found["p_value"].dropna().tolist() == [0.01, 0.04, 0.03, 0.005]
    adjusted = found["p_adjusted"]
    assert adjusted.dropna().tolist() == pytest.approx([p for p in R_HOLM if p is not None], abs=1e-15)
    assert adjusted.isna().tolist() == [p is None for p in R_HOLM]
    assert found.loc["os by sex", "status"] == "not_estimable"
    assert found.loc["pfs by sex", "row"] == "endpoint = pfs, group_by = sex, test = logrank"
    assert found.loc["old", "row"].startswith(
        "control = old, endpoint = pfs, method = cox, weights = overlap"
    )


def test_a_study_without_a_family_has_no_row(results, make_study):
    assert adjust_family(results, make_study()).empty


def test_every_name_finds_a_table_of_its_own(make_study):
    tests = list_tests(make_study())
    assert list(tests) == ["arm", "old", "pfs by sex", "pfs responder:non_responder"]
    assert {table for table, _ in tests.values()} == {"controls", "logrank", "responders"}


def test_a_test_stands_once(make_study):
    with pytest.raises(ValueError, match="a test is given twice"):
        make_study(multiplicity={"family": ["arm", "arm"]})
