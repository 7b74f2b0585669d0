"""The pancreatic table of asaur: dates to progression-free and overall survival, exactly."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "pancreatic"
spec = importlib.util.spec_from_file_location("endpoint_cases", ROOT / "tests/spec/endpoints/cases.py")
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)


@pytest.mark.skipif(not DATA.is_dir(), reason="the pancreatic table is not beside the checkout")
def test_pfs_and_os_are_those_of_the_derived_table():
    dates = pd.read_csv(DATA / "dates.csv", na_values=".")
    expected = pd.read_csv(DATA / "derived.csv")
    for column in ("onstudy", "progression", "death"):
        dates[column] = pd.to_datetime(dates[column], format="%m/%d/%Y").dt.strftime("%Y-%m-%d")
    rows = {"patients": [], "cycles": [], "follow_up": []}
    for number, row in enumerate(dates.to_dict("records")):
        patient = {"patient_id": str(number)}
        rows["patients"].append(patient)
        rows["cycles"].append(patient | {"cycle_date": row["onstudy"], "radiopharmaceutical": "other"})
        progression = row["progression"] if isinstance(row["progression"], str) else None
        follow_up = {"last_contact_date": row["death"], "vital_status": "dead", "death_date": row["death"]}
        rows["follow_up"].append(patient | follow_up | {"progression_date": progression})
    study = cases.make_study(["pfs", "os"], cutoff=None)
    table = cases.stage.run(cases.make_tables(rows, study), study)["endpoints"]
    for endpoint in ("pfs", "os"):
        ours = table[table["endpoint"] == endpoint]
        assert len(ours) == 41
        assert ours["time_days"].tolist() == expected[endpoint].tolist()
        assert ours["event"].tolist() == expected["status"].tolist()
