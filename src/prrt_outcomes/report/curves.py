"""Kaplan-Meier curves that a reader can point at: their steps as they stand in `km_curve`."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from prrt_outcomes.cohort.grouping import FEWEST
from prrt_outcomes.figures.figure import iterate_groupings, pick_rows
from prrt_outcomes.figures.survival_figures import describe_comparison
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    endpoint_titles,
    inside_sentence,
    name_code,
    name_column,
    name_endpoint,
)

STEP = ("time_months", "survival", "survival_low", "survival_high", "n_at_risk", "events")
MOST_STEPS = 500


@dataclass(frozen=True)
class Curves:
    """Curves of one endpoint: `groups` are (name, steps); a step is month, survival, limits, number at risk, events.

    `note` compares the groups, in lines.
    """

    name: str
    title: str
    interval: str
    groups: tuple[tuple[str, list[list]], ...]
    left_out: int = 0
    note: tuple[str, ...] = ()


def list_curves(tables: Mapping[str, pd.DataFrame], study) -> list[Curves]:
    """Curves of the first endpoint and of overall survival by the first grouping, else of all patients.

    Groups of fewer than five patients or events are left out, and a grouping of which fewer than two remain; so is an
    endpoint with competing events, whose curve is
    no probability.
    """
    titles = endpoint_titles(study)
    level = numbers.format_level(study.analysis.confidence.level)
    names = dict.fromkeys([study.endpoints[0].name, *(e.name for e in study.endpoints if e.name == "os")])
    found = []
    for endpoint in names:
        for grouping in (*study.analysis.group_by[:1], "all"):
            summary = pick_rows(tables["km_summary"], endpoint=endpoint, group_by=grouping)
            drawn = summary[
                summary["n"].ge(FEWEST) & summary["events"].ge(FEWEST) & summary["status"].eq("ok")
            ]
            rows = pick_rows(tables["km_curve"], endpoint=endpoint, group_by=grouping)
            rows = rows[rows["group"].isin(drawn["group"])]
            if rows.empty or (grouping != "all" and len(drawn) < 2):
                continue
            tests = pick_rows(tables["logrank"], endpoint=endpoint, group_by=grouping)
            cox = pick_rows(tables["cox"], endpoint=endpoint)
            note = describe_comparison(tests, cox, study.analysis.confidence.level)
            title = name_endpoint(endpoint, titles)
            words = "all patients" if grouping == "all" else f"by {inside_sentence(name_column(grouping))}"
            groups = tuple(
                (name_code(grouping, group), list_steps(own))
                for (group,), own in iterate_groupings(rows, "group")
            )
            left = len(summary) - len(drawn)
            lines = tuple(note.split("\n")) if note else ()
            found.append(Curves(endpoint, f"{title}, {words}", f"{level} CI", groups, left, lines))
            break
    return found


def list_steps(rows: pd.DataFrame) -> list[list]:
    """Rows of a curve, months to the hour and shares to where one cannot be rounded twice.

    Of a long curve those where survival falls, first and last.
    """
    rows = rows.assign(events=rows["n_event"].cumsum())
    kept = rows["n_event"].gt(0) | (len(rows) <= MOST_STEPS)
    kept.iloc[[0, -1]] = True
    steps = rows.loc[kept, list(STEP)].astype(float).round(dict.fromkeys(STEP, 6) | {"time_months": 3})
    return [[None if pd.isna(v) else v for v in row] for row in steps.itertuples(index=False, name=None)]
