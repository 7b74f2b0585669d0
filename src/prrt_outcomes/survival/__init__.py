"""Curves, tests and models of the endpoints of a study."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__, cox_models="summarise_cox_models", curves="summarise_curves", stage="run"
)
