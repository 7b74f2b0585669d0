"""A confounder that was not measured: by hand, by simulation, and in the results."""

import numpy as np
import pytest
from pydantic import ValidationError

from prrt_outcomes.controls.sensitivity import compute_confounded_ratio, draw_bias, tabulate_bias_array
from prrt_outcomes.simulate.truth import compute_hazard_ratios
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import UnmeasuredConfounder

ROW = {"method": "cox", "weights": "overlap", "n": 300, "n_control": 150, "ess": 280.0, "ess_control": 140.0}
ROW |= {"value": 0.5, "low": 0.5 / 1.3, "high": 0.5 * 1.3, "std_error": np.log(1.3) / 1.959964}
SETTINGS = AnalysisSettings()


def test_the_ratio_is_that_of_the_mixture_of_risks():
    """Risks 0.1 without and 0.3 with the confounder, in 20 and 60 of 100: 0.14 / 0.22."""
    assert compute_confounded_ratio(0.2, 0.6, 3.0) == pytest.approx(0.14 / 0.22)
    assert compute_confounded_ratio(0.4, 0.4, 5.0) == compute_confounded_ratio(0.1, 0.9, 1.0) == 1


def test_in_simulated_hazards_it_takes_the_confounding_away():
    rng = np.random.default_rng(6)
    n, treated = 400_000, np.repeat([True, False], 200_000)
    hidden = rng.random(n) < np.where(treated, 0.2, 0.5)
    time = rng.exponential(1 / (0.02 * np.where(treated, 0.6, 1.0) * np.where(hidden, 3.0, 1.0)))
    rates = [(time[s] < 1).sum() / np.minimum(time[s], 1).sum() for s in (treated, ~treated)]
    observed = rates[0] / rates[1]
    assert observed < 0.45
    assert observed / compute_confounded_ratio(0.2, 0.5, 3.0) == pytest.approx(0.6, rel=0.06)


def test_where_most_have_the_event_the_bias_of_a_hazard_ratio_is_smaller():
    rng = np.random.default_rng(7)
    treated = np.repeat([True, False], 50_000)
    hidden = rng.random(100_000) < np.where(treated, 0.1, 0.5)
    time = rng.exponential(1 / (0.05 * np.where(treated, 0.5, 1.0) * np.where(hidden, 3.0, 1.0)))
    ratio = compute_hazard_ratios(np.minimum(time, 60).round(2), time <= 60, treated[:, None].astype(float))[
        0
    ]
    assert compute_confounded_ratio(0.1, 0.5, 3.0) + 0.1 < ratio / 0.5 < 1


def test_the_array_holds_every_combination_with_the_interval_moved_alike():
    table = tabulate_bias_array(ROW, UnmeasuredConfounder(hazard_ratio=(1, 4))).set_index(
        ["prevalence", "prevalence_control", "confounder_hazard_ratio"]
    )
    assert len(table) == 2 * 2 * 3
    row = table.loc[(0.1, 0.5, 2.0)]
    assert row["bias"] == pytest.approx(1.1 / 1.5)
    assert row["value"] == pytest.approx(0.5 * 1.5 / 1.1)
    assert row["high"] / row["value"] == pytest.approx(1.3)
    assert table.loc[(0.3, 0.2, 1.0), "value"] == 0.5
    fixed = UnmeasuredConfounder(prevalence=(0.2, 0.2), prevalence_control=(0.4, 0.4), hazard_ratio=(2, 2))
    assert len(tabulate_bias_array(ROW, fixed)) == 1
    assert tabulate_bias_array(ROW | {"high": np.nan}, fixed).empty


def test_draws_of_a_known_confounder_have_the_random_error_alone():
    fixed = UnmeasuredConfounder(prevalence=(0.2, 0.2), prevalence_control=(0.4, 0.4), hazard_ratio=(2, 2))
    (row,) = draw_bias(ROW, fixed, SETTINGS)
    assert row["value"] == pytest.approx(0.5 * 1.4 / 1.2, rel=0.01)
    assert row["std_error"] == pytest.approx(ROW["std_error"], rel=0.03)
    assert row["high"] / row["value"] == pytest.approx(1.3, rel=0.02)
    assert draw_bias(ROW, fixed, SETTINGS) == [row]
    assert draw_bias(ROW | {"value": np.nan}, fixed, SETTINGS) == []


def test_draws_of_ranges_add_the_variance_of_the_bias():
    wide = UnmeasuredConfounder(prevalence=(0, 0), prevalence_control=(0, 1), hazard_ratio=(3, 3))
    (row,) = draw_bias(ROW, wide, SETTINGS)
    # log(1 + 2 u) of a uniform u: mean (3 log 3 - 2) / 2, mean square (3 log(3)^2 - 6 log 3 + 4) / 2.
    log3 = np.log(3)
    variance = (3 * log3**2 - 6 * log3 + 4) / 2 - ((3 * log3 - 2) / 2) ** 2
    assert row["std_error"] == pytest.approx(np.sqrt(ROW["std_error"] ** 2 + variance), rel=0.02)
    assert row["value"] == pytest.approx(0.5 * 2, rel=0.03)
    share = float(row["note"].split("%")[0])
    assert share == pytest.approx(50, abs=2)
    assert row["assumption"] == "in 0% to 0% of the cohort and 0% to 100% of the control, hazard ratio 3 to 3"
    assert (
        UnmeasuredConfounder()
        .describe()
        .startswith("default assumption: present in 10% to 30% of the cohort")
    )
    above = draw_bias(ROW | {"value": 2.0}, wide, SETTINGS)[0]
    assert above["note"].endswith("simulated ratios are 1 or less")


@pytest.mark.parametrize(
    "wrong", [{"prevalence": (0.3, 0.1)}, {"hazard_ratio": (0, 2)}, {"prevalence": (0.1, 1.2)}]
)
def test_ranges_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValidationError):
        UnmeasuredConfounder(**wrong)
