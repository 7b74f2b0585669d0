"""Warnings and losses."""

from __future__ import annotations

from prrt_outcomes.cohort.plausibility import load_rules
from prrt_outcomes.response.stage import run
from prrt_outcomes.tables.schema import load_schema

ONE = "patient_id,period,first_cycle\nA,1,2020-01-10\n"


def test_what_a_radiologist_should_look_at_is_listed(build, make_study):
    lesions = "patient_id,assessment_date,lesion_id,organ,longest_mm\n" + "".join(
        f"A,2020-01-01,T{k},liver,{8 if k == 1 else 30}\n" for k in range(1, 7)
    )
    out = run(build(lesions + "A,2020-04-01,T1,liver,-3\n", ONE), make_study())
    problems = out["response_warnings"].set_index("problem")["severity"].astype(str).to_dict()
    assert problems == {
        "more than 5 targets": "warning",
        "more than 2 targets in one organ": "warning",
        "target T1 is under the size for a target": "warning",
        "T1 has a negative diameter": "not_evaluable",
    }
    assert out["attrition"].set_index("reason").loc["no assessment could be evaluated", "n_lost"] == 1
    counts = out["response_warning_counts"].set_index("rule")
    assert counts.index.tolist()[0] == "no_size"
    assert set(counts.index) == {"no_size", "many_targets", "many_targets_organ", "small_target"}
    assert counts["n"].tolist() == counts["n_patients"].tolist() == [1] * 4
    assert counts["consequence"].astype(object).to_dict() == {
        rule: load_rules()["responses"][rule] for rule in counts.index
    }


def test_every_kind_has_a_consequence_and_a_label():
    rule = load_schema("response_warning_counts").field("rule")
    assert rule.codes == tuple(load_rules()["responses"])
    assert all(label != code for code, label in zip(rule.codes, rule.labels, strict=True))


def test_contradictions_of_a_course_are_counted_by_their_kind(build, make_study):
    head = "patient_id,assessment_date,lesion_id,role,longest_mm\n"
    rows = {
        "two_baselines": ("2019-12-01,T1,target,30", "2020-01-05,T2,target,30", "2020-04-01,T1,target,30"),
        "no_baseline_size": ("2020-01-05,T2,target,30", "2020-04-01,T1,target,30"),
        "role_changes": ("2020-01-05,T1,target,30", "2020-04-01,T1,non_target,30"),
    }
    lesions = head + "".join(f"{patient},{row}\n" for patient, own in rows.items() for row in own)
    periods = "patient_id,period,first_cycle\n" + "".join(f"{patient},1,2020-01-10\n" for patient in rows)
    out = run(build(lesions, periods), make_study())
    told = out["response_warnings"]
    assert dict(zip(told["rule"], told["patient_id"], strict=True)) == {rule: rule for rule in rows}
    assert set(told["severity"].astype(str)) == {"not_evaluable"}
    counts = out["response_warning_counts"]
    assert dict(zip(counts["rule"].astype(str), counts["n_patients"], strict=True)) == dict.fromkeys(rows, 1)
    assert out["responses"]["overall_response"].astype(str).eq("NE").all()


def test_less_than_a_complete_response_after_one_is_flagged_at_its_scan(build, make_study):
    assessments = "patient_id,assessment_date,reader,reported_response\n" + "".join(
        f"{patient},2020-0{month}-01,local,{response}\n"
        for patient, course in {
            "A": ("CR", "SD"),
            "B": ("CR", "NE", "PR", "MR"),
            "C": ("CR", "NON-CR/NON-PD"),
            "D": ("PR", "CR", "CR"),
            "E": ("CR", "PD", "SD"),
        }.items()
        for month, response in enumerate(course, start=3)
    )
    periods = "patient_id,period,first_cycle\n" + "".join(f"{p},1,2020-01-10\n" for p in "ABCDE")
    nothing = "patient_id,assessment_date,lesion_id,longest_mm\n"
    out = run(build(nothing, periods, assessments), make_study())
    rows = out["response_warnings"]
    found = zip(rows["patient_id"], rows["assessment_date"].dt.month, rows["problem"], strict=True)
    assert list(found) == [
        ("A", 4, "SD after a complete response"),
        ("B", 5, "PR after a complete response"),
        ("B", 6, "MR after a complete response"),
        ("C", 4, "NON-CR/NON-PD after a complete response"),
    ]
    best = out["best_responses"].drop_duplicates("patient_id").set_index("patient_id")
    assert best["complete_then_partial"].to_dict() == {
        "A": True,
        "B": True,
        "C": True,
        "D": False,
        "E": False,
    }


def test_a_complete_response_that_hangs_on_unknown_lymph_nodes_is_told(build, make_study):
    head = "patient_id,assessment_date,lesion_id,role,lymph_node,longest_mm,perpendicular_mm,state\n"
    rows = {
        "node": ("true,20,18", "true,9,8"),
        "silent_later": ("true,20,18", ",9,8"),
        "unknown": (",20,18", ",9,8"),
        "no_node": ("false,20,18", "false,9,8"),
        "large": (",40,38", ",12,10"),
    }
    lesions = head + "".join(
        f"{patient},2020-0{month}-01,T1,target,{row},measured\n"
        for patient, both in rows.items()
        for month, row in zip((1, 4), both, strict=True)
    )
    lesions += "unknown,2020-01-01,N1,non_target,,,,measured\nunknown,2020-04-01,N1,non_target,,,,absent\n"
    periods = "patient_id,period,first_cycle\n" + "".join(f"{patient},1,2020-01-10\n" for patient in rows)
    out = run(build(lesions, periods), make_study(criteria=["recist_1_1", "who"]))
    table = out["responses"].set_index(["criterion", "patient_id"])["overall_response"].astype(str)
    assert table["recist_1_1"].to_dict() == {
        "large": "PR", "no_node": "PR", "node": "CR", "silent_later": "CR", "unknown": "PR"
    }  # fmt: skip
    told = out["response_warnings"][["patient_id", "criterion", "problem"]].to_numpy().tolist()
    assert told == [
        ["unknown", "recist_1_1", "T1 under 10 mm with lymph_node empty: PR, CR if nodes"],
    ]
