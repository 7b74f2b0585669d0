"""Response criteria, best response, rates and agreement."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__, resolve_criteria="criteria", run="stage", summarise_response_rates="rates"
)
