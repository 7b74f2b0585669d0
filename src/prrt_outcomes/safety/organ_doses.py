"""Absorbed doses of kidneys and marrow over all cycles, and how many patients exceed the published limits."""

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import ArrayLike

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.cohort.grouping import compute_group
from prrt_outcomes.statistics.proportions import compute_clopper_pearson
from prrt_outcomes.treatment.periods import compute_radionuclide

KIDNEY = yaml.safe_load(Path(__file__).with_name("kidney.yaml").read_text("utf-8"))
COLUMNS = {"kidney": "kidney_dose_gy", "marrow": "marrow_dose_gy"}


def compute_effective_dose(dose_gy: ArrayLike, radionuclide: ArrayLike) -> np.ndarray:
    """Biologically effective dose of the kidneys from one cycle, by the linear-quadratic model.

    dose_gy : absorbed dose; radionuclide : one a dose, by which the dose rate falls
    Returns Gy; missing where the dose is, or where the radionuclide has no half-life in `kidney.yaml`, which names the
    sources.

    >>> compute_effective_dose([5.0, 5.0], ["177Lu", "225Ac"]).round(3)
    array([5.5, nan])
    """
    dose, biological = np.asarray(dose_gy, dtype=float), KIDNEY["biological_hours"]
    physical = pd.Series(radionuclide).astype("string").map(KIDNEY["physical_hours"]).to_numpy(float)
    effective = biological * physical / (biological + physical)
    repair = KIDNEY["repair_hours"] / (KIDNEY["repair_hours"] + effective)
    return dose + dose**2 / KIDNEY["alpha_beta_gy"] * repair


def derive_organ_doses(cycles: pd.DataFrame) -> tuple[pd.DataFrame, list[dict]]:
    """Doses of each patient over all cycles, known where they are known of every cycle.

    Returns index patient_id, columns (organ, quantity) in Gy; `attrition`: patients without them.
    """
    by_cycle = {(organ, "absorbed_dose"): cycles[name].astype("float64") for organ, name in COLUMNS.items()}
    nuclide, kidney = compute_radionuclide(cycles["radiopharmaceutical"]), by_cycle["kidney", "absorbed_dose"]
    by_cycle["kidney", "effective_dose"] = pd.Series(compute_effective_dose(kidney, nuclide), cycles.index)
    own = pd.DataFrame(by_cycle).groupby(cycles["patient_id"].astype("string"))
    doses = own.sum().where(own.count().eq(own.size(), axis=0))
    step, unknown = "safety: organ doses", doses.isna().sum()
    reasons = {organ: f"{organ}: dose not known of every cycle" for organ in COLUMNS}
    return doses, [
        attrition_row("cycles", "patients", step, reason, len(doses), unknown[organ, "absorbed_dose"])
        for organ, reason in reasons.items()
    ]


def summarise_organ_doses(
    doses: pd.DataFrame, groups: pd.DataFrame, names: list[str], level: float
) -> pd.DataFrame:
    """Median and quartiles of each dose, and the share of patients over each limit: columns of `organ_doses`.

    `groups`: patient_id and the groupings in `names`; `level`: of the Clopper-Pearson intervals.
    """
    own, parts = groups.set_index(groups["patient_id"].astype("string")).reindex(doses.index), []
    for name, limit in product(names, KIDNEY["limits"]):
        dose, group = doses[limit["organ"], limit["quantity"]], compute_group(own, name)
        by_group = dose.groupby(group, observed=True)
        quartiles = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}
        found = pd.DataFrame({column: by_group.quantile(q) for column, q in quartiles.items()})
        over = (dose > limit["limit_gy"]).groupby(group, observed=True).sum()
        counts = {"n": over, "total": by_group.count(), "n_unknown": by_group.size() - by_group.count()}
        parts.append(found.assign(**counts, group=found.index.astype(str), group_by=name, **limit))
    table = pd.concat(parts, ignore_index=True)
    known = table["total"].where(table["total"] > 0)
    low, high = compute_clopper_pearson(table["n"].to_numpy(), known.fillna(1).to_numpy(), level)
    shares = {"proportion": table["n"] / known, "low": low, "high": high}
    shares = {column: pd.Series(values).where(known.notna()) for column, values in shares.items()}
    return table.assign(**shares, status=np.where(known.notna(), "ok", "too_few"))
