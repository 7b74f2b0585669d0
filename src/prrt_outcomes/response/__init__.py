"""Response criteria, best response, rates and agreement."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__,
    criteria="resolve_criteria",
    rates="summarise_response_rates",
    stage="run",
)
