"""The result tables of the survival stage against R, on cohorts with ties, late entry and a competing event."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.cohort.grouping import FEWEST
from prrt_outcomes.statistics.cumulative_incidence import compute_gray_test
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.risk_table import compute_risk_table
from prrt_outcomes.study.model import Study
from prrt_outcomes.survival.stage import run
from prrt_outcomes.tables.frames import conform_table
from prrt_outcomes.units import DAYS_PER_MONTH

HERE = Path(__file__).parent / "r" / "stages"
TYPES = ("log-log", "log", "plain", "logit", "arcsin")


@pytest.fixture(scope="module")
def held(agree):
    text = (HERE / "numbers.csv").read_text(encoding="utf-8")
    numbers = pd.read_csv(HERE / "numbers.csv", comment="#", float_precision="round_trip")
    values = dict(zip(numbers["id"], numbers["value"], strict=True))
    source = "r/stages/stages.R, " + text.splitlines()[0].removeprefix("# ").replace("; ", ", ")

    def hold(id, what, ours, tolerance=1e-6):
        ours = np.asarray(ours, dtype=float)
        expected = [values[f"{id}.{k + 1}"] for k in range(len(ours))] if ours.ndim else values[id]
        assert f"{id}.{len(ours) + 1 if ours.ndim else 1}" not in values, f"{id}: R has more numbers"
        agree(f"stage_{id}", f"result table: {what}", ours, expected, tolerance, source)

    return hold


def survive(data, endpoint="os", entry=None, **analysis):
    """Result tables of a cohort whose times and groups are given."""
    ids = [f"p{k}" for k in range(len(data))]
    endpoints = pd.DataFrame({"patient_id": ids, "endpoint": endpoint})
    endpoints = endpoints.assign(time_days=data["time"].astype(float), event=data["event"], entry_days=0.0)
    if entry is not None:
        endpoints["entry_days"] = data[entry].astype(float)
    analysis = {"milestones_months": [12, 24, 60], "multiple_imputation_sets": 0, "covariates": []} | analysis
    study = Study(
        study="cohort",
        tables={"patients": "p.csv", "reported_outcomes": "r.csv"},
        endpoints=[endpoint],
        analysis=analysis,
    )
    sex = data["sex"].map({"f": "female", "m": "male"})
    people = data.drop(columns=["time", "event"]).assign(patient_id=ids, sex=sex)
    tables = {
        "endpoints": conform_table("endpoints", endpoints),
        "analysis_set": conform_table("analysis_set", people),
    }
    return run(tables, study)


@pytest.fixture(scope="module")
def data():
    return {path.stem: pd.read_csv(path) for path in HERE.glob("*.csv") if path.stem != "numbers"}


@pytest.fixture(scope="module")
def pbc(data):
    return survive(
        data["pbc"],
        endpoint="ttp",
        group_by=["sex", "oedema"],
        covariates=["age", "sex", "oedema", "spleen"],
        strata=["sex"],
    )


@pytest.fixture(scope="module")
def colon(data):
    return survive(
        data["colon"],
        group_by=["rx"],
        covariates=["rx", "age", "nodes", "differ"],
        strata=["sex", "differ"],
        subgroups={"effect": "rx", "within": ["sex"]},
        reference={"rx": "Obs"},
    )


@pytest.fixture(scope="module")
def late(data):
    return survive(
        data["colon"],
        entry="entry",
        group_by=["rx"],
        covariates=["rx", "age", "nodes", "differ"],
        strata=["differ"],
        reference={"rx": "Obs"},
    )


@pytest.fixture(scope="module")
def kidney(data):
    return survive(
        data["kidney"],
        group_by=["disease"],
        covariates=["sex", "age", "disease"],
        reference={"disease": "Other"},
        milestones_months=[1, 3, 6],
    )


@pytest.fixture(scope="module")
def transplant(data):
    return survive(data["transplant"], endpoint="ttp", group_by=["blood"], covariates=["age", "sex", "blood"])


def pick(table, **wanted):
    for column, value in wanted.items():
        table = table.loc[table[column] == value]
    return table


def hold_curves(held, id, tables, group_by, kind):
    own = tables["milestones"].query("group_by == @group_by")
    summary = tables["km_summary"].query("group_by == @group_by")
    # R writes no limits where a curve is 1; ours are empty there and 1 in the figure
    for column, name in (("survival", "survival"), ("survival_low", "low"), ("survival_high", "high")):
        held(f"{id}_{kind}_{name}", f"{id}, {kind}: {name} at the milestones", own[column])
    # With late entry R counts at the next time of the curve, where others have entered; ours is entry < t <= end.
    if "late" not in id:
        held(f"{id}_{kind}_n_risk", f"{id}: at risk at the milestones", own["n_at_risk"], 0)
    for column, name in (
        ("median_months", "median"),
        ("median_low", "median_low"),
        ("median_high", "median_high"),
    ):
        held(f"{id}_{kind}_{name}", f"{id}, {kind}: {name}, days", summary[column] * DAYS_PER_MONTH)


@pytest.mark.parametrize("kind", TYPES)
def test_curves(held, data, kind):
    settings = {"confidence": {"type": kind}}
    hold_curves(held, "pbc_sex", survive(data["pbc"], "ttp", group_by=["sex"], **settings), "sex", kind)
    tables = survive(data["colon"], entry="entry", group_by=["rx"], **settings)
    hold_curves(held, "colon_late_rx", tables, "rx", kind)


def test_curves_of_small_groups(held, kidney):
    hold_curves(held, "kidney_disease", kidney, "disease", "log-log")


def test_restricted_means_and_follow_up(held, pbc, late):
    for id, tables, group_by in (("pbc_sex", pbc, "sex"), ("colon_late_rx", late, "rx")):
        own = pick(tables["km_summary"], group_by=group_by)
        held(f"{id}_rmst", f"{id}: RMST to 60 months, days", own["rmst_months"] * DAYS_PER_MONTH)
        held(
            f"{id}_rmst_se", f"{id}: standard error of the RMST, days", own["rmst_std_error"] * DAYS_PER_MONTH
        )
    follow_up = pbc["km_summary"].query("group_by == 'sex'")["follow_up_months"] * DAYS_PER_MONTH
    held("pbc_sex_follow_up", "pbc: median follow-up, days", follow_up)


def statistic(tables, group_by, strata=""):
    rows = tables["logrank"].fillna({"group": "", "strata": ""})
    return rows.query("test == 'logrank' and group == '' and group_by == @group_by and strata == @strata")[
        "statistic"
    ].item()


def test_log_rank(held, pbc, colon, late, kidney):
    held("pbc_sex_logrank", "pbc by sex, log-rank", statistic(pbc, "sex"))
    held("pbc_oedema_logrank", "pbc by oedema, log-rank", statistic(pbc, "oedema"))
    held("pbc_oedema_logrank_strata", "stratified by sex", statistic(pbc, "oedema", "sex"))
    held("colon_rx_logrank", "colon by arm, log-rank", statistic(colon, "rx"))
    held("colon_rx_logrank_strata", "stratified by two columns", statistic(colon, "rx", "sex+differ"))
    held("colon_late_rx_logrank", "late entry, log-rank", statistic(late, "rx"))
    held("kidney_disease_logrank", "kidney by disease, log-rank", statistic(kidney, "disease"))
    pairs = colon["logrank"].fillna({"strata": ""}).query("test == 'logrank' and strata == ''")
    pairs = {
        frozenset((r.group, r.reference)): r
        for r in pairs.itertuples()
        if isinstance(r.group, str) and r.group
    }
    wanted = [("Lev", "Lev+5FU"), ("Obs", "Lev"), ("Obs", "Lev+5FU")]
    rows = [pairs[frozenset(pair)] for pair in wanted]
    held("colon_rx_pairs", "colon by pairs, log-rank", [row.statistic for row in rows])
    held("colon_rx_pairs_holm", "p adjusted by Holm", [row.p_adjusted for row in rows])


def hold_model(held, id, tables, model, label=None, terms=None):
    rows = tables["cox"].query("model == @model")
    zph = tables["cox_diagnostics"].query("model == @model")
    if terms is not None:
        rows, zph = rows.query("term in @terms"), zph.query("term in @terms")
        zph = pd.concat([zph, zph])
    held(f"{id}_coef", f"{id}: log hazard ratios", rows["log_hazard_ratio"])
    held(f"{id}_se", f"{id}: standard errors", rows["std_error"])
    held(f"{id}_zph", f"{id}: proportional hazards, chi-squared", zph["statistic"], 1e-5)
    each = rows.drop_duplicates("term")
    for column, name in (("term_statistic", "drop"), ("term_p_value", "drop_p")):
        found = each[column].item() if len(each) == 1 else each[column]
        held(f"{id}_{name}", f"{id}: likelihood-ratio test of each term, {column}", found)
    fit = tables["cox_fit"].query("model == @label").iloc[0] if label else None
    fit = tables["cox_fit"].query("model == @model").iloc[0] if fit is None else fit
    held(f"{id}_loglik", f"{id}: log likelihoods", fit[["log_likelihood_null", "log_likelihood"]])
    held(f"{id}_concordance", f"{id}: concordance", fit["concordance"])


def test_cox(held, pbc, late, kidney):
    hold_model(held, "pbc_uni_oedema", pbc, "univariable", "univariable: oedema", ["oedema"])
    hold_model(held, "pbc_multi", pbc, "multivariable")
    hold_model(held, "pbc_strata", pbc, "multivariable_stratified")
    hold_model(held, "colon_late_multi", late, "multivariable")
    hold_model(held, "colon_late_strata", late, "multivariable_stratified")
    hold_model(held, "kidney_multi", kidney, "multivariable")


def test_one_reference_in_all_and_in_complete_cases(held, data):
    colon = data["colon"]
    is_unknown = colon["sex"].eq("m") & (np.arange(1, len(colon) + 1) % 3 == 0)
    colon = colon.assign(nodes=colon["nodes"].mask(is_unknown))
    sizes = colon["sex"].value_counts()
    assert sizes["m"] > sizes["f"]
    assert colon.loc[colon["nodes"].notna(), "sex"].eq("f").mean() > 0.5
    cox = survive(colon, group_by=["sex"], covariates=["sex", "nodes"], reference={"nodes": "few"})["cox"]
    assert set(cox.loc[cox["term"].eq("sex"), "reference"]) == {"male"}
    for model, name in (("univariable", "uni"), ("multivariable", "multi")):
        own = cox[cox["model"].eq(model) & (cox["term"].eq("sex") | cox["model"].eq("multivariable"))]
        for column, kind in (("log_hazard_ratio", "coef"), ("std_error", "se")):
            numbers = own[column] if name == "multi" else own[column].item()
            held(f"flip_{name}_{kind}", f"sex against men, {model}: {column.replace('_', ' ')}", numbers)


def test_hazard_ratio_by_period(held, colon):
    rows = colon["hazard_ratio_periods"].sort_values("start_months")
    for level, name in (("Lev", "lev"), ("Lev+5FU", "lev5fu")):
        own = rows.query("level == @level")
        held(f"colon_rx_periods_{name}", f"{level} by period, log hazard ratio", own["log_hazard_ratio"])
    held("colon_rx_periods_se", "Lev by period, standard error", rows.query("level == 'Lev'")["std_error"])


def test_subgroups(held, colon):
    for sex, level in (("f", "female"), ("m", "male")):
        own = colon["subgroups"].query("subgroup == 'sex' and subgroup_level == @level")
        held(
            f"colon_within_{sex}", f"arm within {level} patients, log hazard ratios", own["log_hazard_ratio"]
        )
    p = colon["subgroups"].query("subgroup == 'sex'")["interaction_p_value"].dropna().unique()
    held("colon_interaction_lr_p", "arm by sex, likelihood ratio", p.item())


@pytest.mark.parametrize(("name", "months"), [("pbc", (12, 24, 60)), ("transplant", (2, 6, 12))])
def test_competing_risks(held, data, request, name, months):
    tables = request.getfixturevalue(name)
    group_by = {"pbc": "sex", "transplant": "blood"}[name]
    names = {1: "progression", 2: "death"}
    for code, cause in names.items():
        own = pick(tables["competing_risks"], cause=cause, group_by="all")
        at = np.searchsorted(own["time_months"], np.array(months) + 1e-9) - 1
        held(f"{name}_cif_{code}", f"{name}: incidence of {code}", own["cumulative_incidence"].iloc[at])
        gray = pick(tables["competing_tests"], cause=cause, group_by=group_by).squeeze()
        statistic, own = gray["statistic"], data[name]
        if own["event"].eq(code).groupby(own[group_by]).sum().min() < FEWEST:  # R tests small groups as well
            assert gray["df"] < own[group_by].nunique() - 1 or gray["status"] == "too_few_events"
            groups = pd.Categorical(own[group_by])
            table = compute_risk_table(SurvivalData(own["time"], own["event"]), group=groups, cause=code)
            statistic = compute_gray_test(table).statistic
        held(f"{name}_gray_{code}", f"{name}: Gray's test, {code}", statistic)
        model = pick(tables["fine_gray"], cause=cause)
        if name == "transplant":
            held(f"{name}_fg_{code}", f"{name}: Fine-Gray, {code}", model["log_hazard_ratio"])
            held(f"{name}_fg_se_{code}", f"{name}: Fine-Gray errors, {code}", model["std_error"])


def test_fine_gray_of_pbc(held, data):
    tables = survive(data["pbc"], "ttp", group_by=[], covariates=["age", "sex", "oedema"])
    model = tables["fine_gray"].query("cause == 'progression'")
    held("pbc_fg_1", "pbc: Fine-Gray, 1", model["log_hazard_ratio"])
    held("pbc_fg_se_1", "pbc: Fine-Gray errors, 1", model["std_error"])
    # nobody with much oedema was transplanted: cmprsk stops somewhere on the way to minus infinity
    model = tables["fine_gray"].query("cause == 'death'").set_index("level", drop=False)
    assert model.loc["o2", "status"] == "separation"
    assert np.isnan(model.loc["o2", "log_hazard_ratio"])


def test_incidence_with_late_entry(held, data):
    frame = data["pbc"]
    rows = np.arange(1, len(frame) + 1) % 4 == 0
    frame = frame.assign(entry=np.where(rows, frame["time"] // 3, 0))
    tables = survive(frame, "ttp", entry="entry", group_by=[])
    for code, cause in ((1, "progression"), (2, "death")):
        own = pick(tables["competing_risks"], cause=cause, group_by="all")
        at = np.searchsorted(own["time_months"], np.array([12, 24, 60]) + 1e-9) - 1
        held(f"pbc_late_cif_{code}", f"pbc, late entry: {code}", own["cumulative_incidence"].iloc[at])
