"""Random cohorts: no sum, difference or order of released counts leaves one value for a count below the minimum."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.release.rules import Rounding, bound_share, shorten
from prrt_outcomes.release.tables import release_tables
from prrt_outcomes.statistics.curve_summaries import compute_poisson_interval
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


def draw_small(seed):
    """A cohort of 60 with rates, tests, balance and shares of which few patients are missing."""
    random = np.random.default_rng(seed)
    made = draw_tables(60, seed)
    groups = made["baseline"].drop_duplicates(["group_by", "group"])[["group_by", "group", "total"]]
    made["km_summary"] = conform_table(
        "km_summary", groups.rename(columns={"total": "n"}).assign(endpoint="os")
    )
    n = np.arange(8, 60)
    years, (low, high) = random.uniform(5, 90, len(n)), compute_poisson_interval(n)
    made["adverse_event_rates"] = conform_table("adverse_event_rates", pd.DataFrame({
        "period": "any", "term_group": "any", "term": [f"term {i}" for i in n], "grade_at_least": 1, "related": "any",
        "group_by": "all", "group": "all", "n": n, "total": 60, "proportion": n / 60, "years": years,
        "rate_per_100_years": 100 * n / years, "rate_low": 100 * low / years, "rate_high": 100 * high / years,
        "status": "ok"}))  # fmt: skip
    expected = random.uniform(20, 90, len(n))
    made["controls"] = conform_table("controls", pd.DataFrame({
        "control": "c", "endpoint": "os", "method": "one_sample_logrank", "weights": "none", "estimate": "smr",
        "population": "all", "horizon_months": 12.0, "assumption": [f"a{i}" for i in n], "n": 60, "n_control": 90,
        "observed": n, "expected": expected, "value": n / expected, "low": low / expected, "high": high / expected,
        "statistic": (n - expected) / np.sqrt(expected), "status": "ok"}))  # fmt: skip
    shares = np.array([3, 21, 36, 0]) / 60
    made["control_balance"] = conform_table("control_balance", pd.DataFrame({
        "control": "c", "covariate": ["x=a", "x=b", "x=c", "y=d"], "weights": "none", "mean": shares,
        "mean_control": 0.4, "smd": 0.1, "status": "ok"}))  # fmt: skip
    made["logrank"] = conform_table("logrank", pd.DataFrame({
        "endpoint": "os", "group_by": ["site"], "test": "logrank", "statistic": 5.1, "df": 4.0, "p_value": 0.3,
        "status": "ok"}))  # fmt: skip
    made["lesion_change_test"] = conform_table("lesion_change_test", pd.DataFrame({
        "term": ["radionuclide"], "model": "unadjusted", "radionuclide": "90Y", "statistic": 2.0, "df": 1.0,
        "df_residual": 44.0, "n_lesions": 134, "n_patients": 49, "status": "ok"}))  # fmt: skip
    made["egfr_slope"] = conform_table("egfr_slope", pd.DataFrame({
        "group_by": ["all"], "group": "all", "analysis": "mixed", "phase": "all", "n": 58, "n_values": 700,
        "slope_per_year": -3.2, "status": "ok", "df": 57}))  # fmt: skip
    return made


@pytest.mark.parametrize("seed", range(3))
def test_no_rate_mean_or_degree_of_freedom_gives_a_count(seed, attack):
    true = draw_small(seed)
    released, _ = release_tables(true, 5, 0.95)
    assert attack.invert_rates(true, released, 5) == []
    assert attack.find_freedom(true, released, 5) == []
    assert attack.find_means(released, 5) == []
    assert attack.find_wholes(true, released) == []
    rates = released["adverse_event_rates"].dropna(subset="rate_per_100_years")
    assert len(rates) > 30
    again = 100 * rates["n"].astype(float) / rates["years"]
    assert np.allclose(rates["rate_per_100_years"], shorten(again))
    assert released["controls"]["low"].notna().sum() > 30
    assert released["controls"]["statistic"].isna().all()


def test_the_attacks_find_what_only_has_two_digits(attack):
    """The same tables with rounded counts and two digits, as releases once were."""
    true = draw_small(0)
    naive = {}
    for name, table in true.items():
        exact = {c: shorten(table[c]) for c in table if table[c].dtype == "float64"}
        counts = {c: Rounding(5).round(table[c]) for c in ("n", "total", "observed") if c in table}
        naive[name] = table.assign(**exact | counts)
    naive["adverse_event_rates"]["proportion"] = naive["adverse_event_rates"].eval("n / total").astype(float)
    assert {row[0] for row in attack.invert_rates(true, naive, 5)} == {"adverse_event_rates", "controls"}
    assert {row[0] for row in attack.find_freedom(true, naive, 5)} == {
        "logrank",
        "lesion_change_test",
        "egfr_slope",
    }
    assert attack.find_means(naive, 5)
    assert attack.find_wholes(true, naive)
