"""The primary reader and adjudication."""

from __future__ import annotations

from prrt_outcomes.response.scans import find_primary_reader
from prrt_outcomes.response.stage import run
from prrt_outcomes.study.response import ResponseSettings

READERS = """patient_id,assessment_date,lesion_id,reader,longest_mm
A,2020-01-01,T1,r1,50
A,2020-04-01,T1,r1,30
A,2020-01-01,T1,r2,50
A,2020-04-01,T1,r2,50
A,2020-01-01,T1,judge,50
A,2020-04-01,T1,judge,60
B,2020-01-01,T1,r1,50
B,2020-04-01,T1,r1,30
B,2020-01-01,T1,r2,50
B,2020-04-01,T1,r2,30
"""
TWO = "patient_id,period,first_cycle\nA,1,2020-01-10\nB,1,2020-01-10\n"


def test_an_adjudicator_replaces_the_primary_reader_where_he_read(build, make_study):
    out = run(build(READERS, TWO), make_study(reader="r1", adjudicator="judge"))
    best = out["best_responses"]
    best = best[(best["reader"] == "adjudicated") & ~best["confirmed"]]
    assert best["best_response"].astype(str).tolist() == ["PD", "PR"]
    assert sorted(out["responses"]["reader"].unique()) == ["adjudicated", "judge", "r1", "r2"]
    rates = out["response_rates"]
    assert rates.loc[(rates["category"] == "objective") & ~rates["confirmed"], "n"].tolist() == [1]
    assert find_primary_reader(["r1", "r2"], ResponseSettings(adjudicator="judge")) == "adjudicated"


def test_without_a_named_reader_the_stage_says_whom_it_took(build, make_study):
    out = run(build(READERS, TWO), make_study())
    assert out["stages"].loc[0, "status"] == "partial"
    assert "judge was taken" in out["stages"].loc[0, "reason"]
