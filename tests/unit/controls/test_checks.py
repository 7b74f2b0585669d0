"""Tables of controls that no comparison can be made with are named with table, line and what is expected."""

import numpy as np
import pandas as pd

from prrt_outcomes.controls.checks import check_control_data
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.schema import list_tables

FILES = {"patients": "p.csv", "reported_outcomes": "r.csv"}
CURVE = {"id": "drug", "kind": "curve", "arm": "placebo"}


def tables(**given):
    return {
        name: conform_table(name, given[name]) if name in given else empty_table(name)
        for name in list_tables("input")
    }


def check(controls, extra=None, **given):
    study = Study(study="small", tables=FILES, controls=controls, extra_columns=extra or {})
    frames = tables(**given)
    if extra:
        for name in ("patients", "control_patients"):
            for column in extra:
                frames[name] = frames[name].assign(
                    **{column: given[name][column].astype("category").to_numpy()}
                )
    lines = {name: np.arange(len(frame)) + 2 for name, frame in frames.items()}
    return check_control_data(study, frames, lines)


def curve(survival=(1, 0.8, 0.5), times=(0, 5, 10), control="drug", arm="placebo"):
    return pd.DataFrame(
        {"control": control, "arm": arm, "endpoint": "pfs", "time_months": times, "survival": survival}
    )


def at_risk(numbers=(100, 60, 20), times=(0, 5, 10), control="drug", arm="placebo"):
    return pd.DataFrame(
        {"control": control, "arm": arm, "endpoint": "pfs", "time_months": times, "n_at_risk": numbers}
    )


def people(**columns):
    return pd.DataFrame({"patient_id": [f"x{i}" for i in range(3)]} | columns)


def outcomes(endpoint="pfs"):
    return pd.DataFrame({"patient_id": ["x0", "x1", "x2"], "endpoint": endpoint, "time": 100.0, "event": 1})


def test_sound_tables_have_no_problem():
    assert check([CURVE], control_curves=curve(), control_at_risk=at_risk()) == []
    assert check([CURVE]) == []


def test_a_curve_that_rises_names_its_line():
    (found,) = check([CURVE], control_curves=curve((1, 0.5, 0.9)), control_at_risk=at_risk())
    assert (found.table, found.row, found.column, found.severity) == (
        "control_curves",
        4,
        "survival",
        "error",
    )
    assert found.problem == "survival rises at 1 point: not a survival curve"


def test_months_far_from_what_is_known_name_the_unit_to_write():
    drawn = {"control_curves": curve(times=(0, 150, 300)), "control_at_risk": at_risk(times=(0, 150, 300))}
    (found,) = check([CURVE | {"published_median_months": 10}], **drawn)
    assert (found.severity, found.value) == ("error", "300")
    assert "30 times the published median (10 months)" in found.problem
    assert "time_unit: days" in found.expected
    reported = outcomes().assign(time=[900.0, 1000.0, 1200.0])
    for control, given in (
        (CURVE, drawn | {"reported_outcomes": reported}),
        (CURVE | {"published_follow_up_months": 30}, drawn),
        (CURVE, drawn | {"control_at_risk": at_risk()}),
    ):
        (found,) = check([control], **given)
        assert (found.severity, found.column) == ("warning", "time_months")
    assert not check([CURVE | {"published_median_months": 290, "published_follow_up_months": 200}], **drawn)


def test_a_risk_table_that_grows_names_every_line():
    found = check([CURVE], control_curves=curve(), control_at_risk=at_risk((50, 60, 70)))
    assert [(f.table, f.row, f.value) for f in found] == [
        ("control_at_risk", 3, "60"),
        ("control_at_risk", 4, "70"),
    ]
    assert found[0].problem == "the number at risk grows, from 50"


def test_a_risk_table_begins_at_zero():
    (found,) = check([CURVE], control_curves=curve(), control_at_risk=at_risk(times=(1, 5, 10)))
    assert found.problem == "the risk table has no row at time 0"


def test_a_misspelt_arm_is_an_error_with_the_nearest_name_and_its_rows_a_warning():
    found = check([CURVE], control_curves=curve(arm="placeb"), control_at_risk=at_risk())
    error = next(f for f in found if f.severity == "error")
    assert (error.table, error.column) == ("study.yaml", "controls.0.arm")
    assert error.problem == "control_curves has no row of this control, arm and endpoint"
    assert "did you mean drug placeb pfs?" in error.expected
    warning = next(f for f in found if f.severity == "warning")
    assert (warning.table, warning.row) == ("control_curves", 2)
    assert warning.problem == "these rows belong to no control of the study and are not used"


def test_a_covariate_must_be_known_on_both_sides():
    control = {"id": "old", "kind": "patients", "covariates": ["age_years"], "weights": ["att"]}
    given = {"patients": people(age_years=[60.0, 61, 62]), "control_outcomes": outcomes()}
    (found,) = check([control], control_patients=people(age_years=[np.nan] * 3), **given)
    assert found.column == "controls.0.covariates.0"
    assert found.problem == "age_years is missing in every row of control_patients"
    assert check([control], control_patients=people(age_years=[60.0, 61, 62]), **given) == []


def test_codes_that_the_sides_do_not_share():
    control = {"id": "old", "kind": "patients", "covariates": ["stage"], "weights": ["att"]}
    given = {"patients": people(stage=["I", "II", "II"]), "control_outcomes": outcomes()}
    (found,) = check(
        [control], {"stage": "category"}, control_patients=people(stage=["1", "2", "2"]), **given
    )
    assert (found.table, found.column, found.value, found.severity) == (
        "control_patients",
        "stage",
        "1, 2",
        "error",
    )
    assert found.problem == "the control codes this covariate in another way than patients: no code is shared"
    assert found.expected == "codes of patients: I, II"
    (found,) = check(
        [control], {"stage": "category"}, control_patients=people(stage=["I", "II", "4"]), **given
    )
    assert (found.value, found.severity) == ("4", "warning")
    assert found.problem.startswith("codes that no patient of the cohort has: ")


def test_source_and_endpoint_must_be_there():
    control = {"id": "old", "kind": "patients", "source": "registri", "endpoint": "pfs"}
    rows = people(source=["registry"] * 3)
    (found,) = check([control], patients=people(), control_patients=rows, control_outcomes=outcomes())
    assert found.problem == "no row of control_patients has this source"
    assert "did you mean registry?" in found.expected
    control["source"] = "registry"
    (found,) = check([control], patients=people(), control_patients=rows, control_outcomes=outcomes("os"))
    assert found.column == "controls.0.endpoint"
    assert found.problem == "control_outcomes has no row of this endpoint for these patients"


def test_a_published_baseline_names_columns_and_levels():
    baseline = [
        {"covariate": "agee", "statistic": "mean", "value": 60},
        {"covariate": "sex", "statistic": "mean", "value": 1},
        {"covariate": "sex", "statistic": "share", "value": 0.5, "level": "men"},
    ]
    control = {"id": "a", "kind": "published", "n": 10, "median_months": 5, "baseline": baseline}
    found = check([control], patients=people(sex=["male", "female", "male"]))
    assert [f.column.split(".", 2)[2] for f in found] == [
        "baseline.0.covariate",
        "baseline.1.statistic",
        "baseline.2.level",
    ]
    assert [f.problem for f in found] == [
        "patients has no column of this name",
        "sex is no number: it has no mean",
        "no patient of the cohort has this level of sex",
    ]
