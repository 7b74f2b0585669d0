"""Chromogranin A is followed by cut-offs of the study and never called a response."""

import pandas as pd
import pytest

from prrt_outcomes.response.criteria import resolve_criteria
from prrt_outcomes.response.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.response import ResponseSettings
from prrt_outcomes.tables.frames import conform_table, empty_table

DAY = pd.Timestamp("2020-01-10")


def derive(response):
    values = {"A": (400, 230), "B": (400, 500), "C": (400, 390), "D": (400, 90)}
    tables = {name: empty_table(name) for name in INPUTS}
    rows = [
        {"patient_id": patient, "sample_date": DAY + pd.Timedelta(day, "D"), "value": value, "unit": "ug/L"}
        | {"analyte": "chromogranin_a", "upper_limit": 100, "sequence": 1}
        for patient, two in values.items()
        for day, value in zip((-7, 90), two, strict=True)
    ]
    periods = [{"patient_id": name, "period": 1, "first_cycle": DAY, "last_cycle": DAY} for name in values]
    given = {
        "labs": rows,
        "treatment_periods": periods,
        "patients": [{"patient_id": name} for name in values],
    }
    tables |= {name: conform_table(name, pd.DataFrame(part)) for name, part in given.items()}
    study = {"study": "s", "tables": {"patients": "p", "follow_up": "f"}, "response": response}
    return run(tables, Study.model_validate(study | {"analysis": {"group_by": [], "covariates": []}}))


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        ({}, {"normal": 1, "neither": 2, "rose": 1}),
        ({"fall": 0.4, "rise": 0.3, "source": "x"}, {"normal": 1, "fell": 1, "neither": 2}),
    ],
)
def test_changes_are_counted_by_the_cut_offs_of_the_study_and_enter_no_rate(cuts, expected):
    out = derive({"criteria": ["recist_1_1", "chromogranin_a"], "chromogranin_a": cuts})
    found = out["marker_changes"].set_index("change")["n"]
    assert found[found > 0].to_dict() == expected
    assert found.sum() == 4
    for name in ("response_rates", "response_concordance", "waterfall", "response_model"):
        assert "chromogranin_a" not in set(out[name].filter(like="criterion").astype(str).to_numpy().ravel())


def test_the_source_of_the_cut_offs_is_that_of_the_criterion():
    settings = ResponseSettings(criteria=("who", "chromogranin_a"), chromogranin_a={"source": "Someone 2020"})
    assert resolve_criteria(settings)[1].source == "Someone 2020"
    assert settings.markers == {"chromogranin_a": "chromogranin_a"}


@pytest.mark.parametrize(
    "first",
    [
        "chromogranin_a",
        {"name": "own", "measure": "marker", "analyte": "chromogranin_a", "overall_table": "marker",
         "partial_fall": 0.3, "progression_rise": 0.2},
    ],
)  # fmt: skip
def test_a_laboratory_value_is_not_the_first_criterion(first):
    with pytest.raises(ValueError, match="is no response to treatment"):
        ResponseSettings.model_validate({"criteria": [first, "who"]})
