"""Time to event: origins, events, censoring and the analysis set."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, analysis_set="format_adtte", stage="run")
