"""Chapter response: bars by group, waterfall, course of single patients."""

from collections.abc import Iterator, Mapping

import pandas as pd

from prrt_outcomes.figures import response_plots
from prrt_outcomes.figures.figure import Figure, iterate_groupings, make_figure, pick_rows
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.response.criteria import resolve_criteria
from prrt_outcomes.treatment.periods import find_first_cycles
from prrt_outcomes.units import convert_days_to_months
from prrt_outcomes.wording.terms import inside_sentence, name_column, name_term

RESPONSE_INPUTS = (
    "response_rates", "waterfall", "best_responses", "treatment_periods", "endpoints",
)  # fmt: skip


def draw_response(tables: Mapping[str, pd.DataFrame], study) -> list[Figure]:
    """Draw `bars_<criterion>_<grouping>`, `waterfall_<criterion>` and `swimmer`.

    Of criteria after the first only the first grouping is drawn; the others are in the table.
    """
    definitions = {c.name: c for c in resolve_criteria(study.response)}
    draws = (_draw_bars, _draw_waterfalls, _draw_swimmer)
    return [figure for draw in draws for figure in draw(tables, study, definitions)]


def _draw_bars(tables, study, definitions) -> Iterator[Figure]:
    rates = _primary_rates(tables["response_rates"], study)
    for (criterion,), rows in iterate_groupings(rates, "criterion"):
        leading = criterion == study.response.primary_criterion
        named = criterion_title(criterion, definitions)
        groupings = [g for g in dict.fromkeys(rows["group_by"].astype(str)) if g != "all"]
        groupings = groupings if leading else groupings[:1]
        for group_by in groupings or ["all"]:
            part = rows[rows["group_by"].isin(["all", group_by])]
            by = "" if group_by == "all" else inside_sentence(name_column(group_by))
            title = f"{named}, best response ({study.response.primary_rate})" + (f", by {by}" if by else "")
            plot = response_plots.plot_response_bars(part, figure_style(study), title)
            words = {"criterion": criterion, "group_by": group_by, "named": named}
            words["and_by"] = f" and {by}" if by else ""
            yield make_figure("bars", plot, leading=leading, **words)


def _primary_rates(rows: pd.DataFrame, study) -> pd.DataFrame:
    """Rows of confirmed or of unconfirmed responses, whichever the study quotes."""
    confirmed = study.response.primary_rate == "confirmed"
    return rows[rows["confirmed"].astype("boolean").eq(confirmed).fillna(False)]


def _draw_waterfalls(tables, study, definitions) -> Iterator[Figure]:
    for (criterion,), rows in iterate_groupings(tables["waterfall"], "criterion"):
        if rows["best_change"].notna().any():
            named = criterion_title(criterion, definitions)
            thresholds = list_thresholds(definitions.get(criterion))
            plot = response_plots.plot_waterfall(rows, thresholds, figure_style(study), named)
            cut = bool(rows["best_change"].gt(response_plots.HIGHEST).any())
            leading = criterion == study.response.primary_criterion
            yield make_figure("waterfall", plot, leading=leading, more=cut, criterion=criterion, named=named)


def _draw_swimmer(tables, study, definitions) -> Iterator[Figure]:
    courses, marks = derive_courses(tables, study)
    if len(courses):
        plot = response_plots.plot_swimmer(courses, marks, figure_style(study), "Course of single patients")
        sizes = {"shown": response_plots.MOST_PATIENTS, "total": len(courses)}
        yield make_figure("swimmer", plot, more=sizes["total"] > sizes["shown"], **sizes)


def criterion_title(criterion: str, definitions: Mapping) -> str:
    """Title of a criterion: the study's own, else that of the terms."""
    own = definitions.get(criterion)
    return getattr(own, "title", "") or name_term(criterion)


def list_thresholds(definition) -> dict[str, float]:
    """Changes from baseline that a criterion names; the rise counts from the nadir and is drawn as a guide."""
    if definition is None:
        return {}
    found = {"PR": -definition.partial_fall, "PD": definition.progression_rise}
    minor = getattr(definition, "minor_fall", None)
    return found | ({"MR": -minor} if minor else {})


def derive_courses(tables: Mapping[str, pd.DataFrame], study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Courses of a swimmer plot for patients with overall survival, and its marks, from the derived tables.

    Courses: patient_id, end_months (until death or last contact), died, best_response; marks: patient_id, time_months,
    mark.
    """
    periods = tables["treatment_periods"]
    first = find_first_cycles(periods)
    survival = pick_rows(tables["endpoints"], endpoint="os")
    survival = survival[survival["patient_id"].isin(first.index) & survival["time_days"].notna()]
    best = pick_rows(tables["best_responses"], criterion=study.response.primary_criterion)
    best = best[best["primary_reader"].astype("boolean").fillna(False) & best["period"].eq(1)]
    best = _primary_rates(best, study).drop_duplicates("patient_id")
    found = best.set_index("patient_id")["best_response"].astype(str)
    patients = survival["patient_id"].astype(str)
    courses = pd.DataFrame(
        {
            "patient_id": patients,
            "end_months": convert_days_to_months(survival["time_days"].astype(float)),
            "died": survival["event"].eq(1).fillna(False).astype(bool),
            "best_response": patients.map(found).fillna("NE"),
        }
    ).reset_index(drop=True)
    again = periods[periods["period"].eq(2)]
    dated = (
        (best, "first_response_date", "response"),
        (best, "progression_date", "progression"),
        (again, "first_cycle", "retreatment"),
    )
    ends = courses["died"].map({True: "death", False: "alive"})
    parts = [courses[["patient_id"]].assign(time_months=courses["end_months"], mark=ends)]
    for rows, column, mark in dated:
        seen = rows[rows[column].notna()]
        if len(seen):
            days = (seen[column] - seen["patient_id"].map(first)).dt.days
            months = convert_days_to_months(days.astype(float))
            parts.append(seen[["patient_id"]].assign(time_months=months, mark=mark))
    marks = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return courses, marks[marks["time_months"].ge(0)].astype({"patient_id": str})
