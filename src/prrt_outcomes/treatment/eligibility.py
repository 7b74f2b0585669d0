"""Eligibility before each cycle, and whether what the label asks for was measured: conditions are settings."""

import numpy as np
import pandas as pd

from prrt_outcomes.laboratory import compute_egfr, convert_units_to_si, find_si_factor
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.study.eligibility import ALL_CONDITIONS, ALL_MEASURED, MONITORED
from prrt_outcomes.study.model import TreatmentSettings

STATES = ["met", "not met", "unknown"]
ALL = "all"
CYCLES = ["patient_id", "period", "cycle"]


def place_samples(days: pd.DataFrame, labs: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Last known value of each analyte before each cycle: after the cycle before it, on its day at the latest.

    days : one row a patient and cycle day, from `derive_periods`
    window_days : oldest value that counts, in days before the cycle
    Returns one row a cycle and analyte: row (position in `days`), analyte, value (in the SI unit), ratio (to the upper
    limit of the laboratory), age_days (of the last sample). Value or ratio is empty where no sample has one: a unit
    that is not known, or no limit.
    """
    rows = labs.assign(
        analyte=labs["analyte"].astype("string"),
        ratio=labs["value"] / labs["upper_limit"].where(labs["upper_limit"] > 0),
        value=labs["value"] * convert_units_to_si(labs["analyte"], labs["unit"]),
    )
    rows = rows[labs["value"].notna()].sort_values(["sample_date", "sequence"], kind="stable")
    cycles = days[["patient_id", "cycle_date"]].assign(row=np.arange(len(days))).sort_values("cycle_date")
    window = pd.Timedelta(window_days, "D")
    rows = rows.astype({"patient_id": cycles["patient_id"].dtype})
    found = pd.merge_asof(
        rows, cycles, left_on="sample_date", right_on="cycle_date", by="patient_id", direction="forward",
        tolerance=window,
    ).dropna(subset="row")  # fmt: skip
    found = found.assign(age_days=(found["cycle_date"] - found["sample_date"]).dt.days)
    by = found.astype({"row": "int64"}).groupby(["row", "analyte"], as_index=False)
    return by[["value", "ratio", "age_days"]].last()


def judge_cycles(
    days: pd.DataFrame,
    patients: pd.DataFrame,
    samples: pd.DataFrame,
    settings: TreatmentSettings,
    equation: str = "ckd_epi_2021",
) -> pd.DataFrame:
    """Whether each condition was met before each cycle, as far as it was known then.

    days : from `derive_periods`; samples : from `place_samples`
    settings : `eligibility`; equation : of eGFR from creatinine, as `compute_egfr`
    Returns one row a cycle and condition that holds for it, and one with item `eligible` (met where all are met, not
    met where one is not): patient_id, period, cycle, item, value, unit, minimum, maximum, eligibility. Bounds are
    inclusive; one for the radionuclide goes before one for any. Krenning score and performance are those at baseline;
    ECOG is read from Karnofsky (Oken 1982, Am J Clin Oncol 5:649) where only that is known. Renal function is the
    reported eGFR, else from creatinine: a stand-in for creatinine clearance. A radionuclide without a bound: unknown.
    """
    conditions = settings.eligibility.conditions
    base = days.merge(patients.drop(columns="radionuclide", errors="ignore"), on="patient_id", how="left")
    first, nuclide = base["cycle"].eq(1).to_numpy(), base["radionuclide"].astype("string").fillna("other")
    phases = {"all": np.ones(len(base), bool), "first": first, "later": ~first}
    labels = base[CYCLES]
    parts = []
    for item in dict.fromkeys(c.item for c in conditions):
        own = [c for c in conditions if c.item == item]
        own.sort(key=lambda c: c.radionuclide is not None)
        bounds, asked = np.full((2, len(base)), np.nan), np.zeros(len(base), bool)
        for c in own:
            asked |= phases[c.cycles]
            here = phases[c.cycles] & (nuclide.eq(c.radionuclide).to_numpy() if c.radionuclide else True)
            bounds[:, here] = [[np.nan if b is None else b] for b in (c.minimum, c.maximum)]
        value = _find_values(base, samples, own[0].measure, own[0].unit, equation)
        unknown = np.isnan(value) | np.isnan(bounds).all(axis=0)
        broken = (value < bounds[0]) | (value > bounds[1])
        state = np.select([unknown, broken], ["unknown", "not met"], "met")
        part = labels.assign(item=item, value=value, unit=own[0].unit, minimum=bounds[0], maximum=bounds[1])
        parts.append(part.assign(eligibility=state)[asked])
    table = pd.concat(parts)
    broken, unknown = (
        table["eligibility"].eq(state).groupby(table.index).any() for state in ("not met", "unknown")
    )
    whole = labels.loc[broken.index].assign(
        item=ALL_CONDITIONS, eligibility=np.select([broken, unknown], ["not met", "unknown"], "met")
    )
    table = pd.concat([table, whole]).sort_index(kind="stable").reset_index(drop=True)
    kinds: dict = dict.fromkeys(("item", "unit"), "string")
    return table.astype(kinds | {"eligibility": pd.CategoricalDtype(STATES, ordered=True)})


def _find_values(
    base: pd.DataFrame, samples: pd.DataFrame, measure: str, unit: str, equation: str
) -> np.ndarray:
    """Value of a measure before each cycle, in a unit; `equation` of eGFR from creatinine."""

    def measured(analyte: str, column: str = "value") -> pd.Series:
        own = samples[samples["analyte"] == analyte]
        return own.set_index("row")[column].reindex(range(len(base)))

    if measure == "ecog":  # from Karnofsky: 90-100 is 0, 70-80 is 1, 50-60 is 2, 30-40 is 3, below is 4
        read = ((100 - base["karnofsky"].astype("float64")) // 20).clip(upper=4)
        return base["ecog"].astype("float64").fillna(read).to_numpy()
    if unit in ("score", "ULN"):
        found = measured(measure, "ratio") if unit == "ULN" else base[measure]
        return found.astype("float64").round(9).to_numpy()
    if measure != "egfr":
        return (measured(measure) / find_si_factor(measure, unit)).round(9).to_numpy("float64")
    rate = compute_egfr(measured("creatinine"), base["age_years"], base["sex"], equation)
    return measured("egfr").fillna(pd.Series(rate)).to_numpy("float64")


def list_measured(days: pd.DataFrame, samples: pd.DataFrame, window_days: int) -> pd.DataFrame:
    """Whether what the label asks for was measured at most `window_days` before each cycle: cycle, item, value."""
    recent, row = samples[samples["age_days"] <= window_days], np.arange(len(days))
    there = {
        name: np.isin(row, recent.loc[recent["analyte"].isin(analytes), "row"])
        for name, analytes in MONITORED.items()
    }
    wide = pd.DataFrame(there | {ALL_MEASURED: np.logical_and.reduce(list(there.values()))})
    return wide.assign(cycle=days["cycle"].array).melt("cycle", var_name="item").astype({"value": "float64"})


def summarise_by_cycle(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """Share of cycles with its exact interval (Clopper-Pearson), of all cycles and by their number in the period.

    rows : cycle, item, value (1, 0, or empty where it is not known)
    Returns one row a number and item: cycle, item, n, total (known), n_unknown, proportion, low, high, status. Of all
    conditions together all cycles are the total, since one condition known to be broken is enough for 1 and all must be
    known for 0: n of them is the least share, and the upper limit is that with all unknown ones counted as 1.
    """
    ordered = rows.sort_values("cycle", kind="stable").astype({"cycle": "string"})
    values = pd.concat([ordered.assign(cycle=ALL), ordered]).groupby(["cycle", "item"], sort=False)["value"]
    table = values.agg(n="sum", known="count", size="size").astype("int64").reset_index()
    whole, any_known, n = table["item"].eq(ALL_CONDITIONS), table["known"] > 0, table["n"]
    unknown, total = table["size"] - table["known"], table["known"].mask(whole & any_known, table["size"])
    low, _ = compute_clopper_pearson(n.to_numpy(), total.to_numpy(), level)
    most = (n + unknown.where(whole & any_known, 0)).to_numpy()
    _, high = compute_clopper_pearson(most, total.to_numpy(), level)
    found = table.assign(total=total, n_unknown=unknown, proportion=n / total.where(any_known), low=low)
    found = found.assign(high=high, status=np.where(any_known, "ok", "too_few"))
    return found.drop(columns=["known", "size"])
