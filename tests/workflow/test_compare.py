"""Two cuts of a registry, compared: what was computed is what a run writes, and each change has its cause."""

import json
import shutil
from datetime import date

import numpy as np
import pandas as pd
import pytest
import yaml

from prrt_outcomes import provenance, steps
from prrt_outcomes.cli.main import main
from prrt_outcomes.compare.headline import compute_headline
from prrt_outcomes.compare.numbers import CAUSES, list_values
from prrt_outcomes.compare.runs import DECISIONS, RESULTS, Run, compare_runs, read_run
from prrt_outcomes.errors import UsageError
from prrt_outcomes.simulate.registry import write_simulated_study
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.study.load import load_study
from prrt_outcomes.tables.files import write_table
from prrt_outcomes.tables.frames import empty_table
from prrt_outcomes.tables.schema import list_tables

STAGES = ("treatment", "response", "endpoints", "survival", "responders", "controls", "safety")


def describe(study, folder, results):
    described = provenance.describe_run(study, folder / "study.yaml", results)
    provenance.write_provenance(results / "provenance.json", described)
    return results


def run_tables(folder, results):
    """Tables and provenance of a run, as its steps write them; the other stages stay out."""
    study = load_study(folder)
    steps.run_cohort(study, folder / "study.yaml", results)
    for stage in STAGES:
        steps.run_stage(stage, study, results)
    return describe(study, folder, results)


def compute_tables(folder, results):
    """The same with the tables that are compared alone, computed as those of a scenario."""
    study = load_study(folder)
    steps.run_cohort(study, folder / "study.yaml", results)
    names = [name for name in list_tables("input") if (results / steps.table_path(name)).is_file()]
    inputs = {name: empty_table(name, study.extra_columns) for name in list_tables("input")}
    made = compute_headline(inputs | steps.read_tables(names, results), study)
    for name in (*DECISIONS, *RESULTS):
        path = results / steps.table_path(name)
        path.parent.mkdir(exist_ok=True)
        write_table(path, name, made[name])
    return describe(study, folder, results)


def shorten(folder):
    """The study with what is needed here."""
    path = folder / "study.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings |= {"endpoints": ["pfs", "os"], "claims": [], "multiplicity": {"family": []}}
    settings["controls"] = [c for c in settings["controls"] if c["id"] in ("radiant2", "before_prrt")]
    settings["response"]["criteria"] = ["recist_1_1"]
    settings["analysis"] |= {
        "group_by": ["radionuclide"],
        "covariates": ["age_years", "sex"],
        "reference": {},
    }
    settings["analysis"] |= {
        "bootstrap": {"replicates": 2},
        "multiple_imputation_sets": 2,
        "landmark_months": [12],
    }
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def cuts(tmp_path_factory):
    """Folders of the studies of both cuts."""
    folder = tmp_path_factory.mktemp("cuts")
    settings = apply_overrides(SimulationSettings(), ["controls.patients=20"])
    options = {"patients": 30, "seed": 3, "settings": settings, "truth_patients": None}
    write_simulated_study(folder / "first", **options, later_cutoff=date(2022, 12, 31))
    return shorten(folder / "first"), shorten(folder / "first_2022")


@pytest.fixture(scope="module")
def results(cuts, tmp_path_factory):
    """Results folders of both cuts."""
    folder = tmp_path_factory.mktemp("results")
    return compute_tables(cuts[0], folder / "first"), run_tables(cuts[1], folder / "second")


@pytest.fixture(scope="module")
def found(results):
    return compare_runs(*map(read_run, results))


def test_the_numbers_of_a_scenario_are_those_of_a_run(results):
    run = read_run(results[1])
    computed = list_values(compute_headline(run.inputs, run.study))
    written = list_values(run.results)
    assert len(written) > 500
    pd.testing.assert_frame_equal(computed, written, rtol=1e-12)


def test_the_steps_between_the_cuts_are_found_and_add_up(found):
    assert found.causes == ("removed_patients", "corrected_data", "longer_follow_up", "new_patients")
    assert found.settings.empty
    whole = found.numbers[found.numbers["status"].eq("ok")]
    np.testing.assert_allclose(whole[list(CAUSES)].sum(axis=1), whole["difference"], atol=1e-9)
    np.testing.assert_allclose(whole["new"] - whole["old"], whole["difference"], atol=1e-9)
    numbers = found.numbers.set_index("name")
    size = numbers.loc["km.os.all.n"]
    assert size["removed_patients"] == -2
    assert size["corrected_data"] == size["longer_follow_up"] == 0
    assert size["new_patients"] == size["difference"] + 2 > 0
    assert numbers.loc["km.os.all.follow_up", "longer_follow_up"] > 3


def test_every_change_of_a_patient_has_its_cause(found):
    patients = found.patients
    assert patients["change"].eq("patient_removed").sum() == 2
    corrected = patients[
        patients["cause"].eq("corrected_data") & patients["column"].isin(["longest_mm", "grade"])
    ]
    assert set(corrected["column"]) <= {"longest_mm", "grade"}
    assert corrected["column"].eq("longest_mm").any()
    assert (corrected["old"] != corrected["new"]).all()
    follow_up = patients[patients["cause"].eq("longer_follow_up")]
    assert {"follow_up", "endpoints", "lesions"} <= set(follow_up["table"])
    came = set(patients.loc[patients["change"].str.startswith("patient_"), "patient_id"])
    assert not came & set(patients.loc[~patients["change"].str.startswith("patient_"), "patient_id"])
    events = follow_up[follow_up["table"].eq("endpoints") & follow_up["column"].eq("event")]
    movers = found.numbers.set_index("name").loc["km.os.all.events", "n_patients"]
    assert movers >= events.loc[events["scope"].eq("os"), "patient_id"].nunique()


def test_a_run_against_itself_has_not_changed(results):
    same = compare_runs(read_run(results[0]), read_run(results[0]))
    assert same.causes == ()
    assert same.patients.empty
    assert same.numbers["difference"].fillna(0).eq(0).all()
    assert set(same.numbers["status"]) <= {"ok", "without"}


def change_provenance(results, folder, change):
    shutil.copytree(results, folder)
    path = folder / "provenance.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_another_setting_moves_what_it_decides(results):
    old = read_run(results[0])
    settings = old.study.model_dump(mode="json")
    settings["response"]["minimum_stable_days"] = 400
    settings["analysis"]["milestones_months"] = [24]
    study = type(old.study).model_validate(settings)
    new = Run(old.folder, old.provenance, study, old.inputs, compute_headline(old.inputs, study))
    found = compare_runs(old, new)
    assert found.causes == ("changed_settings",)
    assert set(found.settings["setting"]) == {"analysis.milestones_months", "response.minimum_stable_days"}
    assert set(found.patients["cause"]) == {"changed_settings"}
    decided = found.patients[found.patients["column"].eq("best_response")]
    assert set(decided["old"]) == {"SD"}
    assert set(decided["new"]) == {"NE", "PD"}
    numbers = found.numbers.set_index("name")
    fewer = numbers.loc["response.recist_1_1.not_confirmed.all.SD.n"]
    assert fewer["changed_settings"] == fewer["difference"] < 0
    assert -fewer["difference"] <= decided["patient_id"].nunique() <= fewer["n_patients"]
    assert numbers.loc["milestones.os.all._12.survival", "status"] == "gone"
    assert numbers.loc["km.os.all.median", "n_patients"] == 0


def test_an_endpoint_and_a_grouping_that_one_side_has_are_attributed_to_nothing(results):
    """The same run under settings without overall survival and without a grouping."""
    old = read_run(results[0])
    analysis = old.study.analysis.model_copy(update={"group_by": ()})
    study = old.study.model_copy(update={"endpoints": old.study.endpoints[:1], "analysis": analysis})
    kept = dict(old.results)
    for name in ("endpoints", "km_summary", "km_curve", "milestones", "cox"):
        table = kept[name][kept[name]["endpoint"].eq("pfs")]
        kept[name] = table[table["group_by"].eq("all")] if "group_by" in table else table
    kept["analysis_set"] = kept["analysis_set"].drop(columns="radionuclide")
    for pair, status in (
        ((old, Run(old.folder, old.provenance, study, old.inputs, kept)), "gone"),
        ((Run(old.folder, old.provenance, study, old.inputs, kept), old), "new"),
    ):
        numbers = compare_runs(*pair).numbers.set_index("name")
        assert numbers.loc["km.os.all.n", "status"] == status
        assert np.isnan(numbers.loc["km.os.all.n", "changed_settings"])
        groups = numbers[numbers["alias"].eq("km") & numbers["group_by"].eq("radionuclide")]
        assert set(groups["status"]) <= {status, "without"}
        assert groups["n_patients"].isna().all()
        assert numbers.loc["km.pfs.all.n", "status"] == "ok"


def test_old_data_under_this_code_show_what_the_code_changed(results, tmp_path):
    other = change_provenance(results[0], tmp_path / "other", lambda content: content.update(code="0" * 16))
    path = other / "tables" / "km_summary.csv"
    table = pd.read_csv(path)
    table["median_months"] += 1.0
    table.to_csv(path, index=False)
    shutil.rmtree(other / ".snakemake")
    row = (
        compare_runs(read_run(other), read_run(results[0])).numbers.set_index("name").loc["km.pfs.all.median"]
    )
    assert row["changed_code"] == pytest.approx(-1.0)
    assert row["difference"] == pytest.approx(-1.0)


def test_the_files_are_written_and_say_that_they_are_not_for_release(
    results, found, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    monkeypatch.setattr("prrt_outcomes.compare.runs.compare_runs", lambda old, new, cores: found)
    assert main(["compare", *map(str, results), "--out", str(out), "--cores", "1"]) == 0
    said = capsys.readouterr().out
    assert "2 removed" in said
    page = (out / "report.html").read_text("utf-8")
    assert "Not for release" in page
    assert "31 December 2022" in page
    assert "Longer follow-up" in page
    numbers = pd.read_csv(out / "numbers.csv", keep_default_na=False)
    assert {"name", "old", "new", "difference", *CAUSES} <= set(numbers)
    assert len(pd.read_csv(out / "patients.csv", low_memory=False)) > 100


def test_what_cannot_be_compared_is_said(results, tmp_path, capsys):
    with pytest.raises(UsageError, match="no results folder of a finished run: there is no such folder"):
        read_run(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    assert main(["compare", str(tmp_path / "empty"), str(results[0]), "--out", str(tmp_path / "out")]) == 2
    assert "no provenance.json" in capsys.readouterr().err
    older = change_provenance(results[0], tmp_path / "older", lambda c: c["study"].update(gone=1))
    with pytest.raises(UsageError, match="cannot read the settings"):
        read_run(older)
    (tmp_path / "older" / "provenance.json").write_bytes((results[0] / "provenance.json").read_bytes())
    (tmp_path / "older" / "cohort" / "follow_up.parquet").unlink()
    with pytest.raises(UsageError, match=r"lacks cohort/follow_up\.parquet: run the study again"):
        read_run(older)
    inside = results[0] / "comparison"
    (results[0] / ".snakemake" / "inputs.json").write_text("{}")
    assert main(["compare", *map(str, results), "--out", str(inside)]) == 2
    (results[0] / ".snakemake" / "inputs.json").unlink()


def test_folders_of_other_patients_are_refused(results):
    run = read_run(results[0])
    ids = run.inputs["patients"].assign(patient_id="X" + run.inputs["patients"]["patient_id"])
    other = type(run)(run.folder, run.provenance, run.study, run.inputs | {"patients": ids}, run.results)
    with pytest.raises(UsageError, match="no patient in common"):
        compare_runs(other, run)
