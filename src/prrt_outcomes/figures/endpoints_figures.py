"""Chapter patients and endpoints: the flow of patients."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.attrition_flow import list_flow, pick_flow, plot_attrition_flow
from prrt_outcomes.figures.theme import figure_style

ENDPOINTS_INPUTS = ("attrition",)


def draw_endpoints(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `attrition_flow` where a step lost patients."""
    if "attrition" not in tables:
        return {}
    flow = pick_flow(tables["attrition"], study.endpoints[0].name)
    if not list_flow(flow):
        return {}
    return {"attrition_flow": plot_attrition_flow(flow, figure_style(study), "Flow of patients")}
