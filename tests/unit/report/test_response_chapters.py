"""Words on response and on responders: the rate that the study names, and no naive ratio alone."""

import math
import re

from prrt_outcomes.report.response_chapters import write_responders, write_response


def test_response_quotes_the_rate_that_the_study_names(study, tables, plain, rates):
    paragraphs, shown = write_response(tables(response_rates=rates), study)
    assert plain(paragraphs[0]) == (
        "By RECIST 1.1, 26% of 400 treated patients had an objective response (95% CI 22\u201331%); progression 16%; "
        "disease control 79%."
    )
    confirmed = study.model_copy(
        update={"response": study.response.model_copy(update={"primary_rate": "confirmed"})}
    )
    paragraphs, _ = write_response(tables(response_rates=rates), confirmed)
    assert plain(paragraphs[0]).startswith("By RECIST 1.1, 13% of 400")
    assert len(shown[0].rows) == 6


def make_ratio(method, ratio, adjusted=False):
    return {
        "endpoint": "pfs",
        "criterion": "recist_1_1",
        "adjusted": adjusted,
        "method": method,
        "comparison": "responder:non_responder",
        "hazard_ratio": ratio,
        "hazard_ratio_low": ratio / 2,
        "hazard_ratio_high": ratio * 2,
        "status": "ok",
    }


def test_the_naive_ratio_is_told_only_beside_the_time_dependent_one(study, tables, plain):
    both = [make_ratio("naive", 0.4), make_ratio("time_dependent_cox", 0.8)]
    paragraphs, _ = write_responders(tables(responders=both), study)
    text = " ".join(map(plain, paragraphs))
    assert "is 0.80 (95% CI 0.40\u20131.60) with response counted from the day it was seen, and 0.40" in text
    paragraphs, shown = write_responders(tables(responders=both[:1]), study)
    assert shown == []
    assert not re.search(r"0\.40|hazard ratio is", " ".join(map(plain, paragraphs)))


def test_guarantee_time_is_explained_in_three_sentences(study, tables, plain):
    paragraphs, _ = write_responders(tables(responders=[make_ratio("time_dependent_cox", 0.8)]), study)
    assert len(re.findall(r"[.!?](?:\s|$)", plain(paragraphs[0]))) == 3


def test_the_size_of_the_bias_is_stated_with_its_interval(tables, study, plain):
    bias = {"endpoint": "pfs", "criterion": "recist_1_1", "comparison": "responder:non_responder"}
    bias |= {"bias": math.log(0.8), "bias_low": math.log(0.7), "bias_high": math.log(0.9)}
    bias |= {"null_simulations": 200, "null_naive_rejected": 0.71, "null_mantel_byar_rejected": 0.05}
    row = {
        "endpoint": "pfs",
        "criterion": "recist_1_1",
        "comparison": "responder:non_responder",
        "status": "ok",
    }
    row |= {"adjusted": False, "n": 400, "hazard_ratio_low": 0.3, "hazard_ratio_high": 0.9}
    methods = [
        row | {"method": m, "hazard_ratio": h} for m, h in (("naive", 0.48), ("time_dependent_cox", 0.6))
    ]
    paragraphs, _ = write_responders(tables(responders=methods, responder_bias=[bias]), study)
    last = plain(paragraphs[-1])
    assert (
        "the naive analysis is 0.80 times that with response as time-dependent (95% CI 0.70\u20130.90)"
        in last
    )
    assert "In 200 simulated cohorts" in last
    assert "a difference in 71%" in last


def test_growth_is_told_with_its_patients_or_why_it_is_not_compared(study, tables, plain):
    row = {"endpoint": "pfs", "criterion": "recist_1_1", "measure": "three_months", "cut_percent_month": 0.8}
    row |= {"adjusted": False, "n": 60, "excluded": 340, "n_fast": 20, "events": 40, "status": "ok"}
    row |= {"hazard_ratio": 2.1, "hazard_ratio_low": 1.2, "hazard_ratio_high": 3.7}
    few = row | {"adjusted": True, "n": 8, "hazard_ratio": math.nan, "status": "too_few"}
    naive = [make_ratio("naive", 0.4), make_ratio("time_dependent_cox", 0.8)]
    paragraphs, shown = write_responders(tables(responders=naive, tumour_growth=[row, few]), study)
    assert plain(paragraphs[-1]) == (
        "Progression-free survival: 60 of 400 patients had scans at baseline and 2 to 4 months after the first cycle "
        "and were at risk then; 20 grew by 0.8% a month or faster, and their hazard ratio from that scan on is "
        "2.10 (95% CI 1.20–3.70)."
    )
    assert shown[-1].source == "tumour_growth"
    reasons = {
        "there is nobody to compare": {"n": 0, "n_fast": 0, "events": 0},
        "none of them had fast growth": {"n_fast": 0},
        "all of them had fast growth": {"n_fast": 8},
        "no patient had an event after that scan": {"n_fast": 3, "events": 0},
        "the model could not be estimated": {"n_fast": 3},
    }
    for why, given in reasons.items():
        none = [few | given, few | given | {"adjusted": False}]
        paragraphs, _ = write_responders(tables(responders=naive, tumour_growth=none), study)
        assert plain(paragraphs[-1]).endswith(
            f"at risk then; fast and slow growth at 3 months are not compared, because {why}."
        )


def test_chromogranin_a_is_told_with_its_cut_offs_and_no_response(study, tables, plain, rates):
    changes = {"normal": 0.1, "fell": 0.2, "neither": 0.4, "rose": 0.2, "not_evaluable": 0.1}
    rows = [
        {
            "criterion": "chromogranin_a",
            "change": change,
            "n": 1,
            "total": 50,
            "proportion": share,
            "status": "ok",
        }
        for change, share in changes.items()
    ]
    settings = study.response.model_validate({"criteria": ["recist_1_1", "chromogranin_a"]})
    named = study.model_copy(update={"response": settings})
    paragraphs, _ = write_response(tables(response_rates=rates, marker_changes=rows), named)
    text = plain(paragraphs[-1])
    assert text.startswith(
        "Chromogranin A: normal in 10%, fell in 20%, rose in 20% and not evaluable in 10% of 50"
    )
    assert "(cut-offs: our choice). Changes of a laboratory value are not counted as response" in text
    assert "PMC8159831" in text
