"""Laboratory grades, kidney function and bone marrow."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, grading="compute_grades", stage="run")
