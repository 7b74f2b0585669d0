"""A registry as of a later day: the same patients followed on, new ones, some data corrected, some patients gone."""

from datetime import date

import numpy as np
import pandas as pd

from prrt_outcomes.dates import compute_date_range
from prrt_outcomes.simulate.columns import MODEL, Rng
from prrt_outcomes.simulate.history import History, format_patient_ids
from prrt_outcomes.simulate.patients import GRADES
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.tables.schema import load_schema

Tables = dict[str, pd.DataFrame]
OF_OLD_PATIENTS = 1_000_003  # what the seed of the new patients is higher by


def shift_settings(settings: SimulationSettings, cutoff: date) -> SimulationSettings:
    """Settings with a later cut-off, and patients until the year before it."""
    cohort = settings.cohort.model_copy(update={"data_cutoff": cutoff, "last_year": cutoff.year - 1})
    return settings.model_copy(update={"cohort": cohort})


def follow_on(first: Tables, second: Tables, history: History) -> Tables:
    """Tables of the patients of `first` as of the later day.

    second : the same patients drawn to the later day; `history` is theirs to the first day
    A row that `first` holds stays; of `second` are the rows dated after the last contact in `first`, ends of therapies,
    last contacts of those who were alive, and times of reported outcomes.
    """
    horizon = pd.Series(history.observation.end_days, index=history.ids)
    entry = history.baseline["entry_day"].to_numpy()
    last = pd.Series(
        (entry + horizon.to_numpy()).astype("datetime64[D]").astype("datetime64[ns]"), horizon.index
    )
    made = {}
    for name, table in first.items():
        key = load_schema(name).key
        if name.startswith("control_") or name == "patients" or len(key) < 2:
            made[name] = table
        elif name == "reported_outcomes":
            made[name] = second[name]
        else:
            rows = second[name]
            is_later = _read_days(rows[key[1]]) > rows["patient_id"].astype(str).map(last)
            made[name] = _stack(name, [table, rows[is_later]])
    made["follow_up"] = _follow_contacts(first["follow_up"], second["follow_up"])
    made["therapies"] = _fill_ends(made["therapies"], second["therapies"])
    stopped = first["patients"]["stop_reason"].astype(str)
    known = second["patients"]["stop_reason"].astype(str)
    reason = known.where(stopped.eq("end_of_observation"), stopped)
    return made | {"patients": first["patients"].assign(stop_reason=reason)}


def add_patients(tables: Tables, drawn: Tables, after: int, history: History, n: int) -> Tables:
    """The tables with those drawn patients who began after a year, under the pseudonyms after the first `n`."""
    entered = pd.DatetimeIndex(history.baseline["entry_day"].to_numpy().astype("datetime64[D]")).year
    chosen = history.ids[np.asarray(entered > after)]
    ids = dict(zip(chosen, format_patient_ids(n + len(chosen))[n:], strict=True))
    made = {}
    for name, table in tables.items():
        new = drawn[name] if not name.startswith("control_") else drawn[name].head(0)
        new = new.assign(patient_id=new["patient_id"].astype(str).map(ids)) if len(new) else new
        made[name] = _stack(name, [table, new[new["patient_id"].notna()]]) if len(new) else table
    return made


def correct(tables: Tables, history: History, rng: Rng) -> Tables:
    """Some corrections of what was known before, and patients who withdrew; how many, `model.yaml` says."""
    made, n = dict(tables), MODEL.corrections
    lesions = made["lesions"]
    rows = rng.choice(np.flatnonzero(lesions["longest_mm"].ge(20.0)), n["lesions"], replace=False)
    sizes = lesions["longest_mm"].to_numpy(copy=True)
    sizes[rows] = np.round(sizes[rows] * 1.4)
    made["lesions"] = lesions.assign(longest_mm=sizes)
    patients = made["patients"]
    unknown = np.flatnonzero(patients["grade"].astype(str).head(len(history.ids)).eq("unknown"))
    rows = rng.choice(unknown, min(n["grades"], len(unknown)), replace=False)
    grades = patients["grade"].astype(str).to_numpy(dtype=object, copy=True)
    grades[rows] = np.array(GRADES)[history.baseline["grade"].to_numpy()[rows]]
    made["patients"] = patients.assign(grade=grades)
    gone = rng.choice(history.ids, n["withdrawn"], replace=False)
    return {
        name: t if name.startswith("control_") or t.empty else t[~t["patient_id"].isin(gone)]
        for name, t in made.items()
    }


def _follow_contacts(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Those who were alive as `second` has them, with the progression that `first` had found."""
    alive = first["vital_status"].astype(str).eq("alive").to_numpy()
    found = alive & first["progression_date"].isna().to_numpy()
    contact = ("last_contact_date", "vital_status", "death_date", "death_cause")
    chosen = dict.fromkeys(contact, alive) | dict.fromkeys(("progression_date", "progression_basis"), found)
    return first.assign(
        **{c: second[c].astype(object).where(where, first[c].astype(object)) for c, where in chosen.items()}
    )


def _fill_ends(therapies: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Ends of therapies that were going on."""
    key = list(load_schema("therapies").key)
    ends = second.astype(dict.fromkeys(key, str)).drop_duplicates(key).set_index(key)["end_date"]
    later = ends.reindex(pd.MultiIndex.from_frame(therapies[key].astype(str))).to_numpy()
    return therapies.assign(end_date=therapies["end_date"].where(therapies["end_date"].notna(), later))  # type: ignore[call-overload]


def _read_days(values: pd.Series) -> pd.Series:
    return values if values.dtype.kind == "M" else compute_date_range(values.astype("string"))[0]


def _stack(name: str, parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Rows by patient, those of the first part before those of the next."""
    text = [part.astype(dict.fromkeys(part.select_dtypes("category"), object)) for part in parts]
    return pd.concat(text, ignore_index=True).sort_values("patient_id", kind="stable", ignore_index=True)
