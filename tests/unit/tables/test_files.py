"""Tables between steps: what is written is what is read."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.errors import StepError
from prrt_outcomes.tables.files import read_table, write_table
from prrt_outcomes.tables.frames import conform_table, empty_table

FRAME = pd.DataFrame(
    {
        "endpoint": ["pfs", "os"],
        "group_by": ["all", "arm"],
        "group": ["all", "NA"],
        "n": [3, pd.NA],
        "median_months": [1 / 3, np.nan],
        "status": ["ok", "not_reached"],
        "remark": ["a, b", 'with "quotes"'],
    }
)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_round_trip_of_a_result_table(tmp_path, suffix):
    path = tmp_path / "deep" / f"km_summary.{suffix}"
    write_table(path, "km_summary", FRAME)
    read = read_table(path, "km_summary")
    expected = conform_table("km_summary", FRAME)
    pd.testing.assert_frame_equal(read, expected, check_dtype=suffix == "parquet")
    assert read["median_months"][0] == 1 / 3
    assert read["group"][1] == "NA"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("table", ["follow_up", "responses", "cycles", "cox"])
def test_round_trip_without_rows(tmp_path, table, suffix):
    path = tmp_path / f"{table}.{suffix}"
    write_table(path, table, empty_table(table))
    pd.testing.assert_frame_equal(read_table(path, table), empty_table(table))


def test_csv_holds_iso_dates_true_false_and_nothing_for_missing(tmp_path):
    frame = pd.DataFrame(
        {
            "patient_id": ["a", "b"],
            "cycle_date": pd.to_datetime(["2014-05-07", None]),
            "amino_acids": [True, pd.NA],
            "activity_gbq": [7.4, np.nan],
        }
    )
    path = tmp_path / "cycles.csv"
    write_table(path, "cycles", frame)
    assert path.read_text(encoding="utf-8").splitlines() == [
        "patient_id,cycle_date,radiopharmaceutical,activity_gbq,amino_acids,kidney_dose_gy,marrow_dose_gy,weight_kg",
        "a,2014-05-07,,7.4,true,,,",
        "b,,,,,,,",
    ]
    pd.testing.assert_frame_equal(read_table(path, "cycles"), conform_table("cycles", frame))


def test_extra_columns_keep_their_type_in_parquet(tmp_path):
    path = tmp_path / "patients.parquet"
    frame = pd.DataFrame({"patient_id": ["a", "b"], "arm": ["x", "y"]})
    write_table(path, "patients", frame, {"arm": "category"})
    assert str(read_table(path, "patients")["arm"].dtype) == "category"


def test_infinity_is_never_written_and_the_old_file_stays(tmp_path):
    path = tmp_path / "km_summary.csv"
    write_table(path, "km_summary", FRAME)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"km_summary\.median_months: infinite"):
        write_table(path, "km_summary", FRAME.assign(median_months=[np.inf, 1.0]))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("csv", b""),
        ("csv", b"\xff\xfe\0" * 30),
        ("csv", b'n,group\n"1'),
        ("csv", b"n,group\n1,2\n1,2,3,4,5,6\n"),
        ("parquet", b""),
        ("parquet", b"PAR1"),
    ],
)
def test_a_damaged_table_is_told_with_what_makes_it_again(tmp_path, suffix, content):
    path = tmp_path / f"km_summary.{suffix}"
    path.write_bytes(content)
    with pytest.raises(StepError, match="is damaged: delete it, and the same command makes it again"):
        read_table(path, "km_summary")


def test_a_parquet_file_with_a_damaged_middle(tmp_path):
    path = tmp_path / "km_summary.parquet"
    write_table(path, "km_summary", pd.concat([FRAME] * 50))
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + b"\0" * 400 + whole[440:])
    with pytest.raises(StepError, match="is damaged"):
        read_table(path, "km_summary")
