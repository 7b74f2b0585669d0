"""Page of one patient: its chart and its words, and that it never lands among shared results."""

import argparse

import matplotlib as mpl
import pandas as pd
import pytest

mpl.use("agg")

from prrt_outcomes import provenance
from prrt_outcomes.cli.commands import write_patient
from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.figures.patient_chart import draw_patient_charts, pick_course, plot_patient
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.report.patient_page import list_cells, render_patient_page
from prrt_outcomes.response.patient_course import COLUMNS
from prrt_outcomes.study.model import Study


@pytest.fixture
def study() -> Study:
    return Study.model_validate(
        {
            "study": "s",
            "title": "A & B",
            "synthetic": True,
            "tables": {"patients": "p.csv", "reported_outcomes": "o.csv"},
        }
    )


@pytest.fixture
def course() -> pd.DataFrame:
    """Baseline 50 mm, 34 mm (PR), 40 mm, 45 mm (PD over the nadir), by one reader."""
    scan = {"item": "sum", "reader": "local", "criterion": "recist_1_1", "unit": "mm", "baseline_sum": 50.0}
    lesion = {"item": "lesion", "reader": "local", "lesion_id": "T<1>", "role": "target", "state": "measured"}
    rows = [
        lesion | {"time_days": -20, "value": 50.0, "unit": "mm"},
        {"item": "cycle", "time_days": 0, "value": 7.4, "unit": "GBq", "words": "177Lu-DOTATATE"},
        {"item": "therapy", "time_days": 5, "words": "ssa_long_acting: octreotide LAR"},
        scan | {"time_days": 90, "value": 34.0, "nadir_sum": 50.0, "response": "PR", "words": "PR: -32 %"},
        scan | {"time_days": 180, "value": 40.0, "nadir_sum": 34.0, "response": "SD", "words": "SD"},
        scan | {"time_days": 400, "value": 45.0, "nadir_sum": 34.0, "response": "PD", "words": "PD: +32 %"},
    ]
    frame = pd.DataFrame(rows).reindex(columns=list(COLUMNS)).assign(patient_id="P7")
    frame["date"] = pd.Timestamp("2014-01-31") + pd.to_timedelta(frame["time_days"], unit="D")
    frame["response_threshold"] = frame["baseline_sum"] * 0.7
    frame["progression_threshold"] = frame["nadir_sum"] * 1.2
    return frame


def test_the_chart_begins_with_the_baseline_and_knows_the_nadir(course):
    picked = pick_course(course, "recist_1_1", "local")
    assert picked.sums["value"].tolist() == [50.0, 34.0, 40.0, 45.0]
    assert picked.sums["time_months"].iloc[0] == -20 / 30.4375
    assert picked.lesions["lesion_id"].tolist() == ["T<1>"]
    assert picked.marks["item"].tolist() == ["cycle", "therapy"]


def test_a_reader_without_sums_has_no_chart(course, study):
    picked = pick_course(course, "recist_1_1", "central")
    with pytest.raises(ValueError, match="no target sum"):
        plot_patient(picked, figure_style(study), "x")
    assert list(draw_patient_charts(course, study)) == ["RECIST 1.1, reader local"]


def test_the_page_holds_every_reason_and_its_warning(course, study):
    page = render_patient_page(course, draw_patient_charts(course, study), study)
    assert "Do not share" in page
    assert "this patient was simulated" in page
    assert "<title>Patient P7</title>" in page
    for words in ("PR: -32 %", "PD: +32 %", "177Lu-DOTATATE", "T&lt;1&gt;", "A &amp; B", "31 January 2014"):
        assert words in page
    assert page.count("<svg") == 1
    assert "ssa_long_acting" not in page
    assert page == render_patient_page(course, draw_patient_charts(course, study), study)


def test_cells_of_a_scan(course):
    assert list_cells(course.iloc[3].to_dict()) == [
        "1 May 2014",
        "90",
        "Scan, RECIST 1.1 (local)",
        "34 mm",
        "PR",
        "PR: -32 %",
    ]


def write_study(folder):
    (folder / "study.yaml").write_text(
        "study: s\ntables: {patients: p.csv, reported_outcomes: o.csv}\n", encoding="utf-8"
    )
    return folder / "study.yaml"


def ask(study, results, out):
    return write_patient(argparse.Namespace(study=study, patient="P7", results=results, out=out))


def test_a_page_among_the_results_is_refused(tmp_path):
    results = tmp_path / "results"
    with pytest.raises(UsageError, match="choose another place"):
        ask(write_study(tmp_path), results, results / "figures" / "p7.html")


def through_link_to_results(tmp_path, results):
    (tmp_path / "link").symlink_to(results)
    return results, tmp_path / "link" / "p7.html"


def results_named_by_a_link(tmp_path, results):
    (tmp_path / "link").symlink_to(results)
    return tmp_path / "link", results / "p7.html"


def both_by_links(tmp_path, results):
    (tmp_path / "a").symlink_to(results)
    (tmp_path / "b").symlink_to(results / "figures")
    return tmp_path / "a", tmp_path / "b" / "p7.html"


def page_is_a_link(tmp_path, results):
    (tmp_path / "p7.html").symlink_to(results / "p7.html")
    return results, tmp_path / "p7.html"


def through_the_folder_above(tmp_path, results):
    return results, tmp_path / "elsewhere" / ".." / "results" / "p7.html"


def results_of_another_run(tmp_path, results):
    provenance.write_inputs(tmp_path / "other", {})
    return results, tmp_path / "other" / "new" / "p7.html"


@pytest.mark.parametrize(
    "way",
    [
        through_link_to_results,
        results_named_by_a_link,
        both_by_links,
        page_is_a_link,
        through_the_folder_above,
        results_of_another_run,
    ],
)
def test_no_link_leads_a_page_among_results(tmp_path, way):
    results = tmp_path / "results"
    for folder in (results / "figures", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    named, out = way(tmp_path, results)
    with pytest.raises(UsageError, match="choose another place"):
        ask(write_study(tmp_path), named, out)
    assert list(results.rglob("*.html")) == []


def test_without_a_run_there_is_no_page(tmp_path):
    with pytest.raises(StepError, match="must be made first"):
        ask(write_study(tmp_path), tmp_path / "results", tmp_path / "p7.html")
    assert not (tmp_path / "p7.html").exists()
