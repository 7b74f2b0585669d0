"""Releases of small cohorts: nothing of one patient is in them, and no count below the minimum can be solved for."""

import getpass
import json

import pandas as pd
import pytest

from prrt_outcomes import provenance
from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.release.write import write_release
from prrt_outcomes.report.write import ReportTables
from prrt_outcomes.study.load import load_study

RARE_DAY, RARE_DAYS = "2014-05-17", ("2014-05-17", "17 May 2014", "17.05.2014", "20140517", "735370")
CANARIES = (
    "CANARYID77",
    "CanaryLevel",
    "CanaryCentre",
    "canary term",
    "CanaryDrug",
    "123.45678",
    "98.7654",
    *RARE_DAYS,
)


def keep_patients(tables, n):
    ids = tables["patients"]["patient_id"].iloc[:n]
    for name, table in tables.items():
        tables[name] = table[table["patient_id"].isin(ids)].reset_index(drop=True)


def hide_canary(tables, settings):
    """One patient with an identifier, days, values, a drug, a centre and a level that no other has."""
    for name, table in tables.items():
        tables[name] = table.assign(patient_id=table["patient_id"].replace("S01", "CANARYID77"))
    patients = tables["patients"]
    own = patients["patient_id"].eq("CANARYID77")
    patients["centre_id"] = patients["centre_id"].mask(own, "CanaryCentre")
    patients["occupation"] = pd.Series("other work", patients.index).mask(own, "CanaryLevel")
    patients["stop_reason"] = pd.Series("completed", patients.index).mask(own, "CanaryReason")
    settings["treatment"] = {"stop_reason": "stop_reason"}
    labs = tables["labs"]
    first = labs["patient_id"].eq("CANARYID77") & labs["analyte"].eq("platelets") & labs["sequence"].eq("1")
    labs["value"] = labs["value"].mask(first, "123.45678")
    therapies = tables["therapies"]
    one = therapies.iloc[[0]].assign(
        patient_id="CANARYID77", start_date=RARE_DAY, drug="CanaryDrug", dose_mg="98.7654"
    )
    tables["therapies"] = pd.concat([therapies, one], ignore_index=True)
    days = tables["cycles"].groupby("patient_id")["cycle_date"].first()
    events = [(p, d, "fatigue", "1") for p, d in days.items()] + [
        ("CANARYID77", RARE_DAY, "canary term", "3")
    ]
    tables["adverse_events"] = pd.DataFrame(
        events, columns=["patient_id", "onset_date", "term", "grade"]
    ).assign(sequence="1", related="true")
    settings["extra_columns"] = {"occupation": "category", "stop_reason": "category"}
    settings["analysis"]["group_by"] = ["radionuclide", "occupation"]
    settings["figures"]["formats"] = ["svg", "png", "pdf"]


@pytest.fixture
def release(run_stages, tmp_path):
    """Run a changed study and release it: true tables, released tables, folder, whether anything is shown."""

    def make(change):
        results = run_stages(change)
        study_file = results.parent / "study" / "study.yaml"
        described = provenance.describe_run(load_study(study_file.parent), study_file, results)
        provenance.write_provenance(results / "provenance.json", described)
        (results / "report.html").write_text("a report")
        out, is_shown = write_release(results, tmp_path / "out")
        return ReportTables(results), ReportTables(out), out, is_shown

    return make


def test_nothing_of_the_canary_is_in_any_byte_and_no_small_count_is_left(release, attack, tmp_path):
    true, released, out, is_shown = release(hide_canary)
    assert is_shown
    assert attack.find_words(out, (*CANARIES, str(tmp_path), f"/{getpass.getuser()}/")) == []
    names = [n for n in true["km_summary"]["group"].astype(str) if n == "CanaryLevel"]
    assert names  # it was there to be found
    assert attack.undo(true, released, 5) == []
    assert attack.find_small_steps(true, released, 5) == []
    assert attack.invert_rates(true, released, 5) == []
    assert attack.find_freedom(true, released, 5) == []
    assert attack.find_means(released, 5) == []
    assert attack.find_wholes(true, released) == []
    assert attack.find_small_arms(released, 5) == []
    assert attack.find_small_arms(true, 5)  # they were there to be found
    assert attack.find_page_data(released, out) == []
    assert attack.find_page_data(true, out)
    assert attack.find_drawn_steps(released, out) == []
    assert attack.find_drawn_steps(true, out)
    assert len(released["km_curve"]) > 2
    assert not list(out.rglob("waterfall*.svg"))
    assert not list(out.rglob("swimmer*"))
    assert {"km_summary", "baseline"} <= {p.stem for p in (out / "tables").iterdir()}
    assert released["km_summary"]["n"].notna().any()
    listed = pd.read_csv(out / "released.csv")
    assert {"small_count", "standing", "secondary", "small_group", "rounded", "steps"} <= set(listed["rule"])
    assert set(json.loads((out / "provenance.json").read_text())) == {
        "prrt_outcomes", "python", "libraries", "code", "settings", "outputs",
    }  # fmt: skip
    with pytest.raises(UsageError, match="lie in each other"):
        write_release(tmp_path / "results", tmp_path / "results" / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.docx").touch()
    with pytest.raises(UsageError, match="is no release"):
        write_release(tmp_path / "results", tmp_path / "full")
    with pytest.raises(StepError, match="no finished run"):
        write_release(tmp_path / "full", tmp_path / "out")


def test_twelve_patients_with_a_minimum_of_ten_give_a_release_that_says_so(release, tmp_path):
    def change(tables, settings):
        keep_patients(tables, 12)
        settings["disclosure"] = {"minimum_count": 10}

    _, released, out, is_shown = release(change)
    assert not is_shown
    again, _ = write_release(tmp_path / "results", tmp_path / "again")
    assert {p.relative_to(again): p.read_bytes() for p in again.rglob("*") if p.is_file()} == {
        p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()
    }
    assert "no result of it can be shown" in (out / "README.md").read_text()
    assert released["km_summary"].empty
    assert (out / "report.html").is_file()
    assert (out / "supplement.html").is_file()
