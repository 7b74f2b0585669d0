"""`prrt-outcomes`: what a person types. Light, so that help comes at once; each command loads what it needs."""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from prrt_outcomes.errors import InputError, PrrtError

FAILED = 3
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
EPILOG = """exit status: 0 all well; 1 the data or the study file have problems (printed, and in problems.csv);
2 wrong usage; 3 a step failed. STUDY is a study folder or its study.yaml."""


class _ShowVersion(argparse.Action):
    """Print the version; the metadata of the package are read only when asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: Any) -> None:
        from importlib.metadata import version

        print(f"prrt-outcomes {version('prrt-outcomes')}")
        parser.exit()


def _whole_number(minimum: int) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least `minimum`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"a whole number is needed, not {text!r}") from None
        if number < minimum:
            raise argparse.ArgumentTypeError(f"at least {minimum} is needed, not {number}")
        return number

    return read


def _read_source(text: str) -> Path | str:
    """A path, or the address of a database as it stands."""
    return text if "://" in text else Path(text)


def _argument(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, options


SET_HELP = "set an effect or rule of the model, such as effects.objective_response_hazard_ratio=1; repeatable"
FILTERS = {
    "endpoint": "pfs, os, ttp",
    "role": "placebo, ssa, everolimus, sunitinib, prrt and so on",
    "tumour-group": "gep, lung, neuroectodermal, mixed",
}
STUDY = _argument("study", metavar="STUDY", type=Path)
NEW_FOLDER = "folder that is made; nothing is overwritten"
COMMANDS: dict[str, tuple[str, str, tuple]] = {
    "init": (
        "init:main",
        "write an empty study: study.yaml, tables to fill, data dictionary",
        (
            _argument("folder", metavar="DIR", type=Path, help=NEW_FOLDER),
            _argument(
                "--redcap",
                action="store_true",
                help="write our tables as a data dictionary of REDCap instead",
            ),
        ),
    ),
    "adopt": (
        "adopt:main",
        "write a study from other people's files: workbooks, exports, clinical trial data",
        (
            _argument(
                "source",
                metavar="SOURCE",
                nargs="+",
                type=_read_source,
                help="files or folders that hold the data; with --omop a database as well",
            ),
            _argument("folder", metavar="DIR", type=Path, help=NEW_FOLDER),
            _argument(
                "--redcap",
                metavar="DICTIONARY",
                type=Path,
                help="data dictionary of REDCap; SOURCE are exports",
            ),
            _argument("--cbioportal", action="store_true", help="SOURCE is a study folder of cBioPortal"),
            _argument("--sdtm", action="store_true", help="SOURCE are folders or files of SDTM domains"),
            _argument("--adam", action="store_true", help="SOURCE are folders or files of ADSL, ADTTE, ADRS"),
            _argument(
                "--omop",
                action="store_true",
                help="SOURCE is OMOP CDM 5.4: a folder of csv or parquet, a .duckdb file, or postgresql://...",
            ),
            _argument(
                "--codes", metavar="FILE", type=Path, help="with --omop: codes that go before those known"
            ),
            _argument("--outcomes", action="store_true", help="SOURCE is a table of times and events"),
            _argument("--time", metavar="COLUMN", help="with --outcomes: column of times"),
            _argument(
                "--unit",
                metavar="UNIT",
                default="months",
                help="with --outcomes: unit of times; default months",
            ),
            _argument("--event", metavar="COLUMN", help="with --outcomes: column of events"),
            _argument("--dead", metavar="VALUE", help="with --outcomes: value that is the event"),
            _argument("--confirm", action="store_true", help="accept every guess that changes a number"),
        ),
    ),
    "check": (
        "check:main",
        "read a study and its tables and list every problem",
        (
            STUDY,
            _argument(
                "--out", metavar="DIR", type=Path, help="also write problems.csv and quality.html to DIR"
            ),
        ),
    ),
    "run": (
        "run:main",
        "run a study from its tables to its report",
        (
            STUDY,
            _argument("--out", metavar="DIR", type=Path, help="results folder; default results/<study>"),
            _argument("--cores", metavar="N", type=_whole_number(1), help="cores to use; default all"),
            _argument("--profile", metavar="P", default="local", help="local (default), slurm, or a folder"),
        ),
    ),
    "simulate": (
        "commands:simulate",
        "write a synthetic study that runs, with its truth",
        (
            _argument("--patients", metavar="N", type=_whole_number(1), required=True),
            _argument("--seed", metavar="S", type=_whole_number(0), required=True),
            _argument("--out", metavar="DIR", type=Path, required=True, help="folder of the new study"),
            _argument("--set", metavar="NAME=VALUE", action="append", default=[], help=SET_HELP),
        ),
    ),
    "controls": (
        "controls:main",
        "list the published arms that a study can name, or explain one",
        (
            _argument("arm", metavar="ARM", nargs="?", help="an arm of the library"),
            *(
                _argument(f"--{name}", metavar="NAME", help=f"only arms with this one: {words}")
                for name, words in FILTERS.items()
            ),
        ),
    ),
    "patient": (
        "commands:write_patient",
        "write the page of one patient, for those who treat the patient",
        (
            STUDY,
            _argument("patient", metavar="PATIENT_ID"),
            _argument("--results", metavar="DIR", type=Path, help="results folder; default results/<study>"),
            _argument("--out", metavar="FILE", type=Path, required=True, help="page that is written"),
        ),
    ),
    "step": (
        "commands:run_step",
        "",
        (
            _argument("step", metavar="STEP", help="a stage, or figures, accounts, report"),
            _argument("--study", metavar="STUDY", type=Path, required=True),
            _argument("--chapter", metavar="CHAPTER", help="chapter of the figures"),
            _argument("--results", metavar="DIR", type=Path, default=Path(), help="results folder"),
        ),
    ),
}
"""For each command the function that carries it out, its help (none where it is hidden) and its arguments."""


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
    for name, (_, words, arguments) in COMMANDS.items():
        command = commands.add_parser(name, help=words) if words else commands.add_parser(name)
        for flags, options in arguments:
            command.add_argument(*flags, **options)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; whatever goes wrong is reported in words."""
    parsed = build_parser().parse_args(arguments)
    status = FAILED
    try:
        module, _, function = COMMANDS[parsed.command][0].partition(":")
        status = getattr(import_module(f"prrt_outcomes.cli.{module}"), function)(parsed)
        sys.stdout.flush()
    except PrrtError as error:
        _tell(error)
        status = error.exit_status
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on where it stopped")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        _say(describe_os_error(error))
    except MemoryError:
        _say("out of memory")
    except Exception as error:
        log = _write_error_log(parsed)
        words = (str(error).splitlines() or [""])[0]
        _say(f"{type(error).__name__}: {words}. This is a fault of the program; details in {log}")
    return status


def describe_os_error(error: OSError) -> str:
    """Say in words what the system refused, and where."""
    words = {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the quota of the disk is used up",
        errno.EFBIG: "a file is larger than the system allows (ulimit -f)",
        errno.EACCES: "permission denied",
        errno.EPERM: "permission denied",
        errno.EROFS: "the file system is read-only",
        errno.ENOENT: "no such file or folder",
        errno.EISDIR: "a folder stands where a file is needed",
        errno.ENOTDIR: "a file stands where a folder is needed",
    }
    what = words.get(error.errno or 0, error.strerror or str(error))
    hint = "; make room, and the same command goes on" if error.errno in NO_ROOM else ""
    return f"{what}: {error.filename}{hint}" if error.filename else f"{what}{hint}"


def _tell(error: PrrtError) -> None:
    """Print a failure; problems of the input as their table."""
    if isinstance(error, InputError):
        from prrt_outcomes.cli.problems import format_problems

        print(format_problems(error.problems), file=sys.stderr)
    else:
        _say(str(error))


def _say(words: str) -> None:
    print(f"prrt-outcomes: {words}", file=sys.stderr)


def _write_error_log(parsed: argparse.Namespace) -> str:
    """Write the traceback to a file: beside the other logs of a run, else where the command was called."""
    import traceback

    logs = Path(getattr(parsed, "results", "")) / "logs"
    name = f"{getattr(parsed, 'step', None) or parsed.command}.traceback"
    path = (logs if parsed.command == "step" and logs.is_dir() else Path()) / name
    try:
        path.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as error:
        return f"no file, since {path} cannot be written ({describe_os_error(error)})"
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
