"""Chapter response: bars by group, waterfall, course of single patients."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from prrt_outcomes.figures.forest import RatioWords, plot_cox_forest
from prrt_outcomes.figures.movement import plot_movement
from prrt_outcomes.figures.response_bars import plot_response_bars
from prrt_outcomes.figures.rows import has_rows, iterate_groupings, pick_rows
from prrt_outcomes.figures.swimmer import plot_swimmer
from prrt_outcomes.figures.theme import figure_style
from prrt_outcomes.figures.waterfall import plot_waterfall
from prrt_outcomes.units import convert_days_to_months
from prrt_outcomes.wording.terms import name_column, name_term

RESPONSE_INPUTS = (
    "response_rates",
    "waterfall",
    "responses",
    "best_responses",
    "treatment_periods",
    "endpoints",
    "response_concordance",
    "response_model",
)
ODDS = RatioWords("odds ratios", "OR", "lower odds | higher odds")


def draw_response(tables: Mapping[str, pd.DataFrame], study) -> dict[str, object]:
    """Draw `bars_<criterion>_<grouping>`, `waterfall_<criterion>`, `swimmer`, `movement_*` and `model_<criterion>`.

    Of criteria after the first only the first grouping is drawn; the others stand in the table.
    """
    from prrt_outcomes.response.criteria import resolve_criteria

    style = figure_style(study)
    definitions = {c.name: c for c in resolve_criteria(study.response)}
    plots: dict[str, object] = {}
    if "response_rates" in tables:
        plots |= _draw_bars(tables["response_rates"], study, style)
    if "waterfall" in tables:
        for (criterion,), rows in iterate_groupings(tables["waterfall"], "criterion"):
            if rows["best_change"].notna().any():
                name = criterion_title(criterion, definitions)
                plots[f"waterfall_{criterion}"] = plot_waterfall(
                    rows, list_thresholds(definitions.get(criterion)), style, name
                )
    if "response_concordance" in tables:
        for pair, rows in iterate_groupings(tables["response_concordance"], "criterion_a", "criterion_b"):
            if rows["n"].fillna(0).gt(0).any():
                names = tuple(_pair_title(code, definitions) for code in pair)
                name = "_".join(code.replace(" ", "_") for code in pair)
                plots[f"movement_{name}"] = plot_movement(rows, names, style)
    if "response_model" in tables:
        plots |= _draw_model(tables["response_model"], study, style, definitions)
    courses, marks = derive_courses(tables, study)
    if has_rows(courses):
        plots["swimmer"] = plot_swimmer(courses, marks, style, "Course of single patients")
    return plots


def _pair_title(code: str, definitions: Mapping) -> str:
    return criterion_title(code, definitions) if code in definitions else name_term(code)


def _draw_model(model: pd.DataFrame, study, style, definitions) -> dict[str, object]:
    """Odds of objective response by the primary criterion, univariable beside multivariable."""
    criterion = study.response.criteria[0]
    confirmed = study.response.primary_rate == "confirmed"
    rows = pick_rows(model, criterion=criterion)
    rows = rows[rows["confirmed"].astype("boolean").eq(confirmed).fillna(False)]
    models = rows["model"].astype("string")
    rows = rows[~models.str.endswith("_firth").fillna(False)]
    if rows.empty:
        return {}
    renamed = {c: c.replace("odds_ratio", "hazard_ratio") for c in rows if c.startswith("odds_ratio")}
    title = f"Objective response by {criterion_title(criterion, definitions)}"
    level = study.analysis.confidence.level
    plot = plot_cox_forest(rows.rename(columns=renamed), style, title, level, ODDS)
    return {f"model_{criterion}": plot}


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


def _draw_bars(rates: pd.DataFrame, study, style) -> dict[str, object]:
    confirmed = study.response.primary_rate == "confirmed"
    rates = rates[rates["confirmed"].astype("boolean").eq(confirmed).fillna(False)]
    level = study.analysis.confidence.level
    plots = {}
    for (criterion,), rows in iterate_groupings(rates, "criterion"):
        whole = pick_rows(rows, group_by="all")
        kind = "confirmed" if confirmed else "unconfirmed"
        title = f"{name_term(criterion)}, best response ({kind})"
        groupings = [g for g in dict.fromkeys(rows["group_by"].astype(str)) if g != "all"]
        groupings = groupings if criterion == study.response.criteria[0] else groupings[:1]
        for group_by in groupings:
            part = pd.concat([whole, pick_rows(rows, group_by=group_by)])
            plots[f"bars_{criterion}_{group_by}"] = plot_response_bars(
                part, style, f"{title}, by {name_column(group_by).lower()}", level
            )
        if not groupings:
            plots[f"bars_{criterion}_all"] = plot_response_bars(whole, style, title, level)
    return plots


def derive_courses(tables: Mapping[str, pd.DataFrame], study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Courses and marks of a swimmer plot, picked from the derived tables.

    Returns
    -------
    courses : patient_id, end_months (death or last contact), best_response; patients with overall survival only
    marks : patient_id, time_months, mark (first response, first progression, retreatment, death or alive)
    """
    empty = pd.DataFrame(columns=["patient_id", "end_months", "best_response"])
    periods = tables.get("treatment_periods")
    survival = pick_rows(tables.get("endpoints"), endpoint="os")
    if not has_rows(periods) or not has_rows(survival):
        return empty, pd.DataFrame(columns=["patient_id", "time_months", "mark"])
    first = periods[periods["period"].eq(1)].set_index("patient_id")["first_cycle"]
    survival = survival[survival["patient_id"].isin(first.index) & survival["time_days"].notna()]
    courses = pd.DataFrame(
        {
            "patient_id": survival["patient_id"].astype(str).to_numpy(),
            "end_months": convert_days_to_months(survival["time_days"].to_numpy(float)),
            "died": survival["event"].eq(1).fillna(False).to_numpy(bool),
        }
    )
    best = _primary_rows(tables.get("best_responses"), study)
    if has_rows(best):
        confirmed = study.response.primary_rate == "confirmed"
        best = best[best["period"].eq(1) & best["confirmed"].astype("boolean").eq(confirmed)]
        found = best.drop_duplicates("patient_id").set_index("patient_id")["best_response"].astype(str)
        courses["best_response"] = courses["patient_id"].map(found).fillna("NE")
    else:
        courses["best_response"] = "NE"
    dated = [
        periods.loc[periods["period"].eq(2), ["patient_id", "first_cycle"]].set_axis(
            ["patient_id", "date"], axis=1
        )
    ]
    dated[0] = dated[0].assign(mark="retreatment")
    scans = _primary_rows(tables.get("responses"), study)
    if has_rows(scans):
        overall = scans["overall_response"].astype(str)
        for mark, codes in (("response", ("CR", "PR")), ("progression", ("PD",))):
            rows = scans[overall.isin(codes) & scans["period"].eq(1)].sort_values("assessment_date")
            rows = rows.drop_duplicates("patient_id")[["patient_id", "assessment_date"]]
            dated.append(rows.set_axis(["patient_id", "date"], axis=1).assign(mark=mark))
    events = pd.concat(dated, ignore_index=True)
    days = (events["date"] - events["patient_id"].map(first)).dt.days
    events = events.assign(time_months=convert_days_to_months(days.astype(float)))
    ends = courses.assign(
        time_months=courses["end_months"], mark=courses["died"].map({True: "death", False: "alive"})
    )
    columns = ["patient_id", "time_months", "mark"]
    marks = pd.concat([events[columns], ends[columns]], ignore_index=True)
    return courses, marks[marks["time_months"].ge(0)].astype({"patient_id": str})


def _primary_rows(table: pd.DataFrame | None, study) -> pd.DataFrame | None:
    """Rows of the primary criterion and reader."""
    if not has_rows(table):
        return None
    rows = pick_rows(table, criterion=study.response.criteria[0])
    readers = list(dict.fromkeys(rows["reader"].astype(str)))
    reader = study.response.reader or ("local" if "local" in readers else next(iter(readers), ""))
    return pick_rows(rows, reader=reader)
