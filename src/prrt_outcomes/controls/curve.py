"""A published curve as control: reconstructed, held against what was published, then compared as two samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prrt_outcomes.controls.cohorts import TwoSamples
from prrt_outcomes.controls.digitised import clean_digitised_curve
from prrt_outcomes.controls.reconstruction import Reconstruction, reconstruct_patients
from prrt_outcomes.controls.reconstruction_quality import is_accepted, measure_quality
from prrt_outcomes.controls.two_sample import compare_two_samples

if TYPE_CHECKING:
    import pandas as pd

    from prrt_outcomes.study.analysis import AnalysisSettings
    from prrt_outcomes.study.controls import CurveControl
    from prrt_outcomes.survival.endpoint_rows import EndpointRows


def compare_with_curve(
    tables: dict[str, pd.DataFrame], cohort: EndpointRows, control: CurveControl, settings: AnalysisSettings
) -> tuple[list[dict], pd.DataFrame, pd.DataFrame, str]:
    """Reconstruct a published curve and compare the cohort with it if the reconstruction is accepted.

    Parameters
    ----------
    tables : control_curves, control_at_risk
    cohort : our patients
    control : arm, published events and median, limits of acceptance
    settings : section `analysis`

    Returns
    -------
    rows : of `controls`; empty where the curve was refused
    quality : `reconstruction_quality` but for control, arm and endpoint
    overlay : `control_reconstruction` but for the same: published points and the rebuilt curve
    reason : why there is no comparison; empty where there is
    """
    import pandas as pd

    points = _select(tables["control_curves"], control)
    risk = _select(tables["control_at_risk"], control)
    if points.empty or risk.empty:
        absent = "points in control_curves" if points.empty else "rows in control_at_risk"
        return [], pd.DataFrame(), pd.DataFrame(), f"no {absent} for arm {control.arm} and {control.endpoint}"
    try:
        curve = clean_digitised_curve(
            points["time_months"],
            points["survival"],
            risk["time_months"],
            risk["n_at_risk"].astype("Float64"),
        )
    except ValueError as error:
        return [], pd.DataFrame(), pd.DataFrame(), f"the curve cannot be used: {error}"
    found = reconstruct_patients(curve, control.events)
    measures = measure_quality(curve, found, control)
    quality = pd.DataFrame([vars(measure) for measure in measures])
    overlay = _overlay(curve, found)
    if not is_accepted(measures):
        refused = ", ".join(m.measure for m in measures if m.verdict == "refused")
        return [], quality, overlay, f"the reconstruction is refused: {refused} beyond the limit"
    samples = _stack(cohort, found)
    return compare_two_samples(samples, settings), quality, overlay, ""


def _select(table: pd.DataFrame, control: CurveControl) -> pd.DataFrame:
    own = table["control"].eq(control.id) & table["arm"].eq(control.arm)
    return table.loc[own & table["endpoint"].eq(control.endpoint)]


def _stack(cohort: EndpointRows, found: Reconstruction) -> TwoSamples:
    import pandas as pd

    ours = np.zeros(len(cohort.time_months)) if cohort.entry_months is None else cohort.entry_months
    entry = np.concatenate([ours, np.zeros(len(found.time))])
    time = np.concatenate([cohort.time_months, np.maximum(found.time, 1e-6)])
    return TwoSamples(
        time_months=time,
        event=np.concatenate([cohort.event, found.event]) == 1,
        entry_months=entry if (entry > 0).any() else None,
        in_cohort=np.arange(len(time)) < len(ours),
        covariates=pd.DataFrame(index=range(len(time))),
    )


def _overlay(curve, found: Reconstruction) -> pd.DataFrame:
    """Published points, and the rebuilt curve at its own times."""
    import pandas as pd

    from prrt_outcomes.statistics.risk.kaplan_meier import fit_kaplan_meier

    rebuilt = fit_kaplan_meier(np.maximum(found.time, 1e-6), found.event)
    return pd.concat(
        [
            pd.DataFrame({"curve": "published", "time_months": curve.time, "survival": curve.survival}),
            pd.DataFrame(
                {
                    "curve": "reconstructed",
                    "time_months": np.concatenate(([0.0], rebuilt.time)),
                    "survival": np.concatenate(([1.0], rebuilt.survival)),
                }
            ),
        ],
        ignore_index=True,
    )
