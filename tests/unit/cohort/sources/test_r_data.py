"""Data frames of R become the text that a csv of the same table would hold; other objects are refused."""

import bz2
import gzip
import lzma

import numpy as np
import pandas as pd
import pytest
import rdata

from prrt_outcomes.adopt.grid import read_grids
from prrt_outcomes.cohort.sources import raw_table
from prrt_outcomes.cohort.sources.files import read_source
from prrt_outcomes.study.base import TableSource

FRAME = pd.DataFrame(
    {
        "id": ["P1", "P2", None],
        "group": pd.Categorical(["b", "a", "a"], ["b", "a"]),
        "n": pd.array([1, None, 3], "Int32"),
        "x": [0.1, 7400.0, np.nan],
        "yes": pd.array([True, None, False], "boolean"),
    }
)
TEXTS = {
    "id": ["P1", "P2", ""],
    "group": ["b", "a", "a"],
    "n": ["1", "", "3"],
    "x": ["0.1", "7400", ""],
    "yes": ["true", "", "false"],
}
# saveRDS(..., ascii = TRUE) of R 4, lines parted by |: Date and POSIXct in Berlin, and data.frame(k = 1:3)
DATES = (
    "A|3|262658|197888|5|UTF-8|787|2|782|2|16197|NA|1026|1|262153|5|class|16|1|262153|4|Date|254|782|2|1399498200|"
    "1399500000|1026|511|16|2|262153|7|POSIXct|262153|6|POSIXt|1026|1|262153|5|tzone|16|1|262153|13|Europe/Berlin|254|"
    "1026|1|262153|5|names|16|2|262153|3|day|262153|2|at|1026|511|16|1|262153|10|data.frame|1026|1|262153|9|row.names|"
    "13|2|NA|-2|254|"
)
SEQUENCE = (
    "A|3|262658|197888|5|UTF-8|787|1|238|2|1|262153|14|compact_intseq|2|1|262153|4|base|2|13|1|13|254|14|3|{n}|1|1|254|"
    "1026|1|262153|5|names|16|1|262153|1|k|1026|1|262153|5|class|16|1|262153|10|data.frame|1026|1|262153|9|row.names|13|"
    "2|NA|-{n}|254|"
)


def read(tmp_path, file, **settings):
    return read_source(tmp_path, "patients", TableSource(file=file, **settings))


def told(tmp_path, file, **settings):
    return [(p.value, p.problem) for p in read(tmp_path, file, **settings).problems]


def content(result):
    assert result.problems == ()
    return {name: values.to_pylist() for name, values in result.raw.columns.items()}


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_values_and_compressions(tmp_path, pack):
    rdata.write_rds(tmp_path / "t.rds", FRAME, compression=None)
    (tmp_path / "t.rds").write_bytes(pack((tmp_path / "t.rds").read_bytes()))
    result = read(tmp_path, "t.rds")
    assert content(result) == TEXTS
    assert result.raw.lines.tolist() == [2, 3, 4]
    assert content(read(tmp_path, "t.rds", decimal=","))["x"][0] == "0,1"


def test_an_object_that_is_no_data_frame_and_a_damaged_file(tmp_path):
    rdata.write_rds(tmp_path / "t.rds", {"a": np.array([1.0])})
    assert told(tmp_path, "t.rds") == [("dict", "the file holds no data frame")]
    (tmp_path / "t.rds").write_bytes(b"X\n\0\0\0\3" + b"\0" * 40)
    assert told(tmp_path, "t.rds") == [("t.rds", "the file cannot be read as RDS")]
    (tmp_path / "t.RData").write_bytes(b"RDX3")
    assert told(tmp_path, "t.RData")[0][1] == "unknown kind of file"


def test_a_file_that_unpacks_to_far_more_than_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_table, "MODEST_GB", 0.001)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        (tmp_path / "t.rds").write_bytes(pack(b"X\n" + b"\0" * (1 << 26)))
        assert told(tmp_path, "t.rds")[0][1] == "the file is larger in memory than the limit"


def test_days_and_moments(tmp_path):
    (tmp_path / "t.rds").write_text(DATES.replace("|", "\n"), encoding="ascii")
    assert content(read(tmp_path, "t.rds")) == {
        "day": ["2014-05-07", ""],
        "at": ["2014-05-07 23:30:00", "2014-05-08"],
    }


@pytest.mark.parametrize(
    ("n", "problems"), [(3, []), (2_000_000_000, ["the file is larger in memory than the limit"])]
)
def test_a_sequence_that_is_held_as_its_ends(tmp_path, n, problems):
    (tmp_path / "t.rds").write_text(SEQUENCE.format(n=n).replace("|", "\n"), encoding="ascii")
    assert [problem for _, problem in told(tmp_path, "t.rds")] == problems


def test_tables_in_the_cells_are_sheets(tmp_path, monkeypatch):
    from prrt_outcomes.cohort.sources import r_data

    inner = [pd.DataFrame({"id": ["P1"], "a": [1.0]}), pd.DataFrame({"id": ["P2"], "b": [2.5]})]
    outer = pd.DataFrame({"form": ["one", "two"], "data": inner, "other": [[1, 2], [3]]})
    (tmp_path / "t.rds").write_bytes(b"X\n")
    monkeypatch.setattr(r_data.rdata.parser, "parse_data", lambda *_, **__: None)
    monkeypatch.setattr(r_data.rdata.conversion, "convert", lambda *_, **__: outer)
    assert content(read(tmp_path, "t.rds")) == {"id": ["P1"], "a": ["1"]}
    assert content(read(tmp_path, "t.rds", sheet="two")) == {"id": ["P2"], "b": ["2.5"]}
    assert told(tmp_path, "t.rds", sheet="three") == [("three", "the file has no such table")]
    assert [grid.sheet for grid in read_grids(tmp_path / "t.rds")] == ["one", "two"]
    monkeypatch.setattr(r_data.rdata.conversion, "convert", lambda *_, **__: outer[["form", "other"]])
    assert [problem for _, problem in told(tmp_path, "t.rds")] == ["a column of nested values"]
