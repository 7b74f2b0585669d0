"""Words of the comparisons with controls: the primary one by its name, and what each is worth."""

from prrt_outcomes.report.controls_chapter import describe_doubts, describe_worth, write_controls
from prrt_outcomes.report.headline import build_headline
from prrt_outcomes.study.controls import Claim


def test_history_names_the_primary_comparison_and_the_doubt(study, tables, plain):
    row = {
        "endpoint": "pfs",
        "method": "rate_ratio",
        "weights": "none",
        "estimate": "smr",
        "status": "ok",
    }
    rows = [
        row | {"control": c, "value": v, "low": v / 2, "high": v * 2}
        for c, v in (("first", 0.5), ("second", 0.25))
    ]
    given = tables(controls=rows)
    paragraphs, _ = write_controls(given, study)
    text = [plain(p) for p in paragraphs]
    first, second = (f"Published arm (Progression-free survival) {i}" for i in (1, 2))
    assert text[0].startswith(
        f"{first} (exploratory): observed over expected 0.50 (published arm with its uncertainty; 95% CI 0.25"
    )
    assert text[1].startswith(f"{second} (primary comparison): observed over expected 0.25")
    tile = build_headline(given, study)[0]
    assert plain(tile.number.__html__()) == "Weak evidence"
    assert "observed over expected 0.25 against" in plain(tile.words)
    only = tables(controls=rows[:1])
    assert "the primary comparison has no estimate" in plain(build_headline(only, study)[0].words)


def test_the_worth_of_a_comparison_stands_beside_it(tables, plain):
    cards = [{"control": "second", "item": i, "verdict": v} for i, v in
             (("origin", "different"), ("era", "same"), ("grade", "unknown"), ("line", "different"))]  # fmt: skip
    verdict = {
        "control": "second",
        "endpoint": "pfs",
        "weights": "none",
        "verdict": "poor",
        "words": "weak evidence: x",
    }
    filled = tables(control_comparability=cards, control_verdicts=[verdict])
    row = {"control": "second", "endpoint": "pfs", "weights": "none"}
    assert plain(describe_worth(filled, row)) == (
        "; comparability: 2 of 4 items differ, 1 is not known, so that further differences are possible"
        "; weak evidence: x"
    )
    assert plain(describe_worth(tables(), row)) == ""


def test_the_negative_control_outcome_is_a_sentence(tables, plain):
    row = {"control": "a", "endpoint": "pfs", "kind": "negative_control", "item": "injury", "status": "ok"}
    row |= {"value": 0.9, "low": 0.6, "high": 1.3}
    (words,) = describe_doubts(tables(control_sensitivity=[row]), "a", "Old series", "95%")
    assert plain(words) == (
        "Negative-control outcome against Old series (injury), which PRRT cannot change: hazard ratio 0.90 (95% CI "
        "0.60\u20131.30); the interval includes 1, so confounding is not shown, but confounding as large as its limits "
        "is not excluded."
    )
    away = tables(control_sensitivity=[row | {"high": 0.95}])
    assert "; PRRT cannot explain this difference, so confounding remains." in plain(
        describe_doubts(away, "a", "Old series", "95%")[0]
    )
    assert (
        describe_doubts(tables(control_sensitivity=[row | {"value": None}]), "a", "Old series", "95%") == []
    )


def test_the_unmeasured_confounder_is_a_sentence(tables, plain):
    row = {
        "control": "a",
        "endpoint": "pfs",
        "method": "bias_analysis",
        "estimate": "adjusted_ratio",
        "status": "ok",
    }
    row |= {
        "weights": "none",
        "assumption": "in 10% of the cohort",
        "note": "0.2% of 10,000 simulated ratios are 1 or more",
    }
    given = tables(controls=[row | {"value": 0.56, "low": 0.42, "high": 0.75}])
    (words,) = describe_doubts(given, "a", "Old series", "95%")
    assert plain(words) == (
        "Bias analysis against Old series: with an unmeasured confounder (in 10% of the cohort) the adjusted ratio is "
        "0.56 (95% simulation interval 0.42\u20130.75); 0.2% of 10,000 simulated ratios are 1 or more."
    )


def test_censoring_before_the_cut_off_is_a_sentence(tables, plain):
    row = {"control": "a", "endpoint": "pfs", "kind": "censoring", "status": "ok"}
    rows = [
        row | {"item": item, "value": value, "low": value - 0.1, "high": value + 0.1}
        for item, value in (
            ("hazard doubled after censoring", 0.5),
            ("event at the censoring", 0.6),
        )
    ]
    (words,) = describe_doubts(tables(control_sensitivity=rows), "a", "Old series", "95%")
    assert plain(words) == (
        "Censoring before the cut-off: the ratio against Old series is 0.50 (0.40\u20130.60) with the hazard doubled "
        "after censoring and 0.60 (0.50\u20130.70) with the event at the censoring."
    )


def test_a_median_of_responders_stands_with_its_guarantee_time(study, tables):
    claim = Claim(id="long", quantity="median_pfs_months", group="responder", published=60)
    named = study.model_copy(update={"claims": (claim,)})
    row = {
        "claim": "long",
        "quantity": "median_pfs_months",
        "group": "responder",
        "published": 60.0,
        "status": "ok",
    }
    note = (
        "the group is known only at its best response, so time before it is guaranteed (guarantee-time bias)"
    )
    row |= {"observed": 47.0, "low": 36.0, "high": 56.0, "verdict": "lower", "note": note}
    _, shown = write_controls(tables(claims=[row]), named)
    assert shown[-1].columns[-1].title == "Remark"
    assert shown[-1].rows[0][1][-1] == note
