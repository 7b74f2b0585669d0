"""Results folders of two cuts of a small simulated registry, without figures and pages."""

from datetime import date

import pytest
import yaml

from prrt_outcomes import provenance, steps
from prrt_outcomes.simulate.registry import write_simulated_study
from prrt_outcomes.simulate.settings import SimulationSettings, apply_overrides
from prrt_outcomes.study.load import load_study

STAGES = ("treatment", "response", "endpoints", "survival", "responders", "controls", "safety")


def run_tables(folder, results):
    """Tables and provenance of a run, as its steps write them; the other stages stay out."""
    study, study_file = load_study(folder), folder / "study.yaml"
    steps.run_cohort(study, study_file, results)
    for stage in STAGES:
        steps.run_stage(stage, study, results)
    described = provenance.describe_run(study, study_file, results)
    provenance.write_provenance(results / "provenance.json", described)
    return results


def shorten(folder):
    """The study with what is needed here."""
    path = folder / "study.yaml"
    settings = yaml.safe_load(path.read_text("utf-8"))
    settings |= {"endpoints": ["pfs", "os"], "claims": settings["claims"][:1], "multiplicity": {"family": []}}
    settings["controls"] = [c for c in settings["controls"] if c["id"] in ("radiant2", "before_prrt")]
    settings["response"]["criteria"] = ["recist_1_1"]
    settings["analysis"] |= {
        "group_by": ["radionuclide"],
        "covariates": ["age_years", "sex"],
        "reference": {},
    }
    settings["analysis"] |= {
        "bootstrap": {"replicates": 50},
        "multiple_imputation_sets": 2,
        "landmark_months": [12],
    }
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def cuts(tmp_path_factory):
    """Folders of the studies of both cuts."""
    folder = tmp_path_factory.mktemp("cuts")
    settings = apply_overrides(SimulationSettings(), ["controls.patients=30"])
    options = {"patients": 40, "seed": 3, "settings": settings, "truth_patients": None}
    write_simulated_study(folder / "first", **options, later_cutoff=date(2022, 12, 31))
    return shorten(folder / "first"), shorten(folder / "first_2022")


@pytest.fixture(scope="session")
def results(cuts, tmp_path_factory):
    """Results folders of both cuts."""
    folder = tmp_path_factory.mktemp("results")
    return tuple(run_tables(cut, folder / cut.name) for cut in cuts)
