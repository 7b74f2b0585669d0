"""Somatostatin analogues before a cycle, and whether the regimen was kept: result table `treatment_delivery`."""

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, compute_group
from prrt_outcomes.dates import compute_date_range
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.model import TreatmentSettings
from prrt_outcomes.tables.schema import load_schema

ANALOGUES = {"long_acting": "ssa_long_acting", "short_acting": "ssa_short_acting"}


def summarise_delivery(
    observations: pd.DataFrame, groups: pd.DataFrame, group_by: tuple[str, ...], confidence_level: float
) -> pd.DataFrame:
    """Summarise cycles, windows, activity and eligibility for the cohort and by group.

    observations : from `list_observations`
    groups : one row a treated patient: patient_id and the columns of `group_by`
    group_by : groupings; those that are no column of `groups` are left out
    confidence_level : of the exact intervals
    Returns result table `treatment_delivery`. Of a share: n of total, value n / total with its exact (Clopper-Pearson)
    interval, which takes cycles as independent. Of a quantity (`..._gbq`, `..._weeks`, `cycles_per_patient`): n known
    of total, value the median, low and high the quartiles. `unknown` windows are an item of their own.
    """
    items = list(observations["item"].unique())
    tables = []
    for place, column in enumerate(("all", *[name for name in group_by if name in groups])):
        level = compute_group(groups, column)
        own = groups[["patient_id"]].assign(group=level.astype("string"), place=level.cat.codes)
        rows = observations.merge(own, on="patient_id", how="inner")
        values = rows.groupby(["item", "kind", "group", "place"], sort=False)["value"]
        counts = values.agg(known="count", total="size", hits="sum", median="median")
        table = counts.assign(first=values.quantile(0.25), third=values.quantile(0.75)).reset_index()
        table = _summarise_items(table, confidence_level).assign(group_by=column, column=place)
        tables.append(table.assign(order=table["item"].map(items.index)))
    result = pd.concat(tables, ignore_index=True)
    result = result.sort_values(["order", "column", "place"], kind="stable", ignore_index=True)
    return result[list(load_schema("treatment_delivery").names)]


def derive_years(first_cycle: pd.Series) -> pd.Series:
    """Years of the first cycle, in at most four bands of the same width: `2005-2008`."""
    year = first_cycle.dt.year
    width = -(-(year.max() - year.min() + 1) // 4)
    start = year - (year - year.min()) % width
    stop = (start + width - 1).clip(upper=year.max())
    return start.astype("string").where(start == stop, start.astype("string") + "-" + stop.astype("string"))


def list_observations(
    days: pd.DataFrame, periods: pd.DataFrame, eligibility: pd.DataFrame, stopped: pd.Series | None = None
) -> pd.DataFrame:
    """What is summarised, one row an item and cycle, patient or condition.

    days : one row a patient and cycle day, with periods and windows
    stopped : why no further cycle was given, by patient_id; None where the study names no column of it
    Returns patient_id, item, kind (share, quantity), value: 1 for yes and 0 for no, or the measured value.
    """
    days, eligibility = days.set_index("patient_id"), eligibility.set_index("patient_id")
    initial = periods[periods["period"] == 1].set_index("patient_id")
    again = periods.loc[periods["period"] > 1, "patient_id"]
    interval, amino_acids = days[days["interval_weeks"].notna()], days["amino_acids"]
    found = {
        ("cycle_interval_kept", "share"): interval["interval_kept"],
        ("cycle_interval_weeks", "quantity"): interval["interval_weeks"],
    }
    for name in ("long_acting", "short_acting"):
        window = days[f"{name}_window"]
        known = window[window.isin(["kept", "broken"])]
        found[f"{name}_window_kept", "share"] = known == "kept"
        found[f"{name}_window_unknown", "share"] = window == "unknown"
    found |= {
        ("amino_acids_given", "share"): amino_acids.dropna(),
        ("amino_acids_unknown", "share"): amino_acids.isna(),
        ("activity_per_cycle_gbq", "quantity"): days["activity_gbq"],
        ("cycles_per_patient", "quantity"): initial["n_cycles"],
        ("cumulative_activity_gbq", "quantity"): initial["cumulative_activity_gbq"],
        ("several_radionuclides", "share"): initial["several_radionuclides"],
        ("retreatment", "share"): initial.index.to_series().isin(again),
    }
    reasons = None if stopped is None else stopped.astype("string").fillna(UNKNOWN)
    for reason in () if reasons is None else reasons.value_counts().index:
        found[f"stop_reason_{reason}", "share"] = reasons == reason
    for item, states in eligibility.groupby("item", sort=False, observed=True)["eligibility"]:
        for state in ("met", "not met", "unknown"):
            found[f"eligibility_{item}_{state.replace(' ', '_')}", "share"] = states == state
    numbers = {key: values.astype("Float64").astype("float64") for key, values in found.items()}
    long = pd.concat(numbers, names=["item", "kind", "patient_id"]).rename("value").reset_index()
    return long.astype({"patient_id": "string"})[["patient_id", "item", "kind", "value"]]


def _summarise_items(table: pd.DataFrame, confidence_level: float) -> pd.DataFrame:
    """Shares with exact intervals, quantities with quartiles."""
    share = (table["kind"] == "share").to_numpy()
    hits, total = table["hits"].where(share, 0.0).to_numpy(), table["total"].to_numpy("float64")
    low, high = compute_clopper_pearson(hits, total, confidence_level)
    known = table["known"].to_numpy() > 0
    found = table[["item", "group", "place", "total"]].assign(
        n=np.where(share, hits, table["known"]).astype("int64"),
        value=np.where(share, hits / total, table["median"]),
        low=np.where(share, low, table["first"]),
        high=np.where(share, high, table["third"]),
        status=np.where(share | known, "ok", "too_few"),
    )
    return found.astype({"item": "string", "group": "string", "total": "int64"})


def derive_analogue_windows(
    days: pd.DataFrame, therapies: pd.DataFrame, settings: TreatmentSettings
) -> pd.DataFrame:
    """Add `long_acting_window` and `short_acting_window` to the cycles.

    days : one row a patient and cycle day, with `patient_id` and `cycle_date`
    therapies : table `therapies`; dates may be partial
    settings : `ssa_long_acting_days`, `ssa_short_acting_days`
    Returns the same rows with two string columns: `kept`, `broken`, `unknown`, or `none` (no analogue
    before the cycle). All are `unknown` where the registry holds no analogue of that kind at all.
    An injection on the day of the cycle follows it, as the regimen asks. A row without an end is one injection. A
    long-acting course with an end may have its last injection anywhere in it; a short-acting one is injected daily,
    so one that goes on over the cycle breaks the window. Where a partial date or such a course leaves it open, the
    window is `unknown`.
    """
    windows = {}
    for name, kind in ANALOGUES.items():
        own = therapies[(therapies["kind"].astype("string") == kind).fillna(False)]
        washout, daily = getattr(settings, f"ssa_{name}_days"), name == "short_acting"
        windows[f"{name}_window"] = _classify_windows(days, own, washout, daily=daily)
    return days.assign(**windows)


def _classify_windows(
    days: pd.DataFrame, injections: pd.DataFrame, washout_days: int, *, daily: bool
) -> pd.Series:
    """State of the wash-out of each cycle day, from the earliest and latest day of the last exposure."""
    if injections.empty:
        return pd.Series("unknown", index=days.index, dtype="string")
    cycle = days[["patient_id", "cycle_date"]].assign(row=np.arange(len(days)))
    # Earliest and latest possible first and last day of each row.
    (start_low, start_high), (end_low, end_high) = (
        compute_date_range(injections[f"{name}_date"]) for name in ("start", "end")
    )
    ranges = injections[["patient_id"]].assign(start_low=start_low, start_high=start_high)
    ranges = ranges.assign(end_low=end_low.fillna(start_low), end_high=end_high.fillna(start_high))
    pairs = cycle.merge(ranges, on="patient_id", how="inner")
    pairs = pairs[pairs["start_low"] < pairs["cycle_date"]]
    last_exposure_low = pairs["end_low"] if daily else pairs["start_low"]
    gap_longest = (pairs["cycle_date"] - last_exposure_low).dt.days
    gap_shortest = (pairs["cycle_date"] - pairs["end_high"]).dt.days
    surely_broken = (pairs["start_high"] < pairs["cycle_date"]) & (gap_longest < washout_days)
    rank = pd.Series(np.select([surely_broken, gap_shortest < washout_days], [3, 2], 1), pairs.index)
    worst = rank.groupby(pairs["row"]).max().reindex(np.arange(len(days)), fill_value=0)
    names = np.array(["none", "kept", "unknown", "broken"])[worst]
    return pd.Series(names, index=days.index, dtype="string")
