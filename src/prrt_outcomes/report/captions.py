"""What each figure shows, by its name: caption, alternative text and the tables its dots stand in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from prrt_outcomes.figures.words import name_code, name_column, name_endpoint, name_term

PATTERNS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"kaplan_meier_(?P<endpoint>{endpoints})_all",
        "{endpoint}, all patients. Band: confidence interval; ticks: censored patients; below: patients at risk.",
        ("km_curve", "km_at_risk", "km_summary"),
    ),
    (
        r"kaplan_meier_(?P<endpoint>{endpoints})_(?P<column>.+)",
        "{endpoint} by {column}. Bands (left out above five groups): confidence intervals; ticks: censored patients; "
        "below: patients at risk.",
        ("km_curve", "km_at_risk", "km_summary", "logrank"),
    ),
    (
        r"forest_(?P<endpoint>{endpoints})",
        "{endpoint}: hazard ratios of the Cox models with their intervals, logarithmic axis. An arrow: the interval "
        "goes on.",
        ("cox",),
    ),
)


def describe_figure(name: str, titles: Mapping[str, str]) -> tuple[str, str, tuple[str, ...]]:
    """Caption, alternative text and tables of a figure.

    Parameters
    ----------
    name : file name without its format, as `draw_chapter` gives it
    titles : endpoints of the study by name
    """
    endpoints = "|".join(sorted(map(re.escape, titles), key=len, reverse=True)) or "[a-z0-9_]+"
    for pattern, caption, tables in PATTERNS:
        found = re.fullmatch(pattern.replace("{endpoints}", endpoints), name)
        if found:
            words = {key: _spell(key, value, titles) for key, value in found.groupdict().items()}
            text = caption.format(**words)
            return text, f"Figure: {text.split('. ')[0].rstrip('.')}.", tables
    text = name_term(name) + "."
    return text, f"Figure: {text}", ()


def _spell(key: str, value: str, titles: Mapping[str, str]) -> str:
    if key == "endpoint":
        return name_endpoint(value, dict(titles))
    if key == "column":
        return name_column(value).lower()
    if key == "radionuclide":
        return name_code("radionuclide", value)
    return name_term(value)
