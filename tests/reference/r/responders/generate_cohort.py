"""Write cohort_patients.csv and cohort_scans.csv: responses by scan of patients with times in whole days.

Late entry, scans on the day of the event and after it, responses after progression, several changes of state.
usage: python generate_cohort.py
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
CODES = ("CR", "PR", "SD", "PD", "NE")

if __name__ == "__main__":
    rng = np.random.default_rng(20151122)
    n = 240
    age = rng.integers(35, 80, n)
    sex = rng.choice(["female", "male"], n)
    time = np.ceil(rng.exponential(900 / np.exp(0.03 * (age - 60)), n)).clip(1).astype(int)
    censoring = rng.integers(200, 2500, n)
    patients = pd.DataFrame(
        {
            "id": np.arange(n),
            "time": np.minimum(time, censoring),
            "event": (time <= censoring).astype(int),
            "entry": np.where(np.arange(n) % 5 == 0, np.minimum(time, censoring) // 3, 0),
            "age": age,
            "sex": sex,
        }
    )
    scans = []
    for k, last in enumerate(patients["time"]):
        day, change = 0, 0.0
        for _ in range(8):
            day += int(rng.integers(60, 130))
            if day > last + 90:
                break
            change = float(np.round(max(change + rng.normal(-0.1, 0.15), -1.0), 3))
            code = rng.choice(CODES, p=[0.06, 0.24, 0.5, 0.1, 0.1])
            scans.append((k, day, code, change))
        if k % 20 == 0 and day < last:
            scans.append((k, int(last), "PR", change - 0.05))
    frame = pd.DataFrame(scans, columns=["id", "day", "code", "change"])
    patients.to_csv(HERE / "cohort_patients.csv", index=False)
    frame.drop_duplicates(["id", "day"]).to_csv(HERE / "cohort_scans.csv", index=False)
