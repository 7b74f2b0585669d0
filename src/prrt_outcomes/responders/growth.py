"""Tumour growth rate at three months, compared from that scan on, and before treatment."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.responders.comparisons import EMPTY_RATIO
from prrt_outcomes.responders.states import TOLERANCE, compute_months_before_first_cycle, start_at_landmark
from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.survival.cox_models import format_ratio
from prrt_outcomes.survival.endpoint_rows import EndpointRows
from prrt_outcomes.treatment.periods import find_first_cycles
from prrt_outcomes.units import convert_days_to_months

CUTS = {"three_months": 0.8, "before": 4.0}
"""% a month from which growth is fast (Lamarca 2019, The Oncologist 24:e1082, GREPONET)."""


def select_growth(tables: Mapping[str, pd.DataFrame], rows: EndpointRows, criterion: str) -> pd.DataFrame:
    """Growth of the patients of an endpoint by the primary reader in the first period, in their order.

    Returns three_months and before (% a month) and landmark: months from the origin to the scan at three months.
    """
    responses, depth = tables["responses"], tables["response_depth"]
    read = responses.loc[responses["primary_reader"].fillna(False), ["patient_id", "period", "reader"]]
    own = depth[depth["criterion"].eq(criterion) & depth["period"].eq(1)]
    own = own.merge(read.drop_duplicates(), on=["patient_id", "period", "reader"]).set_index("patient_id")
    patients = rows.frame["patient_id"]
    first_cycles = find_first_cycles(tables["treatment_periods"])
    own = own[~own.index.duplicated()].reindex(patients)
    days = own["growth_three_months_date"].to_numpy() - patients.map(first_cycles).to_numpy()
    months = convert_days_to_months(days / np.timedelta64(1, "D"))
    months = months + compute_months_before_first_cycle(tables["endpoints"], rows, first_cycles)
    rates = {name: own[f"growth_{name}_percent_month"].to_numpy(dtype=float) for name in CUTS}
    return pd.DataFrame(rates | {"landmark": months})


def compare_growth(rows: EndpointRows, growth: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Result table `tumour_growth` but for endpoint and criterion: fast against slow growth, three rows.

    Growth at three months from the day of that scan, among those who are at risk then, alone and beside growth before
    treatment; growth before treatment from the start of time on. The medians of growth before treatment, of the
    patients of a row and of all others, show whom the scan selects.
    """
    seen = growth["three_months"].notna().to_numpy()
    month = np.where(seen, growth["landmark"], 0.0)
    at_risk = seen & (rows.time_months > month + TOLERANCE * np.maximum(1.0, month))
    before = growth["before"].notna().to_numpy()
    found = [
        _compare(rows, growth, "three_months", at_risk, month, confidence),
        _compare(rows, growth, "three_months", at_risk & before, month, confidence, adjusted=True),
        _compare(rows, growth, "before", before, np.zeros(len(month)), confidence),
    ]
    return pd.DataFrame(found)


def _compare(
    rows: EndpointRows,
    growth: pd.DataFrame,
    measure: str,
    chosen: np.ndarray,
    month: np.ndarray,
    confidence: float,
    adjusted: bool = False,
) -> dict:
    fast = {name: (growth.loc[chosen, name] >= cut).to_numpy() for name, cut in CUTS.items()}
    part, inside = start_at_landmark(rows, chosen, month[chosen]), fast[measure]
    row = {"measure": measure, "adjusted": adjusted, "cut_percent_month": CUTS[measure]}
    row |= {"n": int(chosen.sum()), "excluded": int((~chosen).sum()), "n_fast": int(inside.sum())}
    row |= {"events": int((part.event == 1).sum()), "events_fast": int((part.event[inside] == 1).sum())}
    of_row = {"median": (chosen, measure), "median_before": (chosen, "before")}
    of_row["median_before_others"] = (~chosen, "before")
    for name, part_of in of_row.items():
        row[f"{name}_percent_month"] = growth.loc[part_of].dropna().median()
    names = [measure, "before"] if adjusted else [measure]
    covariates = pd.DataFrame({name: fast[name].astype(float) for name in names})
    if not row["events"] or covariates.nunique().min() < 2:
        return row | EMPTY_RATIO
    return row | format_ratio(fit_cox(part.cause_specific, covariates, confidence=confidence).table.iloc[0])


def count_growth_losses(
    rows: EndpointRows, growth: pd.DataFrame, found: pd.DataFrame, criterion: str
) -> list[dict]:
    """Patients whom the comparison at three months leaves out."""
    step, n = f"responders: {rows.endpoint}, {criterion}, growth at 3 months", len(growth)
    unseen = int(growth["three_months"].isna().sum())
    scans = "no complete scan both at baseline and 2 to 4 months after the first cycle"
    losses = {scans: (n, unseen)}
    losses["observation ended by the scan"] = (n - unseen, n - unseen - int(found["n"].iloc[0]))
    return [attrition_row("endpoints", "patients", step, why, *counts) for why, counts in losses.items()]
