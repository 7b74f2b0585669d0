"""Progress of a run in words, from what Snakemake says."""

from __future__ import annotations

import re
import time

STARTED = re.compile(r"^(?:local)?rule (\w+):")
FINISHED = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)")
FAILED = re.compile(r"^(?:Error|MissingOutputException) in rule (\w+)")
TOTAL = re.compile(r"^total\s+(\d+)")
WITHOUT_WORK = frozenset({"all"})


class Progress:
    """Reads the log of Snakemake piece by piece.

    Attributes
    ----------
    done : names of the finished rules, in order
    failed : names of the failed rules
    last_words : last line that says something, for a failure without a rule
    """

    def __init__(self):
        self.done: list[str] = []
        self.failed: list[str] = []
        self.last_words = ""
        self._total = 0
        self._rest = ""
        self._started: dict[str, float] = {}

    def read(self, text: str) -> list[str]:
        """Take the next piece of the log and return lines for a reader; a half line waits for its end."""
        *lines, self._rest = (self._rest + text).split("\n")
        return [told for line in lines for told in [self._read_line(line)] if told]

    def _read_line(self, line: str) -> str | None:
        if line.strip() and not line.startswith((" ", "\t", "[")):
            self.last_words = line.strip()
        if match := TOTAL.match(line):
            self._total = max(int(match[1]) - len(WITHOUT_WORK), 0)
        elif match := STARTED.match(line):
            self._started[match[1]] = time.monotonic()
        elif (match := FAILED.match(line)) and match[1] not in self.failed:
            self.failed.append(match[1])
        elif (match := FINISHED.match(line)) and match[1] not in WITHOUT_WORK:
            return self._finish(match[1])
        return None

    def _finish(self, rule: str) -> str:
        self.done.append(rule)
        seconds = time.monotonic() - self._started.get(rule, time.monotonic())
        width = len(str(self._total))
        return f"[{len(self.done):>{width}}/{self._total}] {rule:<20} {seconds:6.1f} s"
