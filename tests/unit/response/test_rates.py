"""Rates and their differences between groups."""

from __future__ import annotations

import pandas as pd
import pytest

from prrt_outcomes.response.rates import summarise_rate_differences, summarise_response_rates
from prrt_outcomes.statistics.proportions import compute_proportion_difference


@pytest.fixture
def best():
    kinds = (
        ["CR"] * 2 + ["PR"] * 6 + ["SD"] * 10 + ["PD"] * 2 + ["PR"] * 3 + ["MR"] * 1 + ["SD"] * 5 + ["NE"] * 1
    )
    return pd.DataFrame(
        {
            "criterion": "recist_1_1",
            "confirmed": pd.array([False] * 30, dtype="boolean"),
            "best_response": pd.Categorical(
                kinds, ["CR", "PR", "MR", "SD", "NON-CR/NON-PD", "PD", "NE"], ordered=True
            ),
            "nuclide": pd.Categorical(["177Lu"] * 20 + ["90Y"] * 10, ["177Lu", "90Y", "unknown"]),
        }
    )


def test_rates_by_group_add_up(best):
    rates = summarise_response_rates(best, ("nuclide",)).set_index(["group", "category"])
    assert rates.loc[("177Lu", "objective"), ["n", "total"]].tolist() == [8, 20]
    assert rates.loc[("90Y", "objective_with_mr"), ["n", "total"]].tolist() == [4, 10]
    assert rates.loc[("all", "disease_control"), ["n", "total"]].tolist() == [27, 30]
    assert rates.loc[("all", "objective"), "proportion_low"] == pytest.approx(0.1992986, abs=1e-6)


def test_differences_are_against_the_reference(best):
    rates = summarise_response_rates(best, ("nuclide",))
    table = summarise_rate_differences(rates, {"nuclide": "177Lu"})
    assert table["reference"].unique().tolist() == ["177Lu"]
    assert len(table) == 3 * 2
    row = table.query("category == 'objective' and method == 'newcombe'").iloc[0]
    wanted = compute_proportion_difference(3, 10, 8, 20, "newcombe")
    assert (row["difference"], row["difference_low"]) == (wanted.difference, wanted.lower)
    assert summarise_rate_differences(rates, {"nuclide": "90Y"})["reference"].unique().tolist() == ["90Y"]
    assert summarise_rate_differences(rates, {"nuclide": "other"}).empty
