"""Quality of life: questionnaires returned, changes of scores, time to deterioration."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(__name__, scores="derive_scores", stage="run")
