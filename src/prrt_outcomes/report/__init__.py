"""The report of a run."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, write="write_report")
