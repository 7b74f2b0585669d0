"""What must not matter: order of rows, units, splitting the table, scans after progression, names of lesions."""

from __future__ import annotations

import pandas as pd
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prrt_outcomes.response.stage import INPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

START = pd.Timestamp("2020-01-10")
STUDY = Study.model_validate(
    {
        "study": "invariants",
        "tables": {"patients": "p", "follow_up": "f"},
        "response": {"criteria": ["recist_1_1", "swog_mr", "who"]},
        "analysis": {"group_by": [], "covariates": []},
    }
)
KEYS = ["patient_id", "criterion", "assessment_date"]
ANSWERS = ["overall_response", "target_response", "reason"]
# The stage costs the same for one patient as for twelve; shrinking would run it for minutes.
few = settings(
    max_examples=3,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
TENTHS = st.integers(min_value=0, max_value=800)
CELL = st.tuples(TENTHS, TENTHS, st.sampled_from(["measured"] * 8 + ["absent", "too_small", "not_evaluated"]))


@st.composite
def courses(draw) -> pd.DataFrame:
    """Lesion rows of four to twelve patients, up to three targets (one may be a node) and five scans; sizes in mm."""
    rows = []
    for patient in range(draw(st.integers(4, 12))):
        n_targets = draw(st.integers(1, 3))
        node = draw(st.integers(0, 3))
        for scan in range(draw(st.integers(2, 6))):
            for target in range(n_targets):
                long, short, state = draw(CELL)
                size = {"longest_mm": max(long, short) / 10, "perpendicular_mm": min(long, short) / 10}
                if scan == 0:
                    state, size = (
                        "measured",
                        {"longest_mm": 10 + long / 10, "perpendicular_mm": 10 + short / 10},
                    )
                rows.append(
                    {
                        "patient_id": f"P{patient}",
                        "assessment_date": START + pd.Timedelta(-7 if scan == 0 else 45 * scan, "D"),
                        "lesion_id": f"T{target}",
                        "role": "target",
                        "reader": "local",
                        "lymph_node": target == node,
                        "state": state,
                    }
                    | (size if state == "measured" else {})
                )
    return pd.DataFrame(rows)


def derive(lesions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    tables = {name: empty_table(name) for name in INPUTS}
    tables["lesions"] = conform_table("lesions", lesions)
    patients = sorted(lesions["patient_id"].unique())
    tables["patients"] = conform_table("patients", pd.DataFrame({"patient_id": patients}))
    periods = pd.DataFrame({"patient_id": patients, "period": 1, "first_cycle": START, "last_cycle": START})
    tables["treatment_periods"] = conform_table("treatment_periods", periods)
    return run(tables, STUDY)


def answers(out: dict[str, pd.DataFrame], columns=ANSWERS) -> pd.DataFrame:
    return out["responses"].sort_values(KEYS, ignore_index=True)[KEYS + list(columns)]


def best(out: dict[str, pd.DataFrame]) -> pd.DataFrame:
    keys = ["patient_id", "criterion", "confirmed"]
    return out["best_responses"].sort_values(keys, ignore_index=True)[
        [*keys, "best_response", "best_response_date"]
    ]


@given(courses(), st.randoms(use_true_random=False))
@few
def test_order_of_rows_does_not_matter(lesions, random):
    order = list(range(len(lesions)))
    random.shuffle(order)
    first, second = derive(lesions), derive(lesions.iloc[order])
    pd.testing.assert_frame_equal(answers(first), answers(second))
    pd.testing.assert_frame_equal(best(first), best(second))


@given(courses())
@few
def test_centimetres_turned_into_millimetres_give_the_same(lesions):
    sizes = ["longest_mm", "perpendicular_mm"]
    in_cm = lesions.assign(**{name: lesions[name] / 10 for name in sizes})
    back = in_cm.assign(**{name: in_cm[name] * 10 for name in sizes})
    pd.testing.assert_frame_equal(answers(derive(lesions)), answers(derive(back)))


@given(courses())
@few
def test_patients_do_not_touch_each_other(lesions):
    together = derive(lesions)
    apart = [derive(part) for _, part in lesions.groupby(lesions["patient_id"].isin(["P0", "P2"]))]
    for name, choose in (("responses", answers), ("best_responses", best)):
        joined = {name: pd.concat([out[name] for out in apart], ignore_index=True)}
        pd.testing.assert_frame_equal(choose(together), choose(joined))


@given(courses(), TENTHS)
@few
def test_a_scan_after_progression_changes_no_best_response(lesions, size):
    out = derive(lesions)
    progressed = (
        out["responses"]
        .groupby(["patient_id", "criterion"])["overall_response"]
        .agg(lambda r: (r == "PD").any())
    )
    later = lesions.drop_duplicates(["patient_id", "lesion_id"]).assign(
        assessment_date=START + pd.Timedelta(900, "D"),
        state="measured",
        longest_mm=size / 10,
        perpendicular_mm=size / 10,
    )
    longer = derive(pd.concat([lesions, later], ignore_index=True))
    keys = ["patient_id", "criterion"]
    both = best(out).merge(best(longer), on=[*keys, "confirmed"], suffixes=("", "_longer"))
    both = both[progressed.reindex(pd.MultiIndex.from_frame(both[keys])).to_numpy(dtype=bool)]
    assert (both["best_response"].astype(str) == both["best_response_longer"].astype(str)).all()


@given(courses(), st.permutations(["a", "b", "c"]))
@few
def test_names_of_lesions_do_not_matter(lesions, names):
    renamed = lesions.assign(
        lesion_id=lesions["lesion_id"].map({f"T{k}": name for k, name in enumerate(names)})
    )
    columns = ["overall_response", "target_response", "target_sum"]
    pd.testing.assert_frame_equal(answers(derive(lesions), columns), answers(derive(renamed), columns))


@given(courses())
@few
def test_counts_add_up(lesions):
    out = derive(lesions)
    rates = out["response_rates"]
    whole = rates[rates["group_by"] == "all"]
    simple = whole[~whole["category"].isin(["objective", "objective_with_mr", "disease_control"])]
    totals = simple.groupby(["criterion", "confirmed"])["n"].sum()
    assert (totals == lesions["patient_id"].nunique()).all()
    assert (whole["proportion_low"] <= whole["proportion"]).all()
    assert (whole["proportion"] <= whole["proportion_high"]).all()


@given(courses())
@few
def test_a_reason_begins_with_its_response(lesions):
    responses = derive(lesions)["responses"]
    head = responses["reason"].str.split(":").str[0]
    assert (head == responses["overall_response"].astype("string")).all()
    assert responses["change_from_baseline"].dropna().ge(-1).all()
    bare = responses[responses["overall_response"].isin(["CR", "PR", "MR", "SD"])]
    assert bare["target_sum"].notna().all()
