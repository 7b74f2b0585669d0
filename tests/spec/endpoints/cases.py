"""The language of the truth tables: what happened to one patient, in days from the first cycle.

A cell of `history` lists facts, separated by commas: `scan 90 SD`, `death 200`, `contact 400 alive`,
`therapy 150 chemotherapy`, `therapy 150 surgery palliative`, `cycle 300`, `progression 120 clinical`,
`diagnosis -400`, `referral -30`, `lost 300`. A number may be a partial date instead (2015-05). There is always
a cycle on day 0 (2015-01-01), unless `no cycle` is said; the data cut-off is 2020-12-31, unless `cutoff 500` is.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import pandas as pd
import yaml

from prrt_outcomes.cohort.vocabulary import derive_term_group, extend_vocabulary
from prrt_outcomes.dates import resolve_partial_dates
from prrt_outcomes.endpoints import stage
from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.patient_dates import derive_patient_dates
from prrt_outcomes.response.best import find_confirmations
from prrt_outcomes.response.codes import RESPONSES, convert_to_codes
from prrt_outcomes.response.scans import filter_new_therapies, find_primary_reader
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.treatment.periods import derive_periods, summarise_cycle_days, summarise_periods

DAY_ZERO = pd.Timestamp("2015-01-01")
CUTOFF = "2020-12-31"


class Case(NamedTuple):
    """One row of a truth table."""

    section: str
    endpoint: str
    history: str
    time: str
    event: str
    reason: str
    why: str


def read_cases(text: str) -> list[Case]:
    """Read the rows of all tables of a text; a line that begins with # names the section."""
    cases, section = [], ""
    for line in text.splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ").strip()
        elif "|" in line and not line.startswith("endpoint"):
            cases.append(Case(section, *[cell.strip() for cell in line.split("|")]))
    return cases


def to_date(word: str) -> str:
    """ISO text of a day number, or the partial date as it stands."""
    if re.fullmatch(r"-?\d{1,3}|\d{4,}", word) and not re.fullmatch(r"(19|20)\d\d", word):
        return (DAY_ZERO + pd.Timedelta(int(word), "D")).strftime("%Y-%m-%d")
    return word


def read_history(history: str) -> tuple[dict[str, list[dict]], str]:
    """Rows of the input tables for patient `a`, and the data cut-off."""
    patient = {"patient_id": "a"}
    rows: dict[str, list[dict]] = {"patients": [dict(patient)]}
    follow_up = {"last_contact_date": None, "vital_status": "alive"}
    cutoff, cycles, treated = CUTOFF, ["0"], True
    for fact in filter(None, (part.strip() for part in history.split(","))):
        kind, *words = fact.split()
        if kind == "scan":
            row = {"assessment_date": to_date(words[0]), "overall_response": words[1], "period": 1}
            row |= {"reader": "local", "criterion": "recist_1_1"}
            extra = dict(word.split("=") for word in words[2:])
            rows.setdefault("responses", []).append(patient | row | extra)
        elif kind == "death":
            follow_up |= {"vital_status": "dead", "death_date": to_date(words[0])}
            follow_up["last_contact_date"] = follow_up["last_contact_date"] or to_date(words[0])
        elif kind in ("contact", "lost"):
            follow_up["last_contact_date"] = to_date(words[0])
            follow_up["vital_status"] = "lost" if kind == "lost" else words[1] if words[1:] else "alive"
        elif kind == "therapy":
            row = {"start_date": to_date(words[0]), "kind": words[1], "drug": "x", "sequence": 1}
            rows.setdefault("therapies", []).append(patient | row | {"intent": (words[2:] or [None])[0]})
        elif kind == "progression":
            follow_up |= {
                "progression_date": to_date(words[0]),
                "progression_basis": (words[1:] or [None])[0],
            }
        elif kind == "event":
            row = {"onset_date": to_date(words[0]), "term": " ".join(words[1:]), "sequence": 1}
            rows.setdefault("adverse_events", []).append(patient | row)
        elif kind in ("diagnosis", "referral"):
            rows["patients"][0][f"{kind}_date"] = to_date(words[0])
        elif kind == "cycle":
            cycles.append(words[0])
        elif kind == "cutoff":
            cutoff = to_date(words[0])
        elif fact == "no cycle":
            treated = False
        elif fact == "scans recorded":
            rows.setdefault("assessments", []).append({"patient_id": "a", "assessment_date": to_date("-1")})
        else:
            raise ValueError(f"not a fact: {fact}")
    if treated:
        rows["cycles"] = [
            patient | {"cycle_date": to_date(day), "radiopharmaceutical": "177Lu-DOTATATE"} for day in cycles
        ]
    if follow_up["last_contact_date"]:
        rows["follow_up"] = [patient | follow_up]
    return rows, cutoff


def make_tables(rows: dict[str, list[dict]], study: Study) -> dict[str, pd.DataFrame]:
    """Typed tables of all inputs of the stage, the treatment periods derived by their own stage."""
    tables = {}
    for name in stage.INPUTS:
        content = rows.get(name)
        tables[name] = (
            conform_table(name, pd.DataFrame(content), dict(study.extra_columns))
            if content
            else empty_table(name, dict(study.extra_columns))
        )
    words = extend_vocabulary(study.vocabulary)
    tables["adverse_events"] = derive_term_group(tables["adverse_events"], words)
    if "responses" in rows and tables["assessments"].empty:
        scans = tables["responses"][["patient_id", "assessment_date", "reader"]].drop_duplicates()
        tables["assessments"] = conform_table("assessments", scans)
    if tables["cycles"].empty:
        return derive_response_columns(tables, study)
    days = derive_periods(summarise_cycle_days(tables["cycles"]), study.treatment)
    periods = summarise_periods(days.assign(long_acting_window="none", short_acting_window="none"))
    tables |= {"treatment_periods": conform_table("treatment_periods", periods)}
    return derive_response_columns(tables, study)


def derive_response_columns(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """The columns that the response stage writes: the primary reader and the first response of each patient."""
    responses = tables["responses"]
    reader = find_primary_reader(responses["reader"].dropna().unique(), study.response)
    responses = responses.assign(primary_reader=(responses["reader"] == reader).astype("boolean"))
    periods = tables["treatment_periods"]
    first = periods[periods["period"] == 1].set_index("patient_id")["first_cycle"].astype("datetime64[ns]")
    new = filter_new_therapies(tables["therapies"], study)
    start = resolve_partial_dates(new["start_date"], new["start_date_precision"], study.partial_dates)
    start = start[start > new["patient_id"].map(first).astype("datetime64[ns]")]
    therapy = start.groupby(new["patient_id"]).min()
    again = periods[periods["period"] > 1].groupby("patient_id")["first_cycle"].min()
    if "prrt" in study.new_anticancer_therapy:
        therapy = pd.concat([therapy, again]).groupby(level=0).min()
    parts = []
    for (criterion, name), rows in responses.groupby(["criterion", "reader"], observed=True):
        for confirmed in (False, True):
            dates = find_first_response(rows, first, therapy, study.response if confirmed else None)
            part = dates.rename("first_response_date").rename_axis("patient_id").reset_index()
            parts.append(
                part.assign(
                    criterion=criterion,
                    reader=name,
                    confirmed=confirmed,
                    period=1,
                    primary_reader=name == reader,
                )
            )
    best = conform_table("best_responses", pd.concat(parts)) if parts else empty_table("best_responses")
    return tables | {"responses": responses, "best_responses": best}


def find_first_response(scans, first_cycle, new_therapy, confirmation) -> pd.Series:
    """Date of the first CR or PR after the first cycle, before progression and new therapy, by patient."""
    rows = scans.sort_values(["patient_id", "assessment_date", "period"], kind="stable")
    rows = rows.drop_duplicates(["patient_id", "assessment_date"])
    rows = rows[rows["assessment_date"] > rows["patient_id"].map(first_cycle).astype("datetime64[ns]")]
    progressed = rows["overall_response"].eq("PD").fillna(False).groupby(rows["patient_id"]).cumsum() > 0
    late = rows["assessment_date"] > rows["patient_id"].map(new_therapy).astype("datetime64[ns]")
    rows = rows[~progressed & ~late]
    hit = rows["overall_response"].isin(["CR", "PR"]).to_numpy()
    if confirmation is not None and len(rows):
        codes = convert_to_codes(rows["overall_response"], RESPONSES)
        codes[codes < 0] = RESPONSES.index("NE")
        table = pd.DataFrame(
            {
                "course": pd.factorize(rows["patient_id"])[0],
                "date": rows["assessment_date"],
                "overall_response": codes,
            }
        )
        hit = hit & find_confirmations(table, confirmation).notna().to_numpy()
    return rows[hit].groupby("patient_id")["assessment_date"].min()


def make_study(endpoints: list, cutoff: str | None = CUTOFF, **changes) -> Study:
    """A study with these endpoints and a scan every 90 days, 14 days early or late."""
    plain = {
        "study": "s",
        "tables": {"patients": "p.csv", "follow_up": "f.csv"},
        "endpoints": endpoints,
        "data_cutoff": cutoff,
        "assessment_interval_days": 90,
        "extra_columns": {"referral_date": "date"},
    }
    return Study.model_validate(plain | changes)


def run_history(history: str, endpoint, **changes) -> dict[str, pd.DataFrame]:
    """Run the stage on the history of one patient."""
    rows, cutoff = read_history(history)
    study = make_study([endpoint], cutoff, **changes)
    return stage.run(make_tables(rows, study), study)


def run_cases(cases: list[Case]) -> dict[Case, pd.Series]:
    """Derive cases that share cut-off and whether scans are recorded as the patients of one study."""
    groups: dict[tuple, list[tuple[Case, dict]]] = {}
    for case in cases:
        rows, cutoff = read_history(case.history)
        key = (cutoff, bool({"responses", "assessments"} & rows.keys()))
        groups.setdefault(key, []).append((case, rows))
    results = {}
    for (cutoff, _), members in groups.items():
        study = make_study(["os"], cutoff)
        together: dict[str, list[dict]] = {}
        for number, (_, rows) in enumerate(members):
            for name, content in rows.items():
                own = [row | {"patient_id": f"p{number}"} for row in content]
                together.setdefault(name, []).extend(own)
        tables = make_tables(together, study)
        for endpoint in dict.fromkeys(case.endpoint for case, _ in members):
            own = make_study([yaml.safe_load(endpoint)], cutoff)
            definition = own.endpoints[0]
            dates = derive_patient_dates(tables, own, data_cutoff=definition.data_cutoff)
            table = derive_endpoint(dates, definition, own).set_index("patient_id")
            for number, (case, _) in enumerate(members):
                if case.endpoint == endpoint:
                    results[case] = table.loc[f"p{number}"]
    return results
