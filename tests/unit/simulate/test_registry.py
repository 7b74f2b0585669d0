"""A whole registry: repeatable, complete under the contract, read the same by two routes, written as a study."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from prrt_outcomes.cohort.read import read_cohort
from prrt_outcomes.errors import UsageError
from prrt_outcomes.simulate.history import derive_outcomes, draw_history, simulate_outcomes
from prrt_outcomes.simulate.registry import draw_simulation, simulate_registry, write_simulated_study
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.simulate.truth import compute_truth
from prrt_outcomes.study.load import load_study
from prrt_outcomes.study.model import INPUT_TABLES
from prrt_outcomes.tables.schema import load_schema

SETTINGS = SimulationSettings()


@pytest.fixture(scope="module")
def registry():
    return simulate_registry(SETTINGS, 300, 7)


def test_every_input_table_is_there_with_its_columns_and_keys(registry):
    assert set(registry) == set(INPUT_TABLES)
    for name, frame in registry.items():
        schema = load_schema(name)
        assert not frame.duplicated(list(schema.key)).any(), name
        assert {field.name for field in schema.kept_fields} <= set(frame.columns), name
        assert len(frame) > 0, name


def test_the_same_seed_gives_the_same_registry_and_another_seed_another(registry):
    again = simulate_registry(SETTINGS, 300, 7)
    for name, frame in registry.items():
        pd.testing.assert_frame_equal(frame, again[name])
    other = simulate_registry(SETTINGS, 300, 8)
    assert not registry["patients"]["age_years"].equals(other["patients"]["age_years"])


def test_nothing_is_known_after_the_last_contact(registry):
    follow_up = registry["follow_up"].set_index("patient_id")
    last = pd.to_datetime(follow_up["last_contact_date"])
    assert (last <= pd.Timestamp(SETTINGS.cohort.data_cutoff)).all()
    for table, column in (
        ("cycles", "cycle_date"),
        ("assessments", "assessment_date"),
        ("lesions", "assessment_date"),
        ("labs", "sample_date"),
        ("adverse_events", "onset_date"),
        ("questionnaires", "visit_date"),
        ("pet", "scan_date"),
    ):
        frame = registry[table]
        dates = pd.to_datetime(frame[column])
        assert (dates.to_numpy() <= last[frame["patient_id"]].to_numpy()).all(), table
    therapies = registry["therapies"]
    whole = therapies[therapies["start_date"].str.len() == 10]
    assert (pd.to_datetime(whole["start_date"]).to_numpy() <= last[whole["patient_id"]].to_numpy()).all()
    dead = follow_up["vital_status"] == "dead"
    assert (follow_up.loc[dead, "death_date"] == follow_up.loc[dead, "last_contact_date"]).all()
    assert follow_up.loc[~dead, "death_date"].isna().all()


def test_cycles_are_about_ten_weeks_apart_and_retreatment_follows_a_gap(registry):
    cycles = registry["cycles"].sort_values(["patient_id", "cycle_date"])
    gaps = cycles.groupby("patient_id", observed=True)["cycle_date"].diff().dt.days.dropna()
    inside = gaps[gaps <= 182]
    assert inside.median() == pytest.approx(70, abs=2)
    assert inside.min() >= 28
    assert inside.between(42, 98).mean() > 0.95
    assert (gaps > 182).sum() > 10


def test_lesions_belong_to_scans_and_follow_the_two_diameters(registry):
    lesions, scans = registry["lesions"], registry["assessments"]
    key = ["patient_id", "assessment_date"]
    joined = lesions[key].merge(scans[key].drop_duplicates(), on=key, how="left", indicator=True)
    assert (joined["_merge"] == "both").all()
    measured = lesions[lesions["state"] == "measured"]
    assert (measured["longest_mm"] >= measured["perpendicular_mm"]).all()
    unmeasured = lesions[lesions["state"] != "measured"]
    assert unmeasured[["longest_mm", "perpendicular_mm"]].isna().all(axis=None)
    targets = lesions[lesions["role"] == "target"]
    counts = targets.groupby(key, observed=True).size()
    assert counts.max() <= 5
    first = targets[targets["state"] == "measured"].drop_duplicates(["patient_id", "lesion_id"])
    assert (first.loc[first["lymph_node"], "perpendicular_mm"] >= 10).all()
    assert targets.groupby([*key, "organ"], observed=True).size().max() <= 2


def test_recist_from_the_tables_equals_the_reading_inside_the_simulator():
    simulation = draw_simulation(SETTINGS, 1500, 11)
    truth = derive_outcomes(simulation.history).set_index("patient_id")
    tables = simulation.tables
    start = tables["cycles"].groupby("patient_id", observed=True)["cycle_date"].min()
    targets = tables["lesions"][tables["lesions"]["role"] == "target"]
    size = targets["longest_mm"].where(~targets["lymph_node"], targets["perpendicular_mm"])
    size = size.where(targets["state"] != "absent", 0.0).where(targets["state"] != "too_small", 5.0)
    key = ["patient_id", "assessment_date"]
    sums = size.groupby([targets[k] for k in key], observed=True).agg(lambda x: x.sum(skipna=False))
    scans = tables["assessments"].merge(sums.rename("sum").reset_index(), on=key, how="left")
    scans["day"] = (scans["assessment_date"] - start[scans["patient_id"]].to_numpy()).dt.days
    first_pd = {}
    for patient, rows in scans[scans["day"] >= -120].groupby("patient_id", observed=True):
        rows = rows.sort_values("day")
        if rows["day"].iloc[0] > 0:
            continue
        nadir = rows["sum"].cummin().shift().ffill()
        grown = (rows["sum"] >= 1.2 * nadir - 1e-9) & (rows["sum"] - nadir >= 5)
        other = (rows["new_lesion"].fillna(False) | (rows["non_target"] == "PD")).to_numpy(dtype=bool)
        seen = rows[(grown.to_numpy() | other) & (rows["day"] > 0).to_numpy()]
        if len(seen):
            first_pd[patient] = seen["day"].iloc[0]
    expected = truth.loc[truth["ttp_event"] == 1, "pfs_days"]
    found = pd.Series(first_pd)
    pd.testing.assert_series_equal(
        found.astype(float).sort_index(), expected.sort_index(), check_names=False, check_index_type=False
    )


def test_a_changed_effect_leaves_the_other_draws():
    changed = apply_overrides(SETTINGS, ["effects.treatment_death_hazard_ratio=1", "records.missing_share=0"])
    one, two = draw_history(SETTINGS, 200, 5), draw_history(changed, 200, 5)
    np.testing.assert_array_equal(one.progression_days, two.progression_days)
    np.testing.assert_array_equal(one.readings.value_mm, two.readings.value_mm)


def test_without_missing_values_only_what_was_not_measured_is_empty():
    complete = apply_overrides(SETTINGS, ["records.missing_share=0", "records.partial_date_share=0"])
    tables = simulate_registry(complete, 100, 3)
    patients = tables["patients"].drop(columns=["stop_reason", "reported_best_response", "weight_kg"])
    assert not patients.isna().any(axis=None)
    assert (tables["patients"]["diagnosis_date_precision"] == "day").all()
    assert "unknown" not in set(patients["grade"])
    assert not tables["cycles"]["activity_gbq"].isna().any()


def test_missing_and_partial_shares_are_as_asked():
    half = apply_overrides(SETTINGS, ["records.missing_share=0.2", "records.partial_date_share=0.6"])
    patients = simulate_registry(half, 2000, 3)["patients"]
    assert patients["ecog"].isna().mean() == pytest.approx(0.2, abs=0.04)
    assert (patients["diagnosis_date_precision"] != "day").mean() == pytest.approx(0.6, abs=0.04)
    assert (patients["diagnosis_date_precision"] == "year").mean() == pytest.approx(0.2, abs=0.03)


def test_the_scan_interval_is_as_asked():
    often = apply_overrides(SETTINGS, ["scans.interval_days=60", "scans.missed_share=0"])
    scans = simulate_registry(often, 200, 3)["assessments"].sort_values(["patient_id", "assessment_date"])
    gaps = scans.groupby("patient_id", observed=True)["assessment_date"].diff().dt.days
    assert gaps.median() == pytest.approx(60, abs=4)


def test_light_outcomes_are_those_of_the_whole_registry():
    light = simulate_outcomes(SETTINGS, 150, 9)
    whole = derive_outcomes(draw_simulation(SETTINGS, 150, 9).history)
    pd.testing.assert_frame_equal(light[whole.columns], whole)


@pytest.mark.parametrize("patients", [1, 2, 5])
def test_a_few_patients_are_enough(patients):
    tables = simulate_registry(SETTINGS, patients, 1)
    assert len(tables["patients"]) == patients
    assert len(tables["follow_up"]) == patients


DEEP = ("lesions.complete_response_share=1",)
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
        DEEP,
        ("cohort.first_year=2019", "cohort.last_year=2020"),
    ],
)
def test_a_written_study_passes_every_check_without_a_warning(tmp_path, overrides):
    path = write(tmp_path / "trial", *overrides, patients=150)
    study = load_study(path)
    assert study.synthetic
    result = read_cohort(study, path.parent)
    # The only target of a deep response falls to a tenth, as a size in cm would.
    told = [p for p in result.problems if not (overrides == DEEP and "as cm for mm" in p.problem)]
    assert [f"{p.table} {p.row} {p.column} {p.value} {p.problem}" for p in told] == []


def test_the_folder_holds_data_and_truth_but_the_study_names_only_data(tmp_path):
    path = write(tmp_path / "My Study-2")
    content = yaml.safe_load(path.read_text())
    assert content["study"] == "my_study_2"
    assert all(file.startswith("data/") for file in content["tables"].values())
    assert {p.name for p in (tmp_path / "My Study-2" / "truth").iterdir()} == {
        "parameters.yaml",
        "patients.csv",
        "control_patients.csv",
        "questionnaires.csv",
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
    ("folder", "options", "said"),
    [
        ("none", {"patients": 0}, "at least 1"),
        ("none", {"seed": -1}, "0 or more"),
        ("2nd", {}, "cannot name a study"),
        ("none", {"truth_patients": 10}, "at least 1000"),
    ],
)
def test_impossible_requests_are_refused_before_anything_is_written(tmp_path, folder, options, said):
    with pytest.raises(UsageError, match=said):
        write(tmp_path / folder, **options)
    assert not (tmp_path / folder).exists()


def test_a_study_is_not_overwritten(tmp_path):
    write(tmp_path / "one")
    with pytest.raises(UsageError, match="holds a study already"):
        write(tmp_path / "one")
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
        later_cutoff=date(2022, 12, 31),
    )
    assert path.read_text("utf-8") == (EXAMPLE / "study.yaml").read_text("utf-8")
    later = tmp_path / "example_2022"
    for file in sorted(file for file in later.rglob("*") if file.is_file()):
        committed = EXAMPLE.with_name("example_2022") / file.relative_to(later)
        assert file.read_text("utf-8") == committed.read_text("utf-8")
    package = json.loads((path.parent / "datapackage.json").read_text("utf-8"))
    assert package["title"] in path.read_text("utf-8")
    assert [resource["path"] for resource in package["resources"]] == [
        s.file for (s,) in load_study(path).tables.values()
    ]
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
