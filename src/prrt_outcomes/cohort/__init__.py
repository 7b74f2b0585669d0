"""From the files of a registry to checked, typed tables."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__, grouping="compute_group derive_covariates summarise_baseline", read="CohortResult read_cohort"
)
