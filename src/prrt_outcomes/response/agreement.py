"""Agreement: criterion against criterion, derived against reported, reader against reader; who differs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from prrt_outcomes.response.best import derive_best_responses, find_counted
from prrt_outcomes.response.codes import FOLLOW_UP, RESPONSES, convert_to_category
from prrt_outcomes.response.criterion_run import CriterionRun
from prrt_outcomes.statistics.proportions import compute_kappa

PAIR_COLUMNS = ["patient_id", "comparison", "criterion_a", "criterion_b", "response_a", "response_b"]


def pair_criteria(best: pd.DataFrame) -> list[pd.DataFrame]:
    """Best responses of the same patients by every two criteria.

    Parameters
    ----------
    best : rows of `best_responses` of one reader, period and confirmation rule
    """
    by_name = {
        name: rows.set_index("patient_id")["best_response"] for name, rows in best.groupby("criterion")
    }
    names = [name for name in best["criterion"].unique() if name in by_name]
    return [_pair("criteria", a, b, by_name[a], by_name[b]) for a, b in combinations(names, 2)]


def pair_reported(run: CriterionRun, reader: str) -> pd.DataFrame:
    """Derived best response beside that made of the responses as reported, where a patient has both."""
    reported = derive_reported_best(run)
    derived = run.scans.loc[run.scans["has_lesions"], "course"]
    both = reported["date"].notna() & reported.index.isin(derived)
    name = run.criterion.name
    return _pair(
        "reported",
        name,
        f"{name} as reported",
        _by_patient(run, run.best[False], both, reader),
        _by_patient(run, reported, both, reader),
    )


def pair_readers(run: CriterionRun) -> list[pd.DataFrame]:
    """Best responses by a criterion of every two readers, in the patients that both followed."""
    followed, readers = run.registry.courses["followed"], run.registry.readers
    by_reader = {reader: _by_patient(run, run.best[False], followed, reader) for reader in readers}
    return [_pair("readers", a, b, by_reader[a], by_reader[b]) for a, b in combinations(readers, 2)]


def derive_reported_best(run: CriterionRun) -> pd.DataFrame:
    """Best response of each course from reported responses alone (unconfirmed)."""
    courses, scans = run.registry.courses, run.registry.scans
    reported = run.registry.find_reported(run.criterion.name)
    scans = scans[["course", "date", "kind"]].assign(overall_response=reported)
    scans = scans[(scans["kind"] == FOLLOW_UP) & (reported >= 0)]
    counted = scans[find_counted(scans, courses["new_therapy_date"])]
    return derive_best_responses(counted, courses, run.settings, confirmed=False)


def _by_patient(run: CriterionRun, best: pd.DataFrame, chosen: pd.Series, reader: str) -> pd.Series:
    """Best responses of the chosen courses of one reader in the initial period, by patient."""
    courses = run.registry.courses
    own = chosen & (courses["period"] == 1) & (courses["reader"] == reader)
    responses = convert_to_category(best.loc[own, "response"], RESPONSES)
    return pd.Series(responses, index=pd.Index(courses.loc[own, "patient_id"], name="patient_id"))


def _pair(comparison: str, name_a: str, name_b: str, first: pd.Series, second: pd.Series) -> pd.DataFrame:
    """Two responses a patient, for the patients who have both."""
    both = pd.DataFrame({"response_a": first, "response_b": second.reindex(first.index)}).dropna()
    both = both.rename_axis("patient_id").reset_index().astype({"patient_id": "string"})
    return both.assign(comparison=comparison, criterion_a=name_a, criterion_b=name_b)[PAIR_COLUMNS]


def summarise_concordance(pairs: list[pd.DataFrame], *, level: float = 0.95) -> pd.DataFrame:
    """Result table `response_concordance`: one row a pair and cell of its table, all 49 cells, with the kappa.

    Columns beyond the contract: `comparison` (criteria, reported, readers), `n_pairs`, `agreement` (share of
    equal responses), `kappa_low`, `kappa_high`. Empty pairs are left out.
    """
    frames = []
    for pair in pairs:
        if pair.empty:
            continue
        table = pd.crosstab(pair["response_a"], pair["response_b"], dropna=False).to_numpy()
        kappa = compute_kappa(table, confidence=level)
        first, second = np.divmod(np.arange(table.size), len(RESPONSES))
        cells = {
            "response_a": convert_to_category(first, RESPONSES),
            "response_b": convert_to_category(second, RESPONSES),
            "n": table.ravel(),
            **pair[["comparison", "criterion_a", "criterion_b"]].iloc[0].to_dict(),
            "kappa": kappa.kappa,
            "kappa_low": kappa.lower,
            "kappa_high": kappa.upper,
            "n_pairs": len(pair),
            "agreement": kappa.agreement,
            "status": kappa.status,
        }
        frames.append(pd.DataFrame(cells))
    if not frames:
        return pd.DataFrame(columns=["criterion_a", "criterion_b", "response_a", "response_b", "n", "kappa"])
    return pd.concat(frames, ignore_index=True)


def filter_disagreements(pairs: list[pd.DataFrame]) -> pd.DataFrame:
    """Derived table `response_disagreements`: one row a patient and pair whose two responses differ."""
    table = pd.concat([pair for pair in pairs if not pair.empty] or [pd.DataFrame(columns=PAIR_COLUMNS)])
    differ = table["response_a"].astype("string") != table["response_b"].astype("string")
    return table[differ].reset_index(drop=True)
