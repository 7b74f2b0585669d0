"""`prrt-outcomes`: what a person types. Light, so that help comes at once; each command loads what it needs."""

import argparse
import errno
import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
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


def _read_whole(text: str, minimum: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a whole number is needed, not {text!r}") from None
    if number < minimum:
        raise argparse.ArgumentTypeError(f"at least {minimum} is needed, not {number}")
    return number


def _read_day(text: str) -> date:
    """A day as ISO 8601 writes it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day such as 2022-12-31 is needed, not {text!r}") from None


TYPES: dict[str, Callable[[str], Any]] = {
    "path": Path,
    "source": lambda text: text if "://" in text else Path(text),  # or the address of a database
    "day": _read_day,
    "number": partial(_read_whole, minimum=0),
    "count": partial(_read_whole, minimum=1),
}
COMMANDS: dict[str, dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("commands.toml").read_text("utf-8")
)
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
    for name, command in COMMANDS.items():
        own = commands.add_parser(name, **{key: words for key, words in command.items() if key == "help"})
        for argument, options in command["arguments"].items():
            if "type" in options:
                options = options | {"type": TYPES[options["type"]]}
            options = options if "metavar" in options else options | {"action": "store_true"}
            own.add_argument(argument, **options)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status; whatever goes wrong is reported in words."""
    parsed = build_parser().parse_args(arguments)
    status = FAILED
    try:
        module, _, function = COMMANDS[parsed.command]["run"].partition(":")
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
