"""Patients and events in the result tables of the example are those of the derived tables, counted anew."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from prrt_outcomes import steps
from prrt_outcomes.cohort.grouping import compute_group
from prrt_outcomes.study.load import load_study
from prrt_outcomes.tables.schema import list_tables, load_schema

EXAMPLE = Path(__file__).parents[3] / "studies" / "example"
SIZES = ["n", "events", "n_reference", "events_reference", "n_model", "events_model"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Study and results folder of the example with subgroups, strata, one landmark and few replicates."""
    folder = tmp_path_factory.mktemp("example")
    settings = yaml.safe_load((EXAMPLE / "study.yaml").read_text(encoding="utf-8"))
    settings["analysis"]["bootstrap"]["replicates"] = 2
    settings["analysis"] |= {"multiple_imputation_sets": 2, "strata": ["centre_id"], "landmark_months": [12]}
    settings["analysis"]["subgroups"] = {"effect": "radionuclide", "within": ["sex", "grade"]}
    (folder / "data").symlink_to(EXAMPLE / "data")
    (folder / "study.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    study = load_study(folder)
    steps.run_cohort(study, folder / "study.yaml", folder / "results")
    for stage in steps.STAGES[1:]:
        steps.run_stage(stage, study, folder / "results")
    steps.join_accounts(folder / "results")
    return study, folder / "results"


@pytest.fixture
def read(finished):
    """A result or derived table of the run; text of result tables is empty where it is missing."""

    def read_one(name):
        (table,) = steps.read_tables([name], finished[1]).values()
        texts = table.select_dtypes(["category", "string"]).columns
        return table.assign(**{column: table[column].astype(object).fillna("") for column in texts})

    return read_one


@pytest.fixture
def patients(read):
    """Patients of each endpoint with their covariates."""
    known = read("endpoints")
    joined = known[known["time_days"].notna()].merge(
        read("analysis_set"), on="patient_id", suffixes=("", "_")
    )
    return dict(list(joined.groupby("endpoint")))


def recount(rows, asked, code=1):
    """Counts of each row of a table of coefficients, of the patients whose covariates are all known."""
    terms = {name: compute_group(rows, name).astype(str) for name in asked["term"].unique()}
    complete = pd.concat(terms, axis=1).ne("unknown").all(axis=1)
    happened = rows["event"].eq(code)

    def count(members):
        return [int(members.sum()), int((members & happened).sum())]

    found = []
    for term, level, reference in asked[["term", "level", "reference"]].itertuples(index=False):
        own = complete & (terms[term].eq(level) if level else True)
        against = count(complete & terms[term].eq(reference)) if reference else [-1, -1]
        found.append(count(own) + against + count(complete))
    return found


def test_the_tables_keep_to_their_schema(finished, faults_of):
    assert faults_of(finished[1]) == []


def test_models_carry_the_counts_of_their_complete_cases(read, patients):
    cox, fits = read("cox"), read("cox_fit").set_index(["endpoint", "model"])
    for (endpoint, model), rows in cox.groupby(["endpoint", "model"], sort=False):
        parts = [part for _, part in rows.groupby("term")] if model.startswith("univariable") else [rows]
        for part in parts if model != "multivariable_imputed" else ():
            assert part[SIZES].fillna(-1).astype(int).to_numpy().tolist() == recount(patients[endpoint], part)
            fitted = model.removesuffix(
                "_firth"
            )  # a penalised fit stands beside the fit of the same patients
            label = f"univariable: {part['term'].iloc[0]}" if fitted == "univariable" else fitted
            assert fits.loc[(endpoint, label), ["n", "events"]].tolist() == part.iloc[0][SIZES[4:]].tolist()
    imputed = cox[cox["model"].eq("multivariable_imputed")]
    for (endpoint, _), part in imputed.groupby(["endpoint", "term"]):
        assert part["n_model"].eq(len(patients[endpoint])).all()
        every = part["n"].sum() + part["n_reference"].fillna(0).iloc[0]
        assert abs(every - part["n_model"].iloc[0]) <= len(part) / 2
    for (endpoint, cause), part in read("fine_gray").groupby(["endpoint", "cause"]):
        counted = recount(patients[endpoint], part, {"progression": 1, "death": 2}[cause])
        assert part[SIZES].fillna(-1).astype(int).to_numpy().tolist() == counted
    responses = read("best_responses").merge(read("analysis_set"), on="patient_id", suffixes=("", "_"))
    responses = responses[responses["primary_reader"] & responses["period"].eq(1)]
    names = ["n_level", "events_level", *SIZES[2:4], "n", "events"]
    for (criterion, confirmed, model, term), part in read("response_model").groupby(
        ["criterion", "confirmed", "model", "term"]
    ):
        own = responses[responses["criterion"].eq(criterion) & responses["confirmed"].eq(confirmed)]
        own = own.assign(event=own["best_response"].isin(["CR", "PR"]).astype(int))
        if model.startswith("univariable"):
            assert part[names].fillna(-1).astype(int).to_numpy().tolist() == recount(own, part), term


def test_groups_carry_the_counts_of_their_patients(read, patients, finished):
    settings = finished[0].analysis
    curves, at_risk = read("km_curve"), read("km_at_risk")
    for endpoint, rows in patients.items():
        for group_by in ("all", *settings.group_by):
            counted = rows.assign(
                group=compute_group(rows, group_by).astype(str), happened=rows["event"].eq(1)
            )
            counted = counted.groupby("group")["happened"].agg(["size", "sum"]).astype(int)
            for name, where in (
                ("km_summary", {}),
                ("estimand_comparison", {"variant": ""}),
                ("sensitivity", {"analysis": "primary"}),
            ):
                table = read(name)
                for column, value in ({"endpoint": endpoint, "group_by": group_by} | where).items():
                    table = table[table[column].eq(value)]
                if name != "sensitivity" or endpoint == finished[0].endpoints[0].name:
                    assert dict(zip(table["group"], table["n"], strict=True)) == counted["size"].to_dict()
                    assert dict(zip(table["group"], table["events"], strict=True)) == counted["sum"].to_dict()
            own = curves[curves["endpoint"].eq(endpoint) & curves["group_by"].eq(group_by)].groupby("group")
            assert own["n_event"].sum().to_dict() == counted["sum"].to_dict()
            assert (own["n_event"].sum() + own["n_censored"].sum()).to_dict() == counted["size"].to_dict()
            ticks = at_risk[at_risk["endpoint"].eq(endpoint) & at_risk["group_by"].eq(group_by)]
            every = ticks["n_at_risk"] + ticks["n_events_before"] + ticks["n_censored_before"]
            assert every.tolist() == ticks["group"].map(counted["size"]).tolist()


def test_definitions_subgroups_and_periods_carry_their_own_counts(read, patients, finished):
    study = finished[0]
    variants = read("endpoint_variants")
    sizes = variants[variants["time_days"].notna()].groupby(["endpoint", "variant"])["event"]
    sizes = sizes.agg(n="size", events=lambda event: int(event.eq(1).sum()))
    compared = read("estimand_comparison").query("group_by == 'all' and variant != ''")
    for row in compared.itertuples():
        assert (row.n, row.events) == tuple(sizes.loc[(row.endpoint, row.variant)])
    cuts = [0.0, *study.analysis.milestones_months]
    for row in read("hazard_ratio_periods").itertuples():
        rows = patients[row.endpoint]
        own = compute_group(rows, row.group_by).isin([row.level, row.reference])
        months = rows["time_days"] / 30.4375
        later = own & ((months > row.start_months) | (row.start_months == 0))
        ended = months <= (float("inf") if pd.isna(row.stop_months) else row.stop_months)
        assert row.start_months in cuts
        assert (row.n_at_risk, row.events) == (later.sum(), (later & ended & rows["event"].eq(1)).sum())
    for row in read("subgroups").itertuples():
        rows = patients[row.endpoint]
        own = compute_group(rows, row.term).ne("unknown")
        if row.subgroup != "overall":
            own &= compute_group(rows, row.subgroup).astype(str).eq(row.subgroup_level)
        assert (row.n, row.events) == (own.sum(), (own & rows["event"].eq(1)).sum())


def test_comparisons_of_responders_carry_the_counts_of_their_model(read, patients, finished):
    names = list(finished[0].analysis.covariates)
    for (endpoint, adjusted, imputed), part in read("responders").groupby(
        ["endpoint", "adjusted", "imputed"]
    ):
        rows = patients[endpoint]
        assert (part["n"] + part["excluded"]).eq(len(rows)).all()
        own = part[part["method"].eq("naive") & part["comparison"].eq("responder:non_responder")]
        groups = [compute_group(rows, name).astype(str).ne("unknown") for name in names]
        used = pd.concat(groups, axis=1).all(axis=1) if adjusted and not imputed else rows["event"].notna()
        assert own[["n", "events"]].eq([used.sum(), (used & rows["event"].eq(1)).sum()]).all(axis=None)
    keys = ["endpoint", "criterion", "outcome", "term", "imputed"]
    for (*_, imputed), part in read("responder_predictors").groupby(keys):
        for of in ("n", "events"):
            every = part[of].sum() + part[f"{of}_reference"].fillna(0).iloc[0]
            # The levels of imputed covariates are rounded means of the sets.
            assert part[f"{of}_model"].sub(every).abs().le(len(part) if imputed else 0).all()


def test_controls_carry_the_counts_of_the_patients_compared(read, patients, finished):
    controls, power = read("controls"), read("control_power")
    for control in finished[0].controls:
        own = controls[controls["control"].eq(control.id)]
        rows = patients[own["endpoint"].iloc[0]]
        for column, levels in control.within.items():
            rows = rows[compute_group(rows, column).isin(levels)]
        names = list(getattr(control, "covariates", ()))
        complete = pd.DataFrame({name: compute_group(rows, name).astype(str) for name in names}, rows.index)
        used = complete.ne("unknown").all(axis=1)
        every = own["weights"].eq("none") & own["population"].eq("all")
        assert own.loc[every, "n"].eq(len(rows)).all()
        assert own.loc[own["population"].eq("fitting"), "n"].le(len(rows)).all()
        if control.id == "netter1":  # progressive midgut tumours of grade 1 or 2
            midgut = rows["tumour_type"].eq("gep_small_intestine") & rows["grade"].isin(["G1", "G2"])
            fitting = midgut & rows["progressive_at_baseline"].eq(True).fillna(False)
            assert own.loc[own["population"].eq("fitting"), "n"].unique() == [fitting.sum()]
        imputed = own["assumption"].astype("string").str.contains("multiple imputation").fillna(False)
        assert own.loc[imputed, "n"].eq(len(rows)).all()
        own = own[~imputed]
        weighted = own[own["weights"].ne("none")]
        assert weighted["n"].eq(used.sum()).all()
        fits = own[own["method"].eq("cox")]
        events = fits["weights"].eq("none").map({True: rows["event"], False: rows["event"][used]})
        assert fits["observed"].tolist() == [event.eq(1).sum() for event in events]
        both = power[power["control"].eq(control.id) & power["method"].eq("cox")]
        assert set(both["n"]) <= set(own["n"] + own["n_control"])


def test_rates_are_their_counts(read):
    for name in ("response_rates", "safety_rates"):
        table = read(name)
        known = table[table["proportion"].notna()]
        pd.testing.assert_series_equal(
            known["proportion"], known["n"] / known["total"], check_names=False, check_dtype=False
        )
    rates = read("response_rates").query("category in ['CR', 'PR', 'MR', 'SD', 'NON-CR/NON-PD', 'PD', 'NE']")
    of_group = rates.groupby(["criterion", "confirmed", "group_by", "group"])
    assert of_group["n"].sum().eq(of_group["total"].first()).all()


def test_a_covariate_has_one_reference_in_all_tables(read):
    """Pairs of groups in `logrank` are all compared, of groups in `baseline_differences` side by side."""
    found = set()
    for name in set(list_tables("results")) - {"logrank", "baseline_differences"}:
        columns = set(load_schema(name).names)
        covariate = next((column for column in ("term", "group_by") if column in columns), None)
        if covariate and "reference" in columns:
            table = read(name)
            own = table[
                table["reference"].ne("") & ~table[covariate].astype(str).str.startswith("interaction")
            ]
            found |= set(zip(own[covariate], own["reference"], strict=True))
    assert found == {
        ("sex", "female"),
        ("grade", "G1"),
        ("tumour_group", "gep"),
        ("tumour_type", "gep_small_intestine"),
        ("radionuclide", "177Lu"),
    }
