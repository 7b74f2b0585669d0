"""The page: self-contained, every number with its row, skipped stages say so."""

import re
import shutil
import subprocess
from importlib.resources import files

import pandas as pd
import plotnine as p9
import pytest

from prrt_outcomes.figures.figure import Figure
from prrt_outcomes.figures.save import save_figures
from prrt_outcomes.figures.theme import figure_style, theme_prrt
from prrt_outcomes.report.curves import list_curves
from prrt_outcomes.report.write import shorten_svg
from prrt_outcomes.report.write import write_report as write_pages
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.files import write_table

STAGES = ("cohort", "treatment", "response", "endpoints", "survival", "responders", "controls", "safety")


@pytest.fixture
def study() -> Study:
    return Study.model_validate(
        {
            "study": "trial",
            "title": "A trial & its <placebo>",
            "synthetic": True,
            "tables": {"patients": "p.csv", "reported_outcomes": "o.csv"},
            "extra_columns": {"arm": "category"},
            "endpoints": ["pfs"],
            "analysis": {"group_by": ["arm"], "covariates": ["arm"], "milestones_months": [12]},
        }
    )


@pytest.fixture
def results(tmp_path, study):
    """A trial that holds times only: no cycles, no scans, no laboratory values."""
    done = {"cohort", "endpoints", "survival"}
    stages = [(s, "done", None) if s in done else (s, "skipped", "no cycles") for s in STAGES]
    same = {"endpoint": "pfs", "group_by": "arm"}
    tables = {
        "stages": pd.DataFrame(stages, columns=["stage", "status", "reason"]),
        "attrition": pd.DataFrame(
            [("patients", "patients", "cohort: keys", "no time <b>known</b>", 12, 2, 10)],
            columns=["table", "unit", "step", "reason", "n_before", "n_lost", "n_after"],
        ),
        "km_summary": pd.DataFrame(
            [
                {
                    "endpoint": "pfs",
                    "group_by": "all",
                    "group": "all",
                    "n": 10,
                    "events": 4,
                    "median_months": 11.34,
                }
                | {"median_low": 9.0, "follow_up_months": 20.0, "status": "ok", "median_status": "ok"},
                same
                | {
                    "group": "everolimus",
                    "n": 60,
                    "events": 10,
                    "status": "ok",
                    "median_status": "not_reached",
                },
                same
                | {"group": "placebo", "n": 40, "events": 30, "median_months": 4.01, "median_status": "ok"},
            ]
        ),
        "cox": pd.DataFrame(
            [
                {
                    "endpoint": "pfs",
                    "model": "univariable",
                    "term": "arm",
                    "level": "everolimus",
                    "n": 60,
                    "events": 10,
                }
                | {
                    "reference": "placebo",
                    "hazard_ratio": 0.558,
                    "hazard_ratio_low": 0.4,
                    "hazard_ratio_high": 0.77,
                }
                | {"p_value": 0.0004, "status": "few_events"}
            ]
        ),
        "logrank": pd.DataFrame([same | {"test": "logrank", "p_value": 0.0004, "df": 1, "status": "ok"}]),
    }
    for name, table in tables.items():
        write_table(tmp_path / "tables" / f"{name}.csv", name, table)
    figure = Figure(
        "kaplan_meier_pfs_all",
        p9.ggplot() + theme_prrt(figure_style(study), 1.5, 3.0),
        "Progression-free survival, all patients. Band: interval.",
        ("km_curve", "km_at_risk", "km_summary"),
    )
    save_figures([figure], tmp_path / "figures" / "survival", ("svg",), 72)
    return tmp_path


def write_report(results, study):
    """The page with everything."""
    return write_pages(results, study)[1]


def test_a_trial_without_cycles_gives_a_sensible_page(results, study):
    page = write_report(results, study).read_text(encoding="utf-8")
    assert "Median progression-free survival (placebo) was" in re.sub("<[^>]+>", "", page)
    assert page.count("Not in this report: no cycles.") == 5
    assert "not reached" in page
    assert "0.56 (0.40\u20130.77)" in page
    assert "few events: fewer than 10 a parameter" in page
    assert "p &lt; 0.001" in page
    assert "Synthetic data: these patients were simulated" in page


def test_a_skipped_stage_with_a_figure_says_why_and_claims_no_method(results, study):
    figure = Figure(
        "swimmer", p9.ggplot() + theme_prrt(figure_style(study), 1.5, 3.0), "Course.", ("km_curve",)
    )
    save_figures([figure], results / "figures" / "response", ("svg",), 72)
    page = write_report(results, study).read_text(encoding="utf-8")
    assert "In part: no cycles." in page
    assert "Response was judged by" not in page


def test_what_comes_from_data_is_escaped(results, study):
    page = write_report(results, study).read_text(encoding="utf-8")
    assert "A trial &amp; its &lt;placebo&gt;" in page
    assert "no time &lt;b&gt;known&lt;/b&gt;" in page
    assert "<b>known" not in page


def test_every_number_names_its_row(results, study):
    page = write_report(results, study).read_text(encoding="utf-8")
    assert (
        'href="tables/km_summary.csv" title="tables/km_summary.csv: endpoint = pfs, group_by = all, group = all"'
        in page
    )
    assert "tables/cox.csv: endpoint = pfs, model = univariable, term = arm, level = everolimus" in page
    linked = set(re.findall(r'href="(tables/[^"]+)"', page))
    assert {p for p in linked if not (results / p).is_file()} == {
        "tables/km_curve.csv",
        "tables/km_at_risk.csv",
    }


def test_the_page_needs_nothing_from_outside(results, study):
    page = write_report(results, study).read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert not re.search(r"@import|url\((?!data:)", page)
    sources = re.findall(r'<img src="([^"]{0,30})', page)
    assert len(sources) == 1
    assert sources[0].startswith("data:image/svg+xml;base64,")
    assert re.search(r'<img [^>]*alt="Figure: Progression-free survival, all patients', page)


def test_the_same_input_gives_the_same_page(results, study):
    once, again = ([page.read_bytes() for page in write_pages(results, study)] for _ in range(2))
    assert once == again


def test_an_empty_results_folder_gives_a_page(tmp_path, study):
    page = write_report(tmp_path, study).read_text(encoding="utf-8")
    assert "The tables of this run hold no result yet." in page
    assert page.count("Not in this report") == 11


def test_the_short_report_holds_the_summary_tables_and_names_what_is_missing(results, study):
    report, supplement = write_pages(results, study)
    page = report.read_text(encoding="utf-8")
    assert (report.name, supplement.name) == ("report.html", "supplement.html")
    assert "Time to event" in page
    assert "0.56 (0.40\u20130.77)" in page  # the ratio of the first grouping stands beside its median
    assert "not reached / 4.0" in re.sub("<[^>]+>", "", page)  # two arms: no median of both
    assert "11.3 months" not in page
    assert ">Patients</h2>" not in page  # a chapter of nothing has no heading
    assert "What is not in the data" in page
    assert 'href="supplement.html#survival"' in page


def test_curves_are_drawn_of_groups_with_five_patients_and_events_only(study):
    same = {"endpoint": "pfs", "group_by": "arm", "status": "ok"}
    summary = [
        same | {"group": g, "n": n, "events": e}
        for g, n, e in (("a", 9, 5), ("b", 9, 4), ("c", 4, 4), ("d", 5, 5))
    ]
    steps = [
        same | {"group": g, "time_months": t, "n_event": 1, "n_at_risk": 9, "survival": 0.5}
        for g in "abcd"
        for t in (0.0, 1.0)
    ]
    test = {"endpoint": "pfs", "group_by": "arm", "test": "logrank", "df": 1.0, "p_value": 0.03}
    ratio = {"endpoint": "pfs", "model": "univariable", "term": "arm", "level": "d", "reference": "a"}
    ratio |= {"hazard_ratio": 0.5, "hazard_ratio_low": 0.25, "hazard_ratio_high": 0.99}
    tables = {
        "km_summary": pd.DataFrame(summary),
        "km_curve": with_limits(steps),
        "logrank": pd.DataFrame([test]).assign(group=None, reference=None, strata=None),
        "cox": pd.DataFrame([ratio]).assign(
            n=9, events=7, n_reference=9, events_reference=7, status="ok", p_value=0.03
        ),
    }
    (curves,) = list_curves(tables, study)
    assert [name for name, _ in curves.groups] == ["a", "d"]
    assert curves.groups[0][1] == [[0.0, 0.5, None, None, 9.0, 1.0], [1.0, 0.5, None, None, 9.0, 2.0]]
    assert curves.note == (
        "Hazard ratio 0.50 (95%\u00a0CI\u00a00.25\u20130.99)",
        "d against a",
        "log-rank test p = 0.030",
    )
    assert curves.left_out == 2
    tables["km_summary"] = pd.DataFrame(summary[:3])
    assert list_curves(tables, study) == []


def with_limits(rows):
    return pd.DataFrame(rows).assign(survival_low=float("nan"), survival_high=float("nan"))


def test_the_page_opens_in_a_browser_without_a_complaint(results, study, tmp_path):
    browser = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
    if browser is None:
        pytest.skip("no chromium on this machine")
    page = write_report(results, study)
    probe = tmp_path / "probe.html"
    script = (
        "<script>window.addEventListener('load', () => { const images = [...document.images]; const bad = "
        "images.filter(i => { i.loading = 'eager'; return i.complete && i.naturalWidth === 0; }).length; "
        "document.title = `images ${images.length} missing ${bad} wide ${document.body.scrollWidth}`; });</script>"
    )
    probe.write_text(
        page.read_text(encoding="utf-8").replace("</body>", script + "</body>"), encoding="utf-8"
    )
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0"]
    command += [
        "--window-size=500,3000",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=3000",
    ]
    done = subprocess.run(
        [*command, "--dump-dom", probe.as_uri()], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert "CONSOLE" not in done.stderr
    found = re.search(r"<title>images (\d+) missing (\d+) wide (\d+)</title>", done.stdout)
    assert found, done.stdout[:300]
    images, missing, wide = map(int, found.groups())
    assert (images, missing) == (1, 0)
    assert wide <= 500


def test_a_shortened_svg_has_short_coordinates_and_its_text():
    svg = '<?xml version="1.0"?>\n<svg>\n  <!-- A -->\n '
    svg += '<path d="M 1.23456 -7.0001 L 2 3"/>\n <text>p &lt; 0.001</text></svg>'
    assert shorten_svg(svg) == '<svg>\n<path d="M 1.23 -7 L 2 3"/>\n<text>p &lt; 0.001</text></svg>'


def test_the_axis_of_curves_has_room_for_its_letters_on_narrow_pages():
    folder = files("prrt_outcomes.report") / "templates"
    style, script = ((folder / name).read_text("utf-8") for name in ("report.css", "report.js"))
    letters = max(int(size) for size in re.findall(r"\.curves svg text \{ font-size: (\d+)px", style))
    left, wide = map(int, re.search(r"const left = (\d+), wide = (\d+);", script).groups())
    assert left - 6 >= 2.86 * letters  # "100%" in DejaVu Sans, the widest of the fonts
    assert left + wide <= 690  # the last tick ends at 697 of 700
