"""Change of lesions by radionuclide and size: which scan counts, what is lost, and what is compared."""

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.radionuclides.stage import INPUTS, OUTPUTS, run
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, empty_table

FIRST = pd.Timestamp("2015-01-01")


def study(**sections):
    files = {name: f"{name}.csv" for name in ("patients", "cycles", "lesions", "follow_up")}
    analysis = {"covariates": [], "bootstrap": {"replicates": 200}} | sections.pop("analysis", {})
    return Study.model_validate({"study": "s", "tables": files, "analysis": analysis} | sections)


def lay_out(lesions, nuclides, **others):
    """Typed inputs; `lesions`: patient, months from the first cycle, lesion, diameter, state."""
    rows = pd.DataFrame(lesions, columns=["patient_id", "months", "lesion_id", "longest_mm", "state"])
    rows["assessment_date"] = FIRST + pd.to_timedelta(
        (rows.pop("months").astype(float) * 30.4375).round(), "D"
    )
    rows = rows.assign(reader="local", role="target", organ="liver", lymph_node=False, **others)
    periods = pd.DataFrame({"patient_id": list(nuclides), "radionuclide": list(nuclides.values())})
    periods = periods.assign(period=1, first_cycle=FIRST, last_cycle=FIRST, kind="initial")
    tables = {name: empty_table(name) for name in INPUTS}
    return tables | {
        "patients": conform_table("patients", periods[["patient_id"]]),
        "lesions": conform_table("lesions", rows),
        "treatment_periods": conform_table("treatment_periods", periods),
    }


def many(n, slope, *, seed=1, dose=None):
    """A baseline and a scan at 12 months of `n` patients with two lesions; 90Y gains `slope` a doubling."""
    rng, rows, nuclides = np.random.default_rng(seed), [], {}
    for k in range(n):
        name, given = f"p{k:03d}", k % 2
        nuclides[name] = ("177Lu", "90Y")[given]
        shift = 0.05 * rng.normal()
        for lesion, size in zip("AB", 30 * 2 ** rng.uniform(-1.5, 1.5, 2), strict=True):
            change = -0.15 + shift + slope * given * np.log2(size / 30) + 0.02 * rng.normal()
            rows += [
                (name, -1, lesion, size, "measured"),
                (name, 12, lesion, size * (1 + change), "measured"),
            ]
    return lay_out(rows, nuclides, **({} if dose is None else {"dose_gy": dose}))


ONE_OF_EACH = [
    ("a", -1, "T1", 40.0, "measured"), ("a", 9, "T1", 10.0, "measured"), ("a", 13, "T1", 30.0, "measured"),
    ("a", -1, "T2", 20.0, "measured"), ("a", 9, "T2", 10.0, "measured"), ("a", 13, "T2", None, "too_small"),
    ("b", -1, "T1", 10.0, "measured"), ("b", 12, "T1", 0.0, "absent"),
    ("b", -1, "T2", 10.0, "measured"), ("b", 12, "T2", None, "not_evaluated"),
    ("c", -1, "T1", 60.0, "measured"), ("c", 5, "T1", 50.0, "measured"),
]  # fmt: skip


def test_the_scan_nearest_to_12_months_counts_and_every_loss_is_counted():
    out = run(lay_out(ONE_OF_EACH, {"a": "177Lu", "b": "177Lu", "c": "90Y"}), study())
    found = out["lesion_change"].set_index(["radionuclide", "size_class"])
    # a: -25 % and 5 of 20 mm (-75 %); b: gone
    assert found.loc[("177Lu", "all"), "n_lesions"] == 3
    assert found.loc[("177Lu", "under_20_mm"), ["n_lesions", "n_patients"]].tolist() == [1, 1]
    assert found.loc[("177Lu", "under_20_mm"), "status"] == "too_few"
    assert found.loc[("177Lu", "20_to_50_mm"), "n_lesions"] == 2
    losses = out["attrition"].set_index("reason")["n_lost"]
    assert losses["not evaluated at that scan"] == 1
    assert losses.filter(like="no scan 6 to 18 months").tolist() == [1]
    assert out["attrition"]["n_after"].iloc[-1] == 3


def test_means_are_those_of_the_lesions_where_each_patient_has_one():
    rows = []
    for name, size, later in (("a", 40.0, 30.0), ("b", 30.0, 30.0), ("c", 20.0, 10.0)):
        rows += [(name, 0, "T", size, "measured"), (name, 12, "T", later, "measured")]
    out = run(lay_out(rows, dict.fromkeys("abc", "90Y")), study())
    row = out["lesion_change"].query("size_class == 'all'").iloc[0]
    changes = np.array([-0.25, 0.0, -0.5])
    error = np.sqrt(((changes - changes.mean()) ** 2).sum() / 4)
    assert row["mean_change"] == pytest.approx(-0.25)
    assert row["high"] - row["mean_change"] == pytest.approx(4.302653 * error, rel=1e-6)
    assert row["median_diameter_mm"] == 30
    assert out["stages"].iloc[0]["status"] == "partial"
    assert "one radionuclide" in out["stages"].iloc[0]["reason"]


def test_a_scan_after_a_new_therapy_is_not_used():
    tables = lay_out(ONE_OF_EACH, {"a": "177Lu", "b": "177Lu", "c": "90Y"})
    therapy = {
        "patient_id": ["a"],
        "start_date": ["2015-11-01"],
        "kind": ["chemotherapy"],
        "drug": ["x"],
        "sequence": [1],
    }
    tables["therapies"] = conform_table("therapies", pd.DataFrame(therapy))
    found = run(tables, study())["lesion_change"].query("size_class == '20_to_50_mm'").iloc[0]
    assert (found["n_lesions"], found["n_patients"]) == (2, 1)  # the scan at 9 months
    assert run(tables, study())["attrition"]["n_after"].iloc[-1] == 3


@pytest.mark.parametrize("slope", [-0.10, 0.0])
def test_the_interaction_is_that_of_the_simulation(slope):
    out = run(many(80, slope), study())
    row = out["lesion_change_test"].set_index(["model", "term"]).loc[("adjusted", "interaction")]
    assert (row["radionuclide"], row["reference"], row["status"]) == ("90Y", "177Lu", "ok")
    assert row["estimate"] == pytest.approx(slope, abs=0.01)
    assert row["low"] < slope < row["high"]
    assert (row["bootstrap_low"], row["bootstrap_high"]) == pytest.approx(
        (row["low"], row["high"]), abs=0.004
    )
    curves = out["lesion_change_curve"].groupby("radionuclide", observed=True)["change"]
    assert curves.agg(lambda c: c.iloc[-1] - c.iloc[0])["90Y"] == pytest.approx(slope * 2.7, abs=0.03)
    assert out["stages"].iloc[0]["status"] == "done"


def test_swapped_radionuclides_flip_the_sign():
    tables = many(60, -0.05)
    names = {"radionuclide": "90Y"}
    one, other = (
        run(tables, study(analysis={"reference": reference}))["lesion_change_test"].iloc[0]
        for reference in ({}, names)
    )
    assert other["reference"] == "90Y"
    assert other["estimate"] == pytest.approx(-one["estimate"])
    assert other["std_error"] == pytest.approx(one["std_error"])


def test_the_radionuclide_is_no_covariate_of_its_own_comparison():
    tables = many(60, -0.05)
    with_it = run(tables, study(analysis={"covariates": ["radionuclide"]}))["lesion_change_test"]
    pd.testing.assert_frame_equal(with_it, run(tables, study())["lesion_change_test"])
    assert set(with_it["status"]) == {"ok"}


def test_patients_given_several_radionuclides_are_left_out_and_counted():
    tables = many(60, -0.05)
    periods = tables["treatment_periods"]
    mixed = periods["patient_id"].isin(["p000", "p001", "p002"])
    tables["treatment_periods"] = periods.assign(several_radionuclides=mixed.astype("boolean"))
    out = run(tables, study())
    assert out["lesion_change"].query("size_class == 'all'")["n_patients"].tolist() == [28, 29]
    assert out["attrition"].set_index("reason").loc["several radionuclides were given", "n_lost"] == 6
    tests = out["lesion_change_test"].query("term == 'interaction'").set_index("model")
    assert tests["n_patients"].to_dict() == {"unadjusted": 57, "adjusted": 57, "first_cycle": 60}
    whole = (
        run(many(60, -0.05), study())["lesion_change_test"].query("term == 'interaction'").set_index("model")
    )
    assert tests.loc["first_cycle", "estimate"] == pytest.approx(whole.loc["adjusted", "estimate"])
    assert list(whole.index) == ["unadjusted", "adjusted"]


def test_lesions_whose_baseline_is_too_old_are_counted():
    rows = [
        ("a", -9, "T1", 40.0, "measured"),
        ("a", -9, "T2", 40.0, "measured"),
        ("a", 12, "T1", 30.0, "measured"),
    ]
    rows += [("b", -1, "T1", 40.0, "measured"), ("b", 12, "T1", 30.0, "measured")]
    losses = run(lay_out(rows, {"a": "90Y", "b": "90Y"}), study())["attrition"]
    first = losses.iloc[0]
    assert first["reason"] == "no baseline within the days allowed before the first cycle"
    assert first[["n_before", "n_lost", "n_after"]].tolist() == [3, 2, 1]
    assert losses["n_after"].iloc[-1] == 1


def test_the_month_of_the_scan_is_adjusted_for():
    rng, rows, nuclides = np.random.default_rng(4), [], {}
    for k in range(160):  # the same slope with both, scanned at about 9 and 13 months
        name, given = f"p{k:03d}", k % 2
        nuclides[name] = ("177Lu", "90Y")[given]
        month = round(float(np.clip(rng.normal((13, 9)[given], 1.5), 6.2, 17.8)), 2)
        for lesion, size in zip("AB", 30 * 2 ** rng.uniform(-1.5, 1.5, 2), strict=True):
            change = -0.12 - 0.036 * (month - 12) + 0.03 * rng.normal()
            rows += [
                (name, -1, lesion, size, "measured"),
                (name, month, lesion, size * (1 + change), "measured"),
            ]
    out = run(lay_out(rows, nuclides), study())
    shift = out["lesion_change_test"].query("term == 'radionuclide'").set_index("model")
    assert shift.loc["unadjusted", "estimate"] == pytest.approx(0.144, abs=0.03)
    assert shift.loc["adjusted", "low"] < 0 < shift.loc["adjusted", "high"]
    months = out["lesion_change"].query("size_class == 'all'").set_index("radionuclide")["median_months"]
    assert months.to_dict() == pytest.approx({"177Lu": 13, "90Y": 9}, abs=0.5)


def test_the_dose_of_lesions_is_a_covariate_where_it_is_given():
    rng = np.random.default_rng(3)
    out = run(many(60, -0.05, dose=rng.uniform(20, 200, 240)), study())["lesion_change_test"]
    assert out.groupby("model", observed=True).size().to_dict() == {
        "unadjusted": 3,
        "adjusted": 3,
        "adjusted_dose": 4,
    }
    dose = out.query("term == 'dose'").iloc[0]
    assert dose["low"] < 0 < dose["high"]
    assert dose["n_lesions"] == 120


def test_few_patients_are_not_compared():
    out = run(many(12, 0.0), study())["lesion_change_test"]
    assert set(out["status"]) == {"too_few"}
    assert out["estimate"].isna().all()


def test_sizes_that_are_all_alike_have_no_interaction():
    tables = many(60, 0.0)
    lesions = tables["lesions"]
    tables["lesions"] = lesions.assign(
        longest_mm=lesions["longest_mm"].where(lesions["assessment_date"] > FIRST, 30.0)
    )
    assert set(run(tables, study())["lesion_change_test"]["status"]) == {"not_estimable"}


def test_without_lesions_the_absorbed_fractions_are_there():
    out = run(lay_out([], {"a": "90Y"}), study())
    assert len(out["absorbed_fraction"]) > 100
    assert out["lesion_change"].empty
    assert out["stages"].iloc[0]["status"] == "partial"


def test_lesions_that_were_never_measured_again_are_counted():
    out = run(lay_out([("a", -1, "T", 40.0, "measured")], {"a": "90Y"}), study())
    assert out["lesion_change"].empty
    assert out["attrition"]["n_lost"].sum() == 1
    assert out["stages"].iloc[0]["reason"] == "no lesion was measured again, so nothing is compared"


def test_without_cycles_the_stage_is_skipped():
    out = run(lay_out([], {}), study())
    assert all(out[name].empty for name in OUTPUTS)
    assert out["stages"].iloc[0]["status"] == "skipped"
