"""Our endpoint under the control's rule: progressions on another grid of scans."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.reference_curves import cut_follow_up
from prrt_outcomes.controls.sensitivity import move_to_grid
from prrt_outcomes.survival.endpoint_rows import EndpointRows

DAY = 30.4375


def cohort(days, event):
    ids = [f"p{i}" for i in range(len(days))]
    return EndpointRows("pfs", np.array(days) / DAY, np.array(event), None, pd.DataFrame({"patient_id": ids}))


def dates(days):
    return pd.Timestamp("2010-01-01") + pd.to_timedelta(pd.Series(days, dtype="float"), unit="D")


def table(rows, progression, previous, contact):
    return pd.DataFrame(
        {
            "patient_id": rows.frame["patient_id"],
            "origin_date": pd.Timestamp("2010-01-01"),
            "progression_date": dates(progression),
            "previous_assessment_date": dates(previous),
            "last_contact_date": dates(contact),
        }
    )


def test_progressions_move_to_the_scans_of_the_control():
    """Every 12 weeks is day 84, 168, 252, 336: seen on day 300 after a scan on day 100, it was there by day 168."""
    nan = np.nan
    rows = cohort([300, 300, 300, 300], [1, 1, 1, 0])
    ends = table(rows, [300, 300, nan, nan], [100, nan, 100, 100], [400, 310, 300, 300])
    moved = {name: np.round(r.time_months * DAY) for name, r in move_to_grid(rows, ends, 12).items()}
    assert moved["earliest"].tolist() == [168, 84, 300, 300]
    assert moved["latest"].tolist() == [336, 310, 300, 300]


def test_a_progression_on_the_grid_stays_where_it_is():
    rows = cohort([168], [1])
    moved = move_to_grid(rows, table(rows, [168], [84], [400]), 12)
    assert moved["earliest"].time_months[0] == pytest.approx(168 / DAY)
    assert moved["latest"].time_months[0] == pytest.approx(168 / DAY)


def test_without_dates_there_is_no_grid():
    rows = cohort([300], [1])
    assert move_to_grid(rows, table(rows, [np.nan], [np.nan], [np.nan]), 12) == {}


def test_follow_up_is_cut_without_events_after_it():
    cut = cut_follow_up(cohort([100, 300], [1, 1]), 200 / DAY)
    assert cut.event.tolist() == [1, 0]
    assert np.round(cut.time_months * DAY).tolist() == [100, 200]
