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


def _value(name: str, shown: str, words: str | None = None, **options: Any) -> tuple[str, dict[str, Any]]:
    """An argument with a value, by what is shown for the value, its help, and further options of argparse."""
    return name, {"metavar": shown, "help": words, **options}


def _flag(name: str, words: str) -> tuple[str, dict[str, Any]]:
    return name, {"action": "store_true", "help": words}


SET_HELP = "set an effect or rule of the model, such as effects.objective_response_hazard_ratio=1; repeatable"
SOURCES = "files or folders that hold the data; with --omop a database as well"
FILTERS = {
    "endpoint": "pfs, os, ttp",
    "role": "placebo, ssa, everolimus, sunitinib, prrt and so on",
    "tumour-group": "gep, lung, neuroectodermal, mixed",
}
STUDY = _value("study", "STUDY", type=Path)
NEW_FOLDER = _value("folder", "DIR", "folder that is made; nothing is overwritten", type=Path)
COMMANDS: dict[str, tuple[Any, ...]] = {
    "init": (
        "init:main",
        "write an empty study: study.yaml, tables to fill, data dictionary",
        NEW_FOLDER,
        _flag("--redcap", "write our tables as a data dictionary of REDCap instead"),
    ),
    "adopt": (
        "adopt:main",
        "write a study from other people's files: workbooks, exports, clinical trial data",
        _value("source", "SOURCE", SOURCES, nargs="+", type=_read_source),
        NEW_FOLDER,
        _value("--redcap", "DICTIONARY", "data dictionary of REDCap; SOURCE are exports", type=Path),
        _flag("--cbioportal", "SOURCE is a study folder of cBioPortal"),
        _flag("--sdtm", "SOURCE are folders or files of SDTM domains"),
        _flag("--adam", "SOURCE are folders or files of ADSL, ADTTE, ADRS"),
        _flag(
            "--omop",
            "SOURCE is OMOP CDM 5.4: a folder of csv or parquet, a .duckdb file, or postgresql://...",
        ),
        _value("--codes", "FILE", "with --omop: codes that go before those known", type=Path),
        _flag("--outcomes", "SOURCE is a table of times and events"),
        _value("--time", "COLUMN", "with --outcomes: column of times"),
        _value("--unit", "UNIT", "with --outcomes: unit of times; default months", default="months"),
        _value("--event", "COLUMN", "with --outcomes: column of events"),
        _value("--dead", "VALUE", "with --outcomes: value that is the event"),
        _flag("--confirm", "accept every guess that changes a number"),
    ),
    "check": (
        "check:main",
        "read a study and its tables and list every problem",
        STUDY,
        _value("--out", "DIR", "also write problems.csv and quality.html to DIR", type=Path),
    ),
    "run": (
        "run:main",
        "run a study from its tables to its report",
        STUDY,
        _value("--out", "DIR", "results folder; default results/<study>", type=Path),
        _value("--cores", "N", "cores to use; default all", type=_whole_number(1)),
        _value("--profile", "P", "local (default), slurm, or a folder", default="local"),
    ),
    "simulate": (
        "commands:simulate",
        "write a synthetic study that runs, with its truth",
        _value("--patients", "N", type=_whole_number(1), required=True),
        _value("--seed", "S", type=_whole_number(0), required=True),
        _value("--out", "DIR", "folder of the new study", type=Path, required=True),
        _value("--set", "NAME=VALUE", SET_HELP, action="append", default=[]),
    ),
    "controls": (
        "controls:main",
        "list the published arms that a study can name, or explain one",
        _value("arm", "ARM", "an arm of the library", nargs="?"),
        *(
            _value(f"--{name}", "NAME", f"only arms with this one: {words}")
            for name, words in FILTERS.items()
        ),
    ),
    "patient": (
        "commands:write_patient",
        "write the page of one patient, for those who treat the patient",
        STUDY,
        _value("patient", "PATIENT_ID"),
        _value("--results", "DIR", "results folder; default results/<study>", type=Path),
        _value("--out", "FILE", "page that is written", type=Path, required=True),
    ),
    "step": (
        "commands:run_step",
        "",
        _value("step", "STEP", "a stage, or figures, accounts, report"),
        _value("--study", "STUDY", type=Path, required=True),
        _value("--chapter", "CHAPTER", "chapter of the figures"),
        _value("--results", "DIR", "results folder", type=Path, default=Path()),
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
    for name, (_, words, *arguments) in COMMANDS.items():
        command = commands.add_parser(name, help=words) if words else commands.add_parser(name)
        for flag, options in arguments:
            command.add_argument(flag, **options)
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
        _say("interrupted; the same command continues the run")
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
    hint = "; free disk space and run the same command again" if error.errno in NO_ROOM else ""
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
