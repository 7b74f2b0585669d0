"""Response rates and their differences between groups, and agreement of criteria, readers and reported responses."""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Literal, get_args

import numpy as np
import pandas as pd

from prrt_outcomes.cohort.grouping import UNKNOWN, derive_tumour_group
from prrt_outcomes.response.best import derive_best_responses, find_counted
from prrt_outcomes.response.codes import COMPOSITES, FOLLOW_UP, RESPONSES, convert_to_category
from prrt_outcomes.response.criterion_run import CriterionRun
from prrt_outcomes.statistics.proportions import (
    compute_clopper_pearson,
    compute_kappa,
    compute_proportion_difference,
)
from prrt_outcomes.tables.schema import load_schema

MARKER_CHANGES = {"CR": "normal", "PR": "fell", "SD": "neither", "PD": "rose", "NE": "not_evaluable"}
PAIR_COLUMNS = list(load_schema("response_disagreements").names)


def derive_baseline_columns(
    best_responses: pd.DataFrame,
    patients: pd.DataFrame,
    treatment_periods: pd.DataFrame,
    names: Iterable[str],
) -> pd.DataFrame:
    """Columns known at the start of treatment, one row a row of `best_responses`.

    names : columns of `treatment_periods` (radionuclide, known at the first cycle) or of `patients`
    Returns a frame with one column a name, typed as in its table; a name that neither table has is empty
    throughout.
    """
    by_patient = derive_tumour_group(patients).set_index("patient_id")
    by_period = treatment_periods.set_index(["patient_id", "period"])
    keys = pd.MultiIndex.from_frame(best_responses[["patient_id", "period"]])
    columns = {}
    for name in names:
        if name == "radionuclide":
            columns[name] = by_period[name].reindex(keys).array
        elif name in by_patient.columns:
            columns[name] = by_patient[name].reindex(best_responses["patient_id"]).array
        else:
            columns[name] = pd.array([pd.NA] * len(best_responses), dtype="string")
    return pd.DataFrame(columns, index=best_responses.index)


def summarise_marker_changes(best: pd.DataFrame, level: float) -> pd.DataFrame:
    """Result table `marker_changes`: the furthest change of each laboratory value; no response to treatment.

    best : rows of `best_responses` of criteria that a laboratory value judges
    """
    if best.empty:
        return pd.DataFrame()
    rates = summarise_response_rates(best, (), level=level)
    return rates.assign(change=rates["category"].map(MARKER_CHANGES)).dropna(subset="change")


def summarise_response_rates(
    best: pd.DataFrame, group_by: tuple[str, ...], *, level: float = 0.95
) -> pd.DataFrame:
    """Number and share of every best response and of the composite rates, a row a group and category.

    best : rows of `best_responses` of the primary reader and the initial period, with the groupings
    group_by : grouping columns of `best`; the whole cohort (all, all) comes first
    level : of the exact (Clopper-Pearson) interval
    Returns the result table `response_rates`; all treated patients of the group are the denominator.
    """
    best = best.assign(all="all")
    table = pd.concat([_count_categories(best, name) for name in ("all", *group_by)], ignore_index=True)
    low, high = compute_clopper_pearson(table["n"], table["total"], level)
    share = table["n"] / table["total"]
    table = table.assign(proportion=share, proportion_low=low, proportion_high=high, status="ok")
    table["place"] = table["criterion"].map(best["criterion"].unique().tolist().index)
    return table.sort_values(["place", "confirmed"], ignore_index=True).drop(columns="place")


def _count_categories(best: pd.DataFrame, name: str) -> pd.DataFrame:
    """Counts of one grouping, long over categories."""
    parts = {response: (response,) for response in RESPONSES} | COMPOSITES
    hits = pd.DataFrame({category: best["best_response"].isin(part) for category, part in parts.items()})
    keys = [best["criterion"], best["confirmed"], best[name].rename("group")]
    groups = hits.rename_axis(columns="category").groupby(keys, observed=True)
    counts = pd.DataFrame({"n": groups.sum().stack(future_stack=True)}).reset_index()  # noqa: PD013
    return counts.assign(
        group_by=name,
        group=counts["group"].astype("string"),
        category=pd.Categorical(counts["category"], categories=list(parts), ordered=True),
        total=groups.size().repeat(len(parts)).to_numpy(),
    )


Method = Literal["miettinen_nurminen", "newcombe"]
METHODS: tuple[Method, ...] = get_args(Method)


def summarise_rate_differences(
    rates: pd.DataFrame, references: Mapping[str, str], *, level: float = 0.95
) -> pd.DataFrame:
    """Result table `response_differences`: each group against the reference group, by both methods.

    rates : table `response_rates`
    references : reference level by grouping; nothing is compared where nobody has it
    Returns one row a criterion, confirmation rule, grouping, group other than the reference, composite rate
    and method. `unknown` is no group here. The p-value is that of the score test (Miettinen-Nurminen).
    """
    rows = []
    known = rates[(rates["group_by"] != "all") & (rates["group"] != UNKNOWN)]
    known = known[known["category"].isin(list(COMPOSITES))]
    by = ["criterion", "confirmed", "group_by"]
    for (criterion, confirmed, group_by), part in known.groupby(by, sort=False):
        sizes = part.drop_duplicates("group").set_index("group")["total"]
        reference = references.get(str(group_by))
        if len(sizes) < 2 or reference not in sizes.index:
            continue
        keys = part[["group", "category"]].itertuples(index=False, name=None)
        counts = dict(zip(keys, part[["n", "total"]].itertuples(index=False, name=None), strict=True))
        for group in [level for level in sizes.index if level != reference]:
            for category in COMPOSITES:
                pair: tuple[int, int, int, int] = (*counts[group, category], *counts[reference, category])
                head = (criterion, confirmed, group_by, group, reference, category)
                for method in METHODS:
                    found = compute_proportion_difference(*pair, method, level)
                    rows.append((*head, method, *pair, *vars(found).values()))
    return pd.DataFrame(rows, columns=list(load_schema("response_differences").names))


def pair_criteria(best: pd.DataFrame) -> list[pd.DataFrame]:
    """Best responses of the same patients by every two criteria.

    best : rows of `best_responses` of one reader, period and confirmation rule
    """
    own = best.set_index("patient_id").groupby("criterion", sort=False, observed=True)["best_response"]
    return [_pair("criteria", str(a), str(b), one, two) for (a, one), (b, two) in combinations(own, 2)]


def pair_reported(run: CriterionRun, reader: str) -> pd.DataFrame:
    """Derived best response beside that made of the responses as reported, where a patient has both."""
    reported = derive_reported_best(run)
    derived = run.scans.loc[run.scans["has_lesions"], "course"]
    both = reported["date"].notna() & reported.index.isin(derived)
    name, sides = run.criterion.name, (run.best[False], reported)
    return _pair(
        "reported", name, f"{name} as reported", *(_by_patient(run, side, both, reader) for side in sides)
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

    Empty pairs are left out.
    """
    frames = []
    for pair in pairs:
        if pair.empty:
            continue
        table = pd.crosstab(pair["response_a"], pair["response_b"], dropna=False).to_numpy()
        found = compute_kappa(table, confidence=level)
        places = np.divmod(np.arange(table.size), len(RESPONSES))
        first, second = (convert_to_category(place, RESPONSES) for place in places)
        cells = pd.DataFrame({"response_a": first, "response_b": second, "n": table.ravel()})
        shared = pair[["comparison", "criterion_a", "criterion_b"]].iloc[0].to_dict() | {"n_pairs": len(pair)}
        shared |= {"kappa": found.kappa, "kappa_low": found.lower, "kappa_high": found.upper}
        frames.append(cells.assign(**shared, agreement=found.agreement, status=found.status))  # type: ignore[arg-type]
    if not frames:
        return pd.DataFrame(columns=["criterion_a", "criterion_b", "response_a", "response_b", "n", "kappa"])
    return pd.concat(frames, ignore_index=True)


def filter_disagreements(pairs: list[pd.DataFrame]) -> pd.DataFrame:
    """Derived table `response_disagreements`: one row a patient and pair whose two responses differ."""
    table = pd.concat([pair for pair in pairs if not pair.empty] or [pd.DataFrame(columns=PAIR_COLUMNS)])
    differ = table["response_a"].astype("string") != table["response_b"].astype("string")
    return table[differ].reset_index(drop=True)
