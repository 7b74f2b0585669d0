"""Interaction of radionuclide and size of lesions: coverage where it is there, level where it is not."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from benchmarks.results_page import format_table, write_section
from prrt_outcomes.radionuclides.lesion_change import compare_lesion_change
from prrt_outcomes.study.analysis import AnalysisSettings

COHORTS = 1_000
PATIENTS = (40, 120, 360)
SLOPES = (-0.10, 0.0)
ORGANS = np.array(["liver", "lymph node", "bone"])


def simulate_lesions(
    patients: int, slope: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lesions of a cohort in which patients with large lesions are given 90Y more often, and one covariate of them.

    1 to 5 lesions a patient, log-normal diameters with a part shared by the patient. The change has a patient's
    part, more spread in large lesions, an effect of organ and covariate, a curved effect of size, and with 90Y `slope`
    for each doubling of the diameter.
    """
    number = rng.integers(1, 6, patients)
    patient = np.repeat(np.arange(patients), number)
    shared = 0.3 * rng.normal(size=patients)
    size = (np.log(28.0) + shared[patient] + 0.4 * rng.normal(size=len(patient)) - np.log(30.0)) / np.log(2.0)
    given = (rng.random(patients) < 1 / (1 + np.exp(0.4 - 2.5 * shared)))[patient]
    organ, age = rng.integers(0, 3, len(patient)), rng.normal(size=patients)[patient]
    change = -0.15 + 0.03 * size + 0.01 * np.maximum(size, 0.0) ** 2 - 0.03 * given + slope * given * size
    change += 0.02 * age + 0.03 * organ + 0.12 * rng.normal(size=patients)[patient]
    change += 0.08 * np.exp(0.2 * size) * rng.normal(size=len(patient))
    months = np.clip(rng.normal(12.0, 2.0, patients), 6.0, 18.0)[patient]
    lesions = pd.DataFrame({
        "patient_id": patient, "radionuclide": np.where(given, "90Y", "177Lu"), "organ": ORGANS[organ],
        "diameter_mm": 30.0 * 2.0**size, "change": change, "months": months, "dose_gy": np.nan,
        "several": False,
    })  # fmt: skip
    return lesions, pd.DataFrame({"age": age})


def measure(patients: int, slope: float, cohorts: int, rng: np.random.Generator) -> list[object]:
    """Row of the page: coverage, level, bias and error of one scenario."""
    settings = AnalysisSettings.model_validate({"bootstrap": {"replicates": 300}})
    found = []
    for _ in range(cohorts):
        lesions, covariates = simulate_lesions(patients, slope, rng)
        tests, _ = compare_lesion_change(lesions, covariates, "177Lu", settings)
        terms = tests[tests["model"].eq("adjusted")].set_index("term")
        if terms["status"].eq("ok").all():
            found.append({**terms.loc["interaction"], "p_curved": terms.loc["interaction_curved", "p_value"]})
    table = pd.DataFrame(found)

    def share(values: pd.Series) -> str:
        return f"{100 * values.mean():.1f}"

    return [
        patients, f"{slope:g}", len(table),
        share(table["low"].le(slope) & table["high"].ge(slope)),
        share(table["bootstrap_low"].le(slope) & table["bootstrap_high"].ge(slope)),
        share(table["p_value"].lt(0.05)), share(table["p_curved"].lt(0.05)),
        f"{table['estimate'].mean() - slope:.4f}", f"{table['estimate'].std():.4f}",
        f"{np.sqrt((table['std_error'] ** 2).mean()):.4f}",
    ]  # fmt: skip


def main(cohorts: int = COHORTS) -> None:
    header = ["patients", "true interaction", "fitted", "coverage", "coverage, bootstrap", "rejected",
              "rejected, spline", "bias", "spread", "mean error"]  # fmt: skip
    rows: list[list[object]] = []
    for k, patients in enumerate(PATIENTS):
        for j, slope in enumerate(SLOPES):
            rows.append(measure(patients, slope, cohorts, np.random.default_rng([41, k, j])))
            print(*rows[-1], flush=True)
    body = (
        f"{cohorts:,} cohorts a row, 1 to 5 lesions a patient, 90Y given more often to patients with large lesions; "
        "change of the diameter, its interaction with radionuclide a doubling of it. Per cent of cohorts: 95 % "
        "intervals (t, errors corrected for few patients; percentile bootstrap of patients) that hold the true "
        "interaction, and tests that reject at 5 %, of the linear interaction and of the spline. Where the true "
        "interaction is 0 a rejection is an error.\n\n"
    )
    write_section(
        "calibration", "Interaction of radionuclide and lesion size", body + format_table(header, rows)
    )


if __name__ == "__main__":
    main(*[int(a) for a in sys.argv[1:]])
