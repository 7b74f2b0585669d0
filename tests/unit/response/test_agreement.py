"""Reader against reader, derived against reported."""

from __future__ import annotations

from prrt_outcomes.response.stage import run

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"
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


def test_readers_are_compared_where_both_read(build, make_study):
    out = run(build(READERS, TWO), make_study(reader="r1"))
    pairs = out["response_concordance"].query("comparison == 'readers'")
    first = pairs.query("criterion_a == 'r1' and criterion_b == 'r2'")
    assert first["n"].sum() == first["n_pairs"].iloc[0] == 2
    assert first["agreement"].iloc[0] == 0.5
    against = pairs.query("criterion_a == 'judge' and criterion_b == 'r1'")
    assert against["n_pairs"].iloc[0] == 1
    differ = out["response_disagreements"].query("comparison == 'readers'")
    assert differ["patient_id"].tolist() == ["A", "A", "A"]


def test_reported_responses_stand_beside_derived_ones(build, make_study):
    lesions = "patient_id,assessment_date,lesion_id,longest_mm\nA,2020-01-01,T1,50\nA,2020-04-01,T1,30\n"
    said = "patient_id,assessment_date,reader,reported_response\nA,2020-04-01,local,SD\n"
    out = run(build(lesions, ONE, said), make_study())
    row = out["response_disagreements"].iloc[0]
    assert (row["comparison"], row["response_a"], row["response_b"]) == ("reported", "PR", "SD")
    assert out["best_responses"]["basis"].eq("derived").all()
