"""Late entry: survival begins where enough patients are under observation, and an emptied risk set has no estimate."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.statistics.curve_summaries import compute_quantile, compute_rmst, summarise_milestones
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import fit_kaplan_meier
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.survival.curves import summarise_curves
from prrt_outcomes.survival.endpoint_rows import EndpointRows, find_start
from prrt_outcomes.survival.estimands import compare_groups
from prrt_outcomes.survival.group_tests import summarise_rmst_differences
from prrt_outcomes.tables.frames import conform_table

SETTINGS = AnalysisSettings(reference={"arm": "b"}, milestones_months=(12, 24, 48), rmst_months=48)


def make_rows(entry, time, event, arm="a"):
    frame = pd.DataFrame({"arm": pd.Categorical([arm] * len(time) if isinstance(arm, str) else arm)})
    return EndpointRows("os", np.array(time, float), np.array(event), np.array(entry, float), frame)


@pytest.fixture
def emptied():
    """Arm a: two enter early and die; the others come under observation later."""
    entry = [1, 3, 20, 21, 22, 23, 24, *range(1, 9)]
    time = [9, 13, 60, 61, 30, 58, 70, 20, 33, 60, 62, 64, 66, 68, 70]
    event = [1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0]
    return make_rows(entry, time, event, ["a"] * 7 + ["b"] * 8)


def test_an_emptied_risk_set_has_no_estimate():
    """R gives S = 0 from 13 on; six patients who enter later tell that this is no estimate."""
    curve = fit_kaplan_meier(SurvivalData([9, 13, 60, 61, 30], [1, 1, 0, 0, 1], [1, 3, 20, 21, 22]))
    assert (curve.status, curve.emptied_at) == ("too_few", 13)
    median = compute_quantile(curve)
    assert (median.status, np.isnan(median.time)) == ("too_few", True)
    assert (compute_rmst(curve, 48).status, compute_rmst(curve, 10).status) == ("too_few", "ok")
    milestones = summarise_milestones(curve, [10, 13, 48])
    assert milestones["status"].tolist() == ["ok", "too_few", "too_few"]
    assert milestones["survival"].isna().tolist() == [False, True, True]


def test_survival_is_conditional_on_the_first_month_with_enough_at_risk(emptied):
    made = {name: [] for name in ("km_curve", "km_summary", "km_at_risk", "milestones")}
    for name, table in summarise_curves(emptied, "arm", SETTINGS):
        made[name].append(conform_table(name, table.assign(endpoint="os")))
    summary, milestones = (pd.concat(made[name]).set_index("group") for name in ("km_summary", "milestones"))
    assert summary["conditional_from_months"].tolist() == [23, 4]
    assert summary.loc["a", ["n", "events"]].tolist() == [5, 1], "whom the curve was fitted to"
    assert summary.loc["a", ["median_status", "rmst_status"]].tolist() == ["not_reached", "ok"]
    own = milestones.loc["a"]
    assert own["status"].tolist() == ["too_few", "no_events", "ok"]
    assert own["survival"].isna().tolist() == [True, False, False]
    # R survival 3.5: survfit(Surv(pmax(entry, 23), time, event) ~ 1, subset = time > 23), at 48 months.
    assert own["survival"].iloc[2] == pytest.approx(0.8)
    assert own["n_at_risk"].tolist() == [1, 4, 4]


def test_where_the_curve_begins_survival_is_no_result(emptied):
    settings = SETTINGS.model_copy(update={"milestones_months": (23,)})
    tables = [t for name, t in summarise_curves(emptied, "arm", settings) if name == "milestones"]
    assert tables[0][["status", "n_at_risk"]].to_numpy().tolist() == [["too_few", 3]]


def test_a_definition_counts_all_patients_of_its_hazard_ratio(emptied):
    table = compare_groups(emptied, "arm", SETTINGS).set_index("group")
    assert table[["n", "events"]].to_numpy().tolist() == [[7, 3], [8, 3]]
    assert table.loc["a", "hazard_ratio_status"] == "few_events"


def test_groups_are_compared_from_the_same_month_on(emptied):
    assert summarise_rmst_differences(emptied, "arm", SETTINGS)["status"].tolist() == ["too_few_events"]
    # Four more of each arm, who enter after the last event before 48 months and die after them, change no mean.
    columns = (emptied.entry_months, emptied.time_months, emptied.event)
    entry, time, event = ([*column, *[value] * 8] for column, value in zip(columns, (34, 65, 1), strict=True))
    rows = make_rows(entry, time, event, [*emptied.frame["arm"], *"aaaabbbb"])
    row = summarise_rmst_differences(rows, "arm", SETTINGS).iloc[0]
    # From 24 months on: 24 + 6 + 18 x 0.8 in arm a, 24 + 9 + 15 x 6 / 7 in arm b.
    assert (row["difference_months"], row["status"]) == (pytest.approx(44.4 - 45.857143), "ok")


@pytest.mark.parametrize(
    ("entry", "time", "start"),
    [
        ([0, 0, 0, 3], [2, 5, 6, 9], 0),
        ([10, 11], [12, 20], 10),
        ([0, 1, 2, 3, 4, 5] * 2, [9] * 12, 2),
        ([0, 5, 9, 13], [4, 8, 12, 16], 0),
    ],
)
def test_enough_is_five_or_half_of_a_small_group(entry, time, start):
    assert find_start(make_rows(entry, time, [1] * len(time))) == start
