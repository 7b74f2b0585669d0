"""What must hold for every data set: order of rows, units, labels, weights and cut intervals."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prrt_outcomes.statistics.cox import fit_cox
from prrt_outcomes.statistics.cox_bootstrap import bootstrap_cox_log_hazard_ratio
from prrt_outcomes.statistics.cumulative_incidence import fit_fine_gray
from prrt_outcomes.statistics.data import SurvivalData
from prrt_outcomes.statistics.firth import fit_firth_cox
from prrt_outcomes.statistics.hazard_ratios import compute_concordance, summarise_proportional_hazards
from prrt_outcomes.statistics.model_rows import derive_model_rows

FEW = settings(max_examples=30, deadline=None, derandomize=True)
SOUND = ("ok", "few_events")


@st.composite
def cohorts(draw):
    """Time with ties, event, two covariates, entry, weights, strata."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(12, 60))
    time = rng.integers(2, draw(st.integers(6, 60)), n).astype(float)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 2, n)])
    return {
        "time": time,
        "event": rng.random(n) < draw(st.sampled_from([0.3, 0.6, 1.0])),
        "x": x,
        "entry": np.floor(rng.random(n) * time / 2),
        "weights": rng.integers(1, 4, n).astype(float),
        "strata": rng.integers(0, 2, n),
        "rng": rng,
    }


def fit(d, rows=slice(None), **options):
    names = {"entry", "weights", "strata", "cluster"} & set(options)
    arrays = {k: (d[k] if options[k] is True else options[k])[rows] for k in names}
    rest = {k: v for k, v in options.items() if k not in names}
    return fit_cox(SurvivalData(d["time"][rows], d["event"][rows], **arrays), d["x"][rows], **rest)


@FEW
@given(cohorts())
def test_order_of_rows_does_not_matter(d):
    shuffled = d["rng"].permutation(len(d["time"]))
    one, two = (fit(d, r, entry=True, weights=True, strata=True) for r in (slice(None), shuffled))
    assert one.status == two.status
    np.testing.assert_allclose(one.coefficients, two.coefficients, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(one.covariance, two.covariance, rtol=1e-5, atol=1e-9)


@FEW
@given(cohorts(), st.floats(0.01, 400))
def test_unit_of_time_does_not_matter_and_unit_of_a_covariate_divides(d, factor):
    plain = fit(d)
    assume(plain.status in SOUND)
    months = fit(d | {"time": d["time"] * factor})
    np.testing.assert_allclose(months.coefficients, plain.coefficients, rtol=1e-9)
    scaled = fit(d | {"x": d["x"] * np.array([factor, 1.0]) + 5})
    np.testing.assert_allclose(scaled.coefficients, plain.coefficients / [factor, 1.0], rtol=1e-6, atol=1e-10)


@FEW
@given(cohorts())
def test_swapped_labels_flip_the_sign(d):
    plain = fit(d, strata=True)
    assume(plain.status in SOUND)
    swapped = fit(d | {"x": np.column_stack([d["x"][:, 0], 1 - d["x"][:, 1]])}, strata=True)
    np.testing.assert_allclose(swapped.coefficients, plain.coefficients * [1, -1], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(swapped.log_likelihood, plain.log_likelihood, rtol=1e-9)


@FEW
@given(cohorts())
def test_cutting_intervals_changes_nothing(d):
    n = len(d["time"])
    cut = np.floor(d["time"] / 2)
    inside = (cut > d["entry"]) & (cut < d["time"])
    stop = np.concatenate([np.where(inside, cut, d["time"]), d["time"][inside]])
    start = np.concatenate([d["entry"], cut[inside]])
    event = np.concatenate([d["event"] & ~inside, d["event"][inside]])
    patient = np.concatenate([np.arange(n), np.arange(n)[inside]])
    for robust in (False, True):
        whole = fit(d, entry=True, cluster=np.arange(n)) if robust else fit(d, entry=True)
        rows = SurvivalData(stop, event, start, cluster=patient if robust else None)
        parts = fit_cox(rows, d["x"][patient])
        assume(whole.status in SOUND)
        np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(parts.covariance, whole.covariance, rtol=1e-5, atol=1e-9)


@FEW
@given(cohorts())
def test_no_number_is_infinite_and_no_empty_one_is_without_status(d):
    result = fit(d, entry=True, weights=True, strata=True)
    numbers = result.table[["coefficient", "std_error", "hazard_ratio", "lower", "upper", "p_value"]]
    assert not np.isinf(numbers.to_numpy()).any()
    assert (numbers["coefficient"].notna() == result.table["status"].isin(SOUND)).all()
    ph = summarise_proportional_hazards(result)
    assert (ph["p_value"].notna() == (ph["status"] == "ok")).all()


@FEW
@given(cohorts())
def test_replicates_equal_their_own_fits(d):
    assume(fit(d, entry=True).status in SOUND)
    counts = d["rng"].multinomial(len(d["time"]), np.full(len(d["time"]), 1 / len(d["time"])), size=3)
    result = bootstrap_cox_log_hazard_ratio(SurvivalData(d["time"], d["event"], d["entry"]), d["x"], counts)
    for row, count in zip(result, counts, strict=True):
        if np.isfinite(row).all():
            single = fit(d, weights=count.astype(float), entry=True)
            np.testing.assert_allclose(row, single.coefficients, rtol=1e-5, atol=1e-6)
        else:
            assert np.isnan(row).all()


@settings(FEW, max_examples=12)
@given(cohorts())
def test_firth_exists_wherever_the_columns_vary(d):
    result = fit_firth_cox(SurvivalData(d["time"], d["event"], strata=d["strata"]), d["x"])
    assert result["status"].isin(["ok", "no_events", "not_estimable", "no_bound"]).all()
    inner = result[result["status"] == "ok"]
    assert ((inner["lower"] < inner["hazard_ratio"]) & (inner["hazard_ratio"] < inner["upper"])).all()


@FEW
@given(cohorts())
def test_a_reversed_score_has_the_opposite_concordance(d):
    score = np.round(d["x"][:, 0])
    rows = derive_model_rows(SurvivalData(d["time"], d["event"], d["entry"]))
    one, two = (compute_concordance(rows, s * score) for s in (1, -1))
    np.testing.assert_allclose(one, 1 - two, rtol=1e-9)


@FEW
@given(cohorts())
def test_fine_gray_does_not_see_order_or_unit(d):
    cause = np.where(d["event"], 1 + d["strata"], 0)
    plain = fit_fine_gray(SurvivalData(d["time"], cause), d["x"])
    order = d["rng"].permutation(len(cause))
    other = fit_fine_gray(SurvivalData(d["time"][order] / 30.4375, cause[order]), d["x"][order])
    assert plain["status"].tolist() == other["status"].tolist()
    for name in ("coefficient", "std_error"):
        np.testing.assert_allclose(plain[name], other[name], rtol=1e-6, atol=1e-8)
