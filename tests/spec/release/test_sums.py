"""Random cohorts: no sum, difference or order of released counts leaves one value for a count below the minimum."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.release.rules import Rounding, bound_share, shorten
from prrt_outcomes.release.tables import release_tables
from prrt_outcomes.tables.frames import conform_table, empty_table
from prrt_outcomes.tables.schema import list_tables

GROUPINGS = {
    "radionuclide": (0.6, 0.4),
    "tumour_group": (0.75, 0.12, 0.1, 0.03),
    "site": (0.3, 0.3, 0.2, 0.15, 0.05),
}
TERMS = {"sex": (0.5, 0.5), "grade": (0.4, 0.4, 0.1, 0.1), "ecog": (0.6, 0.3, 0.07, 0.03)}


def draw_tables(n, seed):
    """Baseline and toxicity of n random patients, counted as the stages count them."""
    random = np.random.default_rng(seed)
    drawn = {**GROUPINGS, **TERMS}
    people = pd.DataFrame({c: random.choice(len(p), n, p=p).astype(str) for c, p in drawn.items()})
    people["worst"] = random.choice(5, n, p=(0.5, 0.2, 0.15, 0.1, 0.05))
    parts = [
        ("all", "all", people),
        *((g, str(level), p) for g in GROUPINGS for level, p in people.groupby(g)),
    ]
    baseline, rates = [], []
    for group_by, group, part in parts:
        for term in TERMS:
            counts = part[term].value_counts().reindex(sorted(people[term].unique()), fill_value=0)
            for level, count in counts.items():
                baseline.append((term, level, group_by, group, count, len(part), count / len(part)))
        for grade in range(1, 5):
            count = int((part["worst"] >= grade).sum())
            rates.append(("alt", "any", group_by, group, grade, count, len(part), count / len(part), "ok"))
    made = {name: empty_table(name) for name in list_tables("results")}
    made["baseline"] = conform_table("baseline", pd.DataFrame(
        baseline, columns=["term", "level", "group_by", "group", "n", "total", "proportion"]))  # fmt: skip
    made["safety_rates"] = conform_table("safety_rates", pd.DataFrame(rates, columns=[
        "analyte", "phase", "group_by", "group", "grade_at_least", "n", "total", "proportion", "status"]))  # fmt: skip
    return made


@pytest.mark.parametrize("minimum", [3, 5, 6, 10])
@pytest.mark.parametrize(("n", "seeds"), [(12, 3), (40, 3), (400, 2)])
def test_no_count_is_determined(n, seeds, minimum, attack):
    for seed in range(seeds):
        true = draw_tables(n, seed)
        released, _ = release_tables(true, minimum, 0.95)
        assert attack.undo(true, released, minimum, 12) == []
        for name in ("baseline", "safety_rates"):
            shown = released[name]["n"].dropna()
            assert (shown % minimum == 0).all()
            assert (shown > minimum).all()
            share = released[name]["proportion"].dropna()
            again = (released[name]["n"] / released[name]["total"]).astype(float)[share.index]
            assert np.allclose(share, again)
    assert n < 400 or len(shown)  # a large cohort shows something


def test_the_attack_solves_what_is_only_suppressed(attack):
    """Suppression without rounding and without a second cell is undone: the program that must fail can succeed."""
    true = draw_tables(40, 0)
    naive = {name: t.assign(n=t["n"].mask(t["n"].lt(5))) if "n" in t else t for name, t in true.items()}

    class Exact(attack.System):
        def add(self, true, shown, most):
            at = super().add(true, shown, most)
            if not np.isnan(shown):
                self.low[at] = self.high[at] = shown
            return at

    kept, attack.System = attack.System, Exact
    try:
        assert attack.undo(true, naive, 5, 12)
    finally:
        attack.System = kept


def test_counts_are_rounded_and_hidden():
    rounding = Rounding(5)
    counts = pd.Series([0, 1, 4, 7, 8, 12, 13, 400], dtype="Int64")
    assert rounding.round(counts).fillna(-1).tolist() == [-1, -1, -1, -1, 10, 10, 15, 400]
    assert rounding.share(pd.Series([0.01, 0.5]), pd.Series([400.0, 400.0])).fillna(-1).tolist() == [-1, 0.5]
    assert shorten(pd.Series([28.944, 0.012345, 0.0, -103.6])).tolist() == [29.0, 0.012, 0.0, -100.0]


def test_limits_of_a_share_are_exact():
    """R: binom.test(10, 40)$conf.int."""
    low, high = bound_share(pd.Series([10.0]), pd.Series([40.0]), 0.95)
    assert (low[0], high[0]) == pytest.approx((0.1269148, 0.4119620), abs=1e-6)


def test_a_curve_steps_over_at_least_the_minimum_of_events():
    months = np.arange(41) / 10
    curve = pd.DataFrame(
        {
            "endpoint": "os", "group_by": "all", "group": "all", "time_months": months,
            "n_at_risk": 60 - np.arange(41), "n_event": [0, *[1] * 40], "n_censored": 0,
            "survival": 1 - np.arange(41) / 60, "status": "ok",
        }
    )  # fmt: skip
    made = {name: empty_table(name) for name in list_tables("results")}
    made["km_curve"] = conform_table("km_curve", curve)
    made["km_summary"] = conform_table("km_summary", curve.head(1).assign(n=60, events=40))
    shown = release_tables(made, 5, 0.95)[0]["km_curve"]
    assert shown["time_months"].tolist() == [0, 1, 2, 3, 4]  # ends of months
    events = -shown["survival"].diff().dropna() * 60
    assert (events.round(9) >= 5).all()
    assert shown[["n_event", "n_censored"]].isna().all(axis=None)
