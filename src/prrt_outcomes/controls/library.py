"""The library of published arms, and what the words of a publication mean in our codes.

Facts stand with their citation; what their source did not show is empty.
"""

import csv
import re
from functools import lru_cache
from pathlib import Path

import yaml

from prrt_outcomes.cohort.levels import GROUP_OF_TYPE
from prrt_outcomes.errors import Problem, suggest, tell_setting
from prrt_outcomes.study.controls import (
    AggregateControl,
    Control,
    CurveControl,
    Description,
    LibraryControl,
    Milestone,
    PatientsControl,
    PublishedControl,
)
from prrt_outcomes.study.model import Study

WORDS: dict[str, dict] = yaml.safe_load(Path(__file__).with_name("library_words.yaml").read_text("utf-8"))
EVERY = tuple(GROUP_OF_TYPE)
GEP = tuple(code for code, group in GROUP_OF_TYPE.items() if group == "gep")
LUMINAL = tuple(code for code in GEP if code not in ("gep_pancreas", "gep_unknown_primary"))
GROUPS = {"every": EVERY, "gep": GEP, "luminal": LUMINAL}
LEFT_OUT = r"\b(?:no|not|but|except|excluding|excluded|without)\b"
RANGE = ("-", "–", "to")
GRADES = r"\bg(?:rades?)?\s*([123])(?:\s*(-|–|to|and|or|/|,)\s*g?([123]))?"
FIRST, LATER, MIXED = "first", "second or later", "mixed"


class PublishedArm(Description):
    """One endpoint of one arm, as its source shows it; None, or empty, where it shows nothing.

    Arm and endpoint are the key; role is placebo, ssa, everolimus, sunitinib, cabozantinib, surufatinib, prrt or
    other. What describes its patients is in the source's words; progressive_at_entry and central_review are yes, no,
    mixed or unknown; median_status is ``ok`` or ``not_reached``. Arms with the same
    source_population share patients: one of them stands in a summary. evidence is ``abstract_seen`` or
    ``secondary_seen``; source_seen and note say where it was seen and what is uncertain.
    """

    arm: str
    endpoint: str
    study: str
    treatment: str
    role: str
    radionuclide: str = ""
    pmid: str = ""
    doi: str = ""
    n: int | None = None
    events: int | None = None
    tumour_group: str = ""
    median_months: float | None = None
    median_low: float | None = None
    median_high: float | None = None
    median_status: str = ""
    milestones: tuple[Milestone, ...] = ()
    source_population: str = ""
    evidence: str = ""
    source_seen: str = ""
    note: str = ""


@lru_cache(maxsize=1)
def load_library() -> tuple[PublishedArm, ...]:
    """All arms of the library, in the order of the file."""
    return tuple(map(_read_row, _read_file()))


def list_columns() -> list[str]:
    """What the library states of every arm, in the order of the file."""
    return list(_read_file().fieldnames or ())


def _read_file() -> csv.DictReader:
    return csv.DictReader(Path(__file__).with_name("library.csv").read_text("utf-8").splitlines())


def _read_row(row: dict[str, str]) -> PublishedArm:
    points = [map(float, point.split(":")) for point in row["milestones"].split(";") if point]
    names = ("months", "survival", "low", "high")
    milestones = tuple(Milestone(**dict(zip(names, point, strict=False))) for point in points)
    known = {name: cell for name, cell in row.items() if cell and name != "milestones"}
    return PublishedArm.model_validate_strings(known).model_copy(update={"milestones": milestones})


def find_arm(arm: str, endpoint: str) -> PublishedArm | None:
    """The arm's entry for an endpoint, or None where the library has none."""
    return next((a for a in load_library() if (a.arm, a.endpoint) == (arm, endpoint)), None)


def title_control(control: Control) -> str:
    """Name of a control for readers: its title, else study and treatment of its library arm, citation or kind."""
    if control.title:
        return control.title
    if isinstance(control, LibraryControl):
        arm = find_arm(control.arm, control.endpoint)
        return f"{arm.study}: {arm.treatment}" if arm else control.arm.replace("_", " ")
    kinds = {"published": "Published arm", "curve": "Published curve", "patients": "Control patients"}
    return control.citation or control.population or kinds[control.kind]


def list_arm_names() -> tuple[str, ...]:
    """Names of all arms, each once."""
    return tuple(dict.fromkeys(a.arm for a in load_library()))


def list_subgroup_arms(arm: str, endpoint: str) -> tuple[PublishedArm, ...]:
    """Other arms of the same study, role and endpoint that are this arm by tumour type, named after it."""
    own = find_arm(arm, endpoint)
    if own is None:
        return ()
    return tuple(
        other
        for other in load_library()
        if other.arm != arm
        and (other.study, other.role, other.endpoint) == (own.study, own.role, endpoint)
        and other.tumour_types != own.tumour_types
        and (other.n or 0) < (own.n or 0)
    )


def convert_arm_to_control(control: AggregateControl, arm: PublishedArm) -> PublishedControl | None:
    """A library arm in the form in which a study writes an arm out; None where it has no point of a curve."""
    if arm.n is None or (arm.median_months is None and not arm.milestones):
        return None
    same = set(PublishedArm.model_fields) & set(PublishedControl.model_fields)
    values = {name: getattr(arm, name) for name in same}
    values |= {name: getattr(control, name) for name in ("id", "endpoint", "primary", "within", "baseline")}
    values["analogue_continued"] = find_analogue(arm.role, arm.treatment)
    values["receptor_positive"] = "yes" if re.search(r"SSTR\+|receptor.positive", arm.population) else ""
    crossover = re.search(r"[^;()]*cross[^;()]*", f"{arm.treatment}; {arm.note}")
    values["crossover"] = crossover[0].strip() if crossover else ""
    return PublishedControl(kind="published", **values)


def write_out_control(control: Control) -> PublishedControl | CurveControl | PatientsControl | None:
    """A control as it stands, one of the library written out; None where the library has no curve of it."""
    if not isinstance(control, LibraryControl):
        return control
    arm = find_arm(control.arm, control.endpoint)
    return None if arm is None else convert_arm_to_control(control, arm)


def check_library_controls(study: Study) -> list[Problem]:
    """Name every library control whose arm, or whose endpoint, the library does not have."""
    problems = []
    for position, control in enumerate(study.controls):
        if not isinstance(control, LibraryControl):
            continue
        endpoints = [arm.endpoint for arm in load_library() if arm.arm == control.arm]
        if control.endpoint in endpoints:
            continue
        key, problem = "arm", "no arm of the library"
        expected = suggest(control.arm, list_arm_names(), "`prrt-outcomes controls` lists the arms")
        if endpoints:
            key, problem = "endpoint", f"the library has no {control.endpoint} for {control.arm}"
            expected = f"one of {', '.join(endpoints)}"
        place, value = f"controls.{position}.{key}", getattr(control, key)
        problems.append(tell_setting("unknown_name", place, value, problem=problem, expected=expected))
    return problems


def check_arms_named_twice(study: Study) -> list[Problem]:
    """Warn of a published arm that two controls of a study are, by name or by citation, endpoint and size."""
    seen: dict[tuple, str] = {}
    problems = []
    for position, control in enumerate(study.controls):
        identity = _identify_arm(control)
        if identity in seen:
            place = f"controls.{position}.id"
            problems.append(tell_setting("arm_twice", place, control.id, other=seen[identity]))
        elif identity is not None:
            seen[identity] = control.id
    return problems


def _identify_arm(control: Control) -> tuple | None:
    """Endpoint, size, first author and year of a published arm; None where they are not stated."""
    arm = find_arm(control.arm, control.endpoint) if isinstance(control, LibraryControl) else control
    if not isinstance(arm, PublishedArm | PublishedControl):
        return None
    author = re.match(r"([^\W\d]+).*?\b((?:19|20)\d\d)\b", arm.citation)
    return (control.endpoint, arm.n, *author.groups()) if author else None


def name_tumour_types(words: str) -> frozenset[str]:
    """Our tumour types in a publication's words (midgut: gep_small_intestine); empty where they do not tell.

    Words that leave something out (no lung, G3 excluded) do not tell, in grades and performance too.
    """
    text = words.lower()
    if re.search(LEFT_OUT, text):
        return frozenset()
    codes = {code for code in EVERY if re.search(rf"\b{code}\b", text)}
    named = (found for pattern, found in WORDS["types"].items() if re.search(pattern, text))
    return frozenset(codes.union(*(GROUPS.get(name, (name,)) for found in named for name in found)))


def name_grades(words: str) -> frozenset[str]:
    """Our grades in a publication's words (G1-2: G1, G2); empty where they do not tell (well-differentiated)."""
    text = words.lower()
    if re.search(LEFT_OUT, text):
        return frozenset()
    found = set()
    for first, joined, last in re.findall(GRADES, text):
        ends = int(first), int(last or first)
        found |= {f"G{k}" for k in (range(ends[0], ends[1] + 1) if joined in RANGE else ends)}
    if "low-intermediate" in text or "low to intermediate" in text:
        found |= {"G1", "G2"}
    return frozenset(found)


def name_performance(words: str) -> frozenset[str]:
    """ECOG levels in a publication's words (ECOG 0-1: 0, 1); empty where they do not end in one."""
    found = re.search(r"(?<!\d)([0-5])$", words.strip())
    if found is None or re.search(LEFT_OUT, words.lower()):
        return frozenset()
    return frozenset(map(str, range(int(found[1]) + 1)))


def name_line(words: str) -> str:
    """``first``, ``second or later``, ``mixed``, or empty where the words do not tell."""
    return _find_code("lines", words)


def name_yes(words: str) -> str:
    """``yes``, ``no``, ``mixed``, or empty where the words do not tell; a share counts from 90 % and up to 10 %."""
    text = words.strip().lower()
    if text in ("yes", "no", MIXED):
        return text
    found = re.search(r"(\d+(?:\.\d+)?)\s*%", text) or re.fullmatch(r"(\d*\.?\d+)", text)
    share = float(found[1]) / (100 if "%" in found[0] else 1) if found else 2.0
    return describe_share(share) if share <= 1 else ""


def describe_share(share: float) -> str:
    """``yes`` from 90 %, ``no`` up to 10 %, else ``mixed``."""
    return "yes" if share >= 0.9 else "no" if share <= 0.1 else MIXED


def find_analogue(role: str, treatment: str) -> str:
    """Whether an arm had a somatostatin analogue all along, by what it was given; empty where that does not tell."""
    text = treatment.lower()
    if role == "ssa" or re.search(r"octreotide (lar|autogel)|\+ octreotide|lanreotide", text):
        return "yes"
    return "no" if role == "placebo" and "ssa" not in text else ""


def name_criterion(words: str) -> str:
    """Our code of a criterion in a publication's words; empty where it is none of ours."""
    return _find_code("criteria", words)


def _find_code(kind: str, words: str) -> str:
    text = words.strip().lower()
    return next((code for code, pattern in WORDS[kind].items() if re.search(pattern, text)), "")
