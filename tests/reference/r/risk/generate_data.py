"""Write generated.csv and counting.csv: small cohorts with ties, late entry, weights, strata and three outcomes.

Committed beside this script; run only to make them anew: ``python generate_data.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent


def main() -> None:
    rng = np.random.default_rng(20151122)
    n = 150
    group = rng.choice(["a", "b", "c"], n, p=[0.45, 0.35, 0.2])
    scale = pd.Series(group).map({"a": 600.0, "b": 400.0, "c": 300.0}).to_numpy()
    first, second = rng.exponential(scale), rng.exponential(900.0, n)
    censoring = rng.uniform(60, 1200, n)
    time = np.minimum.reduce([first, second, censoring])
    status = np.select([time == first, time == second], [1, 2], 0)
    days = np.ceil(time / 10) * 10
    late = rng.random(n) < 0.4
    entry = np.where(late, np.floor(rng.uniform(0, 0.6, n) * days), 0.0)
    frame = {"id": np.arange(1, n + 1), "entry": entry, "time": days, "status": status, "group": group}
    frame["stratum"] = rng.choice(["p", "q", "r"], n)
    frame["centre"] = rng.integers(1, 9, n)
    frame["weight"] = np.round(rng.uniform(0.2, 3.0, n), 3)
    frame["count"] = rng.integers(1, 4, n)
    frame["months"] = np.ceil(days / 30.4375)
    generated = pd.DataFrame(frame)
    generated.to_csv(HERE / "generated.csv", index=False)
    change = np.where(rng.random(n) < 0.6, np.ceil(rng.uniform(0.05, 1.2, n) * 365), np.inf)
    rows = []
    for patient, end, event, when in zip(generated.id, days, status == 1, change, strict=True):
        cuts = [0.0, *([when] if when < end else []), end]
        for k in range(len(cuts) - 1):
            rows.append((patient, cuts[k], cuts[k + 1], int(event and k == len(cuts) - 2), k))
    columns = ["id", "start", "stop", "event", "state"]
    pd.DataFrame(rows, columns=columns).to_csv(HERE / "counting.csv", index=False)


if __name__ == "__main__":
    main()
