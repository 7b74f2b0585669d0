"""Every sentence of the page of odd studies: nothing empty, no code for a word; those at its head are reviewed.

The reviewed sentences stand beside this file, one text a study. After a change of words read them again and write them
with `python -m pytest tests/spec/sentences --write-sentences`.
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

HERE = Path(__file__).parent
STUMBLES = {
    "a double blank": r"\S  +\S",
    "a blank before a stop or inside brackets": r" [.,;:)]|\( ",
    "an empty place": r": ?[.,;]|, ?[,.;]|; ?[.,;]|\(\)|: *$|\b(?:by|with|of|was|than|to) ?[.,;)]",
    "no number where one belongs": r"\bnan\b|\bNone\b|\bNaT\b|<NA>|\binf\b|\bno events months|NR months",
    "a zero with decimals": r"(?<![\d.<>])0\.0+(?![\d.])",
    "a minus that is a hyphen": r"(?<![\w\u2013-])-\d",
    "a code for a word": r"\b\w+_\w+\b",
    "one group of one": r"^(\d+) patients: \1 ",
    "a plural of one": r"(?<![\d.,/])1 (?:patients|events|rows|months|items)\b",
}
PUBLISHED = {"kind": "published", "n": 60, "median_months": 8.0, "citation": "An invented series"}


def keep_patients(tables: dict, n: int) -> None:
    """Keep the first patients in every table."""
    ids = set(tables["patients"]["patient_id"].iloc[:n])
    for name, table in tables.items():
        tables[name] = table[table["patient_id"].isin(ids)].copy()


def shorten(settings: dict) -> None:
    """One endpoint and no imputation, which suffice for the sentences."""
    settings["endpoints"] = ["pfs"]
    settings["analysis"]["multiple_imputation_sets"] = 0


def no_events(tables: dict, settings: dict) -> None:
    """Nobody progresses, dies or responds in 20 patients with a control."""
    keep_patients(tables, 20)
    shorten(settings)
    tables["lesions"]["longest_mm"] = "20"
    tables["lesions"]["perpendicular_mm"] = "14"
    tables["lesions"]["state"] = "measured"
    last = tables["follow_up"][["patient_id", "last_contact_date"]]
    tables["follow_up"] = last.assign(vital_status="alive")
    settings["controls"] = [PUBLISHED | {"id": "old_series", "primary": True}]


def one_group(tables: dict, settings: dict) -> None:
    """Twenty patients of one sex, grouped by it."""
    keep_patients(tables, 20)
    tables["patients"]["sex"] = "male"
    shorten(settings)
    settings["analysis"] |= {"group_by": ["sex"], "covariates": ["sex"]}


def no_covariates(tables: dict, settings: dict) -> None:
    """Neither covariates nor groups."""
    keep_patients(tables, 20)
    shorten(settings)
    settings["analysis"] |= {"covariates": [], "group_by": []}


def two_arms(tables: dict, settings: dict) -> None:
    """Reported times of two arms, with controls of the study and of the library, and claims."""
    settings["extra_columns"] = {"arm_of_trial": "category"}
    tables["patients"] = tables["patients"].rename(columns={"arm": "arm_of_trial"})
    settings["endpoints"] = ["pfs", {"name": "time_to_any_event", "preset": "os"}]
    outcomes = tables["reported_outcomes"]
    outcomes["endpoint"] = outcomes["endpoint"].replace("os", "time_to_any_event")
    settings["analysis"] |= {"group_by": ["arm_of_trial"], "covariates": ["arm_of_trial"]}
    settings["controls"] = [
        PUBLISHED | {"id": "old_series"},
        {"id": "placebo_of_radiant4", "kind": "library", "arm": "radiant4_placebo", "primary": True},
    ]
    settings["claims"] = [
        {"id": "median_in_trial", "quantity": "median_pfs_months", "published": 28.4, "source": "Invented"}
    ]


def twelve_patients_nine_groups(tables: dict, settings: dict) -> None:
    """Groups of one and two patients."""
    keep_patients(tables, 12)
    shorten(settings)
    tables["patients"]["centre_id"] = [f"Centre {i % 9 + 1}" for i in range(12)]
    settings["analysis"] |= {"group_by": ["centre_id"], "covariates": ["age_years"]}


def many_patients(tables: dict, settings: dict) -> None:
    """Five thousand patients with reported times, a strong effect and a large p-value beside it."""
    n = 5000
    rng = np.random.default_rng(1)
    ids = [f"M{i:04d}" for i in range(n)]
    strong = rng.random(n) < 0.5
    time = np.ceil(rng.exponential(np.where(strong, 2000, 200))) + 1
    tables["patients"] = pd.DataFrame(
        {
            "patient_id": ids,
            "age_years": 60,
            "arm": np.where(strong, "new", "old"),
            "ecog": rng.integers(0, 3, n),
        }
    )
    end = 1500
    tables["reported_outcomes"] = pd.DataFrame(
        {
            "patient_id": ids,
            "endpoint": "pfs",
            "time": np.minimum(time, end),
            "event": (time < end).astype(int),
        }
    )
    settings["analysis"] |= {"group_by": ["arm", "ecog"], "covariates": ["arm", "ecog"]}


ODD_STUDIES: dict[Callable, str] = {
    no_events: "small",
    one_group: "small",
    no_covariates: "small",
    two_arms: "tiny",
    twelve_patients_nine_groups: "small",
    many_patients: "tiny",
}


def find_stumbles(tag: str, text: str) -> list[str]:
    """What a reader would stumble over in one block; an empty cell of a table is none."""
    if not text:
        return [] if tag in ("td", "note") else [f"{tag} is empty"]
    return [f"{what}: {text}" for what, pattern in STUMBLES.items() if re.search(pattern, text)]


def select_headline(sentences: list[tuple[str, str]]) -> str:
    """Tiles and paragraphs of all chapters, a line each; methods and notes under tables are left out."""
    kept, title = [], ""
    for tag, text in sentences:
        if tag == "h2":
            kept.append(f"\n## {text}")
        if tag == "dt":
            title = text
        if tag == "dd" and f"{title}: {text}" not in kept:
            kept.append(f"{title}: {text}")
        if tag == "p" and text and text not in kept:
            kept.append(text)
    return "\n".join(kept).strip() + "\n"


@pytest.mark.parametrize("change", ODD_STUDIES, ids=lambda case: case.__name__)
def test_no_reader_stumbles(change, run_stages, sentences_of, request):
    results = run_stages(change, ODD_STUDIES[change])
    sentences = sentences_of(results.parent / "study", results)
    reviewed = HERE / f"{change.__name__}.txt"
    if request.config.getoption("--write-sentences", default=False):
        reviewed.write_text(select_headline(sentences), encoding="utf-8")
    assert [fault for tag, text in sentences for fault in find_stumbles(tag, text)] == []
    assert select_headline(sentences) == reviewed.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "sentence",
    [
        "20 patients: 20 only",
        "median no events months",
        "Covariates of the multivariable model: .",
        "0.000 observed over expected",
        "against old_series",
        "a median of nan cycles",
        "by  sex",
        "with 1 events in 20 patients",
    ],
)
def test_what_has_been_printed_once_is_seen(sentence):
    assert find_stumbles("p", sentence) != []
