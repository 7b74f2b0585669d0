"""The study file as typed, frozen models."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, Study="model", find_study_file="load", load_study="load")
