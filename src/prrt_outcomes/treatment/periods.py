"""Cycles to treatment periods: a long gap starts a new one, progression never does."""

import pandas as pd

from prrt_outcomes.study.model import TreatmentSettings
from prrt_outcomes.units import DAYS_PER_WEEK

RADIONUCLIDE_LEVELS = ("177Lu", "90Y", "225Ac", "212Pb", "111In", "131I", "other")
KIND_LEVELS = ("initial", "retreatment")


def compute_radionuclide(radiopharmaceutical: pd.Series) -> pd.Series:
    """Radionuclide of a radiopharmaceutical by its name; `other` where it is none of the levels; empty stays empty."""
    places, names = pd.factorize(radiopharmaceutical.astype("string"))
    named = pd.Series(names, dtype="string").str.split("-").str[0]
    kind = pd.CategoricalDtype(list(RADIONUCLIDE_LEVELS), ordered=True)
    nuclides = named.where(named.isin(RADIONUCLIDE_LEVELS), "other").astype(kind)
    found = nuclides.reindex(places).array
    return pd.Series(found, radiopharmaceutical.index, name=radiopharmaceutical.name)


def summarise_cycle_days(cycles: pd.DataFrame) -> pd.DataFrame:
    """Two radiopharmaceuticals given on one day are one cycle.

    Returns one row a patient and day, in order of date: patient_id, cycle_date, radionuclide (`other`
    where two nuclides were given that day), n_radionuclides, activity_gbq (empty where one product lacks it),
    amino_acids (true where any product of the day says so).
    """
    codes = compute_radionuclide(cycles["radiopharmaceutical"]).cat.codes.astype("float64")
    rows = cycles.assign(nuclide=codes.where(codes >= 0), given=cycles["amino_acids"].astype("Float64"))
    days = rows.groupby(["patient_id", "cycle_date"], observed=True, sort=True).agg(
        radionuclide=("nuclide", "first"),
        n_radionuclides=("nuclide", "nunique"),
        activity_gbq=("activity_gbq", "sum"),
        n_products=("nuclide", "size"),
        n_known=("activity_gbq", "count"),
        amino_acids=("given", "max"),
    )
    days = days.reset_index()
    other = RADIONUCLIDE_LEVELS.index("other")
    places = days["radionuclide"].mask(days["n_radionuclides"] > 1, other).fillna(-1).astype("int64")
    levels = pd.Series(pd.Categorical(RADIONUCLIDE_LEVELS, RADIONUCLIDE_LEVELS, ordered=True))
    return days.assign(
        patient_id=days["patient_id"].astype("string"),
        radionuclide=levels.reindex(places).array,
        activity_gbq=days["activity_gbq"].where(days["n_known"] == days["n_products"]).astype("float64"),
        amino_acids=days["amino_acids"].astype("boolean"),
    ).drop(columns=["n_products", "n_known"])


def find_first_cycles(periods: pd.DataFrame) -> pd.Series:
    """Date of the first cycle of each treated patient, by patient_id, from the table `treatment_periods`."""
    return periods.loc[periods["period"] == 1].set_index("patient_id")["first_cycle"]


def derive_periods(days: pd.DataFrame, settings: TreatmentSettings) -> pd.DataFrame:
    """Add the treatment period and the interval to the cycle before.

    days : from `summarise_cycle_days`
    settings : `retreatment_gap_weeks` and the window of intervals, in weeks
    Returns the same rows with `period` (1, 2, ...), `cycle` (its number within the period), `interval_weeks` (empty
    for the first cycle of a period) and `interval_kept` (boolean, inclusive at both ends of the window).
    A gap of exactly `retreatment_gap_weeks` is no new period; one day more is.
    """
    days = days.sort_values(["patient_id", "cycle_date"], kind="stable")
    gap_weeks = days.groupby("patient_id")["cycle_date"].diff().dt.days / DAYS_PER_WEEK
    starts = gap_weeks.isna() | (gap_weeks > settings.retreatment_gap_weeks)
    period = starts.groupby(days["patient_id"]).cumsum().astype("Int64")
    interval = gap_weeks.where(~starts)
    kept = interval.between(settings.cycle_interval_minimum_weeks, settings.cycle_interval_maximum_weeks)
    cycle = days.groupby(["patient_id", period.rename("period")]).cumcount() + 1
    return days.assign(
        period=period,
        cycle=cycle,
        interval_weeks=interval,
        interval_kept=kept.astype("boolean").where(interval.notna()),
    )


def summarise_periods(days: pd.DataFrame) -> pd.DataFrame:
    """One row a patient and period: the columns of `treatment_periods`.

    days : from `derive_periods` and `derive_analogue_windows`: one row a patient and cycle day
    Returns cumulative activity is empty where one cycle lacks it; the radionuclide is that of the first
    cycle.
    """
    flags = {
        "intervals_kept": days["interval_kept"].eq(True),
        "intervals_broken": days["interval_kept"].eq(False),
        **{
            f"{kind}_windows_{state}": days[f"{kind}_window"] == state
            for kind in ("long_acting", "short_acting")
            for state in ("kept", "broken", "unknown")
        },
        "amino_acids_given": days["amino_acids"].eq(True),
        "amino_acids_omitted": days["amino_acids"].eq(False),
        "amino_acids_unknown": days["amino_acids"].isna(),
    }
    counts = days.assign(**{name: flag.fillna(False).astype("int64") for name, flag in flags.items()})
    table = (
        counts.groupby(["patient_id", "period"], sort=True)
        .agg(
            first_cycle=("cycle_date", "min"),
            last_cycle=("cycle_date", "max"),
            n_cycles=("cycle_date", "size"),
            cumulative_activity_gbq=("activity_gbq", "sum"),
            n_activities=("activity_gbq", "count"),
            radionuclide=("radionuclide", "first"),
            n_radionuclides=("n_radionuclides", "max"),
            **{name: (name, "sum") for name in flags},
            nuclides=("radionuclide", "nunique"),
        )
        .reset_index()
    )
    complete = table["n_activities"] == table["n_cycles"]
    kind = pd.Series(KIND_LEVELS[0], index=table.index).where(table["period"] == 1, KIND_LEVELS[1])
    return table.assign(
        patient_id=table["patient_id"].astype("string"),
        cumulative_activity_gbq=table["cumulative_activity_gbq"].where(complete),
        several_radionuclides=((table["n_radionuclides"] > 1) | (table["nuclides"] > 1)).astype("boolean"),
        kind=kind.astype(pd.CategoricalDtype(list(KIND_LEVELS), ordered=True)),
        **{name: table[name].astype("Int64") for name in ("n_cycles", *flags)},
    ).drop(columns=["n_activities", "n_radionuclides", "nuclides"])
