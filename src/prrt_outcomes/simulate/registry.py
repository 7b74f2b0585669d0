"""A synthetic registry in memory, and as a study folder that runs with its truth beside it."""

import re
from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml
from pyarrow import csv

from prrt_outcomes.errors import UsageError
from prrt_outcomes.simulate import clinical_tables, later, treatment_tables
from prrt_outcomes.simulate.columns import MODEL, Array
from prrt_outcomes.simulate.controls import derive_control_tables, draw_injuries
from prrt_outcomes.simulate.history import History, derive_outcomes, draw_history, open_stream
from prrt_outcomes.simulate.lesions import RESPONSES
from prrt_outcomes.simulate.optional_tables import derive_pet, derive_questionnaires
from prrt_outcomes.simulate.patients import GRADES, TUMOUR_GROUPS
from prrt_outcomes.simulate.safety_tables import derive_adverse_events, derive_labs
from prrt_outcomes.simulate.schedule import STOP_REASONS
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.simulate.truth import compute_truth
from prrt_outcomes.tables.data_package import PACKAGE_FILE, format_data_package
from prrt_outcomes.tables.frames import conform_table

EXTRA_COLUMNS = {"stop_reason": "category"}
STUDY_NAME = re.compile(r"[a-z][a-z0-9_]*")
TRUTH_HEADER = "# The truth behind a synthetic registry. No run reads this file.\n"


@dataclass(frozen=True)
class Simulation:
    """One synthetic registry."""

    tables: dict[str, pd.DataFrame]
    history: History
    controls: pd.DataFrame  # as `draw_controls` returns them
    questionnaires: pd.DataFrame  # truth of their changes, as `derive_questionnaires` returns it
    curve_events: int  # of the published-like arm, as a publication would state them

    @property
    def filled(self) -> dict[str, pd.DataFrame]:
        """Tables that hold a row; the others are left out of the study."""
        return {table: frame for table, frame in self.tables.items() if len(frame)}


def simulate_registry(settings: SimulationSettings, patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Draw a registry in memory: every input table of the contract by name, typed as stages expect their tables.

    `patients` has the extra column `stop_reason`. The same seed and settings give the same registry.
    """
    tables = draw_simulation(settings, patients, seed).tables
    return {
        name: conform_table(name, frame, EXTRA_COLUMNS if name == "patients" else None)
        for name, frame in tables.items()
    }


def draw_simulation(
    settings: SimulationSettings,
    patients: int,
    seed: int,
    later: date | None = None,
    levels: dict[str, Array] | None = None,
) -> Simulation:
    """Draw a registry with what is behind it; tables are plain frames with categories and dates.

    `later`, `levels`: as `draw_history` and `derive_labs` take them.
    """
    history = draw_history(settings, patients, seed, later)
    # A progression that no scan showed is seen by the physician.
    delay = open_stream(seed, "clinical").integers(5, 40, len(history.route))
    day = np.ceil(np.minimum(history.progression_days, 1e6)) + delay
    seen = history.clinical_only & (history.second.detected < 0) & (day <= history.observation.end_days)
    clinical_days = np.where(seen, day, np.inf)
    known_progression = np.minimum(history.second.found_days, clinical_days)
    rng = open_stream(seed, "therapies")
    diagnosis_days = treatment_tables.draw_diagnosis_days(history, rng)
    drawn = treatment_tables.draw_therapies(history, diagnosis_days, known_progression, rng)
    records = open_stream(seed, "records")
    control_tables, controls, curve_events = derive_control_tables(settings, seed)
    prior_lines = treatment_tables.count_prior_lines(drawn, patients)
    questionnaires, changes = derive_questionnaires(history, open_stream(seed, "questionnaires"))
    ends = np.maximum(history.observation.end_days, 0.5)
    time, event = draw_injuries(history.baseline, ends, history.settings, open_stream(seed, "injury"))
    injuries = pd.DataFrame({"patient_id": history.ids, "endpoint": MODEL.negative_control})
    injuries = injuries.assign(time=time, event=event)
    tables = {
        "patients": clinical_tables.derive_patients(history, diagnosis_days, prior_lines, records),
        "cycles": treatment_tables.derive_cycles(history, records),
        "therapies": treatment_tables.derive_therapies(history, drawn, records),
        "assessments": clinical_tables.derive_assessments(history, records),
        "lesions": clinical_tables.derive_lesions(history, records),
        "labs": derive_labs(history, open_stream(seed, "laboratory"), levels),
        "follow_up": clinical_tables.derive_follow_up(history, clinical_days, records),
        "adverse_events": derive_adverse_events(history, open_stream(seed, "events")),
        "reported_outcomes": injuries if history.settings.controls.patients else injuries.head(0),
        **control_tables,
        "questionnaires": questionnaires,
        "pet": derive_pet(history, open_stream(seed, "pet")),
    }
    return Simulation(tables, history, controls, changes, curve_events)


def draw_later_simulation(
    settings: SimulationSettings, patients: int, seed: int, cutoff: date
) -> tuple[Simulation, Simulation]:
    """The registry of `draw_simulation`, and the same as of a later day (`later`)."""
    levels: dict[str, Array] = {}
    first = draw_simulation(settings, patients, seed, levels=levels)
    second = draw_simulation(settings, patients, seed, cutoff, levels)
    tables = later.follow_on(first.tables, second.tables, first.history)
    tables = later.correct(tables, first.history, open_stream(seed, "corrections"))
    new = draw_simulation(later.shift_settings(settings, cutoff), patients, seed + later.OF_OLD_PATIENTS)
    tables = later.add_patients(tables, new.tables, settings.cohort.last_year, new.history, patients)
    return first, replace(second, tables=tables)


def write_simulated_study(
    folder: str | Path,
    *,
    patients: int,
    seed: int,
    settings: SimulationSettings | None = None,
    truth_patients: int | None = 200_000,
    later_cutoff: date | None = None,
) -> Path:
    """Draw a synthetic registry and write it as a study that runs, named after its folder; return the study file.

    With `later_cutoff` the registry as of that day is written as well, beside it, with its year behind the name.
    `truth/summary.yaml` comes from a draw of `truth_patients` and is left out for None. Raises UsageError when the
    folder is a file or holds a study already, a number is out of range, or the folder cannot name a study.
    """
    settings = SimulationSettings() if settings is None else settings
    folder = Path(folder)
    name = re.sub(r"[^a-z0-9_]+", "_", folder.absolute().name.lower()).strip("_")
    _check_request(folder, patients, seed, name, truth_patients)
    if later_cutoff is None:
        simulation = draw_simulation(settings, patients, seed)
    else:
        if later_cutoff.year <= settings.cohort.data_cutoff.year:
            last = settings.cohort.data_cutoff.year
            raise UsageError(f"--later is {later_cutoff}: a day of a year after {last}")
        beside = folder.with_name(f"{folder.name}_{later_cutoff.year}")
        _check_request(beside, patients, seed, f"{name}_{later_cutoff.year}", truth_patients)
        simulation, further = draw_later_simulation(settings, patients, seed, later_cutoff)
        shifted = later.shift_settings(settings, later_cutoff)
        _write_tables(beside, further, shifted, f"{name}_{later_cutoff.year}")
    study_file = _write_tables(folder, simulation, settings, name)
    (folder / "truth").mkdir(exist_ok=True)
    write_csv(derive_patient_truth(simulation.history), folder / "truth" / "patients.csv")
    write_csv(_derive_control_truth(simulation), folder / "truth" / "control_patients.csv")
    write_csv(simulation.questionnaires, folder / "truth" / "questionnaires.csv")
    parameters = {"patients": patients, "seed": seed, "settings": settings.model_dump(mode="json")}
    _write_yaml(parameters, folder / "truth" / "parameters.yaml")
    if truth_patients is not None:
        _write_yaml(compute_truth(settings, truth_patients), folder / "truth" / "summary.yaml")
    return study_file


def _write_tables(folder: Path, simulation: Simulation, settings: SimulationSettings, name: str) -> Path:
    """Tables, data package and study file of a registry."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    headers = {}
    for table, frame in simulation.filled.items():
        write_csv(frame, folder / "data" / f"{table}.csv")
        headers[table] = [str(column) for column in frame.columns]
    package = format_data_package(name, _write_title(settings), headers, EXTRA_COLUMNS)
    (folder / PACKAGE_FILE).write_text(package, encoding="utf-8")
    study_file = folder / "study.yaml"
    study_file.write_text(format_study(simulation, settings, name), encoding="utf-8")
    return study_file


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as csv in UTF-8: ISO dates, true and false, empty where missing."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    columns = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("s")).cast(pa.date32())
        columns.append(column)
    table = pa.Table.from_arrays(columns, names=table.column_names)
    with path.open("wb") as sink:
        sink.write((",".join(table.column_names) + "\n").encode())
        csv.write_csv(table, sink, csv.WriteOptions(include_header=False, quoting_style="none"))


def derive_patient_truth(history: History) -> pd.DataFrame:
    """What is hidden about each patient, and what a perfect reader derives: one row a patient, times in days."""
    outcomes = derive_outcomes(history)
    finite = history.response_days < history.progression_days
    hidden = pd.DataFrame(
        {
            "tumour_group": np.array(TUMOUR_GROUPS)[history.baseline["tumour_group"]],
            "grade": np.array(GRADES)[history.baseline["grade"]],
            "radionuclide": np.where(history.regimen.starts_with_y90, "90Y", "177Lu"),
            "unmeasured": history.baseline["unmeasured"].round(4),
            "log_hazard_progression": history.log_hazard_progression.round(4),
            "log_hazard_death": history.log_hazard_death.round(4),
            "progression_days": history.progression_days.round(1),
            "progression_route": np.array(["target", "new_lesion", "non_target"])[history.route],
            "clinical_only": history.clinical_only,
            "death_days": history.death_days.round(1),
            "true_response_days": np.where(finite, history.response_days, np.nan),
            "stop_reason": np.array(STOP_REASONS)[history.regimen.stop_reason],
        }
    )
    best = np.array(RESPONSES)[outcomes["best_response"]]
    derived = outcomes.assign(best_response=best, target_change=outcomes["target_change"].round(4))
    return pd.concat([derived[["patient_id"]], hidden, derived.drop(columns="patient_id")], axis=1)


def _derive_control_truth(simulation: Simulation) -> pd.DataFrame:
    """Latent times and the hidden confounder of the historical controls."""
    hidden = simulation.controls[["grade", "unmeasured", "progression_days", "death_days"]]
    hidden = hidden.assign(grade=np.array(GRADES)[hidden["grade"]])
    hidden.insert(0, "patient_id", simulation.tables["control_patients"]["patient_id"])
    return hidden.round({"unmeasured": 4, "progression_days": 1})


def format_study(simulation: Simulation, settings: SimulationSettings, name: str) -> str:
    """Text of the `study.yaml` of a synthetic registry."""
    cohort = settings.cohort
    tables = "\n".join(f"  {table}: data/{table}.csv" for table in simulation.filled)
    curve = simulation.tables["control_curves"]
    below = curve.loc[curve["survival"] <= 0.5, "time_months"]
    median = "" if below.empty else f"\n    published_median_months: {below.iloc[0]:.1f}"
    template = files("prrt_outcomes.simulate").joinpath("study_template.txt").read_text(encoding="utf-8")
    if settings.controls.patients == 0:
        start, end = template.index("  - id: before_prrt"), template.index("claims:")
        template = template[:start] + template[end:]
    return template.format(
        **vars(MODEL),
        name=name,
        title=_write_title(settings),
        cutoff=cohort.data_cutoff.isoformat(),
        tables=tables,
        interval=settings.scans.interval_days + 45,
        median=median,
        events=simulation.curve_events,
    )


def _write_title(settings: SimulationSettings) -> str:
    cohort = settings.cohort
    centres = {1: "one centre", 2: "two centres", 3: "three centres", 4: "four centres", 5: "five centres"}
    where = centres.get(cohort.centres, f"{cohort.centres} centres")
    return f"PRRT at {where}, {cohort.first_year}-{cohort.last_year} (synthetic)"


def _check_request(folder: Path, patients: int, seed: int, name: str, truth_patients: int | None) -> None:
    if patients < 1:
        raise UsageError(f"--patients is {patients}: at least 1")
    if seed < 0:
        raise UsageError(f"--seed is {seed}: 0 or more")
    if truth_patients is not None and truth_patients < 1000:
        raise UsageError(f"the truth needs a draw of at least 1000 patients, not {truth_patients}")
    if not STUDY_NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a study: small letters, digits and _, a letter first")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: name a folder")
    if (folder / "study.yaml").exists():
        raise UsageError(f"{folder} holds a study already: name another folder")


def _write_yaml(content: dict, path: Path) -> None:
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    path.write_text(TRUTH_HEADER + text, encoding="utf-8")
