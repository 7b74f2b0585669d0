"""How deep, how soon, how long: best change, time to response and its duration, growth before and under treatment."""

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import BASELINE, FOLLOW_UP, NE, PD, PR, PRIOR
from prrt_outcomes.response.criterion_run import CriterionRun, find_first_scans
from prrt_outcomes.units import DAYS_PER_MONTH, convert_days_to_months


def summarise_waterfall(
    responses: pd.DataFrame, best: pd.DataFrame, group_by: tuple[str, ...]
) -> pd.DataFrame:
    """Best change of the target sum of every patient with a measurable sum after baseline.

    responses : rows of `responses` of the primary reader and the initial period
    best : rows of `best_responses` of the same (one confirmation rule), with the groupings
    Returns the result table `waterfall`, sorted by criterion and falling change. The change is the smallest among
    the assessments that count (not after progression or a new therapy); the first progression itself counts.
    """
    counted = responses[responses["counted"] & responses["change_from_baseline"].notna()]
    change = counted.groupby(["criterion", "patient_id"], sort=False)["change_from_baseline"].min()
    keys = pd.MultiIndex.from_frame(best[["criterion", "patient_id"]])
    table = best[["patient_id", "criterion", "best_response", *group_by]].copy()
    table["best_change"] = change.reindex(keys).to_numpy()
    table["place"] = pd.factorize(table["criterion"])[0]
    by = ["place", "best_change", "patient_id"]
    table = table[table["best_change"].notna()].sort_values(by, ascending=[True, False, True])
    columns = ["patient_id", "criterion", "best_change", "best_response", *group_by]
    return table[columns].reset_index(drop=True)


GROWTH_EXPONENT = {"diameter": 3.0, "product": 1.5, "marker": 1.0}
"""Power that turns a change of the sum into one of volume (spheres), by what a criterion measures."""


def derive_depth_table(run: CriterionRun) -> pd.DataFrame:
    """Table `response_depth`: one row a patient, period and reader under one criterion.

    Growth before treatment is that between the scan before the baseline and the baseline, growth under it that to
    the first complete scan after, and to that nearest to three months after the first cycle, between the second and
    the fourth (Lamarca 2019, The Oncologist 24:e1082). Volume goes with the cube of a diameter (Ferte 2013, Clin
    Cancer Res 20:246); a sum that falls to nothing is -100 % a month. `no_events`: without a response, time
    and duration are empty.
    """
    courses = run.registry.courses
    columns = ["course", "date", "total", "baseline_sum", "complete", "overall_response"]
    counted = run.scans.loc[run.scans["counted"], columns]
    change = (counted["total"] / counted["baseline_sum"] - 1).where(counted["complete"])
    counted = counted.assign(change=change)
    deepest = find_first_scans(
        counted[change.notna()].sort_values(["course", "change"], kind="stable"), courses
    )
    first = find_first_scans(counted[counted["overall_response"] <= PR], courses)["date"]
    progressed = find_first_scans(counted[counted["overall_response"] == PD], courses)["date"]
    evaluated = counted[counted["overall_response"] != NE].iloc[::-1]
    end = progressed.fillna(find_first_scans(evaluated, courses)["date"])
    responded = first.notna()
    event = progressed.notna().astype("boolean").where(responded)
    table = pd.DataFrame(
        {
            "course": courses.index,
            "best_change": deepest["change"],
            "best_change_date": deepest["date"],
            "first_response_date": first,
            "time_to_response_days": (first - courses["first_cycle"]).dt.days,
            "duration_days": (end - first).dt.days,
            "duration_event": event,
            **_derive_growth(run),
            "status": np.where(responded, "ok", "no_events"),
        }
    )
    return run.complete_table(table)


def _derive_growth(run: CriterionRun) -> dict[str, pd.Series]:
    """Growth of the tumour volume in percent a month: before treatment, under it and at three months."""
    courses = run.registry.courses
    scans = run.all_scans[["course", "kind", "date", "total", "complete", "baseline_sum"]]
    later = scans[scans["complete"] & (scans["kind"] == FOLLOW_UP)]
    months = convert_days_to_months((later["date"] - later["course"].map(courses["first_cycle"])).dt.days)
    distance = (months - 3).abs()
    later = later.assign(distance=distance)
    at = {
        "prior": find_first_scans(scans[scans["kind"] == PRIOR], courses),
        "baseline": find_first_scans(scans[scans["kind"] == BASELINE], courses),
        "after": find_first_scans(later, courses),
        "soon": find_first_scans(later[distance <= 1].sort_values("distance", kind="stable"), courses),
    }
    sound = (courses["fault"] == "") & at["baseline"]["baseline_sum"].notna()
    columns = {}
    baseline = at["baseline"]
    spans = {
        "before": (at["prior"], baseline), "under": (baseline, at["after"]), "three_months": (baseline, at["soon"]),
    }  # fmt: skip
    for name, (start, end) in spans.items():
        usable = sound & start["complete"].eq(True) & end["complete"].eq(True) & (start["total"] > 0)
        days = (end["date"] - start["date"]).dt.days.where(usable)
        ratio = (end["total"] / start["total"].where(usable)) ** GROWTH_EXPONENT[run.criterion.measure]
        columns[f"growth_{name}_percent_month"] = (ratio ** (DAYS_PER_MONTH / days) - 1) * 100
        columns[f"growth_{name}_days"] = days
    columns["growth_three_months_date"] = at["soon"]["date"].where(
        columns["growth_three_months_days"].notna()
    )
    return columns
