"""Comparison with published and individual controls."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, library="load_library", stage="run")
