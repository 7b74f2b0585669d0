"""What Snakemake says becomes lines that a person follows."""

import re

from prrt_outcomes.cli.run import Progress

JOBS = """Job stats:
job         count
--------  -------
all             1
cohort          1
safety          1
total           3

[Sun Nov 22 21:07:31 2026]
localrule cohort:
    input: data/patients.csv
    jobid: 2
[Sun Nov 22 21:07:34 2026]
Finished jobid: 2 (Rule: cohort)
1 of 3 steps (33%) done
"""


def words(lines):
    return [re.sub(r" +", " ", line) for line in lines]


def test_finished_rules_are_counted():
    progress = Progress()
    assert words(progress.read(JOBS)) == ["[1/2] cohort 0.0 s"]
    rest = "rule safety:\nFinished jobid: 1 (Rule: safety)\nFinished jobid: 0 (Rule: all)\n"
    assert words(progress.read(rest)) == ["[2/2] safety 0.0 s"]
    assert progress.done == ["cohort", "safety"]
    assert progress.failed == []


def test_pieces_may_end_anywhere():
    progress = Progress()
    told = [line for letter in JOBS for line in progress.read(letter)]
    assert words(told) == ["[1/2] cohort 0.0 s"]


def test_failed_rules_are_named_once():
    progress = Progress()
    progress.read(
        "Error in rule safety:\nError in rule safety, jobid: 3\nMissingOutputException in rule cohort in file x\n"
    )
    assert progress.failed == ["safety", "cohort"]


def test_a_failure_without_a_rule_keeps_the_words_that_explain_it():
    progress = Progress()
    progress.read(
        "WorkflowError in file common.smk, line 4:\nname a study\n  File x, line 3, in <module>\n\n"
    )
    assert progress.last_words == "name a study"
