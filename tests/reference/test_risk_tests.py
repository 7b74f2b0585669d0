"""Log-rank tests and their relatives against R's survival and lifelines."""

from __future__ import annotations

from pathlib import Path

import lifelines
import lifelines.datasets
import numpy as np
import pandas as pd
import sksurv
import sksurv.compare
import sksurv.datasets
from lifelines.statistics import logrank_test

from prrt_outcomes.statistics.curve_summaries import (
    compute_one_sample_logrank,
    compute_poisson_interval,
    fit_piecewise_exponential,
)
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.logrank import compute_logrank, compute_mantel_byar
from prrt_outcomes.statistics.risk_table import compute_risk_table

HERE = Path(__file__).parent / "r" / "risk"
GENERATED = pd.read_csv(HERE / "generated.csv")
COUNTING = pd.read_csv(HERE / "counting.csv")


def veterans():
    x, y = sksurv.datasets.load_veterans_lung_cancer()
    return y["Survival_in_days"], y["Status"], x["Celltype"].astype(str)


def hold(r_risk, id, what, test):
    r_risk(f"{id}_chisq", f"{what}: chi-square", test.statistic)
    r_risk(f"{id}_expected", f"{what}: expected events", test.expected)
    r_risk(f"{id}_variance", f"{what}: variance", np.diag(test.variance))


def test_logrank_by_group(r_risk):
    lung, gbsg2 = lifelines.datasets.load_lung(), lifelines.datasets.load_gbsg2()
    hold(
        r_risk,
        "lung_logrank",
        "lung by sex",
        compute_logrank(compute_risk_table(SurvivalData(lung.time, lung.status), group=lung.sex)),
    )
    table = compute_risk_table(SurvivalData(gbsg2.time, gbsg2.cens, strata=gbsg2.tgrade), group=gbsg2.horTh)
    hold(r_risk, "gbsg2_strata", "GBSG2 by hormone therapy, by grade", compute_logrank(table))
    waltons = lifelines.datasets.load_waltons()
    table = compute_risk_table(SurvivalData(waltons["T"], waltons["E"]), group=waltons["group"])
    hold(r_risk, "waltons_logrank", "waltons", compute_logrank(table))


def test_logrank_generated(r_risk):
    g = GENERATED
    table = compute_risk_table(SurvivalData(g.time, g.status), group=g.group)
    hold(r_risk, "generated_logrank", "three groups", compute_logrank(table))
    fh = "fleming_harrington"
    r_risk("generated_peto_rho1_chisq", "FH(1, 0)", compute_logrank(table, fh, rho=1).statistic)
    r_risk("generated_rho_half_chisq", "FH(0.5, 0)", compute_logrank(table, fh, rho=0.5).statistic)
    r_risk(
        "generated_rho_half_variance",
        "FH(0.5, 0): variance",
        np.diag(compute_logrank(table, fh, rho=0.5).variance),
    )
    strata = compute_risk_table(SurvivalData(g.time, g.status, strata=g.stratum), group=g.group)
    hold(r_risk, "generated_strata", "three groups, stratified", compute_logrank(strata))
    r_risk(
        "generated_strata_rho1_chisq", "FH(1, 0), stratified", compute_logrank(strata, fh, rho=1).statistic
    )
    months = compute_risk_table(SurvivalData(g.months, g.status), group=g.group)
    hold(r_risk, "generated_months_logrank", "ties by month", compute_logrank(months))
    counted = compute_risk_table(SurvivalData(g.time, g.status, weights=g["count"]), group=g.group)
    hold(
        r_risk,
        "generated_replicated",
        "weights that are counts, against repeated rows",
        compute_logrank(counted),
    )


def test_logrank_four_groups(r_risk):
    time, event, celltype = veterans()
    table = compute_risk_table(SurvivalData(time, event), group=celltype)
    hold(r_risk, "veteran_logrank", "veteran by cell type", compute_logrank(table))
    rho1 = compute_logrank(table, "fleming_harrington", rho=1)
    r_risk("veteran_rho1_chisq", "veteran by cell type, FH(1, 0)", rho1.statistic)


def test_late_entry(r_risk):
    g = GENERATED
    table = compute_risk_table(SurvivalData(g.time, g.status, entry=g.entry), group=g.group)
    what = "late entry, against the exact Cox score test"
    r_risk("generated_entry_score", what, compute_logrank(table).statistic)
    table = compute_risk_table(SurvivalData(g.time, g.status, entry=g.entry, strata=g.stratum), group=g.group)
    r_risk("generated_entry_strata_score", f"stratified, {what}", compute_logrank(table).statistic)


def test_mantel_byar(r_risk):
    s = lifelines.datasets.load_stanford_heart_transplants()
    test = compute_mantel_byar(SurvivalData(s.stop, s.event, entry=s.start, id=s.id), s.transplant)
    r_risk("stanford_mantel_byar", "Mantel-Byar, Stanford heart transplants", test.statistic)
    c = COUNTING
    test = compute_mantel_byar(SurvivalData(c.stop, c.event, entry=c.start, id=c.id), c.state)
    r_risk("counting_mantel_byar", "Mantel-Byar, generated rows", test.statistic)


def test_one_sample(r_risk):
    g = GENERATED
    test = compute_one_sample_logrank(SurvivalData(g.time, g.status), fit_piecewise_exponential([500], [0.5]))
    ours = [test.observed, test.expected, test.statistic**2]
    r_risk("generated_one_sample", "one-sample log-rank: O, E, chi-square", ours)
    limits = np.array([compute_poisson_interval(count) for count in (0, 1, 7, 40)])
    r_risk("poisson_intervals", "exact Poisson intervals of 0, 1, 7, 40", limits.T.ravel(), 1e-8)


def test_weights_against_lifelines(agree):
    gbsg2 = lifelines.datasets.load_gbsg2()
    yes = gbsg2.horTh == "yes"
    table = compute_risk_table(SurvivalData(gbsg2.time, gbsg2.cens), group=gbsg2.horTh)
    source = f"lifelines {lifelines.__version__} logrank_test"
    parts = (gbsg2.time[yes], gbsg2.time[~yes], gbsg2.cens[yes], gbsg2.cens[~yes])
    for weight, name in (("gehan", "wilcoxon"), ("tarone_ware", "tarone-ware"), ("peto", "peto")):
        theirs = logrank_test(*parts, weightings=name).test_statistic
        agree(
            f"risk_gbsg2_{weight}",
            f"GBSG2, {weight}",
            compute_logrank(table, weight).statistic,
            theirs,
            1e-8,
            source,
        )
    for rho, gamma in ((0, 1), (1, 1), (0.5, 2)):
        theirs = logrank_test(*parts, weightings="fleming-harrington", p=rho, q=gamma).test_statistic
        ours = compute_logrank(table, "fleming_harrington", rho=rho, gamma=gamma).statistic
        agree(f"risk_gbsg2_fh_{rho}_{gamma}", f"GBSG2, FH({rho}, {gamma})", ours, theirs, 1e-8, source)


def test_groups_against_sksurv(agree):
    x, y = sksurv.datasets.load_whas500()
    site = pd.cut(x.age, [0, 60, 70, 80, 120], labels=["1", "2", "3", "4"]).astype(str)
    statistic, p_value = sksurv.compare.compare_survival(y, site.to_numpy())
    test = compute_logrank(compute_risk_table(SurvivalData(y["lenfol"], y["fstat"]), group=site))
    source = f"scikit-survival {sksurv.__version__} compare_survival"
    agree(
        "risk_whas_age_groups",
        "WHAS500 by four age groups: chi-square",
        test.statistic,
        statistic,
        1e-8,
        source,
    )
    agree("risk_whas_age_groups_p", "WHAS500 by four age groups: p", test.p_value, p_value, 1e-8, source)
