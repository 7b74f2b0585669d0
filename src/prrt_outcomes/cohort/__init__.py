"""From the files of a registry to checked, typed tables."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__,
    CohortResult="read",
    compute_group="grouping",
    derive_covariates="grouping",
    read_cohort="read",
    summarise_baseline="grouping",
)
