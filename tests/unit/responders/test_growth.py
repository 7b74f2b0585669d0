"""Growth at three months is compared from its scan on, and by the published cut."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.responders.growth import compare_growth, count_growth_losses, select_growth
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.tables.frames import conform_table


def make_rows(time, event):
    frame = pd.DataFrame({"patient_id": [f"p{i}" for i in range(len(time))]})
    return EndpointRows("pfs", np.array(time, dtype=float), np.array(event), None, frame)


@pytest.fixture
def growth():
    return pd.DataFrame(
        {
            "three_months": [0.8, 0.79, 5.0, -2.0, 3.0, np.nan],
            "before": [4.0, 3.9, np.nan, 9.0, 1.0, 20.0],
            "landmark": [3.0, 2.5, 3.5, 3.0, 3.0, np.nan],
        }
    )


def test_time_counts_from_the_scan_among_those_at_risk_then(growth):
    rows = make_rows([10, 20, 6, 30, 3, 40], [1, 1, 1, 0, 1, 1])
    first, adjusted, before = compare_growth(rows, growth, 0.95).to_dict("records")
    assert (first["n"], first["excluded"], first["n_fast"], first["events"], first["events_fast"]) == (
        4,
        2,
        2,
        3,
        2,
    )
    assert (adjusted["n"], adjusted["adjusted"]) == (3, True)
    assert (before["n"], before["n_fast"], before["cut_percent_month"]) == (5, 3, 4.0)
    assert first["median_before_percent_month"] == 4.0
    assert first["median_before_others_percent_month"] == 10.5
    lost = count_growth_losses(rows, growth, pd.DataFrame([first]), "recist_1_1")
    assert [row["n_lost"] for row in lost] == [1, 1]


def test_a_later_scan_shortens_the_time_of_its_patient_alone(growth):
    """Times from the scan on: 7, 17.5, 2.5, 27; the fast ones have the event first, so the model has no maximum."""
    rows = make_rows([10, 20, 6, 30, 3, 40], [1, 1, 1, 0, 1, 1])
    same = make_rows([7, 17.5, 2.5, 27, 0.01, 40], [1, 1, 1, 0, 1, 1])
    at_start = growth.assign(landmark=growth["landmark"].where(growth["landmark"].isna(), 0.0)).drop(index=4)
    other = same.select(np.arange(6) != 4)
    found = compare_growth(rows, growth, 0.95).iloc[0]
    again = compare_growth(other, at_start.reset_index(drop=True), 0.95).iloc[0]
    assert found["status"] == again["status"]
    assert found[["events", "n_fast"]].tolist() == again[["events", "n_fast"]].tolist()


def test_the_ratio_is_that_of_r():
    """R 4.2.2, survival: coxph(Surv(time - scan, event) ~ fast), Efron."""
    time = [8.0, 9.5, 14.0, 21.0, 30.0, 12.0, 26.0, 33.0]
    scan = [3.0, 2.5, 3.5, 2.2, 3.9, 3.0, 2.8, 3.1]
    event = [1, 1, 1, 0, 1, 1, 1, 0]
    rate = [2.0, 0.9, -1.0, 1.5, 0.1, -3.0, 0.8, 0.2]
    growth = pd.DataFrame({"three_months": rate, "before": np.nan, "landmark": scan})
    found = compare_growth(make_rows(time, event), growth, 0.95).iloc[0]
    assert found["log_hazard_ratio"] == pytest.approx(0.828649994214, abs=1e-6)
    assert found["p_value"] == pytest.approx(0.367847137757, abs=1e-6)


def test_without_scans_nothing_is_compared(growth):
    rows = make_rows([10, 20, 6, 30, 3, 40], [1, 1, 1, 0, 1, 1])
    none = growth.assign(three_months=np.nan, landmark=np.nan)
    found = compare_growth(rows, none, 0.95)
    assert found["n"].tolist() == [0, 0, 5]
    assert found["status"].tolist()[:2] == ["too_few", "too_few"]


def test_growth_is_that_of_the_primary_reader_and_counts_from_the_origin():
    depth = [
        {"patient_id": "p0", "period": 1, "criterion": "recist_1_1", "reader": reader, "status": "ok"}
        | {"growth_three_months_percent_month": rate, "growth_three_months_date": "2020-04-10"}
        for reader, rate in (("local", 1.0), ("central", 2.0))
    ]
    scan = {"patient_id": "p0", "period": 1, "criterion": "recist_1_1", "assessment_date": "2020-04-10"}
    scans = [
        scan | {"reader": "local", "primary_reader": False},
        scan | {"reader": "central", "primary_reader": True},
    ]
    periods = [{"patient_id": name, "period": 1, "first_cycle": "2020-01-10"} for name in ("p0", "p1")]
    ends = [{"patient_id": name, "endpoint": "pfs", "origin_date": "2019-12-10"} for name in ("p0", "p1")]
    tables = {"response_depth": depth, "responses": scans, "treatment_periods": periods, "endpoints": ends}
    tables = {name: conform_table(name, pd.DataFrame(rows)) for name, rows in tables.items()}
    found = select_growth(tables, make_rows([10, 20], [1, 0]), "recist_1_1")
    assert found["three_months"].tolist()[0] == 2.0
    assert found["landmark"].iloc[0] == pytest.approx(122 / 30.4375)
    assert found.iloc[1].isna().all()
