"""What a reviewer asks of the results of all stages: tests adjusted together, estimands, risk of bias, reporting."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, stage="run")
