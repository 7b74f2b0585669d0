"""The tests that a study names as one family, with p-values adjusted by Holm."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.statistics.logrank import compute_holm
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.multiplicity import list_tests
from prrt_outcomes.tables.frames import describe_cells, pick_rows
from prrt_outcomes.tables.schema import load_schema


def adjust_family(tables: Mapping[str, pd.DataFrame], study: Study) -> pd.DataFrame:
    """Result table `multiplicity`: one row a test of the family, in the order of the study.

    A test without a p-value is `not_estimable` and counts as p = 1, so that the family does not shrink with the data
    (Holm 1979, Scandinavian Journal of Statistics 6:65); it has no adjusted p-value. A control stands with the estimate
    that it is quoted by.
    """
    tests, controls = list_tests(study), {c.id: c for c in study.controls}
    rows = []
    for name in study.multiplicity.family:
        table, cells = tests[name]
        if name in controls:
            found = primary_estimate(tables[table], controls[name])
        else:
            known = pick_rows(tables[table], **cells).to_dict("records")
            found = known[0] if len(known) == 1 else None
        row = describe_cells(found, load_schema(table).key) if found else ""
        p_value = np.nan if found is None else float(found["p_value"])
        status = "ok" if np.isfinite(p_value) else "not_estimable"
        rows.append({"test": name, "table": table, "row": row, "p_value": p_value, "status": status})
    p_values = np.array([row["p_value"] for row in rows], dtype=float)
    adjusted = compute_holm(np.nan_to_num(p_values, nan=1.0))
    return pd.DataFrame(rows).assign(p_adjusted=np.where(np.isnan(p_values), np.nan, adjusted))
