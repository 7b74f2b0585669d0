"""Tables between two cuts: of the patients of both, and the new data as far as the old cut could have held them."""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from prrt_outcomes.dates import compute_date_range
from prrt_outcomes.tables.frames import put_columns
from prrt_outcomes.tables.schema import load_schema

Tables = dict[str, pd.DataFrame]
# Columns of follow_up that are of one finding; it was made after a day where one of its dates is after it.
FINDINGS = {
    "last_contact_date": ("last_contact_date", "vital_status", "death_date", "death_cause"),
    "progression_date": ("progression_date", "progression_basis"),
}


def restrict_patients(tables: Mapping[str, pd.DataFrame], patients: pd.Index) -> Tables:
    """The tables with the rows of these patients; those of controls are whole."""
    return {
        name: table if name.startswith("control_") else _pick(table, table["patient_id"].isin(patients))
        for name, table in tables.items()
    }


def find_horizon(old: Mapping[str, pd.DataFrame], cutoff: date | None) -> pd.Series:
    """Day up to which the old data know each patient: of the living the last contact, of others the cut-off."""
    last = pd.Timestamp(cutoff) if cutoff is not None else pd.Timestamp.max
    contact = old["follow_up"].set_index("patient_id")
    contact = contact["last_contact_date"].mask(contact["death_date"].notna())  # type: ignore[assignment]
    known = contact if contact.dtype.kind == "M" else compute_date_range(contact)[1]  # type: ignore[arg-type]
    return known.reindex(old["patients"]["patient_id"].unique()).fillna(last)  # type: ignore[return-value]


def correct_tables(
    old: Mapping[str, pd.DataFrame], new: Mapping[str, pd.DataFrame], horizon: pd.Series
) -> Tables:
    """The new data of the old patients without what happened after the day up to which the old data knew each.

    old, new : typed tables of the same patients
    horizon : that day by patient (`find_horizon`)
    Returns `new`, but for rows dated after that day which the old tables did not have, and for findings, ends and
    reported times after it, which are those of the old tables. What a date does not tell apart, such as a covariate,
    is as in `new`; so are the tables of controls.
    """
    return {name: _correct(name, old[name], table, horizon) for name, table in new.items()}


def _correct(name: str, old: pd.DataFrame, new: pd.DataFrame, horizon: pd.Series) -> pd.DataFrame:
    schema = load_schema(name)
    if name.startswith("control_") or name == "patients" or new.empty:
        return new
    key = list(schema.key)
    before = new[key].merge(old.assign(_known=True), on=key, how="left").set_index(new.index)
    known = before["_known"].notna()
    end = new["patient_id"].map(horizon)
    dated = [field.name for field in schema.kept_fields if field.type in ("date", "partial")]
    days = {column: _first_day(new[column]) for column in dated}
    keep = pd.Series(True, index=new.index)
    for column in dated:
        if column in key:
            keep &= known | ~days[column].gt(end)
    tied = {column: _with_precision((column,), new) for column in dated if column not in key}
    if name == "follow_up":
        tied = {column: _with_precision(found, new) for column, found in FINDINGS.items()}
    later = {
        first: known & pd.concat([days[c].gt(end) for c in found if c in days], axis=1).any(axis=1)
        for first, found in tied.items()
    }
    if name == "reported_outcomes":
        tied, later = {"time": ("time", "event")}, {"time": known & new["time"].gt(before["time"])}
    changed = {c: _restore(new[c], before[c], later[first]) for first, found in tied.items() for c in found}
    return _pick(put_columns(new, changed), keep)


def _restore(new: pd.Series, before: pd.Series, where: pd.Series) -> pd.Series:
    return new.where(~where, before.astype(new.dtype))


def _with_precision(columns: tuple[str, ...], frame: pd.DataFrame) -> tuple[str, ...]:
    return (*columns, *(f"{c}_precision" for c in columns if f"{c}_precision" in frame))


def _first_day(values: pd.Series) -> pd.Series:
    return values if values.dtype.kind == "M" else compute_date_range(values)[0]


def _pick(table: pd.DataFrame, keep: pd.Series) -> pd.DataFrame:
    return table if keep.all() else table[keep].reset_index(drop=True)
