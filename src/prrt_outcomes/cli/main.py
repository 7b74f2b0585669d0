"""`prrt-outcomes`: what a person types. Light, so that help comes at once; each command loads what it needs."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from prrt_outcomes.errors import InputError, PrrtError

FAILED = 3
EPILOG = """exit status: 0 all well; 1 the data or the study file have problems (printed, and in problems.csv);
2 wrong usage; 3 a step failed. STUDY is a study folder or its study.yaml."""


class _ShowVersion(argparse.Action):
    """Print the version; the metadata of the package are read only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: Any) -> None:
        from importlib.metadata import version

        print(f"prrt-outcomes {version('prrt-outcomes')}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="prrt-outcomes",
        description="From a registry of peptide receptor radionuclide therapy to response, survival, "
        "historical comparison and report.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    init = commands.add_parser(
        "init", help="write an empty study: study.yaml, tables to fill, data dictionary"
    )
    init.add_argument("folder", metavar="DIR", type=Path, help="folder that is made; nothing is overwritten")

    check = commands.add_parser("check", help="read a study and its tables and list every problem")
    check.add_argument("study", metavar="STUDY", type=Path)
    check.add_argument("--out", metavar="DIR", type=Path, help="also write DIR/problems.csv")

    run = commands.add_parser("run", help="run a study from its tables to its report")
    run.add_argument("study", metavar="STUDY", type=Path)
    run.add_argument("--out", metavar="DIR", type=Path, help="results folder; default results/<study>")
    run.add_argument("--cores", metavar="N", type=_positive, help="cores to use; default all")
    run.add_argument("--profile", metavar="P", default="local", help="local (default), slurm, or a folder")

    simulate = commands.add_parser("simulate", help="write a synthetic study that runs, with its truth")
    simulate.add_argument("--patients", metavar="N", type=_positive, required=True)
    simulate.add_argument("--seed", metavar="S", type=_not_negative, required=True)
    simulate.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder of the new study")
    simulate.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="set an effect or rule of the model, such as effects.objective_response_hazard_ratio=1; repeatable",
    )

    controls = commands.add_parser(
        "controls", help="list the published arms that a study can name, or explain one"
    )
    controls.add_argument("arm", metavar="ARM", nargs="?", help="an arm of the library")
    for name, words in (
        ("endpoint", "pfs, os, ttp"),
        ("role", "placebo, ssa, everolimus, sunitinib, prrt and so on"),
        ("tumour-group", "gep, lung, neuroectodermal, mixed"),
    ):
        controls.add_argument(f"--{name}", metavar="NAME", help=f"only arms with this one: {words}")

    patient = commands.add_parser(
        "patient", help="write the page of one patient, for those who treat the patient"
    )
    patient.add_argument("study", metavar="STUDY", type=Path)
    patient.add_argument("patient", metavar="PATIENT_ID")
    patient.add_argument(
        "--results", metavar="DIR", type=Path, help="results folder; default results/<study>"
    )
    patient.add_argument("--out", metavar="FILE", type=Path, required=True, help="page that is written")

    step = commands.add_parser("step")
    step.add_argument("step", metavar="STEP", help="a stage, or figures, accounts, report")
    step.add_argument("--study", metavar="STUDY", type=Path, required=True)
    step.add_argument("--chapter", metavar="CHAPTER", help="chapter of the figures")
    step.add_argument("--results", metavar="DIR", type=Path, default=Path(), help="results folder")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; whatever goes wrong is told in words."""
    parsed = build_parser().parse_args(arguments)
    try:
        status = import_module(f"prrt_outcomes.cli.{parsed.command}").main(parsed)
        sys.stdout.flush()
    except PrrtError as error:
        _tell(error)
        status = error.exit_status
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on where it stopped")
        status = FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    except OSError as error:
        _say(describe_os_error(error))
        status = FAILED
    except MemoryError:
        _say("out of memory")
        status = FAILED
    except Exception as error:
        log = _write_error_log(parsed)
        _say(
            f"{type(error).__name__}: {_first_line(error)}. This is a fault of the program; details in {log}"
        )
        status = FAILED
    return status


def describe_os_error(error: OSError) -> str:
    """Say in words what the system refused, and where."""
    words = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the quota of the disk is used up",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.EROFS: "the file system is read-only",
        errno.ENOENT: "no such file or folder",
        errno.EISDIR: "a folder stands where a file is needed",
        errno.ENOTDIR: "a file stands where a folder is needed",
    }
    what = words.get(error.errno or 0, error.strerror or str(error))
    return f"{what}: {error.filename}" if error.filename else what


def _tell(error: PrrtError) -> None:
    """Print a failure; problems of the input as their table."""
    if isinstance(error, InputError):
        from prrt_outcomes.cli.problems import format_problems

        print(format_problems(error.problems), file=sys.stderr)
    else:
        _say(str(error))


def _say(words: str) -> None:
    print(f"prrt-outcomes: {words}", file=sys.stderr)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]


def _write_error_log(parsed: argparse.Namespace) -> Path:
    """Write the traceback to a file: beside the other logs of a run, else among temporary files."""
    import traceback

    logs = Path(getattr(parsed, "results", "")) / "logs"
    name = f"{getattr(parsed, 'step', None) or parsed.command}.traceback"
    if parsed.command != "step" or not os.access(logs, os.W_OK):
        logs = Path(tempfile.mkdtemp(prefix="prrt-outcomes-"))
    path = logs / name
    path.write_text(traceback.format_exc(), encoding="utf-8")
    return path


def _positive(text: str) -> int:
    return _whole_number(text, 1)


def _not_negative(text: str) -> int:
    return _whole_number(text, 0)


def _whole_number(text: str, minimum: int) -> int:
    """Read a whole number of at least `minimum`."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number is needed, not {text!r}") from None
    if number < minimum:
        raise argparse.ArgumentTypeError(f"at least {minimum} is needed, not {number}")
    return number


if __name__ == "__main__":
    sys.exit(main())
