"""Published and recomputed numbers for the risk side: other projects' tests, papers, closed forms."""

from __future__ import annotations

from pathlib import Path

import lifelines.datasets
import numpy as np
import pandas as pd
import pytest
import sksurv.datasets
import statsmodels

from prrt_outcomes.statistics.curve_summaries import (
    compute_observed_expected,
    compute_one_sample_logrank,
    compute_poisson_interval,
    compute_quantile,
    compute_rmst,
    compute_rmst_difference,
    fit_piecewise_exponential,
    summarise_milestones,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.kaplan_meier import (
    fit_kaplan_meier,
    fit_kaplan_meier_by_group,
    fit_reverse_kaplan_meier,
)
from prrt_outcomes.statistics.logrank import compute_logrank, compute_maxcombo
from prrt_outcomes.statistics.proportions import (
    compute_clopper_pearson,
    compute_kappa,
    compute_proportion_difference,
)
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.statistics.turnbull import fit_turnbull

AML_MAINTAINED = ([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])
AML_NOT = ([5, 5, 8, 8, 12, 16, 23, 27, 30, 33, 43, 45], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1])
FH = "fleming_harrington"


@pytest.fixture(scope="module")
def lung():
    return lifelines.datasets.load_lung()


def test_quantiles_flat(agree):
    time, event = [9, 3, 1, 1, 6, 6, 8, 10], [1, np.nan, 1, 0, 1, 1, 0, 0]
    kept = ~np.isnan(event)
    curve = fit_kaplan_meier(SurvivalData(np.array(time)[kept], np.array(event)[kept]))
    levels = 1 - np.array([13 / 14, 6 / 7, 2 / 3, 1 / 2, 9 / 35, 1 / 10])
    source = "R survival tests/quantile.R"
    ours = [compute_quantile(curve, p).time for p in levels]
    agree("risk_quantiles_flat", "quantiles on flat stretches", ours, [1, 3.5, 6, 9, 9.5, np.nan], 0, source)


def test_plateau_median(agree):
    time = [54, 75, 77, 84, 87, 92, 103, 105, 112, 118]
    curve = fit_kaplan_meier(SurvivalData(time, [1] * 5 + [0] * 5))
    source = "CAMIS r-sas survival; R's rule (SAS: not estimable)"
    agree(
        "risk_plateau_median",
        "median, S = 0.5 to the last time",
        compute_quantile(curve).time,
        102.5,
        0,
        source,
    )


def test_aml(agree):
    time, event = AML_MAINTAINED[0] + AML_NOT[0], AML_MAINTAINED[1] + AML_NOT[1]
    test = compute_logrank(
        compute_risk_table(SurvivalData(time, event), group=["maintained"] * 11 + ["not"] * 12)
    )
    source = "R survival tests/difftest.Rout.save"
    agree("risk_aml_logrank", "AML: log-rank chi-square", test.statistic, 3.396389, 1e-6, source)
    agree("risk_aml_observed", "AML: observed events", test.observed, [7, 11], 0, source)
    agree("risk_aml_expected", "AML: expected events", test.expected, [10.69, 7.31], 5e-3, source, False)


def test_lung(agree, lung):
    logs = compute_quantile(fit_kaplan_meier(SurvivalData(lung.time, lung.status), interval="log"))
    loglog = compute_quantile(fit_kaplan_meier(SurvivalData(lung.time, lung.status)))
    ours = [logs.time, logs.lower, logs.upper, loglog.lower, loglog.upper]
    agree(
        "risk_lung_median",
        "lung: median, log and log-log limits",
        ours,
        [310, 285, 363, 284, 361],
        0,
        "R survival",
    )
    curves = fit_kaplan_meier_by_group(SurvivalData(lung.time, lung.status), lung.sex, interval="log")
    quantiles = [compute_quantile(curve) for curve in curves.values()]
    ours = [value for q in quantiles for value in (q.time, q.lower, q.upper)]
    expected = [270, 212, 310, 426, 348, 550]
    agree("risk_lung_sex_median", "lung by sex: median, log limits", ours, expected, 0, "survminer issue 828")
    parts = [lung[lung.sex == sex] for sex in (1, 2)]
    ours = [
        compute_quantile(fit_reverse_kaplan_meier(SurvivalData(part.time, part.status))).time
        for part in parts
    ]
    agree("risk_lung_sex_followup", "lung by sex: follow-up", ours, [840, 529], 0, "survminer issue 828")


def test_lung_weighted_tests(agree, lung):
    table = compute_risk_table(SurvivalData(lung.time, lung.status), group=lung.sex)
    pairs = ((0, 0), (1, 0), (0, 1), (1, 1))
    ours = [compute_logrank(table, FH, rho=rho, gamma=gamma).statistic for rho, gamma in pairs]
    source = "survminer tests/test-weighted-logrank.R"
    agree(
        "risk_lung_fh",
        "lung by sex: FH(0,0) (1,0) (0,1) (1,1)",
        ours,
        [10.3267, 12.7142, 3.46, 7.6648],
        1e-5,
        source,
    )


def test_lung_rmst(agree, lung):
    male, female = fit_kaplan_meier_by_group(SurvivalData(lung.time, lung.status), lung.sex).values()
    means = [compute_rmst(curve, 965) for curve in (male, female)]
    ours = [means[0].rmst, means[0].std_error, means[1].rmst, means[1].std_error]
    expected = [324.0484, 22.29794, 455.9041, 32.91742]
    agree("risk_lung_rmst", "lung by sex: RMST at 965 and SE", ours, expected, 1e-6, "survminer issue 827")
    d = compute_rmst_difference(female, male, 965)
    expected = [131.8557, 53.93, 209.78, 0.00091186]
    ours = [d.difference, d.lower, d.upper, d.p_value]
    agree("risk_lung_rmst_difference", "lung: RMST difference", ours, expected, 1e-5, "survminer issue 827")


def test_waltons_rmst(agree):
    waltons = lifelines.datasets.load_waltons()
    part = waltons[waltons["group"] == "miR-137"]
    mean = compute_rmst(fit_kaplan_meier(SurvivalData(part["T"], part["E"])), 10)
    agree(
        "risk_waltons_rmst",
        "waltons: RMST at 10, SE",
        [mean.rmst, mean.std_error],
        [9.7941, 0.12324],
        1e-4,
        "lifelines issue 1682",
    )


def test_whas500(agree):
    x, y = sksurv.datasets.load_whas500()
    table = compute_risk_table(SurvivalData(y["lenfol"], y["fstat"]), group=x.afb)
    ours = [compute_logrank(table, w).statistic for w in ("logrank", "tarone_ware", "gehan", "peto")]
    expected = [10.9, 9.423, 8.2593, 9.8238]
    source = "CAMIS r-sas weighted logrank"
    agree("risk_whas", "WHAS500: log-rank, Tarone-Ware, Gehan, Peto", ours, expected, 1e-5, source)
    ours = [
        compute_logrank(table, FH, rho=r, gamma=g).statistic
        for r, g in ((0.5, 0.5), (1, 1), (0, 1), (0.5, 2))
    ]
    expected = [10.3122, 9.8019, 9.5455, 8.2428]
    agree("risk_whas_fh", "WHAS500: FH(.5,.5) (1,1) (0,1) (.5,2)", ours, expected, 1e-5, source)
    combo = compute_maxcombo(table)
    agree("risk_whas_maxcombo", "WHAS500: MaxCombo Z", combo.statistic, 3.30152, 1e-6, source)
    agree("risk_whas_maxcombo_p", "WHAS500: MaxCombo p", combo.p_value, 0.0020, 5e-5, source, False)


def test_veteran_expected(agree):
    x, y = sksurv.datasets.load_veterans_lung_cancer()
    table = compute_risk_table(
        SurvivalData(y["Survival_in_days"], y["Status"]), group=x["Celltype"].astype(str)
    )
    expected = [15.6937646143605, 34.5494783863493, 30.1020793268148, 47.6546776724754]
    source = "scikit-survival tests/test_compare.py"
    agree(
        "risk_veteran_celltype",
        "veteran: expected events",
        compute_logrank(table).expected,
        expected,
        1e-12,
        source,
    )


def test_freireich(agree):
    d = lifelines.datasets.load_leukemia()
    table = compute_risk_table(SurvivalData(d["t"], d["status"]), group=d["Rx"])
    ours = [compute_logrank(table, w).statistic for w in ("gehan", "tarone_ware", "peto")]
    expected = [13.457852, 15.123575, 14.084139]
    source = "lifelines tests/test_statistics.py"
    agree("risk_freireich", "6-MP leukaemia: Gehan, Tarone-Ware, Peto", ours, expected, 1e-7, source)


def test_bmt_quantile_intervals(agree):
    bmt = pd.read_csv(Path(statsmodels.__file__).parent / "duration" / "tests" / "results" / "bmt.csv")
    part = bmt[bmt["Group"] == "ALL"]
    expected = {
        "plain": (107, 276),
        "log-log": (86, 230),
        "log": (107, 332),
        "arcsin": (104, 276),
        "logit": (104, 230),
    }
    for interval, limits in expected.items():
        q = compute_quantile(
            fit_kaplan_meier(SurvivalData(part["T"], part["Status"]), interval=interval), 0.25
        )
        what = f"bone marrow ALL: 25 % quantile, {interval} limits"
        agree(f"risk_bmt_q25_{interval}", what, [q.lower, q.upper], limits, 0, "SAS via statsmodels tests")


def test_one_sample(agree, shared_data):
    d = pd.read_csv(shared_data / "one_sample" / "kj1_final.csv")
    test = compute_one_sample_logrank(SurvivalData(d.time, d.status), fit_piecewise_exponential([2], [0.62]))
    ours = [test.observed, test.expected, test.statistic]
    agree(
        "risk_kj1_one_sample",
        "kj1: O, E, (O-E)/sqrt(E)",
        ours,
        [18, 16.3598, 0.4055],
        1e-4,
        "OneArm2stage R/LRT.r",
    )


def test_one_sample_counts(agree):
    test = compute_observed_expected(2169, 2076.8776)
    source = "R survdiff with offset, sign turned"
    agree("risk_flchain_one_sample", "flchain: (O - E) / sqrt(E)", test.statistic, 2.0214, 2e-5, source)
    limits = compute_poisson_interval(4)
    agree("risk_poisson_4", "exact interval of 4 events", limits, [1.089865, 10.241589], 1e-6, "R cipoisson")


def test_phaeochromocytoma(agree, shared_data):
    d = pd.read_csv(shared_data / "tcga_pcpg" / "clinical.csv")
    d = d[pd.to_numeric(d["PFI.time"], errors="coerce").notna()]
    time, event = d["PFI.time"].astype(float), d["PFI"].astype(float)
    group = np.where(
        d["histological_type"].str.contains("Paraganglioma"), "paraganglioma", "phaeochromocytoma"
    )
    time = time.where(time > 0, 0.5)
    at = summarise_milestones(fit_kaplan_meier(SurvivalData(time, event)), [730.5, 1826.25])
    test = compute_logrank(compute_risk_table(SurvivalData(time, event), group=group))
    ours = [event.sum(), *at.survival, test.statistic]
    expected = [21, 0.9005, 0.8245, 1.2665]
    agree(
        "risk_pcpg_pfi",
        "TCGA PCPG: events, S(2 y), S(5 y), log-rank",
        ours,
        expected,
        1e-4,
        "recomputed outside",
    )


def test_radiant4(agree, shared_data):
    d = pd.read_csv(shared_data / "radiant4" / "pfs.csv")
    curves = fit_kaplan_meier_by_group(SurvivalData(d.time, d.event), d.arm)
    ours = sorted(compute_quantile(curve).time for curve in curves.values())
    agree(
        "risk_radiant4_median",
        "RADIANT-4: PFS medians",
        ours,
        [4.01, 11.3],
        0.05,
        "recomputed outside",
        False,
    )


def test_turnbull(r_risk):
    d = lifelines.datasets.load_diabetes()
    curve = fit_turnbull(d.left, d.right)
    times = np.array([10, 20, 30, 40])
    ended, begun = (
        (bound[None, :] < times[:, None]).sum(axis=1) for bound in (curve.right + 1e-9, curve.left)
    )
    np.testing.assert_array_equal(ended, begun)
    survival = np.append(1.0, curve.survival)[(curve.right[None, :] <= times[:, None]).sum(axis=1)]
    r_risk("diabetes_turnbull", "Turnbull, diabetes (R stops at 1e-6)", survival, 2e-6)


def test_proportions(agree):
    source = "Newcombe 1998, Stat Med 17:857 and 873, tables I and II"
    agree(
        "risk_clopper_pearson",
        "15 of 148, exact",
        np.array(compute_clopper_pearson(15, 148)),
        [0.0578, 0.1617],
        5e-5,
        source,
        False,
    )
    d = compute_proportion_difference(56, 70, 48, 80)
    agree(
        "risk_newcombe",
        "56/70 - 48/80, hybrid score",
        [d.lower, d.upper],
        [0.0524, 0.3339],
        5e-5,
        source,
        False,
    )
    d = compute_proportion_difference(56, 70, 48, 80, "miettinen_nurminen")
    limits = [0.0528, 0.3382]
    agree("risk_miettinen_nurminen", "56/70 - 48/80, score", [d.lower, d.upper], limits, 5e-5, source, False)


def test_kappa(agree):
    # Fleiss, Cohen and Everitt 1969, Psychological Bulletin 72:323, table 1 without its weights.
    table = [[44, 5, 1], [7, 20, 3], [9, 5, 6]]
    p = np.array(table) / 100
    row, column = p.sum(axis=1), p.sum(axis=0)
    kappa = (np.trace(p) - row @ column) / (1 - row @ column)
    ours = compute_kappa(table)
    agree("risk_kappa_none", "Cohen's kappa", ours.kappa, kappa, 1e-10, "closed form")
