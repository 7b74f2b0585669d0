"""Arms with the same treatment compared with each other, and the page that says how often they differ.

Run as a program, this file writes docs/published_arms.md anew.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prrt_outcomes.controls.library import check_arms_named_twice, load_library
from prrt_outcomes.controls.published_arms import (
    calibrate,
    compare_arms,
    find_agreement,
    name_role,
    summarise_agreement,
)
from prrt_outcomes.study.model import Study

PAGE = Path(__file__).parents[3] / "docs" / "published_arms.md"
HEAD = """# How far published arms agree with each other

The library of published arms (`prrt-outcomes controls`) is compared with itself: each arm with every other arm of the
same endpoint, treatment and tumour group, whose patients are others. The patients of the first arm are laid along its
published curve and compared with the second as a cohort is (observed over expected, with the uncertainty of the
published curve). Both arms were given the same treatment, so a difference is no effect of treatment: it shows what
eligibility, era, scans, criteria and chance do to a comparison with a published arm.

Of 100 such comparisons 5 would differ if published arms were as good as a randomised control. The spread is the
standard deviation of the true log ratios (maximum likelihood, normal around 0; empirical calibration as in Schuemie
2014, Statistics in Medicine 33:209), given as a factor: the calibrated interval of a comparison with a published arm is
as much wider. Comparisons share arms, so they are not independent, and few of them say little.

"""


def write_page() -> str:
    lines = []
    for endpoint in ("pfs", "os"):
        for role in dict.fromkeys(arm.role for arm in load_library()):
            pairs = compare_arms(endpoint, role) if role != "other" else pd.DataFrame()
            for group, part in pairs.groupby("tumour_group") if len(pairs) else ():
                lines.append(describe(endpoint, name_role(role), group, part))
        lines.append(describe(endpoint, "all", "all", compare_arms(endpoint)))
    names = (
        "Endpoint",
        "Treatment",
        "Tumour group",
        "Arms",
        "Comparisons",
        "Called different",
        "Spread (factor)",
    )
    rows = [names, ("---",) * len(names), *lines]
    return HEAD + "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def describe(endpoint, role, group, pairs):
    found = summarise_agreement(pairs, "")
    share, spread = f"{found.share_different:.0%}", f"{np.exp(found.spread):.2f}"
    return (endpoint.upper(), role, group, str(found.arms), str(found.pairs), share, spread)


def test_the_page_is_what_the_library_gives():
    assert PAGE.read_text(encoding="utf-8") == write_page()


def test_arms_that_share_patients_or_differ_in_treatment_are_not_compared():
    pairs = compare_arms("pfs")
    arms = {arm.arm: arm for arm in load_library() if arm.endpoint == "pfs"}
    for row in pairs.itertuples():
        one, other = arms[row.arm], arms[row.control]
        assert (one.role, one.tumour_group) == (other.role, other.tumour_group)
        assert one.source_population != other.source_population


def test_placebo_arms_differ_more_often_than_chance():
    found = find_agreement("pfs", "placebo")
    assert found.pairs == len(compare_arms("pfs", "placebo"))
    assert found.share_different > 0.2
    assert found.spread > 0.3


def test_without_a_spread_the_estimate_is_zero_and_with_one_it_is_found():
    rng = np.random.default_rng(4)
    error = rng.uniform(0.1, 0.3, 4000)

    def pairs(spread):
        log_ratio = rng.normal(0, np.hypot(spread, error))
        return pd.DataFrame(
            {"log_ratio": log_ratio, "std_error": error, "arm": "a", "control": "b", "different": False}
        )

    assert summarise_agreement(pairs(0.0), "").spread == pytest.approx(0.0, abs=0.05)
    assert summarise_agreement(pairs(0.5), "").spread == pytest.approx(0.5, rel=0.05)


def test_calibration_widens_the_interval_and_keeps_the_estimate():
    agreement = find_agreement("pfs", "placebo")
    row = dict.fromkeys(
        ("population", "n", "n_control", "observed", "expected", "horizon_months", "assumption"), 1
    )
    row |= {"value": 0.5, "std_error": 0.1, "population": "all", "assumption": "x"}
    found = calibrate(row, agreement, 0.95)
    assert found["value"] == 0.5
    assert np.log(found["high"] / found["low"]) == pytest.approx(
        2 * 1.959964 * np.hypot(0.1, agreement.spread)
    )
    assert "34 comparisons" in found["note"]


def test_the_same_arm_named_twice_is_a_warning():
    library = {"id": "netter1", "kind": "library", "arm": "netter1_octreotide"}
    written = {
        "id": "octreotide", "kind": "published", "n": 113, "median_months": 8.4, "citation": "Strosberg 2017, NEJM",
    }  # fmt: skip
    other = written | {"id": "other", "citation": "Pavel 2011", "n": 213}
    study = Study(
        study="s",
        tables={"patients": "p.csv", "reported_outcomes": "r.csv"},
        endpoints=["pfs"],
        controls=[library, written, other],
    )
    (problem,) = check_arms_named_twice(study)
    assert (problem.value, problem.severity) == ("octreotide", "warning")
    assert "netter1 is the same published arm" in problem.problem


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
