"""Make r_numbers.csv anew: export the packages' data sets to a temporary folder, run risk.R on them.

``python tests/reference/r/risk/run.py``; needs R with survival and cmprsk. The tests read only r_numbers.csv.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import lifelines.datasets
import pandas as pd
import sksurv.datasets

HERE = Path(__file__).parent


def read_data_sets() -> dict[str, pd.DataFrame]:
    """Return the data sets of installed packages that the R script reads, with plain column names."""
    whas, whas_y = sksurv.datasets.load_whas500()
    veterans, veterans_y = sksurv.datasets.load_veterans_lung_cancer()
    bmt, bmt_y = sksurv.datasets.load_bmt()
    gbsg2 = lifelines.datasets.load_gbsg2()[["time", "cens", "horTh", "tgrade"]]
    aids = lifelines.datasets.load_multicenter_aids_cohort_study()
    larynx = lifelines.datasets.load_larynx()
    larynx["stage"] = 1 + larynx.Stage_II + 2 * larynx.Stage_III + 3 * larynx.Stage_IV
    return {
        "lung": lifelines.datasets.load_lung()[["time", "status", "sex"]],
        "waltons": lifelines.datasets.load_waltons()[["T", "E", "group"]],
        "gbsg2": gbsg2,
        "larynx": larynx[["time", "death", "stage"]],
        "aids": aids[["W", "T", "D"]].reset_index(drop=True),
        "stanford": lifelines.datasets.load_stanford_heart_transplants(),
        "diabetes": lifelines.datasets.load_diabetes(),
        "whas": pd.DataFrame({"time": whas_y["lenfol"], "status": whas_y["fstat"] * 1, "afb": whas.afb}),
        "veteran": pd.DataFrame(
            {
                "time": veterans_y["Survival_in_days"],
                "status": veterans_y["Status"] * 1,
                "celltype": veterans.Celltype.astype(str),
                "treatment": veterans.Treatment.astype(str),
            }
        ),
        "bmt": pd.DataFrame({"time": bmt_y["ftime"], "status": bmt_y["status"], "dis": bmt.dis.astype(str)}),
        "generated": pd.read_csv(HERE / "generated.csv"),
        "counting": pd.read_csv(HERE / "counting.csv"),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, frame in read_data_sets().items():
            frame.to_csv(Path(folder) / f"{name}.csv", index=False)
        subprocess.run(["Rscript", str(HERE / "risk.R"), folder, str(HERE / "r_numbers.csv")], check=True)


if __name__ == "__main__":
    main()
