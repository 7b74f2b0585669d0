"""Responders against non-responders: naive, landmark and time-dependent."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, stage="run")
