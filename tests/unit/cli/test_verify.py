"""`verify` runs a study again and says of every file that differs what differs, and what else changed since."""

import json
import shutil
from pathlib import Path

import pytest

from prrt_outcomes import provenance
from prrt_outcomes.cli import verify
from prrt_outcomes.cli.main import main

FILES = {"tables/cox.csv": "term,ratio\nage,1.5\nsex,2\n", "figures/survival/km.svg": "<svg/>"}
DESCRIBED = {"code": "abc", "libraries": {"numpy": "2.4.6"}, "inputs": {"a.csv": "1"}, "outputs": {}}


def write_results(folder, files=FILES, described=DESCRIBED):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "provenance.json").write_text(json.dumps(described))
    provenance.note_made(folder, "all", [folder / name for name in files])


@pytest.fixture
def results(tmp_path):
    study_file = tmp_path / "study" / "study.yaml"
    study_file.parent.mkdir()
    study_file.write_text("study: s\n")
    write_results(tmp_path / "results")
    provenance.note_study(tmp_path / "results", study_file)
    return tmp_path / "results"


def check(results, monkeypatch, capsys, *arguments, status=0, **again):
    """Verify results whose new run leaves `again`; what is said, and where the new run was made."""
    places = []

    def follow(command, folder, lock, progress):
        places.append((folder, command[-1]))
        write_results(folder, **again)
        return status

    monkeypatch.setattr(verify, "follow", follow)
    code = main(["verify", str(results), *arguments])
    assert not places[0][0].exists()
    assert places[0][0] != results
    said = capsys.readouterr()
    return code, (said.out + said.err).splitlines(), places[0][1]


def test_equal_files_are_status_0(results, monkeypatch, capsys):
    code, said, command = check(results, monkeypatch, capsys)
    assert (code, said) == (0, ["2 files are equal"])
    assert command == f"study={(results.parent / 'study' / 'study.yaml').resolve()}"


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {"tables/cox.csv": "term,ratio\nage,1.5\nsex,3\n"},
            "tables/cox.csv: row 3, column ratio: 2, in the new run 3",
        ),
        (
            {"tables/cox.csv": "term,ratio\nage,1.5\n"},
            "tables/cox.csv: row 3, column term: sex, in the new run ",
        ),
        ({"figures/survival/km.svg": "<svg />"}, "figures/survival/km.svg: other bytes"),
        ({"tables/new.csv": "a\n"}, "tables/new.csv: only in the new run"),
    ],
    ids=["cell", "row", "figure", "file"],
)
def test_what_differs_is_named_with_its_first_cell(results, monkeypatch, capsys, files, line):
    code, said, _ = check(results, monkeypatch, capsys, files=FILES | files)
    assert code == 1
    assert said == [line, f"1 of {len(FILES | files)} files differ"]


def test_a_file_that_was_removed_or_edited_since_is_named(results, monkeypatch, capsys):
    (results / "tables/cox.csv").unlink()
    (results / "figures/survival/km.svg").write_text("<svg>edited</svg>")
    code, said, _ = check(results, monkeypatch, capsys)
    assert code == 1
    assert said[:2] == ["figures/survival/km.svg: other bytes", "tables/cox.csv: only in the new run"]


def test_what_changed_since_the_run_is_said_first(results, monkeypatch, capsys):
    now = DESCRIBED | {"code": "abd", "libraries": {"numpy": "2.5"}, "inputs": {"a.csv": "2", "b.csv": "1"}}
    code, said, _ = check(results, monkeypatch, capsys, described=now)
    changes = [
        "changed since the run, code: abc, now abd",
        "changed since the run, inputs: a.csv, b.csv",
        "changed since the run, libraries: numpy",
    ]
    assert (code, said) == (0, [*changes, "2 files are equal"])
    other = FILES | {"tables/cox.csv": "term,ratio\nage,1\nsex,2\n"}
    code, said, _ = check(results, monkeypatch, capsys, described=now, files=other)
    assert code == 1
    assert said[3:] == [
        "tables/cox.csv: row 2, column ratio: 1.5, in the new run 1",
        "1 of 2 files differ; they could not be expected to be equal",
    ]


def test_a_study_that_moved_is_named_by_the_user(results, monkeypatch, capsys, tmp_path):
    moved = Path(shutil.move(results.parent / "study", tmp_path / "elsewhere"))
    assert main(["verify", str(results)]) == 2
    said = capsys.readouterr().err
    assert "is not where it was when the run was made" in said
    assert "name it with --study" in said
    code, _, command = check(results, monkeypatch, capsys, "--study", str(moved))
    assert (code, command) == (0, f"study={moved / 'study.yaml'}")
    (results / provenance.STUDY_PLACE).unlink()
    assert main(["verify", str(results)]) == 2
    assert "name it with --study" in capsys.readouterr().err


def test_a_new_run_that_fails_and_a_folder_without_a_run_are_status_3(results, monkeypatch, capsys, tmp_path):
    code, said, _ = check(results, monkeypatch, capsys, status=1)
    assert code == 3
    assert "the new run failed" in said[-1]
    assert main(["verify", str(tmp_path / "study")]) == 3
    assert "holds no finished run" in capsys.readouterr().err
