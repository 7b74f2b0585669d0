"""Why an overall response is what it is, in words that a radiologist accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import NON_TARGETS, RESPONSES
from prrt_outcomes.response.lesions import fill_lesions
from prrt_outcomes.response.overall import NEW_BY_MODALITY, NEW_COUNTED
from prrt_outcomes.study.response import CriterionDefinition

UNITS = {"diameter": "mm", "product": "mm2", "marker": "units"}
_NON_TARGET_WORDS = tuple(name.replace("non_CR_non_PD", "non-CR/non-PD") for name in NON_TARGETS)
_FIXED = {
    "no_baseline": "no assessment in the baseline window before the first cycle",
    "non_target": "unequivocal progression of non-target lesions",
    "non_target_reappearance": "non-target lesions are there again after a complete response",
    "report": "as reported",
    "nothing": "neither targets nor non-target lesions recorded",
}
_READ = (
    "rule", "overall_response", "target_response", "non_target", "total", "baseline_sum", "nadir_sum", "baseline_date",
    "nadir_date", "n_targets", "n_measured", "deciding", "deciding_reference", "fault", "new_lesion", "new_lesion_id",
    "modality",
)  # fmt: skip
_NO_NEW_LESION_BESIDE = ("new_lesion", "structure_fault", "no_baseline", "report", "nothing")


def format_reasons(scans: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition) -> np.ndarray:
    """One sentence for each scan, beginning with the overall response.

    Parameters
    ----------
    scans : with the columns of the derivations, and fault (of the course), baseline_date, nadir_date
    lesions : with the columns of `compute_sizes`; the deciding ones are named
    """
    body = np.full(len(scans), "", dtype=object)
    lesions, scans = lesions[["lesion_id", "size", "fault"]], scans[list(_READ)]
    for rule, rows in scans.groupby("rule", sort=False).indices.items():
        own = scans.iloc[rows]
        if rule in _WORDS:
            at = own["deciding"].to_numpy()
            decisive = lesions.iloc[np.maximum(at, 0)] if (at >= 0).any() else None
            body[rows] = _WORDS[rule](own, decisive, criterion)
        else:
            body[rows] = _FIXED[str(rule)]
    head = np.array([f"{name}: " for name in RESPONSES], dtype=object)[scans["overall_response"].to_numpy()]
    return head + body + _describe_new_lesions(scans)


def _write_distinct(values: np.ndarray, write: Callable[[Any], str]) -> np.ndarray:
    """Text of each value; `write` is called once for each distinct one."""
    codes, uniques = pd.factorize(values, use_na_sentinel=False)
    return np.array([write(value) for value in uniques.tolist()], dtype=object)[codes]


def _write_tenths(tenths: float) -> str:
    return str(abs(tenths) / 10).removesuffix(".0")


def format_sizes(values: np.ndarray | pd.Series) -> np.ndarray:
    """Sizes with at most one decimal, halves up: 50, 12.5; the noise of a change of unit tips no half."""
    tenths = np.floor(np.nan_to_num(np.asarray(values, dtype=float)) * 10 + 0.5 + 1e-6)
    return _write_distinct(tenths, _write_tenths)


def format_changes(values: np.ndarray, unit: str) -> np.ndarray:
    """Signed changes with at most one decimal, cut (not rounded) so that none seems to reach a threshold.

    `values` are shares where the unit is %.
    """
    scaled = np.nan_to_num(values) * (1000 if unit == "%" else 10)
    tenths = np.trunc(scaled + np.sign(scaled) * 1e-6) + 0.0
    signs = {1.0: "+", -1.0: "-", 0.0: ""}
    return _write_distinct(tenths, lambda t: f"{signs[np.sign(t)]}{_write_tenths(t)} {unit}")


def format_days(dates: pd.Series) -> np.ndarray:
    """ISO dates; empty for no date."""
    days = dates.to_numpy(dtype="datetime64[D]")
    return _write_distinct(days.astype(np.int64), lambda d: str(np.datetime64(int(d), "D")))


def _table(own: pd.DataFrame, lesions, criterion) -> np.ndarray:
    """Targets and non-targets beside each other, where the table made one response of them."""
    target = np.array([*RESPONSES, "none"], dtype=object)[own["target_response"].to_numpy()]
    others = np.array(_NON_TARGET_WORDS, dtype=object)[own["non_target"].to_numpy()]
    return "targets " + target + ", non-target lesions " + others


def _gone(own: pd.DataFrame, lesions, criterion: CriterionDefinition) -> np.ndarray:
    if criterion.measure == "marker":
        return "value " + format_sizes(own["total"]) + " is normal"
    nodes = np.where(own["total"].to_numpy() > 0, ", nodes are normal", "").astype(object)
    return "all targets have gone" + nodes


def _noun(criterion: CriterionDefinition) -> str:
    return "value " if criterion.measure == "marker" else "sum "


def _fall(own: pd.DataFrame, lesions, criterion: CriterionDefinition) -> np.ndarray:
    """Sum against the baseline: PR and MR."""
    unit, total, base = UNITS[criterion.measure], own["total"].to_numpy(), own["baseline_sum"].to_numpy()
    change = f" {unit} is " + format_changes((total - base) / base, "%")
    baseline = " from baseline " + format_sizes(base) + f" {unit} of " + format_days(own["baseline_date"])
    return _noun(criterion) + format_sizes(total) + change + baseline


def _rise(own: pd.DataFrame, lesions, criterion: CriterionDefinition) -> np.ndarray:
    """Sum against the nadir or whatever the criterion rises from: PD."""
    unit, total, name = UNITS[criterion.measure], own["total"].to_numpy(), criterion.progression_reference
    reference = own[f"{name}_sum"].to_numpy()
    rise, known = total - reference, reference > 0
    share = np.where(known, rise / np.where(known, reference, 1), 0)
    words = np.where(known, format_changes(share, "%") + " and ", "") + format_changes(rise, unit)
    noun = np.where(own["n_measured"] < own["n_targets"], "measured targets alone ", _noun(criterion))
    over = f" over {name} " + format_sizes(reference) + f" {unit} of " + format_days(own[f"{name}_date"])
    return noun.astype(object) + format_sizes(total) + f" {unit} is " + words + over


def _stable(own: pd.DataFrame, lesions, criterion: CriterionDefinition) -> np.ndarray:
    """Both comparisons: neither fell nor rose enough; the nadir is named where it lies below the baseline."""
    words = _fall(own, lesions, criterion)
    lower = (own["nadir_sum"] < own["baseline_sum"]).to_numpy()
    part, unit = own[lower], UNITS[criterion.measure]
    total, nadir = part["total"].to_numpy(), part["nadir_sum"].to_numpy()
    low = np.where(nadir > 0, nadir, 1)
    change = ", " + format_changes((total - low) / low, "%") + " from nadir "
    words[lower] += change + format_sizes(nadir) + f" {unit} of " + format_days(part["nadir_date"])
    return words


def _lesion_again(own: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition) -> np.ndarray:
    size = " had gone and is there again (" + format_sizes(lesions["size"]) + f" {UNITS[criterion.measure]})"
    return "lesion " + lesions["lesion_id"].to_numpy(dtype=object) + size


def _single_lesion(own: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition) -> np.ndarray:
    """A lesion that grew by itself, against its smallest size."""
    unit, size = UNITS[criterion.measure], lesions["size"].to_numpy()
    least = own["deciding_reference"].to_numpy()
    grown = least > 0
    rise = format_changes(np.where(grown, size / np.where(grown, least, 1) - 1, 0), "%")
    words = np.where(grown, rise + " over ", "there again after ") + "its smallest "
    name = "lesion " + lesions["lesion_id"].to_numpy(dtype=object) + " of "
    return name + format_sizes(size) + f" {unit} is " + words + format_sizes(least) + f" {unit}"


def _not_measured(own: pd.DataFrame, lesions, criterion) -> np.ndarray:
    missing = format_sizes(own["n_targets"] - own["n_measured"])
    return missing + " of " + format_sizes(own["n_targets"]) + " targets not measured"


def _fault(own: pd.DataFrame, lesions: pd.DataFrame | None, criterion: CriterionDefinition) -> np.ndarray:
    """The fault of a row, with the name of its lesion; without one the baseline itself is of no use."""
    none = "no complete sum of abnormal targets at baseline"
    if criterion.measure == "marker":
        none = "the value at baseline was not above the upper limit"
    if lesions is None:
        return np.full(len(own), none, dtype=object)
    where = np.where(own["rule"] == "baseline_fault", "at baseline ", "").astype(object)
    words = where + np.array(fill_lesions(lesions["fault"], lesions["lesion_id"]), dtype=object)
    return np.where(own["deciding"] >= 0, words, none)


def _reappearance(own: pd.DataFrame, lesions, criterion: CriterionDefinition) -> np.ndarray:
    total = _noun(criterion) + format_sizes(own["total"]) + f" {UNITS[criterion.measure]})"
    return "disease is there again after a complete response (" + total


_WORDS = {
    "table": _table,
    "gone": _gone,
    "fall": _fall,
    "sum": _rise,
    "stable": _stable,
    "sustained": lambda *given: "response lasts until progression; " + _stable(*given),
    "reappearance": _reappearance,
    "reappeared_lesion": _lesion_again,
    "single_lesion": _single_lesion,
    "not_measured": _not_measured,
    "size_fault": _fault,
    "baseline_fault": _fault,
    "structure_fault": lambda own, lesions, criterion: own["fault"].to_numpy(dtype=object),
    "new_lesion": lambda own, lesions, criterion: "new lesion " + own["new_lesion_id"].to_numpy(dtype=object),
}


def _describe_new_lesions(scans: pd.DataFrame) -> np.ndarray:
    """What is said of new lesions beside the reason: seen too, or flagged because the modality changed."""
    words = np.full(len(scans), "", dtype=object)
    status = scans["new_lesion"].to_numpy()
    words[(status == NEW_COUNTED) & ~scans["rule"].isin(_NO_NEW_LESION_BESIDE).to_numpy()] = "; new lesion"
    flagged = status == NEW_BY_MODALITY
    modality = scans["modality"][flagged].fillna("")
    words[flagged] = [f"; new lesion first seen with {name}, not counted" for name in modality]
    return words
