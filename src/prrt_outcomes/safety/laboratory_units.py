"""Laboratory values in SI units: one factor for each analyte and spelling of a unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SI_UNITS = {
    "creatinine": "µmol/L",
    "haemoglobin": "g/L",
    "platelets": "10^9/L",
    "leukocytes": "10^9/L",
    "neutrophils": "10^9/L",
    "lymphocytes": "10^9/L",
    "alt": "U/L",
    "ast": "U/L",
    "bilirubin": "µmol/L",
    "chromogranin_a": "µg/L",
    "egfr": "mL/min/1.73 m2",
}

_CELLS = {
    "10^9/l": 1.0,
    "10e9/l": 1.0,
    "x10^9/l": 1.0,
    "g/l": 1.0,
    "gpt/l": 1.0,
    "10^3/ul": 1.0,
    "10*3/ul": 1.0,
    "10*9/l": 1.0,
    "x10^3/ul": 1.0,
    "k/ul": 1.0,
    "10^3/mm3": 1.0,
    "/nl": 1.0,
    "1/nl": 1.0,
    "/ul": 1e-3,
    "1/ul": 1e-3,
    "cells/ul": 1e-3,
    "/mm3": 1e-3,
    "10^6/l": 1e-3,
    "10*6/l": 1e-3,
}
_ENZYMES = {"u/l": 1.0, "iu/l": 1.0, "ukat/l": 60.0, "nkat/l": 0.06}

# Molar masses: creatinine 113.12, bilirubin 584.66 g/mol; haemoglobin monomer 16,114 g/mol.
SI_FACTORS: dict[str, dict[str, float]] = {
    "creatinine": {"umol/l": 1.0, "mmol/l": 1000.0, "mg/dl": 88.42, "mg/l": 8.842},
    "haemoglobin": {"g/l": 1.0, "g/dl": 10.0, "g%": 10.0, "mmol/l": 16.114},
    "platelets": _CELLS,
    "leukocytes": _CELLS,
    "neutrophils": _CELLS,
    "lymphocytes": _CELLS,
    "alt": _ENZYMES,
    "ast": _ENZYMES,
    "bilirubin": {"umol/l": 1.0, "mg/dl": 17.104, "mg/l": 1.7104},
    "chromogranin_a": {"ug/l": 1.0, "ng/ml": 1.0, "mg/l": 1000.0},
    "egfr": {"ml/min/1.73m2": 1.0, "ml/min/1.73m^2": 1.0, "ml/min": 1.0, "ml/s/1.73m2": 60.0},
}


def convert_units_to_si(analyte: pd.Series, unit: pd.Series) -> pd.Series:
    """Factor that turns a value into the SI unit of its analyte.

    Parameters
    ----------
    analyte : codes of `labs.analyte`
    unit : units as the laboratory writes them; case, spaces and the sign of micro do not matter

    Returns
    -------
    Series of float64 of the same index; missing where the unit is not known for the analyte (a percentage of
    lymphocytes, chromogranin A in nmol/L or U/L have no factor).
    """
    import pandas as pd

    factors = pd.Series(
        {
            f"{name} {spelling}": factor
            for name, table in SI_FACTORS.items()
            for spelling, factor in table.items()
        }
    )
    spelled = (
        unit.astype("string").str.strip().str.lower().str.replace("[µμ]|mc(?=[gl])", "u", regex=True)
    ).str.replace(r"[\s]|²", "", regex=True)
    spelled = spelled.mask(unit.astype("string").str.contains("²", na=False), spelled + "2")
    keys = analyte.astype("string") + " " + spelled
    return keys.map(factors).astype("float64")
