"""Real data of others, from the raw file to the report, the raw file untouched; all steps in one process."""

import hashlib
import shutil
from pathlib import Path

import pandas as pd
import pytest

from prrt_outcomes import steps
from prrt_outcomes.report.write import write_report
from prrt_outcomes.study.load import load_study

HERE = Path(__file__).parent
DATA = HERE.resolve().parents[2] / "shared" / "data"


@pytest.fixture
def run_real(tmp_path):
    """Run a study of real data and return how to read its tables; the test is skipped where the data are absent."""

    def run(name, file):
        raw = DATA / file
        if not raw.exists():
            pytest.skip(f"{file} is not there: data of others, beside the checkout in shared/data")
        folder, results = tmp_path / name, tmp_path / f"{name}_results"
        folder.mkdir()
        shutil.copy(HERE / "studies" / "real" / f"{name}.yaml", folder / "study.yaml")
        copy = Path(shutil.copy(raw, folder))
        before = hashlib.sha256(copy.read_bytes()).hexdigest()
        study = load_study(folder)
        steps.run_cohort(study, folder / "study.yaml", results)
        for stage in steps.STAGES[1:]:
            steps.run_stage(stage, study, results)
        steps.join_accounts(results)
        for chapter in steps.CHAPTERS:
            steps.draw_figures(chapter, study, results)
        write_report(results, study)
        assert hashlib.sha256(copy.read_bytes()).hexdigest() == before
        assert (results / "report.html").stat().st_size > 10_000

        def read(table):
            if table == "endpoints":
                return pd.read_parquet(results / "derived" / "endpoints.parquet")
            path = results / "tables" / f"{table}.csv"
            return pd.read_csv(path, float_precision="round_trip", keep_default_na=False, na_values=[""])

        return read

    return run


def test_radiant_4_from_its_reconstructed_times(run_real):
    read = run_real("radiant4", "radiant4/pfs.csv")
    median = read("km_summary").set_index(["group_by", "group"])["median_months"]
    assert median["arm", "everolimus"] == pytest.approx(11.3, abs=0.05)
    assert median["arm", "placebo"] == pytest.approx(4.01, abs=0.005)
    cox = read("cox").set_index(["model", "level"]).loc[("univariable", "everolimus")]
    ratio = cox[["hazard_ratio", "hazard_ratio_low", "hazard_ratio_high"]].tolist()
    assert ratio == pytest.approx([0.558, 0.406, 0.766], abs=5e-4)


def test_radiant_4_with_its_placebo_arm_as_history(run_real):
    read = run_real("radiant4_control", "radiant4/pfs.csv")
    controls = read("controls").set_index(["method", "weights", "estimate"]).sort_index()
    row = controls.loc[[("cox", "none", "hazard_ratio")]].iloc[0]
    assert [row["value"], row["low"], row["high"]] == pytest.approx([0.558, 0.406, 0.766], abs=5e-4)
    assert (row["n"], row["n_control"]) == (205, 97)


def test_phaeochromocytoma_and_paraganglioma(run_real):
    read = run_real("pcpg", "tcga_pcpg/clinical.csv")
    summary = read("km_summary").set_index(["endpoint", "group_by", "group"]).sort_index()
    assert summary.loc[("pfi", "all", "all"), ["n", "events"]].tolist() == [179, 21]
    milestones = read("milestones").set_index(["endpoint", "group", "time_months"]).sort_index()["survival"]
    assert milestones["pfi", "all", 24] == pytest.approx(0.9005, abs=5e-5)
    assert milestones["pfi", "all", 60] == pytest.approx(0.8245, abs=5e-5)
    tests = read("logrank").set_index(["endpoint", "group_by", "test"]).sort_index()
    row = tests.loc[[("pfi", "tumour_type", "logrank")]].iloc[0]
    assert row["statistic"] == pytest.approx(1.2665, abs=1e-3)
    assert row["p_value"] == pytest.approx(0.260, abs=1e-3)


@pytest.mark.slow  # its endpoints are held in tests/reference/test_pancreatic_endpoints.py, in a second
def test_dates_of_the_united_states(run_real):
    read = run_real("pancreatic", "pancreatic/dates.csv")
    times = read("endpoints").pivot_table(index="patient_id", columns="endpoint", values="time_days")
    events = read("endpoints").pivot_table(index="patient_id", columns="endpoint", values="event")
    derived = pd.read_csv(DATA / "pancreatic/derived.csv")
    assert times["pfs"].tolist() == derived["pfs"].tolist()
    assert times["os"].tolist() == derived["os"].tolist()
    assert events["os"].tolist() == derived["status"].tolist()
