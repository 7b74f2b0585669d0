"""A study of three dozen patients, changed in one respect, through all stages in one process."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from prrt_outcomes import steps
from prrt_outcomes.study.load import load_study

STUDIES = Path(__file__).parents[1] / "workflow" / "studies"


@pytest.fixture
def run_stages(tmp_path):
    """Write the changed study, read it and run every stage; return the results folder."""

    def run(change, base="small"):
        folder, results = tmp_path / "study", tmp_path / "results"
        tables = {
            path.stem: pd.read_csv(path, dtype=str, keep_default_na=False)
            for path in (STUDIES / base / "data").glob("*.csv")
        }
        settings = yaml.safe_load((STUDIES / base / "study.yaml").read_text(encoding="utf-8"))
        settings["analysis"]["bootstrap"]["replicates"] = 10
        change(tables, settings)
        settings["tables"] = {name: f"data/{name}.csv" for name in tables}
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "data").mkdir(parents=True)
        for name, table in tables.items():
            table.to_csv(folder / "data" / f"{name}.csv", index=False)
        (folder / "study.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        study = load_study(folder)
        steps.run_cohort(study, folder / "study.yaml", results)
        for stage in steps.STAGES[1:]:
            steps.run_stage(stage, study, results)
        steps.join_accounts(results)
        return results

    return run
