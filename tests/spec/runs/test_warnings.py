"""What is said of a death without a date is what the endpoints do with it."""

import pandas as pd
import pytest

from prrt_outcomes import steps


@pytest.mark.parametrize(
    ("rule", "event", "reason", "consequence"),
    [
        ("last_contact", 1, "death", "Each is taken as dead on the day of the last contact."),
        ("censor", 0, "lost_to_follow_up", "Each is censored at the last contact."),
    ],
)
def test_a_death_without_a_date_counts_as_is_said(run_stages, monkeypatch, rule, event, reason, consequence):
    monkeypatch.setattr(steps, "STAGES", ("cohort", "treatment", "response", "endpoints"))
    changed = {}

    def change(tables, settings):
        follow_up = tables["follow_up"]
        first = follow_up["vital_status"].eq("dead").idxmax()
        follow_up.loc[first, "death_date"] = ""
        changed.update(follow_up.loc[first])
        settings["dead_without_date"] = rule

    results = run_stages(change)
    endpoints = pd.read_parquet(results / "derived" / "endpoints.parquet").set_index(
        ["patient_id", "endpoint"]
    )
    row = endpoints.loc[(changed["patient_id"], "os")]
    assert (row["event"], row["reason"]) == (event, reason)
    assert row["end_date"] == pd.Timestamp(changed["last_contact_date"])
    warnings = pd.read_csv(results / "tables" / "data_warnings.csv").set_index("problem")
    assert warnings.loc["dead without a date of death", ["n", "consequence"]].tolist() == [1, consequence]
