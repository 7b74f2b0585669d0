"""Whatever goes wrong ends in words and an exit status, never in a traceback."""

import errno
import subprocess
import sys
from types import SimpleNamespace

import pytest

from prrt_outcomes.cli import main as command_line
from prrt_outcomes.errors import InputError, Problem, StepError, UsageError


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


def call(monkeypatch, error):
    """Run a command that ends in an error."""

    def fail(parsed):
        raise error

    monkeypatch.setattr(command_line, "import_module", lambda name: SimpleNamespace(main=fail))
    return command_line.main(["check", "study"])


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InputError([Problem("labs", 2, "value", "x", "no number", "a number")]), 1, "no number"),
        (UsageError("no such profile"), 2, "prrt-outcomes: no such profile"),
        (StepError("survival failed"), 3, "prrt-outcomes: survival failed"),
        (KeyboardInterrupt(), 3, "interrupted"),
        (MemoryError(), 3, "out of memory"),
        (OSError(errno.ENOSPC, "x", "/data/a.csv"), 3, "the disk is full: /data/a.csv"),
        (PermissionError(errno.EACCES, "x", "/data/a.csv"), 3, "permission denied: /data/a.csv"),
        (OSError(errno.EFBIG, "x"), 3, "(ulimit -f); free disk space and run the same command again"),
        (OSError(errno.EROFS, "x"), 3, "the file system is read-only"),
        (ValueError("first line\nsecond line"), 3, "ValueError: first line. This is a fault of the program"),
    ],
)
def test_an_error_becomes_words_and_a_status(monkeypatch, capsys, error, status, words):
    assert call(monkeypatch, error) == status
    said = capsys.readouterr()
    assert words in said.err
    assert "Traceback" not in said.out + said.err
    assert "second line" not in said.err


def test_a_fault_of_the_program_leaves_its_details_in_a_file(monkeypatch, capsys, tmp_path):
    """Beside where the command was called, and nothing among the temporary files of the system."""
    call(monkeypatch, ZeroDivisionError("nothing"))
    assert "details in check.traceback" in capsys.readouterr().err
    assert "ZeroDivisionError: nothing" in (tmp_path / "check.traceback").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["walk"],
        ["run"],
        ["run", "study", "--cores", "0"],
        ["run", "study", "--cores", "two"],
        ["run", "study", "--unknown"],
        ["simulate", "--patients", "-5", "--seed", "1", "--out", "x"],
        ["simulate", "--patients", "5"],
    ],
)
def test_wrong_usage_is_status_2(capsys, arguments):
    with pytest.raises(SystemExit) as stop:
        command_line.main(arguments)
    assert stop.value.code == 2
    assert "usage: prrt-outcomes" in capsys.readouterr().err


def test_a_study_that_is_not_there_is_wrong_usage(capsys, tmp_path):
    for command in ("check", "run"):
        assert command_line.main([command, str(tmp_path / "nowhere")]) == 2
        assert "no study file" in capsys.readouterr().err


def test_help_names_the_commands_and_hides_step(capsys):
    with pytest.raises(SystemExit) as stop:
        command_line.main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    for command in ("init", "check", "run", "simulate", "controls", "trace", "verify"):
        assert f"    {command} " in text
    assert "    step " not in text


def test_version_is_that_of_the_package(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit):
        command_line.main(["--version"])
    assert capsys.readouterr().out == f"prrt-outcomes {version('prrt-outcomes')}\n"


def run_in_shell(command):
    python = f"'{sys.executable}' -m prrt_outcomes.cli.main"
    return subprocess.run(["bash", "-c", f"{python} {command}"], capture_output=True, text=True)


def test_a_reader_that_goes_away_and_a_full_disk_are_no_crash(tmp_path):
    study = tmp_path / "study"
    assert command_line.main(["init", str(study)]) == 0
    gone = run_in_shell(f"check '{study}' | true")
    assert gone.stderr == ""
    full = run_in_shell(f"check '{study}' > /dev/full")
    assert full.returncode == 3
    assert full.stderr == "prrt-outcomes: the disk is full; free disk space and run the same command again\n"
