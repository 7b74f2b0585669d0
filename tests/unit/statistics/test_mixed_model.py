"""Mixed models with a random intercept and slope: closed forms, statsmodels, and what cannot be fitted."""

import warnings

import numpy as np
import pytest
from statsmodels.regression.mixed_linear_model import MixedLM

from prrt_outcomes.statistics.clustered import fit_random_slopes


def draw(patients=40, values=6, *, slope_sd=2.0, noise=5.0, seed=1):
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), values)
    time = np.tile(np.linspace(0, 4, values), patients)
    levels, slopes = rng.normal(80, 15, patients), rng.normal(-3, slope_sd, patients)
    return levels[patient] + slopes[patient] * time + rng.normal(0, noise, len(time)), time, patient


def line(time):
    return np.column_stack([np.ones(len(time)), time])


def test_balanced_data_give_the_mean_of_the_patients_own_lines():
    values, time, patient = draw()
    own = np.array([np.polyfit(time[patient == i], values[patient == i], 1)[0] for i in range(40)])
    fit = fit_random_slopes(values, line(time), time, patient)
    assert fit.coefficients[1] == pytest.approx(own.mean(), abs=1e-8)
    assert np.sqrt(fit.covariance[1, 1]) == pytest.approx(own.std(ddof=1) / np.sqrt(40), rel=1e-4)
    assert (fit.n, fit.degrees_of_freedom, fit.status) == (40, 39, "ok")


def test_the_numbers_are_those_of_statsmodels():
    values, time, patient = draw(seed=2)
    keep = np.random.default_rng(3).random(len(time)) < 0.7
    values, time, patient = values[keep], time[keep], patient[keep]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MixedLM(values, line(time), patient, exog_re=line(time)).fit(method=["lbfgs", "powell"])
    fit = fit_random_slopes(values, line(time), time, patient)
    assert fit.coefficients == pytest.approx(theirs.fe_params, rel=1e-4)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(theirs.bse_fe, rel=1e-2)
    assert fit.slope_sd == pytest.approx(np.sqrt(theirs.cov_re[1, 1]), rel=1e-2)


def test_slopes_that_do_not_differ_have_no_spread():
    values, time, patient = draw(patients=200, slope_sd=0.0, noise=2.0, seed=7)
    fit = fit_random_slopes(values, line(time), time, patient)
    assert fit.status == "ok"
    assert fit.slope_sd < 0.4


def test_order_of_rows_and_names_of_patients_change_nothing():
    values, time, patient = draw(seed=4)
    shuffled = np.random.default_rng(5).permutation(len(time))
    names = np.array([f"p{i:02d}" for i in range(40)])[patient]
    one = fit_random_slopes(values, line(time), time, patient)
    other = fit_random_slopes(values[shuffled], line(time[shuffled]), time[shuffled], names[shuffled])
    assert one.coefficients == pytest.approx(other.coefficients, rel=1e-6)
    assert one.covariance == pytest.approx(other.covariance, rel=1e-4)


def test_four_patients_with_two_values_are_too_few():
    values, time, patient = draw(patients=4)
    fit = fit_random_slopes(values, line(time), time, patient)
    assert fit.status == "too_few"
    assert np.isnan(fit.coefficients).all()


def test_a_column_that_another_implies_is_too_few():
    values, time, patient = draw()
    design = np.column_stack([line(time), np.zeros(len(time))])
    assert fit_random_slopes(values, design, time, patient).status == "too_few"


def test_patients_with_one_value_count_but_not_in_the_degrees_of_freedom():
    values, time, patient = draw(patients=10)
    more = np.append(values, 70.0), np.append(time, 1.0), np.append(patient, 10)
    fit = fit_random_slopes(more[0], line(more[1]), more[1], more[2])
    assert (fit.n, fit.degrees_of_freedom) == (11, 9)
