"""The hazard ratio of responders against the landmark: every month from the first scan on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from prrt_outcomes.responders.comparisons import STATE, Comparison, select_landmark
from prrt_outcomes.responders.states import compute_state_at
from prrt_outcomes.statistics.cox import fit_cox

MINIMUM_EVENTS = 10
MINIMUM_GROUP = 5


def summarise_landmark_curve(comparison: Comparison) -> pd.DataFrame | None:
    """Hazard ratio of responders at every whole month at which it can be had.

    Parameters
    ----------
    comparison : responders against non-responders

    Returns
    -------
    Columns landmark_months, n, excluded, n_state (in the state at the landmark), events, log_hazard_ratio,
    std_error, hazard_ratio, hazard_ratio_low, hazard_ratio_high, p_value, status; from the month of the first
    response on, as long as 10 events follow and both groups have 5 patients. None where no month does.
    """
    history, rows = comparison.history, comparison.rows
    if not len(history.month):
        return None
    first = int(np.ceil(history.month.min()))
    written = []
    for month in range(max(first, 1), int(rows.time_months.max())):
        state = compute_state_at(history, float(month))
        chosen, time, entry = select_landmark(comparison, state, float(month))
        event = (rows.event[chosen] == 1).astype(float)
        inside = (state[chosen] == comparison.positions[1]).astype(float)
        if event.sum() < MINIMUM_EVENTS:
            break
        if min(inside.sum(), len(inside) - inside.sum()) < MINIMUM_GROUP:
            continue
        fit = fit_cox(
            time,
            event,
            pd.DataFrame({STATE: inside}),
            entry=entry,
            confidence=comparison.confidence,
        )
        row = fit.table.iloc[0]
        written.append(
            {
                "landmark_months": float(month),
                "n": int(chosen.sum()),
                "excluded": int((~chosen).sum()),
                "n_state": int(inside.sum()),
                "events": int(event.sum()),
                "log_hazard_ratio": row["coefficient"],
                "std_error": row["std_error"],
                "hazard_ratio": row["hazard_ratio"],
                "hazard_ratio_low": row["lower"],
                "hazard_ratio_high": row["upper"],
                "p_value": row["p_value"],
                "status": row["status"],
            }
        )
    return pd.DataFrame(written) if written else None
