"""Treatment periods, cycles, eligibility and delivery."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, periods="derive_periods", stage="run")
