"""Synthetic registries with their truth."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__, registry="simulate_registry write_simulated_study", settings="SimulationSettings"
)
