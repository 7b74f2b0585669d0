"""Stage `radionuclides`: absorbed fraction by diameter, and shrinkage of lesions by radionuclide and size."""

import pandas as pd

from prrt_outcomes.attrition import attrition_frame, attrition_row, stage_frame
from prrt_outcomes.cohort.grouping import choose_reference, derive_covariates
from prrt_outcomes.radionuclides import lesion_change
from prrt_outcomes.radionuclides.absorbed_fraction import summarise_absorbed_fraction
from prrt_outcomes.response.rates import derive_baseline_columns
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import conform_table, derive_skipped_tables, empty_table

INPUTS = ("patients", "therapies", "assessments", "lesions", "treatment_periods")
OUTPUTS = ("absorbed_fraction", "lesion_change", "lesion_change_test", "lesion_change_curve")
SETTINGS = ("response", "analysis", "partial_dates", "new_anticancer_therapy", "data_cutoff")


def run(tables: dict[str, pd.DataFrame], study: Study) -> dict[str, pd.DataFrame]:
    """Compute absorbed fractions, and compare the change of target lesions of the initial period.

    Returns the tables of `OUTPUTS`, `attrition` and `stages`; partial where there are no lesions, or one radionuclide.
    """
    if tables["treatment_periods"].empty:
        return derive_skipped_tables("radionuclides", OUTPUTS, "no cycles: no radionuclide is known")
    made = {name: empty_table(name) for name in OUTPUTS}
    made["absorbed_fraction"] = summarise_absorbed_fraction()
    lesions, losses = lesion_change.derive_lesion_changes(tables, study)
    alone = lesions[~lesions["several"]]
    made["lesion_change"] = lesion_change.summarise_lesion_change(alone, study.analysis.confidence.level)
    periods = tables["treatment_periods"]
    first = periods.loc[periods["period"].eq(1), "radionuclide"].astype(str)
    nuclide = first[first.isin(alone["radionuclide"])].astype("category")
    reference = choose_reference(nuclide, study.analysis.reference.get("radionuclide"))
    reason = "no lesion was measured again, so nothing is compared"
    if nuclide.nunique() > 1 and reference is not None:
        names = tuple(name for name in study.analysis.covariates if name != "radionuclide")
        known = derive_baseline_columns(lesions.assign(period=1), tables["patients"], periods, names)
        covariates = derive_covariates(known, names).dropna(axis="columns", how="all")
        found = lesion_change.compare_lesion_change(lesions, covariates, reference, study.analysis)
        made["lesion_change_test"], made["lesion_change_curve"] = found
        counts = len(alone), int(covariates.loc[alone.index].isna().any(axis=1).sum())
        step = "radionuclides: adjusted models"
        losses.append(attrition_row("lesions", "rows", step, "a covariate is missing", *counts))
        reason = ""
    elif len(alone):
        reason = "all lesions were treated with one radionuclide, so nothing is compared"
    typed = {name: conform_table(name, table) for name, table in made.items()}
    status = ("partial", reason) if reason else ("done",)
    return typed | {"attrition": attrition_frame(losses), "stages": stage_frame("radionuclides", *status)}
