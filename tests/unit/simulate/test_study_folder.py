"""A written study: it loads, passes the checks, and the committed example is what its settings give."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from prrt_outcomes.cohort.stage import check_cohort
from prrt_outcomes.errors import UsageError
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.simulate.study_folder import write_simulated_study
from prrt_outcomes.simulate.truth import compute_truth
from prrt_outcomes.study.load import load_study

EXAMPLE = Path(__file__).parents[3] / "studies" / "example"


def write(folder, *overrides, patients=60, seed=4, **options):
    settings = apply_overrides(SimulationSettings(), overrides)
    options = {"truth_patients": None} | options
    return write_simulated_study(folder, patients=patients, seed=seed, settings=settings, **options)


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("records.missing_share=0.3", "records.partial_date_share=0.9"),
        ("cohort.centres=1", "scans.interval_days=45", "scans.missed_share=0.4"),
        ("disease.progression_median_months=3", "disease.death_per_year_before_progression=2"),
        ("controls.patients=0", "follow_up.lost_per_year=1"),
        ("lesions.non_target_only_share=1", "treatment.retreatment_share=1"),
        ("lesions.complete_response_share=1",),
        ("cohort.first_year=2019", "cohort.last_year=2020"),
    ],
)
def test_a_written_study_passes_every_check_without_a_warning(tmp_path, overrides):
    path = write(tmp_path / "trial", *overrides, patients=150)
    study = load_study(path)
    assert study.synthetic
    result = check_cohort(study, path.parent)
    assert [f"{p.table} {p.row} {p.column} {p.value} {p.problem}" for p in result.problems] == []


def test_the_folder_holds_data_and_truth_but_the_study_names_only_data(tmp_path):
    path = write(tmp_path / "My Study-2")
    content = yaml.safe_load(path.read_text())
    assert content["study"] == "my_study_2"
    assert all(file.startswith("data/") for file in content["tables"].values())
    assert {p.name for p in (tmp_path / "My Study-2" / "truth").iterdir()} == {
        "parameters.yaml",
        "patients.csv",
        "control_patients.csv",
    }
    text = (path.parent / "data" / "patients.csv").read_text()
    assert '"' not in text
    truth = pd.read_csv(path.parent / "truth" / "patients.csv")
    assert len(truth) == 60


def test_the_truth_summary_is_written_on_request(tmp_path):
    path = write(tmp_path / "small", truth_patients=1000)
    summary = yaml.safe_load((path.parent / "truth" / "summary.yaml").read_text())
    assert summary == compute_truth(SimulationSettings(), 1000)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"patients": 0}, "at least 1"),
        ({"seed": -1}, "0 or more"),
        ({"name": "2nd"}, "cannot name a study"),
        ({"truth_patients": 10}, "at least 1000"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_written(tmp_path, options, said):
    with pytest.raises(UsageError, match=said):
        write(tmp_path / "none", **options)
    assert not (tmp_path / "none").exists()


def test_a_study_is_not_overwritten_unless_asked(tmp_path):
    write(tmp_path / "one")
    with pytest.raises(UsageError, match="holds a study already"):
        write(tmp_path / "one")
    write(tmp_path / "one", overwrite=True, seed=5)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        write(tmp_path / "file")


def test_the_committed_example_is_what_its_settings_and_seed_give(tmp_path):
    parameters = yaml.safe_load((EXAMPLE / "truth" / "parameters.yaml").read_text())
    settings = SimulationSettings.model_validate(parameters["settings"])
    assert settings == SimulationSettings()
    path = write_simulated_study(
        tmp_path / "example",
        patients=parameters["patients"],
        seed=parameters["seed"],
        settings=settings,
        truth_patients=None,
    )
    assert path.read_text() == (EXAMPLE / "study.yaml").read_text()
    for file in sorted((path.parent / "data").iterdir()):
        ours = pd.read_csv(file)
        pd.testing.assert_frame_equal(ours, pd.read_csv(EXAMPLE / "data" / file.name), rtol=1e-9)


def test_truth_has_every_quantity_and_they_fit_together():
    truth = compute_truth(SimulationSettings(), 6000)
    rates = truth["response_rates"]["all"]
    six = ("CR", "PR", "SD", "NON-CR/NON-PD", "PD", "NE")
    assert sum(rates[name] for name in six) == pytest.approx(1)
    assert rates["disease_control"] == pytest.approx(1 - rates["PD"] - rates["NE"])
    for endpoint in ("pfs", "os"):
        curve = truth["survival"][endpoint]["all"]["all"]
        assert curve["milestones"][12] > curve["milestones"][24] > curve["milestones"][60]
        responders = truth["responders"][endpoint]
        assert responders["naive"] < responders["time_dependent"]
        assert truth["controls"][endpoint]["unadjusted"] < truth["controls"][endpoint]["att"] < 1
        assert truth["cox"][endpoint]["multivariable"]["grade:G3"] > 2
    pfs, os = (truth["survival"][e]["all"]["all"]["median_months"] for e in ("pfs", "os"))
    assert 24 < pfs < 32 < os
    assert yaml.safe_load(yaml.safe_dump(truth)) == truth
