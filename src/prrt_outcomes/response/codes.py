"""Response categories as small integers, in the order of the contract, and the way back to words."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

RESPONSES = ("CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE")
CR, PR, MR, SD, NON_CR_NON_PD, PD, NE = range(7)
OBJECTIVE = ("CR", "PR")
"""Best responses that are an objective response."""
COMPOSITES = {
    "objective": OBJECTIVE,
    "objective_with_mr": (*OBJECTIVE, "MR"),
    "disease_control": (*OBJECTIVE, "MR", "SD", "NON-CR/NON-PD"),
}
"""Rates made of several best responses."""
NON_TARGETS = ("none", "CR", "non_CR_non_PD", "PD", "NE")
NT_NONE, NT_CR, NT_NON, NT_PD, NT_NE = range(5)
PRIOR, BASELINE, FOLLOW_UP = -2, -1, 0
ROLES = ("target", "non_target", "new")
TARGET, NON_TARGET, NEW = range(3)
STATES = ("measured", "absent", "too_small", "not_evaluated")
MEASURED, ABSENT, TOO_SMALL, NOT_EVALUATED = range(4)
BASES = ("derived", "reported")
RULES = (
    "report", "structure_fault", "no_baseline", "no_targets", "baseline_fault", "not_measured", "size_fault", "gone",
    "fall", "stable", "sustained", "sum", "single_lesion", "reappeared_lesion", "reappearance", "new_lesion",
    "non_target", "non_target_reappearance", "table", "nothing",
)  # fmt: skip
"""What can decide a response."""
WORDS: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text("utf-8"))
MISSING = -1
"""No code: an empty cell, or no lesions of the kind."""


def convert_to_codes(column: pd.Series, levels: Sequence[str] | np.ndarray) -> np.ndarray:
    """Integer codes of a text or category column; -1 where it is empty or no level."""
    codes, found = pd.factorize(column)
    places = pd.Index(levels, dtype=object).get_indexer(pd.Index(found, dtype=object))
    return np.append(places, MISSING)[codes]


def convert_to_category(codes: np.ndarray | pd.Series, levels: tuple[str, ...]) -> pd.Categorical:
    """Ordered category of codes; -1 becomes empty."""
    dtype = pd.CategoricalDtype(list(levels), ordered=True)
    return pd.Categorical.from_codes(np.asarray(codes), dtype=dtype)  # type: ignore[arg-type]


def count_before(group: pd.Series, flag: pd.Series | np.ndarray) -> np.ndarray:
    """How often the flag was true in earlier rows of the same group."""
    flag = np.asarray(flag)
    if not flag.any():
        return np.zeros(len(flag), dtype=np.int64)
    counts = pd.Series(flag.astype(np.int64)).groupby(group.to_numpy(), sort=False).cumsum()
    return counts.to_numpy() - flag


def decide(cases: Iterable[tuple], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code and response of the first case that holds, row by row.

    cases : name (or codes), response and condition of each case, one or an array; the last one holds always
    names : all names; the code of a case is the place of its name
    """
    chosen, responses, conditions = zip(*cases, strict=True)
    codes = [names.index(name) if isinstance(name, str) else name for name in chosen]
    code, response = (np.select(conditions, values).astype(np.int8) for values in (codes, responses))
    return code, response
