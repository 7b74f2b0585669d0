"""Units as files write them, and the factors that make them ours."""

import math

import pytest

from prrt_outcomes.cohort.conversion import OTHER_UNITS
from prrt_outcomes.laboratory import MOLAR_MASSES, SI_UNITS, USUAL_FACTORS, find_si_factor
from prrt_outcomes.units import TIME_UNIT_DAYS, find_factor


@pytest.mark.parametrize(
    ("unit", "target", "factor"),
    [
        ("MBq", "GBq", 0.001),
        ("MBQ", "GBq", 0.001),
        ("mCi", "GBq", 0.037),
        ("mci", "GBq", 0.037),
        ("Ci", "GBq", 37.0),
        ("cGy", "Gy", 0.01),
        ("rad", "Gy", 0.01),
        ("cm", "mm", 10.0),
        ("CM", "mm", 10.0),
        ("µg", "mg", 0.001),
        ("Mg", "mg", 1.0),
        ("fraction", "%", 100.0),
        ("weeks", "days", 7.0),
        ("mm", "mm", 1.0),
        ("mSv", "Gy", None),
        ("cm", "GBq", None),
        ("MBq/kg", "GBq", None),
        ("", "mm", None),
        ("10**10**10", "GBq", None),
        ("__import__('os')", "GBq", None),
    ],
)
def test_factors(unit, target, factor):
    assert find_factor(unit, target) == factor


@pytest.mark.parametrize(
    ("analyte", "unit", "factor"),
    [
        ("creatinine", "MG/DL", 88.42),
        ("creatinine", "mg%", 88.42),
        ("creatinine", "mmol/l", 1000.0),
        ("creatinine", "mg/L", 8.842),
        ("bilirubin", "mg/L", 1.7104),
        ("haemoglobin", "g%", 10.0),
        ("haemoglobin", "mmol/l", 16.114),
        ("platelets", "10e9/L", 1.0),
        ("platelets", "10E3/uL", 1.0),
        ("platelets", "10*3/uL", 1.0),
        ("platelets", "/nl", 1.0),
        ("platelets", "Gpt/L", 1.0),
        ("platelets", "K/uL", 1.0),
        ("platelets", "Tsd./µl", 1.0),
        ("platelets", "cells/µL", 0.001),
        ("platelets", "10^6/L", 0.001),
        ("platelets", "K/L", None),
        ("alt", "IU/L", 1.0),
        ("alt", "nkat/l", 0.06),
        ("egfr", "ml/s/1.73m2", 60.0),
        ("chromogranin_a", "mcg/L", 1.0),
        ("chromogranin_a", "nmol/L", None),
        ("creatinine", "g", None),
    ],
)
def test_laboratory_units(analyte, unit, factor):
    found = find_si_factor(analyte, unit)
    assert math.isnan(found) if factor is None else found == pytest.approx(factor, rel=1e-12)


def test_factors_that_are_written_out_are_those_of_pint():
    for (analyte, unit), factor in USUAL_FACTORS.items():
        assert find_factor(unit, SI_UNITS[analyte], MOLAR_MASSES.get(analyte)) == pytest.approx(factor)
    for target, units in OTHER_UNITS.items():
        for unit, factor in units.items():
            known = TIME_UNIT_DAYS.get(unit)
            found = known / TIME_UNIT_DAYS[target] if known else find_factor(unit, target)
            assert found == pytest.approx(factor)
