"""Results folders as they are compared, and the chain of scenarios from one to the other."""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from prrt_outcomes.compare import changes
from prrt_outcomes.compare.cuts import correct_tables, find_horizon, restrict_patients
from prrt_outcomes.compare.headline import Tables, compute_headline
from prrt_outcomes.compare.numbers import ALL, HEADLINE, attribute_differences, count_movers, list_values
from prrt_outcomes.errors import StepError, UsageError
from prrt_outcomes.fingerprint import Code, list_run_modules
from prrt_outcomes.manuscript.names import ALIASES
from prrt_outcomes.steps import read_tables, table_path
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table, pick_rows, spell_categories
from prrt_outcomes.tables.schema import list_tables

DECISIONS = tuple(changes.DECIDED)
PROVENANCE_FILE = "provenance.json"
SHOWN_ONLY = ("study", "title", "synthetic", "tables", "figures", "disclosure", "accepted_problems", "doubts")
RESULTS = ("km_curve", *(ALIASES[alias]["table"] for alias in HEADLINE))


@dataclass(frozen=True)
class Run:
    """One results folder: `provenance.json`, the settings in it, checked input tables, tables of results."""

    folder: Path
    provenance: dict
    study: Study
    inputs: Tables
    results: Tables

    @property
    def patients(self) -> pd.Index:
        """Patients of the study."""
        return pd.Index(self.inputs["patients"]["patient_id"].unique())


@dataclass(frozen=True)
class Comparison:
    """Two runs side by side; `causes`: the steps between them, in order."""

    old: Run
    new: Run
    causes: tuple[str, ...]
    settings: pd.DataFrame  # columns setting, old, new
    numbers: pd.DataFrame  # as `attribute_differences` returns them, with n_patients
    patients: pd.DataFrame  # columns of `changes.CHANGES`

    @property
    def runs(self) -> dict[str, Run]:
        """The two by what a reader calls them."""
        return {"Old": self.old, "New": self.new}


def read_run(folder: Path) -> Run:
    """Read a results folder.

    Raises UsageError when it holds no finished run, or settings that this version cannot read; StepError when a table
    is not as its step left it.
    """
    path = folder / PROVENANCE_FILE
    try:
        provenance = json.loads(path.read_text(encoding="utf-8"))
        code = provenance["study"], provenance["code"]
    except (OSError, ValueError, KeyError, TypeError):
        words = "it has no provenance.json of a run" if folder.is_dir() else "there is no such folder"
        raise UsageError(f"{folder} is no results folder of a finished run: {words}") from None
    try:
        study = Study.model_validate(code[0])
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        words = f"this version cannot read the settings in {path} ({place})"
        raise UsageError(f"{words}: run the study again with it, and compare then") from None
    names = [n for n in (*list_tables("input"), *DECISIONS, *RESULTS) if (folder / table_path(n)).is_file()]
    lacking = {"patients", "follow_up", "endpoints", "analysis_set", "km_summary"}.difference(names)
    if lacking:
        raise UsageError(
            f"{folder} lacks {', '.join(str(table_path(n)) for n in sorted(lacking))}: run the study again"
        )
    read = read_tables(names, folder)
    inputs = {n: read[n] if n in read else empty_table(n, study.extra_columns) for n in list_tables("input")}
    decided = {n: empty_table(n) for n in DECISIONS}
    if "responders" in read:  # of the others no comparison is computed anew
        read["responders"] = pick_rows(read["responders"], criterion=study.response.primary_criterion)
    return Run(
        folder, provenance, study, inputs, decided | {n: t for n, t in read.items() if n not in inputs}
    )


def compare_runs(old: Run, new: Run, cores: int = 1) -> Comparison:
    """Compare two runs by computing the steps between them anew, each from the one before.

    Raises UsageError when they have no patient in common; StepError when a step cannot be computed.
    """
    if old.patients.intersection(new.patients).empty:
        raise UsageError(
            f"{old.folder} and {new.folder} have no patient in common: they are of different studies"
        )
    settings = list_setting_changes(old.study, new.study)
    plan = plan_scenarios(old, new, not settings.empty, Code().fingerprint(list_run_modules()))
    causes = tuple(cause for cause, _, _ in plan)
    hybrids = [(inputs, study) for _, inputs, study in plan[:-1]]
    computed = [old.results, *_compute_all(hybrids, causes, cores), new.results]
    studies = [old.study, *(study for _, _, study in plan)]
    decided = [
        changes.list_decision_changes(before, after, study).assign(cause=cause)
        for before, after, cause, study in zip(computed, computed[1:], causes, studies[1:], strict=False)
    ]
    stages = [old.inputs, *(inputs for _, inputs, _ in plan)]
    given = [
        changes.list_input_changes(before, after).assign(cause=cause)
        for before, after, cause in zip(stages, stages[1:], causes, strict=False)
        if cause in ("corrected_data", "longer_follow_up")
    ]
    moved = _join_patients(old, new, given, decided)
    numbers = attribute_differences([list_values(tables) for tables in computed], causes)
    numbers["n_patients"] = count_movers(
        numbers, moved, old.results["analysis_set"], new.results["analysis_set"]
    )
    return Comparison(old, new, causes, settings, numbers, moved)


def plan_scenarios(old: Run, new: Run, settings_differ: bool, code: str) -> list[tuple[str, Tables, Study]]:
    """Steps from the old run to the new: what each changes, and the tables and settings behind it.

    The last one is the new run itself. A step that changes nothing is left out; of two runs of the same data, settings
    and code there is none. Where a run was made by other code than `code`, that of this program, its own numbers are
    computed by this program first, or last.
    """
    common = old.patients.intersection(new.patients)
    before = {n: conform_table(n, t, new.study.extra_columns) for n, t in old.inputs.items()}
    kept, followed = restrict_patients(before, common), restrict_patients(new.inputs, common)
    corrected = correct_tables(kept, followed, find_horizon(kept, old.study.data_cutoff))
    until = new.study.model_copy(update={"data_cutoff": old.study.data_cutoff})
    plan: list[tuple[str, Tables, Study]] = []
    if old.provenance["code"] != code:
        plan.append(("changed_code", old.inputs, old.study))
    if settings_differ:
        plan.append(("changed_settings", before, until))
    if len(common) < len(old.patients):
        plan.append(("removed_patients", kept, until))
    if not _are_equal(kept, corrected):
        plan.append(("corrected_data", corrected, until))
    if not _are_equal(corrected, followed) or old.study.data_cutoff != new.study.data_cutoff:
        plan.append(("longer_follow_up", followed, new.study))
    if len(common) < len(new.patients):
        plan.append(("new_patients", new.inputs, new.study))
    if new.provenance["code"] != code:
        plan.append(("changed_code", new.inputs, new.study))
    return plan


def list_setting_changes(old: Study, new: Study) -> pd.DataFrame:
    """Settings that differ and can move a number: columns setting, old, new; the cut-off is follow-up, no setting."""
    left, right = (
        _flatten(study.model_dump(mode="json", exclude={*SHOWN_ONLY, "data_cutoff"})) for study in (old, new)
    )
    rows = [(key, left.get(key, ""), right.get(key, "")) for key in dict.fromkeys([*left, *right])]
    return pd.DataFrame([row for row in rows if row[1] != row[2]], columns=["setting", "old", "new"])


def _flatten(value: object, place: str = "") -> dict[str, str]:
    if not isinstance(value, dict) or not value:
        return {place: json.dumps(value, ensure_ascii=False)}
    parts = [_flatten(inner, f"{place}.{key}".removeprefix(".")) for key, inner in value.items()]
    return {key: text for part in parts for key, text in part.items()}


def _are_equal(left: Tables, right: Tables) -> bool:
    return all(
        column in left[name] and spell_categories(left[name][column]).equals(spell_categories(values))
        for name, table in right.items()
        for column, values in table.items()
    )


def _compute_all(hybrids: Sequence[tuple[Tables, Study]], causes: Sequence[str], cores: int) -> list[Tables]:
    """Tables of every scenario, on several cores."""
    named = list(zip(causes, hybrids, strict=False))
    if min(cores, len(named)) < 2:
        return [_compute_one(one) for one in named]
    with ProcessPoolExecutor(min(cores, len(named)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_compute_one, named))


def _compute_one(named: tuple[str, tuple[Tables, Study]]) -> Tables:
    cause, (inputs, study) = named
    try:
        made = compute_headline(inputs, study)
    except Exception as error:
        words = (str(error).splitlines() or [""])[0]
        raise StepError(f"the step {cause} cannot be computed: {type(error).__name__}: {words}") from error
    return {name: made[name] for name in (*DECISIONS, *RESULTS) if name in made}


def _join_patients(
    old: Run, new: Run, given: Sequence[pd.DataFrame], decided: Sequence[pd.DataFrame]
) -> pd.DataFrame:
    """`patients.csv`: who came and went has one row; of the others every change."""
    sides = {"patient_added": (new, old, "new_patients"), "patient_removed": (old, new, "removed_patients")}
    whole = []
    for change, (one, other, cause) in sides.items():
        ids = one.patients.difference(other.patients)
        whole.append(pd.DataFrame({"patient_id": ids, "cause": cause, "change": change, "scope": ALL}))
    came = pd.concat(whole, ignore_index=True).reindex(columns=changes.CHANGES).fillna("").astype(object)
    empty = came.head(0)
    inputs, decisions = (
        pd.concat([part.astype(object) for part in parts if len(part)] or [empty], ignore_index=True)
        for parts in (given, decided)
    )
    inputs, decisions = (f[~f["patient_id"].isin(came["patient_id"])] for f in (inputs, decisions))
    return changes.join_changes(inputs, decisions, came)
