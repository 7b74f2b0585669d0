"""The first stage: from the files of a registry to all input tables, checked and typed.

`read.read_cohort` makes them; it is the only stage that looks at files, since they are its input.
"""

from prrt_outcomes.study.model import INPUT_TABLES

INPUTS: tuple[str, ...] = ()
OUTPUTS = INPUT_TABLES
RESULTS = ("data_quality", "data_ranges", "data_warnings")
SETTINGS = (
    "tables", "extra_columns", "vocabulary", "data_cutoff", "partial_dates", "dead_without_date",
    "accepted_problems",
)  # fmt: skip
