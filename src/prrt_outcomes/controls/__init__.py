"""Comparison with published and individual controls."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, load_library="library", run="stage")
