"""Why an overall response is what it is, in words that a radiologist accepts."""

import numpy as np
import pandas as pd

from prrt_outcomes.response.codes import NON_TARGETS, RESPONSES, RULES, WORDS
from prrt_outcomes.response.lesions import fill_lesions
from prrt_outcomes.response.scan_responses import NEW_BY_MODALITY, NEW_COUNTED
from prrt_outcomes.study.response import CriterionDefinition

UNITS = {"diameter": "mm", "product": "mm2", "marker": "units"}
_NON_TARGET_WORDS = tuple(name.replace("non_CR_non_PD", "non-CR/non-PD") for name in NON_TARGETS)
_FIXED: dict[str, str] = WORDS["scan"]
_READ = (
    "rule", "overall_response", "target_response", "non_target", "total", "baseline_sum", "nadir_sum", "baseline_date",
    "nadir_date", "n_targets", "n_measured", "deciding", "deciding_reference", "fault", "new_lesion", "new_lesion_id",
    "modality",
)  # fmt: skip
_NO_NEW_LESION_BESIDE = [
    RULES.index(rule) for rule in ("new_lesion", "structure_fault", "no_baseline", "report", "nothing")
]


def format_reasons(scans: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition) -> np.ndarray:
    """One sentence for each scan, beginning with the overall response.

    scans : with the columns of the derivations, and fault (of the course), baseline_date
    lesions : with the columns of `compute_sizes`; the deciding ones are named
    """
    body = np.full(len(scans), "", dtype=object)
    lesions, scans = lesions[["lesion_id", "size", "fault"]], scans[list(_READ)]
    codes = scans["rule"].to_numpy()
    for code in np.unique(codes):
        rule, own = RULES[code], scans[codes == code]
        decisive = lesions.reindex(own["deciding"])
        body[codes == code] = _FIXED.get(rule) or _write_body(rule, own, decisive, criterion)
    head = np.array([f"{name}: " for name in RESPONSES], dtype=object)[scans["overall_response"].to_numpy()]
    # New lesions beside the reason: seen too, or flagged because the modality changed.
    words, status = np.full(len(scans), "", dtype=object), scans["new_lesion"].to_numpy()
    words[(status == NEW_COUNTED) & ~np.isin(scans["rule"], _NO_NEW_LESION_BESIDE)] = "; new lesion"
    flagged = status == NEW_BY_MODALITY
    modality = scans["modality"][flagged].fillna("")
    words[flagged] = [f"; new lesion first seen with {name}, not counted" for name in modality]
    return head + body + words


def _write_body(
    rule: str, own: pd.DataFrame, lesions: pd.DataFrame, criterion: CriterionDefinition
) -> np.ndarray:
    """What decided, for scans that one rule decided; `lesions` holds the one that decided each."""
    unit, is_marker = UNITS[criterion.measure], criterion.measure == "marker"
    names = lesions["lesion_id"].to_numpy(dtype=object)
    total = ("value " if is_marker else "sum ") + format_sizes(own["total"])
    match rule:
        case "table":
            targets = np.array([*RESPONSES, "none"], dtype=object)[own["target_response"]]
            others = np.array(_NON_TARGET_WORDS, dtype=object)[own["non_target"]]
            return "targets " + targets + ", non-target lesions " + others
        case "structure_fault":
            return own["fault"].to_numpy(dtype=object)
        case "size_fault" | "baseline_fault":
            return _describe_faults(rule, lesions, criterion)
        case "not_measured":
            missing = format_sizes(own["n_targets"] - own["n_measured"])
            return missing + " of " + format_sizes(own["n_targets"]) + " targets not measured"
        case "gone" if is_marker:
            return total + " is normal"
        case "gone":
            nodes = np.where(own["total"] > 0, ", nodes are normal", "")
            return "all targets have gone" + nodes.astype(object)
        case "fall":
            return total + _compare_with_baseline(own, unit)
        case "stable":
            return total + _compare_with_baseline(own, unit) + _compare_with_nadir(own, unit)
        case "sustained":
            fall = _compare_with_baseline(own, unit) + _compare_with_nadir(own, unit)
            return "response lasts until progression; " + total + fall
        case "sum":
            return _describe_rise(own, total, criterion)
        case "reappearance":
            return "disease is there again after a complete response (" + total + f" {unit})"
        case "reappeared_lesion":
            size = format_sizes(lesions["size"])
            return "lesion " + names + " had gone and is there again (" + size + f" {unit})"
        case "single_lesion":
            size, least = lesions["size"].to_numpy(), own["deciding_reference"].to_numpy()
            rise = format_changes(np.divide(size, least, where=least > 0, out=np.ones_like(least)) - 1, "%")
            words = np.where(least > 0, rise + " over ", "there again after ") + "its smallest "
            size, least = format_sizes(size) + f" {unit}", format_sizes(least) + f" {unit}"
            return "lesion " + names + " of " + size + " is " + words + least
        case "new_lesion":
            return "new lesion " + own["new_lesion_id"].to_numpy(dtype=object)
    raise ValueError(f"no words for {rule}")


def _compare_with_baseline(own: pd.DataFrame, unit: str) -> np.ndarray:
    total, base = own["total"].to_numpy(), own["baseline_sum"].to_numpy()
    change = f" {unit} is " + format_changes((total - base) / base, "%") + " from baseline "
    return change + format_sizes(base) + f" {unit} of " + format_days(own["baseline_date"])


def _compare_with_nadir(own: pd.DataFrame, unit: str) -> np.ndarray:
    """Nothing where the nadir does not lie below the baseline."""
    words, lower = np.full(len(own), "", dtype=object), (own["nadir_sum"] < own["baseline_sum"]).to_numpy()
    own = own[lower]
    total, nadir = own["total"].to_numpy(), own["nadir_sum"].to_numpy()
    low = np.where(nadir > 0, nadir, 1)
    change = ", " + format_changes((total - low) / low, "%") + " from nadir "
    words[lower] = change + format_sizes(nadir) + f" {unit} of " + format_days(own["nadir_date"])
    return words


def _describe_rise(own: pd.DataFrame, total: np.ndarray, criterion: CriterionDefinition) -> np.ndarray:
    """Sum against the nadir or whatever the criterion rises from; the share only where that is over 0."""
    unit, name = UNITS[criterion.measure], criterion.progression_reference
    reference = own[f"{name}_sum"].to_numpy()
    rise, known = own["total"].to_numpy() - reference, reference > 0
    share = format_changes(np.where(known, rise / np.where(known, reference, 1), 0), "%")
    words = f" {unit} is " + np.where(known, share + " and ", "") + format_changes(rise, unit)
    over = f" over {name} " + format_sizes(reference) + f" {unit} of " + format_days(own[f"{name}_date"])
    partial = (own["n_measured"] < own["n_targets"]).to_numpy()
    return np.where(partial, "measured targets alone " + format_sizes(own["total"]), total) + words + over


def _describe_faults(rule: str, lesions: pd.DataFrame, criterion: CriterionDefinition) -> np.ndarray:
    """The fault of a row, with the name of its lesion; without one the baseline itself is of no use."""
    none = "no complete sum of abnormal targets at baseline"
    if criterion.measure == "marker":
        none = "the value at baseline was not above the upper limit"
    words = np.full(len(lesions), none, dtype=object)
    known = lesions["fault"].notna().to_numpy()
    where = "at baseline " if rule == "baseline_fault" else ""
    texts = fill_lesions(lesions["fault"][known], lesions["lesion_id"][known])
    words[known] = [where + text for text in texts]
    return words


def _write_tenths(tenths: np.ndarray) -> np.ndarray:
    """Whole numbers without a decimal, others with one; each distinct value is written once."""
    codes, values = pd.factorize(np.abs(tenths))
    texts, whole = (values / 10).astype(object), values % 10 == 0
    texts[whole] = (values[whole] / 10).astype(np.int64)
    return np.array([str(text) for text in texts], dtype=object)[codes]


def format_sizes(values: np.ndarray | pd.Series) -> np.ndarray:
    """Sizes with at most one decimal, halves up: 50, 12.5; the noise of a change of unit tips no half."""
    return _write_tenths(np.floor(np.nan_to_num(np.asarray(values, dtype=float)) * 10 + 0.5 + 1e-6))


def format_changes(values: np.ndarray, unit: str) -> np.ndarray:
    """Signed changes with at most one decimal, cut (not rounded) so that none seems to reach a threshold.

    `values` are shares where the unit is %.
    """
    scaled = np.nan_to_num(values) * (1000 if unit == "%" else 10)
    tenths = np.trunc(scaled + np.sign(scaled) * 1e-6)
    signs = np.array(["", "+", "-"], dtype=object)[np.sign(tenths).astype(int)]
    return signs + _write_tenths(tenths) + f" {unit}"


def format_days(dates: pd.Series) -> np.ndarray:
    """ISO dates; `NaT` for no date."""
    codes, days = pd.factorize(dates.to_numpy(dtype="datetime64[D]"), use_na_sentinel=False)
    return np.datetime_as_string(days, unit="D").astype(object)[codes]
