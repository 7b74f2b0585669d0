"""Seeded mutants of a study file: one setting is changed, and `check` refuses it, warns of it, or finds nothing.

600 mutants must be refused, 180 are due a warning, and 50 are harmless: they must add no problem to those of the study.
"""

from __future__ import annotations

import copy
import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from prrt_outcomes.cli.check import check_all, check_study
from prrt_outcomes.cohort.read import CohortResult
from prrt_outcomes.errors import InputError, Problem, has_errors
from prrt_outcomes.steps import check_with_data
from prrt_outcomes.study.load import load_study

EXAMPLE, PATIENTS = Path(__file__).parents[2] / "studies" / "example", 40
NUMBERS = {"refused": 600, "warned": 180, "harmless": 50}
RIGHT = {"refused": "refused", "warned": "warned", "harmless": "none"}
EXTRA = """
treatment: {retreatment_gap_weeks: 26, cycle_interval_minimum_weeks: 6, cycle_interval_maximum_weeks: 14,
  ssa_long_acting_days: 28, ssa_short_acting_days: 1, eligibility_days: 60}
response:
  criteria:
    - recist_1_1
    - {name: own, measure: diameter, partial_fall: 0.3, minor_fall: 0.1, progression_rise: 0.2,
       progression_absolute: 5, target_minimum_mm: 10, targets_maximum: 5, progression_reference: nadir}
  reader: local
  adjudicator: local
  confirmation_days: 28
  minimum_stable_days: 42
  baseline_days: 120
  primary_rate: unconfirmed
  sustain_response: false
  groups: {responder: [CR, PR], stable: [MR, SD], progressive: [PD]}
endpoints:
  - pfs
  - os
  - {name: own_pfs, preset: pfs, title: Own, reader: local, criterion: own, new_therapy: censor, death: event,
     progression: event, end: last_contact, lost: censor, clinical_progression: true,
     events: [{filter: {term: [nausea], grade: [1, 2, 3]}}]}
  - {name: from_diagnosis, preset: os, origin: {column: diagnosis_date}}
partial_dates: middle
new_anticancer_therapy: [chemotherapy, targeted, surgery]
safety: {baseline_days: 60, late_after_days: 90}
figures: {formats: [pdf, svg], dpi: 300, style: manuscript}
"""
ANALYSIS = """
subgroups: {effect: sex, within: [functioning]}
strata: [centre_id]
multiple_imputation_sets: 5
alpha: 0.05
weight_landmarks: false
confidence: {level: 0.95, type: log-log}
"""
SIGNS = ("\ud800", "\udfff", "\x00", "\x07", "\x1b")
NO_NUMBERS = (
    float("inf"),
    float("-inf"),
    float("nan"),
    1e30,
    -1e9,
    True,
    False,
    "many",
    "12",
    [],
    {"a": 1},
    "",
)
NO_DATES = (
    dt.date(9999, 12, 31),
    dt.date(2262, 4, 12),
    dt.date(1899, 12, 31),
    0,
    20211231,
    True,
    "soon",
    "2021-02-30",
)
NO_TEXTS = (3, True, 2.5, ["a"], {"a": "b"}, "a" * 20_001, *(f"a{sign}" for sign in SIGNS))
NO_TRUTH = ("perhaps", 7, 0.5, [True], {"a": 1})
NO_TABLES = (
    [],
    {},
    "",
    None,
    3,
    True,
    [{}],
    "data/nowhere.csv",
    {"file": "data/nowhere.csv"},
    {"file": "\x00.csv"},
)
NO_SOURCES = (
    {"delimiter": ""}, {"delimiter": ";;"}, {"delimiter": "é"}, {"delimiter": '"'}, {"delimiter": "\n"},
    {"encoding": "utf-8\x00"}, {"encoding": "utf-9"}, {"encoding": "base64"}, {"encoding": ""}, {"encoding": 8},
    {"header_row": 0}, {"header_row": True}, {"header_row": 10**15}, {"header_row": []}, {"skip_rows": [-1]},
    {"last_row": 0}, {"decimal": ";"}, {"missing": "NA"}, {"filter": {"patient_id": []}}, {"filter": {"zz": ["a"]}},
    {"exclude": {"zz": ["a"]}}, {"not_empty": ["zz"]}, {"columns": {"zz": "patient_id"}}, {"ignore": ["zz"]},
    {"columns": {"patient_id": "zz"}}, {"constants": {"zz": 1}}, {"units": {"zz": "mm"}}, {"pad": {"zz": 3}},
    {"default": {"zz": 1}}, {"add_days": {"zz": 1}}, {"date_format": "%Q"}, {"pivot_year": 100}, {"pivot_year": 30},
    {"join": [{"file": "data/nowhere.csv", "on": "patient_id", "columns": ["a"]}]}, {"fill_down": ["zz"]},
    {"pivot": {"by": "zz", "value": "zz", "keys": ["patient_id"]}}, {"labels": True}, {"sheet": "a"}, {"merge": True},
    {"unpivot": {"columns": {"a": "zz {n}"}}}, {"names": ["a"]}, {"comment": ""}, {"first_of": {"sex": {}}},
)  # fmt: skip
OF_OWN_WORDS = frozenset(
    ["title", "source", "citation", "study", "id", "name", "doubts", "progressive_at_entry", "central_review",
     "crossover", "criterion_of_control", "file"]
)  # fmt: skip
FREE_KEYS = ("extra_columns", "groups", "filter", "within", "reference", "tables")
Settings = dict[str, Any]
Path_ = tuple[Any, ...]


@dataclass(frozen=True)
class Verdict:
    """What came of a mutant: `refused`, `warned`, `none`, or `fault` with the exception."""

    due: str
    change: str
    outcome: str

    @property
    def is_right(self) -> bool:
        return self.outcome == RIGHT[self.due]


@dataclass(frozen=True)
class Base:
    """The study that is changed: its folder, settings, tables, problems, what must be refused, and sources."""

    folder: Path
    settings: Settings
    cohort: CohortResult
    problems: frozenset[Problem]
    refused: tuple[tuple[str, Path_, Any], ...]
    tables: Mapping[str, Any]


def make_base(folder: Path) -> Base:
    """Write the first patients of the example, with nearly every section of the settings, into a folder."""
    (folder / "data").mkdir(parents=True)
    for path in sorted((EXAMPLE / "data").glob("*.csv")):
        header, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith("P") or line[:5] <= f"P{PATIENTS:04}"]
        (folder / "data" / path.name).write_text("".join([header, *kept]), encoding="utf-8")
    settings = yaml.safe_load((EXAMPLE / "study.yaml").read_text(encoding="utf-8"))
    settings |= yaml.safe_load(EXTRA)
    settings["analysis"] |= yaml.safe_load(ANALYSIS)
    settings["analysis"]["reference"] = {"sex": "male"}
    settings["analysis"]["covariates"] = ["age_years", "sex"]
    settings["controls"][0]["within"] = {"sex": ["male", "female"]}
    settings["controls"][1]["milestones"] = [{"months": 30, "survival": 0.2, "low": 0.1, "high": 0.3}]
    settings["controls"][1]["baseline"] = [{"covariate": "age_years", "statistic": "mean", "value": 60}]
    _write(folder, yaml.safe_dump(settings))
    checked = check_all(folder / "study.yaml")
    if checked.cohort is None or has_errors(checked.problems):
        raise ValueError(f"the study that is changed has errors: {checked.problems}")
    tables = load_study(folder).tables
    return Base(
        folder, settings, checked.cohort, frozenset(checked.problems), tuple(list_refused(settings)), tables
    )


def _write(folder: Path, text: str) -> None:
    (folder / "study.yaml").write_text(text, encoding="utf-8", newline="")


def list_refused(settings: Settings) -> list[tuple[str, Path_, Any]]:
    """Every change that must be refused: its words, its place and the new value."""
    found = []

    def add(words: str, path: Path_, value: Any) -> None:
        found.append((f"{'.'.join(map(str, path))}: {words}", path, value))

    for path, value in _walk(settings):
        key, is_table = path[-1], path[0] == "tables"
        named = key if isinstance(key, str) else path[-2]
        if is_table:
            for other in NO_TABLES:
                add(repr(other), path, other)
            for setting in NO_SOURCES:
                add(repr(setting), path, {"file": value} | setting)
        elif isinstance(value, dict) and not set(FREE_KEYS) & set(path[-2:]):
            add("an unknown key", (*path, "zz"), 1)
        elif isinstance(value, bool):
            for other in NO_TRUTH:
                add(repr(other), path, other)
        elif isinstance(value, dt.date):
            for other in NO_DATES:
                add(repr(other), path, other)
        elif isinstance(value, int | float) and "filter" not in path:
            for other in NO_NUMBERS:
                add(repr(other), path, other)
        elif isinstance(value, str):
            for other in NO_TEXTS:
                if not (path == ("endpoints", 0) or "filter" in path) or isinstance(other, str):
                    add(repr(other)[:20], path, other)
            if named not in OF_OWN_WORDS and "filter" not in path and not _has_words(path):
                add("misspelt", path, f"{value}zz")
            if named in ("study", "id", "name"):
                add("250 letters", path, "a" * 250)
                add("a capital", path, "Abc")
                add("a path", path, "../a")
    for key in ("sexx", "a" * 250, "", "\ud800"):
        add(f"reference of {key[:5]!r}", ("analysis", "reference", key), "male")
        add(f"within {key[:5]!r}", ("controls", 0, "within", key), ["male"])
        add(f"an extra column {key[:5]!r}", ("extra_columns", key), "string")
        add(f"a group {key[:5]!r}", ("response", "groups", f"{key}X"), ["NE"])
    return found


def _has_words(path: Path_) -> bool:
    """Whether a setting describes in words, or has levels of which others are found."""
    return "within" in path or (path[0] == "controls" and path[-1] in ("criterion", "progressive_at_entry"))


def _walk(node: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    if path:
        yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield from _walk(child, (*path, key))


def _set(settings: Settings, path: Path_, value: Any) -> None:
    node: Any = settings
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value


Draw = np.random.Generator


def _source(table: str, **settings: Any) -> tuple[Path_, Any]:
    return ("tables", table), {"file": f"data/{table}.csv"} | settings


EVENT, DAY_ZERO = ("endpoints", 2, "events", 0, "filter"), dt.date(2016, 1, 1)
UNREAD = ("last_contact_date", "vital_status", "death_date")  # columns that no other table has
TITLED = (("title",), ("endpoints", 2, "title"), ("controls", 1, "title"))
WARNED: tuple[tuple[str, Callable[[int], tuple[tuple[Path_, Any], ...]]], ...] = (
    ("a cut-off in the future", lambda n: ((("data_cutoff",), DAY_ZERO + dt.timedelta(27_000 + n)),)),
    ("a cut-off before some rows", lambda n: ((("data_cutoff",), DAY_ZERO + dt.timedelta(n)),)),
    ("an event that nobody had", lambda n: (((*EVENT, "term"), [f"nausea{n}"]),)),
    ("a grade that there is not", lambda n: (((*EVENT, "grade"), [3, 6 + n]),)),
    ("a level that nobody has", lambda n: ((("controls", n % 3, "within"), {"radionuclide": ["90Y", "225Ac"]}),)),
    ("a therapy that nobody had", lambda n: (
        _source("therapies", exclude={"kind": ["targeted"]}), (("safety", "late_after_days"), 60 + n))),
    ("a column that is empty", lambda n: (
        _source("patients", missing=["", "C1", "C2", "C3", "C4"]),
        (("analysis", ("group_by", "strata")[n % 2]), ["centre_id"]))),
    ("a criterion without values", lambda n: (
        _source("labs", exclude={"analyte": ["chromogranin_a"]}),
        (("response", "criteria"), ["recist_1_1", "chromogranin_a"]), (("endpoints",), ["pfs", "os"]))),
    ("a setting without effect", lambda n: (
        _source("labs", join=[{"file": "data/follow_up.csv", "on": "patient_id", "columns": [UNREAD[n % 3]]}]),)),
    ("letters that are not drawn", lambda n: ((TITLED[n % 3], chr(0x4E00 + n) * 3),)),
    ("a curve that nothing uses", lambda n: (
        (("controls", 2), {"id": f"o{n}", "kind": "library", "arm": "netter1_octreotide"}),)),
    ("a value that no cell has", lambda n: (_source("patients", values={"sex": {f"woman{n}": "female"}}),)),
    ("a filter that no row meets", lambda n: (_source("assessments", filter={"reader": ["local", f"reader{n}"]}),)),
    ("an exclusion that no row meets", lambda n: (_source("assessments", exclude={"reader": [f"reader{n}"]}),)),
    ("a column that is not declared", lambda n: ((("extra_columns",), {}), (("safety", "late_after_days"), 60 + n))),
)  # fmt: skip


def _in_another_order(settings: Settings, draw: Draw) -> str:
    order = draw.permutation(list(settings))
    return yaml.safe_dump({key: settings[key] for key in map(str, order)}, sort_keys=False)


def _other_numbers(settings: Settings, draw: Draw) -> str:
    settings["analysis"]["bootstrap"] = {
        "replicates": int(draw.integers(1, 3_000)),
        "seed": int(draw.integers(2**31)),
    }
    settings["response"]["confirmation_days"] = int(draw.integers(0, 90))
    settings["analysis"]["rmst_months"] = float(np.round(draw.uniform(6, 120), 2))
    return yaml.safe_dump(settings)


def _other_titles(settings: Settings, draw: Draw) -> str:
    signs = [*"äöüßéñçŁΩЖ –—“”'\"&<>%=+@", "\u00a0"]
    settings["title"] = "".join(draw.choice(signs, 40))
    settings["endpoints"][2]["title"] = "Überleben: <b>PFS</b> {{7*7}}"
    return yaml.safe_dump(settings, allow_unicode=bool(draw.integers(2)))


def _other_layout(settings: Settings, draw: Draw) -> str:
    text = yaml.safe_dump(
        settings, default_flow_style=bool(draw.integers(2)), width=int(draw.integers(40, 200))
    )
    return ("\ufeff" if draw.integers(2) else "") + "# a comment\n" + text.replace("\n", "\r\n")


def _tables_in_full(settings: Settings, draw: Draw) -> str:
    for name, path in settings["tables"].items():
        if draw.integers(2):
            full = {"file": path, "delimiter": ",", "encoding": str(draw.choice(["utf-8", "UTF-8", "utf8"]))}
            settings["tables"][name] = [full] if draw.integers(2) else full
    return yaml.safe_dump(settings)


def _other_choices(settings: Settings, draw: Draw) -> str:
    settings["analysis"]["confidence"]["type"] = str(draw.choice(["log", "plain", "logit", "arcsin"]))
    settings["figures"] = {
        "formats": [str(draw.choice(["pdf", "svg", "png"]))],
        "dpi": int(draw.integers(72, 1200)),
    }
    settings["response"]["criteria"].append(str(draw.choice(["swog", "who", "recist_mr", "swog_mr"])))
    settings["endpoints"].append(str(draw.choice(["ttp", "ttnt", "dor", "pfs2"])))
    return yaml.safe_dump(settings)


def _fewer_sections(settings: Settings, draw: Draw) -> str:
    for key in draw.choice(["treatment", "safety", "figures", "claims", "partial_dates"], 3, replace=False):
        del settings[str(key)]
    return yaml.safe_dump(settings)


HARMLESS: tuple[Callable[[Settings, Draw], str], ...] = (
    _in_another_order, _other_numbers, _other_titles, _other_layout, _tables_in_full, _other_choices, _fewer_sections,
)  # fmt: skip


def judge(base: Base, due: str, seed: int) -> Verdict:
    """Make the mutant of a kind and seed, and hold it against the study without it."""
    draw = np.random.default_rng([seed, sorted(NUMBERS).index(due)])
    if due == "refused":
        words, path, value = base.refused[int(draw.integers(len(base.refused)))]
        settings = copy.deepcopy(base.settings)
        _set(settings, path, value)
        text = yaml.safe_dump(settings)
    elif due == "warned":
        words, change = WARNED[seed % len(WARNED)]
        settings = copy.deepcopy(base.settings)
        for path, value in change(int(draw.integers(1, 1_000))):
            _set(settings, path, value)
        text = yaml.safe_dump(settings)
    else:
        vary = HARMLESS[seed % len(HARMLESS)]
        text, words = vary(copy.deepcopy(base.settings), draw), vary.__name__.strip("_").replace("_", " ")
    _write(base.folder, text)
    try:
        outcome = _check(base)
    except Exception as error:  # what `check` may not raise is what is looked for
        outcome = f"fault: {type(error).__name__}: {error}"
    return Verdict(due, words, outcome)


def _check(base: Base) -> str:
    """What `check` finds; the tables are read only where settings held against those known have no fault."""
    place = base.folder / "study.yaml"
    try:
        study = load_study(place)
    except InputError:
        return "refused"
    if has_errors(check_study(study)):
        return "refused"
    if study.tables == base.tables and has_errors(check_with_data(study, base.cohort)):
        return "refused"
    problems = check_all(place).problems
    if has_errors(problems):
        return "refused"
    new = {p.problem for p in problems if p.severity == "warning"} - {p.problem for p in base.problems}
    return "warned" if new else "none"


def main() -> None:
    """Judge the mutants, and write the page of reliability."""
    from benchmarks.results_page import describe_machine, format_table

    with tempfile.TemporaryDirectory() as place:
        base = make_base(Path(place) / "study")
        verdicts = [judge(base, due, seed) for due, number in NUMBERS.items() for seed in range(number)]
    counts = Counter((v.due, v.outcome.partition(":")[0]) for v in verdicts)
    outcomes = ("refused", "warned", "none", "fault")
    rows = [(due, NUMBERS[due], *(counts[due, outcome] for outcome in outcomes)) for due in NUMBERS]
    wrong = [f"- {v.due}, {v.change}: {v.outcome}" for v in verdicts if not v.is_right]
    table = format_table(("due", "mutants", *outcomes), rows)
    print(table, *wrong, sep="\n")
    page = Path(__file__).parents[2] / "docs" / "reliability.md"
    text = page.read_text(encoding="utf-8")
    head = text.partition("<!-- settings -->")[0]
    parts = [f"{head}<!-- settings -->", describe_machine(), table, *(["\n".join(wrong)] if wrong else [])]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
