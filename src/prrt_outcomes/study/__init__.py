"""The study file as typed, frozen models."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, load="find_study_file load_study", model="Study")
