"""Scores of questionnaires held against baseline: visits, what was returned, changes, time to deterioration."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from prrt_outcomes.attrition import filter_counted
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import QuestionnaireSettings
from prrt_outcomes.survival.curves import describe_median, fit_curve, tabulate_milestones
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.survival.myeloid import tabulate_incidence
from prrt_outcomes.units import DAYS_PER_MONTH, convert_days_to_months

SCALE = ["instrument", "scale"]
NAMED = [*SCALE, "better"]
OF_PATIENT = ["patient_id", *SCALE]
BASELINE = "baseline"
NEAR = 1e-9


class Scores(NamedTuple):
    """Scores of treated patients, as `derive_scores` gives them."""

    rows: pd.DataFrame  # patient_id, instrument, scale, better (high, low), score, days, visit
    later: pd.DataFrame  # those after a baseline, with baseline, change, and worse: points of worsening
    planned: pd.Series  # day of each visit
    losses: list[dict]  # rows of attrition


def fold(text: str) -> str:
    """Letters and digits of a name: `EORTC QLQ-C30` and `qlq_c30` are one."""
    return re.sub("[^a-z0-9]", "", text.lower()).removeprefix("eortc").removeprefix("qlq")


@cache
def load_scales() -> dict[tuple[str, str], list[str]]:
    """Instrument, scale and which scores are better (`scales.csv`), by instrument and name or code of the scale."""
    text = (files("prrt_outcomes.quality_of_life") / "scales.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    both = [(row, row[name]) for row in rows for name in ("scale", "code")]
    return {(fold(row["instrument"]), fold(name)): [row[column] for column in NAMED] for row, name in both}


def derive_scores(
    questionnaires: pd.DataFrame, patients: pd.DataFrame, settings: QuestionnaireSettings
) -> Scores:
    """Name the scales, place the scores in visits, and hold them against baseline.

    `questionnaires`: table of this name; `patients`: first_cycle, by patient_id. Baseline is the last score of a scale
    on or before the first cycle, at most `baseline_days` before it. A score belongs to the visit of its label, else to
    the nearest planned month within `window_days`; a later score that is labelled as baseline has no label. Planned is
    each month where no score has a label, else those with scores; other labels are due at their median day.
    """
    pairs, known = questionnaires[SCALE].drop_duplicates(), load_scales()
    named = [
        [i, s, settings.better[s]] if s in settings.better else known.get((fold(i), fold(s)), [None] * 3)
        for i, s in pairs.to_numpy()
    ]
    names = pd.DataFrame(named, index=pd.MultiIndex.from_frame(pairs), columns=NAMED)
    found = names.reindex(pd.MultiIndex.from_frame(questionnaires[SCALE])).set_index(questionnaires.index)
    days = (questionnaires["visit_date"] - questionnaires["patient_id"].map(patients["first_cycle"])).dt.days
    lost = {
        "patient without a cycle": lambda rows: rows["days"].isna(),
        "before the days of the baseline": lambda rows: rows["days"] < -settings.baseline_days,
        "not known which scores of the scale are better": lambda rows: rows["better"].isna(),
        "a scale twice at a date": lambda rows: rows.duplicated([*OF_PATIENT, "days"]),
    }
    rows = questionnaires.assign(**{name: found[name] for name in NAMED}, days=days.astype("float64"))
    rows, losses = filter_counted(rows, "questionnaires", "quality of life", lost)
    rows = rows.sort_values([*OF_PATIENT, "days"], kind="stable")
    is_later, label = rows["days"] > 0, rows["visit"].astype("string").str.strip().where(rows["days"] > 0)
    folded = label.str.casefold().where(lambda names: names != BASELINE)
    months = pd.Series({f"month {month:g}": month * DAYS_PER_MONTH for month in settings.visits_months})
    distance = np.abs(rows["days"].to_numpy()[:, None] - months.to_numpy())
    near = pd.Series(months.index[distance.argmin(axis=1)], rows.index, dtype="string")
    spelling = label.groupby(folded).first().to_dict() | {name: name for name in months.index}
    label = folded.map(spelling).fillna(near.where(distance.min(axis=1) <= settings.window_days))
    rows = rows.assign(visit=label.where(is_later, BASELINE))
    used = months if folded.isna().all() else months[months.index.isin(label[is_later])]
    planned = used.combine_first(rows[is_later].groupby("visit")["days"].median()).sort_values()
    first = rows[~is_later].drop_duplicates(OF_PATIENT, keep="last").set_index(OF_PATIENT)["score"]
    later = rows[is_later].join(first.rename("baseline"), on=OF_PATIENT, how="inner").reset_index(drop=True)
    change = later["score"] - later["baseline"]
    later = later.assign(change=change, worse=change.where(later["better"].eq("low"), -change))
    return Scores(rows, later, pd.concat([pd.Series({BASELINE: 0.0}), planned]), losses)


def summarise_compliance(scores: Scores, patients: pd.DataFrame, groups: pd.DataFrame, confidence: float):
    """Result table `questionnaire_compliance`: one row an instrument, visit and group.

    Expected are treated patients who were alive and under observation at the planned day (`last_day`, of `patients`),
    or who filled it in; completed those with a score of any scale. `groups`: a column a grouping, by patient_id.
    """
    rows = []
    for instrument, own in scores.rows.groupby("instrument"):
        for visit, day in scores.planned.items():
            done = patients.index.isin(list(own["patient_id"][own["visit"] == visit]))
            flags = {"n": done, "total": done | (patients["last_day"] >= day).to_numpy()}
            row = {"instrument": instrument, "visit": visit, "planned_months": day / DAYS_PER_MONTH}
            for name in groups:
                counts = pd.DataFrame(flags).groupby(groups[name].to_numpy(), sort=False, observed=True).sum()
                rows.append(counts.rename_axis("group").reset_index().assign(group_by=name, **row))  # type: ignore[arg-type]
    if not rows:
        return pd.DataFrame()
    table = pd.concat(rows, ignore_index=True)
    low, high = compute_clopper_pearson(table["n"].to_numpy(), table["total"].to_numpy(), confidence)
    share = (table["n"] / table["total"].where(table["total"] > 0)).astype("float64")
    return table.assign(proportion=share, low=low, high=high, status=np.where(share.isna(), "too_few", "ok"))


def summarise_changes(
    scores: Scores, groups: pd.DataFrame, settings: QuestionnaireSettings, confidence: float
) -> pd.DataFrame:
    """Result table `questionnaire_change`: one row a scale, visit and group, of the score nearest to the planned day.

    The interval of the mean is that of Student's t; without two patients there is none.
    """
    rows = scores.later[scores.later["visit"].notna()]
    order = (rows["days"] - rows["visit"].map(scores.planned)).abs().sort_values(kind="stable").index
    rows = rows.loc[order].drop_duplicates([*OF_PATIENT, "visit"])
    points = settings.deterioration_points - NEAR
    rows = rows.assign(is_worse=rows["worse"] >= points, is_better=rows["worse"] <= -points)
    rows = pd.concat(
        [rows.assign(group_by=name, group=rows["patient_id"].map(groups[name])) for name in groups]  # type: ignore[arg-type, misc]
    )
    table = (
        rows.groupby([*SCALE, "visit", "better", "group_by", "group"])
        .agg(
            n=("change", "size"), mean_baseline=("baseline", "mean"), mean_change=("change", "mean"),
            error=("change", "sem"), n_worse=("is_worse", "sum"), n_better=("is_better", "sum"),
        )
        .reset_index()
    )  # fmt: skip
    half = stdtrit(np.maximum(table["n"] - 1, 1), 0.5 + confidence / 2) * table.pop("error")
    table = table.assign(
        low=table["mean_change"] - half, high=table["mean_change"] + half,
        planned_months=table["visit"].map(scores.planned) / DAYS_PER_MONTH,
        status=np.where(table["n"] < 2, "too_few", "ok"),
    )  # fmt: skip
    return table.sort_values([*SCALE, "planned_months"], kind="stable")


def choose_scales(names: pd.Series, settings: QuestionnaireSettings) -> list[str]:
    """Scales of figures and sentences: those of the settings that there are, else the first ones."""
    known = list(dict.fromkeys(names.astype(str)))
    return [name for name in settings.scales if name in known] or known[: len(settings.scales)]


def derive_deterioration(
    scores: Scores, patients: pd.DataFrame, settings: QuestionnaireSettings
) -> Iterator[tuple[dict, EndpointRows]]:
    """Times from the first cycle to the first score that is `deterioration_points` worse than at baseline.

    A definitive deterioration is one after which no later score is less than that worse (Anota 2015, Quality of Life
    Research 24:5). Who has none is followed, dead or alive, to `death_days` after the last questionnaire, and to death
    (event 2) or the last day of observation (`last_day`, of `patients`) where that is earlier. Yields instrument, scale
    and definition with the rows of all patients who have a baseline.
    """
    at_risk = scores.rows[scores.rows["days"] <= 0].drop_duplicates(OF_PATIENT)[OF_PATIENT]
    later = scores.later.assign(first=scores.later["worse"] >= settings.deterioration_points - NEAR)
    tail = later["first"].astype(int)[::-1].groupby([later[name] for name in OF_PATIENT]).cummin()
    later = later.assign(definitive=tail.astype(bool))
    last = later.groupby(OF_PATIENT)["days"].max()
    for definition in ("first", "definitive"):
        day = later[later[definition]].groupby(OF_PATIENT)["days"].min()
        times = at_risk.join(day.rename("event_day"), on=OF_PATIENT).join(last.rename("last"), on=OF_PATIENT)
        last_score, observed = times["last"].fillna(0.0), times["patient_id"].map(patients["last_day"])
        end = observed.clip(upper=last_score + settings.death_days).fillna(last_score).clip(lower=last_score)
        died = times["patient_id"].map(patients["death_day"]) <= end
        event = np.select([times["event_day"].notna(), died], [1, 2], 0)
        days = times["event_day"].fillna(end).clip(lower=0.5)
        times = times.assign(months=convert_days_to_months(days.to_numpy(float)), event=event)
        for (instrument, scale), own in times.groupby(SCALE):
            time, event = own["months"].to_numpy(float), own["event"].to_numpy("int64")
            labels = {"instrument": instrument, "scale": scale, "definition": definition}
            yield labels, EndpointRows(str(scale), time, event, None, own[["patient_id"]])


def tabulate_deterioration(
    labels: dict, rows: EndpointRows, settings: AnalysisSettings, further: Sequence[float] | None
) -> pd.DataFrame:
    """Part of result table `deterioration`: at the milestones, with death competing and with death as an event.

    With `further` months there is a curve, too: death competing, at these months, the start and each deterioration.
    """
    months = list(settings.milestones_months)
    if further is not None:
        last = max(*months, *further)
        more = {0.0, *further, *rows.time_months[(rows.event == 1) & (rows.time_months <= last)]}
        months += sorted(more - set(months))
    found = tabulate_incidence(rows, months, settings)
    found.loc[found["time_months"] <= 0, ["low", "high"]] = np.nan  # 0 by definition
    found = found.rename(columns={"cumulative_incidence": "probability"}).assign(death="competing", **labels)
    composite = replace(rows, event=(rows.event > 0).astype("int64"))
    curve = fit_curve(composite, settings)
    at = tabulate_milestones(curve, composite, settings)
    median = {name: value for name, value in describe_median(curve).items() if name.startswith("median")}
    event = found.head(len(settings.milestones_months)).assign(
        probability=1 - at["survival"], low=1 - at["survival_high"], high=1 - at["survival_low"], status=at["status"],
        events=found["events"] + found["competing_events"], competing_events=0, death="event", **median,
    )  # fmt: skip
    return pd.concat([found, event])
