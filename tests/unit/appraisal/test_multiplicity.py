"""The family that a study names: the right row of each test, adjusted as R does."""

import pytest

from prrt_outcomes.appraisal.multiplicity import adjust_family
from prrt_outcomes.report.appraisal_chapter import name_test
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
    assert list(tests)[:5] == ["arm", "old", "pfs by sex", "pfs responder:non_responder", "pfs cox age_years"]
    assert {table for table, _ in tests.values()} == {
        "controls",
        "logrank",
        "responders",
        "cox",
        "response_model",
    }


def test_models_and_incidence_can_be_of_the_family(tables, make_study):
    chosen = ["pfs cox age_years", "ttp gray by sex", "response age_years", "os cox grade"]
    analysis = {"group_by": ["sex"], "covariates": ["age_years", "grade"]}
    study = make_study(endpoints=["pfs", "os", "ttp"], analysis=analysis, multiplicity={"family": chosen})
    term = {"endpoint": "pfs", "model": "multivariable", "term": "age_years", "status": "ok", "p_value": 0.03}
    grade = term | {"endpoint": "os", "term": "grade", "reference": "G1", "p_value": 0.001}
    gray = {"endpoint": "ttp", "group_by": "sex", "test": "gray", "status": "ok"}
    rate = {"criterion": "recist_1_1", "model": "multivariable", "term": "age_years", "status": "ok"}
    given = tables(
        cox=[term, term | {"model": "univariable"}, *(grade | {"level": level} for level in ("G2", "G3"))],
        competing_tests=[
            gray | {"cause": c, "p_value": p} for c, p in (("progression", 0.01), ("death", 0.9))
        ],
        response_model=[rate | {"confirmed": c, "p_value": p} for c, p in ((False, 0.02), (True, 0.8))],
    )
    found = adjust_family(given, study)
    assert found["p_value"].dropna().tolist() == [0.03, 0.01, 0.02]
    # p.adjust(c(0.03, 0.01, 0.02, 1), "holm"): grade has two coefficients and no one p-value
    assert found["p_adjusted"].dropna().tolist() == pytest.approx([0.06, 0.04, 0.06])
    assert found["status"].tolist() == ["ok", "ok", "ok", "not_estimable"]


def test_the_interaction_of_lesions_can_be_of_the_family(tables, make_study):
    files = {"patients": "p.csv", "cycles": "c.csv", "lesions": "l.csv", "follow_up": "f.csv"}
    study = make_study(tables=files, multiplicity={"family": ["lesions radionuclide:size"]})
    row = {
        "term": "interaction",
        "model": "adjusted",
        "radionuclide": "90Y",
        "reference": "177Lu",
        "status": "ok",
    }
    others = [row | {"model": "unadjusted", "p_value": 0.2}, row | {"term": "radionuclide", "p_value": 0.3}]
    found = adjust_family(tables(lesion_change_test=[row | {"p_value": 0.01}, *others]), study).iloc[0]
    assert (found["table"], found["p_value"], found["p_adjusted"]) == ("lesion_change_test", 0.01, 0.01)
    assert name_test(found["test"], study) == "change of lesions by radionuclide and size"


def test_a_test_stands_once(make_study):
    with pytest.raises(ValueError, match="a test is given twice"):
        make_study(multiplicity={"family": ["arm", "arm"]})
