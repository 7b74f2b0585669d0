"""Which figures each chapter holds, and from which tables: at most one chapter a stage."""

from collections.abc import Callable, Mapping

import pandas as pd

from prrt_outcomes.figures.controls_figures import CONTROLS_INPUTS, draw_controls
from prrt_outcomes.figures.endpoints_figures import ENDPOINTS_INPUTS, draw_endpoints
from prrt_outcomes.figures.figure import Figure
from prrt_outcomes.figures.quality_of_life_figures import QUALITY_OF_LIFE_INPUTS, draw_quality_of_life
from prrt_outcomes.figures.radionuclides_figures import RADIONUCLIDES_INPUTS, draw_radionuclides
from prrt_outcomes.figures.responders_figures import RESPONDERS_INPUTS, draw_responders
from prrt_outcomes.figures.response_figures import RESPONSE_INPUTS, draw_response
from prrt_outcomes.figures.safety_figures import SAFETY_INPUTS, draw_safety
from prrt_outcomes.figures.survival_figures import SURVIVAL_INPUTS, draw_survival
from prrt_outcomes.tables.frames import empty_table

CHAPTERS: dict[str, tuple[tuple[str, ...], Callable]] = {
    "response": (RESPONSE_INPUTS, draw_response),
    "radionuclides": (RADIONUCLIDES_INPUTS, draw_radionuclides),
    "endpoints": (ENDPOINTS_INPUTS, draw_endpoints),
    "survival": (SURVIVAL_INPUTS, draw_survival),
    "responders": (RESPONDERS_INPUTS, draw_responders),
    "controls": (CONTROLS_INPUTS, draw_controls),
    "safety": (SAFETY_INPUTS, draw_safety),
    "quality_of_life": (QUALITY_OF_LIFE_INPUTS, draw_quality_of_life),
}
CHAPTER_INPUTS: dict[str, tuple[str, ...]] = {name: inputs for name, (inputs, _) in CHAPTERS.items()}


def draw_chapter(chapter: str, tables: Mapping[str, pd.DataFrame], study) -> dict[str, Figure]:
    """Draw the figures that the tables have rows for, by name in the order of the page; a missing table is empty."""
    inputs, draw = CHAPTERS[chapter]
    own = {name: tables[name] if name in tables else empty_table(name) for name in inputs}
    return {f.name: f for f in draw(own, study)}
