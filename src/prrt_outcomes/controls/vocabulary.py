"""What the words of a publication mean in our codes: tumour types, grades, line of treatment, yes and no."""

from __future__ import annotations

import re

from prrt_outcomes.cohort.levels import GROUP_OF_TYPE

CRITERIA = (
    ("recist_1_1", r"^(?!.*modified).*recist[ _]*1[._]1"),
    ("recist_1_0", r"^(?!.*modified).*recist[ _]*1[._]0"),
    ("recist_mr", r"^recist_mr$|recist.*minor"),
    ("swog_mr", r"swog.*(minor|mr)"),
    ("swog", r"^swog$"),
    ("who", r"^who\b"),
)

EVERY = tuple(GROUP_OF_TYPE)
GEP = tuple(code for code, group in GROUP_OF_TYPE.items() if group == "gep")
LUMINAL = tuple(code for code in GEP if code not in ("gep_pancreas", "gep_unknown_primary"))
TYPES = (
    (r"\bany\b", EVERY),
    (r"gastroenteropancreatic|enteropancreatic|\bgep\b", GEP),
    (r"gastroenteric|gastrointestinal|\bgi\b|\bge\b|non-pancreatic|extrapancreatic", LUMINAL),
    (r"(?<!non-)(?<!extra)\bpancrea", ("gep_pancreas",)),
    (r"midgut|small intestine|small bowel|ileum|jejunum", ("gep_small_intestine",)),
    (r"hindgut|rect|colon|large intestine", ("gep_large_intestine",)),
    (r"\bgastric\b|stomach|duoden", ("gep_stomach_duodenum",)),
    (r"lung|bronch|pulmon", ("lung",)),
    (r"unknown", ("gep_unknown_primary",)),
    (r"paraganglioma", ("paraganglioma",)),
    (r"pha?eochromocytoma", ("phaeochromocytoma",)),
    (r"thymus|\bother\b", ("other",)),
)
FIRST, LATER, MIXED = "first", "second or later", "mixed"


def name_tumour_types(words: str) -> frozenset[str]:
    """Our tumour types in a publication's words (midgut: gep_small_intestine); empty where none is recognised."""
    text = words.lower()
    codes = {code for code in EVERY if re.search(rf"\b{code}\b", text)}
    return frozenset(codes | {code for pattern, found in TYPES if re.search(pattern, text) for code in found})


def name_grades(words: str) -> frozenset[str]:
    """Our grades in a publication's words (G1-2: G1, G2); empty where they do not tell (well-differentiated)."""
    text = words.lower()
    found = set()
    for first, last in re.findall(r"\bg([123])(?:\s*(?:-|to)\s*g?([123]))?", text):
        found |= {f"G{k}" for k in range(int(first), int(last or first) + 1)}
    if "low-intermediate" in text or "low to intermediate" in text:
        found |= {"G1", "G2"}
    return frozenset(found)


def name_line(words: str) -> str:
    """``first``, ``second or later``, ``mixed``, or empty where the words do not tell."""
    text = words.strip().lower()
    if text.startswith(FIRST):
        return FIRST
    if re.match(r"second|later|third|after|salvage|median one", text):
        return LATER
    return MIXED if text.startswith(MIXED) else ""


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
    text = words.strip().lower()
    return next((code for code, pattern in CRITERIA if re.search(pattern, text)), "")
