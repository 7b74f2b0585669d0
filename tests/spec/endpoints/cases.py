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

from prrt_outcomes.endpoints import stage
from prrt_outcomes.endpoints.derivation import derive_endpoint
from prrt_outcomes.endpoints.origin import origin_columns
from prrt_outcomes.endpoints.patient_dates import derive_patient_dates
from prrt_outcomes.endpoints.study_endpoints import gather_settings
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
        return (DAY_ZERO + pd.Timedelta(days=int(word))).strftime("%Y-%m-%d")
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
    if "responses" in rows and tables["assessments"].empty:
        scans = tables["responses"][["patient_id", "assessment_date", "reader"]].drop_duplicates()
        tables["assessments"] = conform_table("assessments", scans)
    if tables["cycles"].empty:
        return tables
    days = derive_periods(summarise_cycle_days(tables["cycles"]), study.treatment)
    periods = summarise_periods(days.assign(long_acting_window="none", short_acting_window="none"))
    return tables | {"treatment_periods": conform_table("treatment_periods", periods)}


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
            definition = make_study([yaml.safe_load(endpoint)], cutoff).endpoints[0]
            facts = derive_patient_dates(
                tables,
                rule="middle",
                new_anticancer_therapy=study.new_anticancer_therapy,
                cutoff=None if definition.data_cutoff == "ignore" else study.data_cutoff,
                origin_columns=origin_columns((definition,)),
            )
            table = derive_endpoint(facts, definition, gather_settings(study)).set_index("patient_id")
            for number, (case, _) in enumerate(members):
                if case.endpoint == endpoint:
                    results[case] = table.loc[f"p{number}"]
    return results
