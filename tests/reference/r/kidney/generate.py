"""Write egfr.csv: repeated values of 40 simulated patients, of whom every third has values at one time alone."""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def generate() -> pd.DataFrame:
    """Return patient, years and egfr; levels, slopes and times differ between patients."""
    rng = np.random.default_rng(20050101)
    patient = np.repeat(np.arange(40), np.where(np.arange(40) % 3, 7, 1))
    years = np.round(rng.uniform(0, 4, len(patient)), 3)
    level, slope = rng.normal(82, 15, 40), rng.normal(-3.2, 1.8, 40)
    egfr = (
        level[patient] + slope[patient] * years - 2 * np.minimum(years, 0.5) + rng.normal(0, 5, len(patient))
    )
    return pd.DataFrame({"patient": patient, "years": years, "egfr": egfr.round(2)})


if __name__ == "__main__":
    generate().to_csv(HERE / "egfr.csv", index=False)
