"""Whether the regimen was kept, in numbers: result table `treatment_delivery`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import compute_group

DELIVERY_COLUMNS = ("item", "group_by", "group", "n", "total", "value", "low", "high", "status")


def summarise_delivery(
    days: pd.DataFrame,
    periods: pd.DataFrame,
    eligibility: pd.DataFrame,
    groups: pd.DataFrame,
    group_by: tuple[str, ...],
    confidence_level: float,
) -> pd.DataFrame:
    """Summarise cycles, windows, activity and eligibility for the cohort and by group.

    Parameters
    ----------
    days : one row a patient and cycle day, with periods and windows
    periods : table `treatment_periods`
    eligibility : from `derive_eligibility`
    groups : one row a treated patient: patient_id and the columns of `group_by`
    group_by : groupings; those that are no column of `groups` are left out
    confidence_level : of the exact intervals

    Returns
    -------
    DataFrame
        one row an item and group: item, group_by, group, n, total, value, low, high, status. Of a share: n of
        total, value n / total with its exact (Clopper-Pearson) interval, which takes cycles as independent. Of a
        quantity (`..._gbq`, `..._weeks`, `cycles_per_patient`): n known of total, value the median, low and high
        the quartiles. `unknown` windows are left out of the total and are an item of their own.
    """
    facts = pd.concat(
        [_facts_of_cycles(days), _facts_of_periods(periods), _facts_of_eligibility(eligibility)],
        ignore_index=True,
    )
    tables = []
    for column in ("all", *[name for name in group_by if name in groups]):
        level = _levels(groups, column)
        rows = facts.merge(level, on="patient_id", how="inner")
        table = rows.groupby(["item", "kind", "group", "place"], sort=False)["value"].agg(
            n_known="count",
            total_rows="size",
            hits="sum",
            median="median",
            low=_quartile(0.25),
            high=_quartile(0.75),
        )
        tables.append(_format_rows(table.reset_index(), confidence_level).assign(group_by=column))
    order = {name: place for place, name in enumerate(facts["item"].unique())}
    result = pd.concat(tables, ignore_index=True)
    columns = {name: place for place, name in enumerate(result["group_by"].unique())}
    result = result.assign(order=result["item"].map(order), column=result["group_by"].map(columns))
    result = result.sort_values(["order", "column", "place"], kind="stable", ignore_index=True)
    return result[list(DELIVERY_COLUMNS)]


def _levels(groups: pd.DataFrame, column: str) -> pd.DataFrame:
    """The group of each patient by one column."""
    level = compute_group(groups, column)
    return groups[["patient_id"]].assign(group=level.astype("string"), place=level.cat.codes)


def _facts_of_cycles(days: pd.DataFrame) -> pd.DataFrame:
    """One row a fact about a cycle: 1 for yes, 0 for no, or the measured value."""
    facts = [
        _fact(days[days["interval_weeks"].notna()], "cycle_interval_kept", "share", "interval_kept"),
        _fact(days[days["interval_weeks"].notna()], "cycle_interval_weeks", "quantity", "interval_weeks"),
    ]
    for kind in ("long_acting", "short_acting"):
        window = days[f"{kind}_window"]
        known = days.assign(kept=window == "kept", unknown=window == "unknown")
        facts.append(_fact(known[window.isin(["kept", "broken"])], f"{kind}_window_kept", "share", "kept"))
        facts.append(_fact(known, f"{kind}_window_unknown", "share", "unknown"))
    amino = days.assign(unknown=days["amino_acids"].isna())
    facts.append(_fact(days[days["amino_acids"].notna()], "amino_acids_given", "share", "amino_acids"))
    facts.append(_fact(amino, "amino_acids_unknown", "share", "unknown"))
    facts.append(_fact(days, "activity_per_cycle_gbq", "quantity", "activity_gbq"))
    return pd.concat(facts, ignore_index=True)


def _facts_of_periods(periods: pd.DataFrame) -> pd.DataFrame:
    """One row a fact about a patient."""
    initial = periods[periods["period"] == 1]
    again = set(periods.loc[periods["period"] > 1, "patient_id"])
    initial = initial.assign(
        retreated=initial["patient_id"].isin(again), both=initial["several_radionuclides"]
    )
    return pd.concat(
        [
            _fact(initial, "cycles_per_patient", "quantity", "n_cycles"),
            _fact(initial, "cumulative_activity_gbq", "quantity", "cumulative_activity_gbq"),
            _fact(initial, "several_radionuclides", "share", "both"),
            _fact(initial, "retreatment", "share", "retreated"),
        ],
        ignore_index=True,
    )


def _facts_of_eligibility(eligibility: pd.DataFrame) -> pd.DataFrame:
    """Share of met, not met and unknown a condition."""
    facts = []
    for item in eligibility["item"].unique():
        rows = eligibility[eligibility["item"] == item]
        for state in ("met", "not met", "unknown"):
            name = f"eligibility_{item}_{state.replace(' ', '_')}"
            facts.append(_fact(rows.assign(hit=rows["eligibility"] == state), name, "share", "hit"))
    return pd.concat(facts, ignore_index=True) if facts else _fact(eligibility, "", "share", "value")


def _fact(rows: pd.DataFrame, item: str, kind: str, column: str) -> pd.DataFrame:
    """Long form of one column."""
    return pd.DataFrame(
        {
            "patient_id": rows["patient_id"].astype("string"),
            "item": item,
            "kind": kind,
            "value": rows[column].astype("Float64").astype("float64"),
        }
    )


def _quartile(share: float):
    """Aggregation by a quantile."""

    def quartile(values: pd.Series) -> float:
        return values.quantile(share)

    return quartile


def _format_rows(table: pd.DataFrame, confidence_level: float) -> pd.DataFrame:
    """Shares with exact intervals, quantities with quartiles."""
    from scipy.special import betaincinv

    share = (table["kind"] == "share").to_numpy()
    hits = np.where(share, table["hits"], 0.0)
    total = table["total_rows"].to_numpy("float64")
    tail = (1 - confidence_level) / 2
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), total - np.maximum(hits, 1) + 1, tail), 0.0)
    fewer = np.minimum(hits, total - 1)
    high = np.where(hits < total, betaincinv(fewer + 1, total - fewer, 1 - tail), 1.0)
    known = table["n_known"].to_numpy() > 0
    return pd.DataFrame(
        {
            "item": table["item"].astype("string"),
            "group": table["group"].astype("string"),
            "place": table["place"],
            "n": np.where(share, table["hits"], table["n_known"]).astype("int64"),
            "total": table["total_rows"].astype("int64"),
            "value": np.where(share, hits / total, table["median"]),
            "low": np.where(share, low, table["low"]),
            "high": np.where(share, high, table["high"]),
            "status": np.where(share | known, "ok", "too_few"),
        }
    )
