"""Change of target lesions a year after the first cycle, by radionuclide and by diameter at baseline."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.response import codes
from prrt_outcomes.response.criteria import NAMED
from prrt_outcomes.response.criterion_run import filter_known
from prrt_outcomes.response.lesions import compute_sizes
from prrt_outcomes.response.scans import choose_adjudicated_courses, derive_registry
from prrt_outcomes.statistics.clustered import (
    ClusteredFit,
    bootstrap_clustered,
    compute_spline_basis,
    fit_clustered,
)
from prrt_outcomes.statistics.model_rows import derive_design_matrix
from prrt_outcomes.statistics.weights import draw_weights
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.units import convert_days_to_months

LANDMARK_MONTHS, FIRST_MONTH, LAST_MONTH = 12.0, 6.0, 18.0
SIZE_CLASSES = {
    "all": (0.0, np.inf),
    "under_20_mm": (0.0, 20.0),
    "20_to_50_mm": (20.0, 50.0),
    "50_mm_or_more": (50.0, np.inf),
}
KNOT_QUANTILES = (0.10, 0.50, 0.90)
CENTRE_MM = 30.0
DOSE_STEP_GY = 10.0
FEWEST_PATIENTS = 10
FEWEST_OF_ORGAN = 10
STEP = "radionuclides: change of lesions"
LONGEST = NAMED["recist_1_1"].model_copy(update={"node_short_axis": False})


def derive_lesion_changes(
    tables: Mapping[str, pd.DataFrame], study: Study
) -> tuple[pd.DataFrame, list[dict]]:
    """Target lesions of the initial period, as the primary reader saw them, and what could not be used.

    Returns one row a lesion: patient_id, radionuclide (of the first cycle), organ, diameter_mm (longest, at baseline),
    change (proportion of it, at the scan nearest to 12 months after the first cycle, from 6 to 18 months and before a
    new anticancer therapy; ties: the earlier one) and dose_gy; and the rows of attrition, of target lesions.
    A lesion that is too small counts 5 mm, one that is absent 0. The best change of each lesion is not used: whoever is
    scanned longer has more chances of a small value.
    """
    dated = {
        name: filter_known(tables[name], "assessment_date", study) for name in ("assessments", "lesions")
    }
    registry = derive_registry({**tables, **dated}, study)
    courses, scans, rows = registry.courses, registry.scans, registry.lesions
    chosen = choose_adjudicated_courses(courses, study.response)
    chosen = chosen[courses["period"].eq(1).to_numpy()[chosen]]
    rows = rows.assign(size=compute_sizes(rows, LONGEST)["size"])[rows["course"].isin(chosen)]
    start = courses["first_cycle"].reindex(scans["course"]).to_numpy()
    months = convert_days_to_months((scans["date"] - start) / np.timedelta64(1, "D"))
    therapy = courses["new_therapy_date"].reindex(scans["course"]).to_numpy()
    usable = scans["has_lesions"] & months.between(FIRST_MONTH, LAST_MONTH) & ~(scans["date"] >= therapy)
    away = (months - LANDMARK_MONTHS).abs()[usable & scans["kind"].eq(codes.FOLLOW_UP)]
    nearest = scans.loc[away.sort_values(kind="stable").index].drop_duplicates("course").index
    base = rows[rows["kind"].eq(codes.BASELINE) & rows["role"].eq(codes.TARGET)]
    later = rows[rows["scan"].isin(nearest) & rows["whole"]].drop_duplicates("series").set_index("series")
    after = later["size"].reindex(base["series"]).to_numpy()
    reasons = {
        "lesions of the course contradict each other": courses["fault"].ne("").to_numpy()[base["course"]],
        "no diameter at baseline": ~(base["size"] > 0).to_numpy(),
        f"no scan {FIRST_MONTH:g} to {LAST_MONTH:g} months after the first cycle, before a new anticancer therapy": (
            ~base["course"].isin(scans.loc[nearest, "course"])
        ).to_numpy(),
        "not evaluated at that scan": np.isnan(after),
    }
    keep, losses = np.ones(len(base), dtype=bool), []
    for reason, lost in reasons.items():
        losses.append(
            attrition_row("lesions", "rows", STEP, reason, int(keep.sum()), int((keep & lost).sum()))
        )
        keep &= ~lost
    found = pd.DataFrame(
        {
            "patient_id": courses["patient_id"].to_numpy()[base["course"]],
            "lesion_id": base["lesion_id"].astype(str).to_numpy(),
            "organ": base["organ"].astype("string").str.strip().str.lower().fillna("not recorded").to_numpy(),
            "diameter_mm": base["size"].to_numpy(),
            "change": after / base["size"].to_numpy() - 1,
        }
    )[keep]
    periods = tables["treatment_periods"]
    nuclide = periods[periods["period"].eq(1)].set_index("patient_id")["radionuclide"]
    dose = tables["lesions"].groupby(["patient_id", "lesion_id"], observed=True)["dose_gy"].max()
    found["radionuclide"] = nuclide.astype(str).reindex(found["patient_id"]).to_numpy()
    found["dose_gy"] = dose.reindex(pd.MultiIndex.from_frame(found[["patient_id", "lesion_id"]])).to_numpy()
    return found.reset_index(drop=True), losses


def summarise_lesion_change(lesions: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Result table `lesion_change`: mean change of lesions, one row a radionuclide and size class, and all sizes.

    lesions : as `derive_lesion_changes` returns them
    Means and intervals are those of an equation with an intercept alone, in which lesions of a patient are correlated.
    """
    rows = []
    for name, own in lesions.groupby("radionuclide"):
        for size, (low, high) in SIZE_CLASSES.items():
            part = own[own["diameter_mm"].between(low, high, inclusive="left")]
            fit = fit_clustered(part["change"], np.ones((len(part), 1)), part["patient_id"])
            row = {
                "radionuclide": name,
                "size_class": size,
                "median_diameter_mm": part["diameter_mm"].median(),
            }
            found = {"status": "too_few"} if fit is None else _describe(fit, 0, confidence)
            rows.append(row | _count(part) | found)
    table = pd.DataFrame(rows).rename(columns={"estimate": "mean_change"})
    return table.reindex(columns=list(load_schema("lesion_change").names))


def compare_lesion_change(
    lesions: pd.DataFrame, covariates: pd.DataFrame, reference: str, analysis: AnalysisSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Result tables `lesion_change_test` and `lesion_change_curve`: each radionuclide against the reference.

    lesions : as `derive_lesion_changes` returns them; covariates : of the same rows, known at baseline
    Each model holds a restricted cubic spline of the binary logarithm of the diameter, the radionuclide and their
    interaction, linear (per doubling of the diameter) or of the whole spline: without covariates; with organ and
    covariates (complete cases); and with the dose of the lesion too, where any is known.
    """
    tests, curves = [], list[pd.DataFrame]()
    for name in sorted(set(lesions["radionuclide"]) - {reference}):
        pair = lesions[lesions["radionuclide"].isin([name, reference])]
        organ = pair["organ"].where(
            pair["organ"].map(pair["organ"].value_counts()) >= FEWEST_OF_ORGAN, "other"
        )
        extra = covariates.loc[pair.index].assign(organ=organ.astype(str))
        models = {"unadjusted": extra.iloc[:, :0], "adjusted": extra}
        if pair["dose_gy"].notna().any():
            models["adjusted_dose"] = extra.assign(dose=pair["dose_gy"] / DOSE_STEP_GY)
        for model, held in models.items():
            part = pair[held.notna().all(axis=1)]
            terms, curve = _fit_model(part, held.loc[part.index], name, analysis)
            tests.append(terms.assign(model=model, radionuclide=name, reference=reference, **_count(part)))
            curves += [curve.assign(contrast=name)] if model == "adjusted" else []
    return pd.concat(tests, ignore_index=True), pd.concat(curves, ignore_index=True)


def _fit_model(
    part: pd.DataFrame, held: pd.DataFrame, name: str, analysis: AnalysisSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Terms of one model, and the expected change by diameter with each radionuclide at the mean of the covariates."""
    varying = held.loc[:, held.nunique() > 1]
    terms = ["interaction", "interaction_curved", "radionuclide", *(["dose"] if "dose" in varying else [])]
    given, n, level = part["radionuclide"].eq(name).to_numpy(), len(part), analysis.confidence.level
    if part["patient_id"].groupby(given).nunique().reindex([True, False]).fillna(0).min() < FEWEST_PATIENTS:
        return pd.DataFrame({"term": terms, "status": "too_few"}), pd.DataFrame()
    size = np.log2(part["diameter_mm"].to_numpy() / CENTRE_MM)
    knots = np.quantile(size, KNOT_QUANTILES)
    columns = derive_design_matrix(varying).matrix if len(varying.columns) else np.empty((n, 0))

    def lay_out(size: np.ndarray, given: np.ndarray, columns: np.ndarray) -> np.ndarray:
        spline, given = compute_spline_basis(size, knots), given[:, None]
        return np.column_stack(
            [np.ones(len(size)), given, given * spline[:, :1], spline, columns, given * spline[:, 1:]]
        )

    line = curved = None
    if np.diff(knots).min() > 0:
        design = lay_out(size, given, columns)
        line, curved = (
            fit_clustered(part["change"], x, part["patient_id"]) for x in (design[:, :-1], design)
        )
    if line is None or curved is None:
        return pd.DataFrame({"term": terms, "status": "not_estimable"}), pd.DataFrame()
    both = [2, -1]
    slopes, within = curved.estimate[both], curved.covariance[np.ix_(both, both)]
    wald = float(slopes @ np.linalg.solve(within, slopes)) / 2
    test = {"statistic": wald, "df": 2, "df_residual": curved.df, "p_value": stats.f.sf(wald, 2, curved.df)}
    found = [_describe(line, 2, level) | _resample(line, part, analysis), test | {"status": "ok"}]
    found += [_describe(line, place, level) for place in (1, -1)]
    grids = [np.linspace(*np.quantile(size[given == nuclide], [0.05, 0.95]), 31) for nuclide in (False, True)]
    grid, nuclide = np.concatenate(grids), np.repeat([False, True], 31)
    at = lay_out(grid, nuclide, np.tile(columns.mean(axis=0), (62, 1)))
    half = np.sqrt(np.einsum("ij,jk,ik->i", at, curved.covariance, at)) * stats.t.ppf(
        (1 + level) / 2, curved.df
    )
    mean = at @ curved.estimate
    others = part.loc[~given, "radionuclide"].iloc[0]
    shown = {"diameter_mm": CENTRE_MM * 2**grid, "change": mean, "low": mean - half, "high": mean + half}
    curve = pd.DataFrame(shown | {"radionuclide": np.where(nuclide, name, others)})
    return pd.DataFrame(found[: len(terms)]).assign(term=terms), curve


def _count(part: pd.DataFrame) -> dict:
    return {"n_lesions": len(part), "n_patients": part["patient_id"].nunique()}


def _describe(fit: ClusteredFit, place: int, confidence: float) -> dict:
    """Estimate, error, t test and interval of one coefficient."""
    estimate, error = float(fit.estimate[place]), float(np.sqrt(fit.covariance[place, place]))
    half = float(stats.t.ppf((1 + confidence) / 2, fit.df)) * error
    statistic = estimate / error if error > 0 else np.nan
    test = {
        "statistic": statistic,
        "df": 1,
        "df_residual": fit.df,
        "p_value": 2 * stats.t.sf(abs(statistic), fit.df),
    }
    limits = {"low": estimate - half, "high": estimate + half, "status": "ok"}
    return {"estimate": estimate, "std_error": error} | limits | test


def _resample(fit: ClusteredFit, part: pd.DataFrame, analysis: AnalysisSettings) -> dict:
    """Percentile interval of the interaction, patients drawn anew within radionuclide."""
    settings = analysis.bootstrap
    if not settings.replicates:
        return {}
    strata = part.groupby("patient_id", observed=True)["radionuclide"].first().astype(str)
    blocks = draw_weights(len(strata), settings.replicates, seed=settings.seed, stratum=strata)
    drawn = np.concatenate([bootstrap_clustered(fit, block)[:, 2] for block in blocks])
    tail = (1 - analysis.confidence.level) / 2
    return dict(
        zip(("bootstrap_low", "bootstrap_high"), np.nanquantile(drawn, [tail, 1 - tail]), strict=True)
    )
