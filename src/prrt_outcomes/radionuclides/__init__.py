"""Absorbed fraction of radionuclides in spheres, and shrinkage of lesions by radionuclide and size."""

from prrt_outcomes.lazy import expose

__getattr__, __dir__ = expose(
    __name__, absorbed_fraction="compute_absorbed_fraction summarise_absorbed_fraction", stage="run"
)
