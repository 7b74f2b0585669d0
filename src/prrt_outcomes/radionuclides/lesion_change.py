"""Change of target lesions a year after the first cycle, by radionuclide and by diameter at baseline."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import fdtrc, stdtr, stdtrit

from prrt_outcomes.attrition import attrition_row
from prrt_outcomes.response import codes
from prrt_outcomes.response.criteria import NAMED
from prrt_outcomes.response.criterion_run import filter_known
from prrt_outcomes.response.lesions import compute_sizes
from prrt_outcomes.response.scans import choose_adjudicated_courses, derive_registry
from prrt_outcomes.statistics.clustered import ClusteredFit, compute_spline_basis, fit_clustered
from prrt_outcomes.statistics.model_rows import derive_design_matrix
from prrt_outcomes.statistics.weights import draw_weights
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.units import convert_days_to_months

SIZE_CLASSES = {"all": (0, np.inf), "under_20_mm": (0, 20), "20_to_50_mm": (20, 50)}
SIZE_CLASSES["50_mm_or_more"] = (50, np.inf)
KNOT_QUANTILES = (0.10, 0.50, 0.90)
CENTRE_MM, DOSE_STEP_GY, LANDMARK_MONTHS = 30.0, 10.0, 12.0
FEWEST_PATIENTS, FEWEST_OF_ORGAN = 10, 10
NO_SCAN = "no scan 6 to 18 months after the first cycle, before a new anticancer therapy"
NO_BASELINE = "no baseline within the days allowed before the first cycle"
LONGEST = NAMED["recist_1_1"].model_copy(update={"node_short_axis": False})


def derive_lesion_changes(tables: Mapping, study: Study) -> tuple[pd.DataFrame, list[dict]]:
    """Target lesions of the initial period, as the primary reader saw them, and what could not be used.

    Returns one row a lesion: patient_id, radionuclide (of the first cycle), several (others were given, too),
    organ, diameter_mm (longest, at baseline), change (proportion of it, at the scan nearest to 12 months after the
    first cycle, from 6 to 18 months and before a new anticancer therapy; ties: the earlier one), months (of that
    scan) and dose_gy; and the rows of attrition, of target lesions, in which patients given several radionuclides
    in the period count as lost. A lesion that is too small counts 5 mm, one that is absent 0. The best change is
    not used: whoever is scanned longer has more chances of a small value.
    """
    scanned = ("assessments", "lesions")
    known = {name: filter_known(tables[name], "assessment_date", study) for name in scanned}
    registry = derive_registry({**tables, **known}, study)
    courses, scans, rows = registry.courses, registry.scans, registry.lesions
    chosen = courses.loc[choose_adjudicated_courses(courses, study.response)]
    rows = rows.assign(size=compute_sizes(rows, LONGEST)["size"])
    base = rows[rows["kind"].eq(codes.BASELINE) & rows["role"].eq(codes.TARGET)]
    initial = chosen[chosen["period"].eq(1)]
    base = base[base["course"].isin(initial.index)].reset_index(drop=True)
    read = scans.loc[scans["kind"].eq(codes.BASELINE) & scans["has_lesions"], "course"]
    without = initial.loc[~initial.index.isin(read), ["patient_id", "reader"]].astype(str)
    targets = known["lesions"][known["lesions"]["role"].eq("target")].astype(dict.fromkeys(without, str))
    unread = len(targets.merge(without).drop_duplicates(["patient_id", "lesion_id"]))
    periods, by_lesion = tables["treatment_periods"], ["patient_id", "lesion_id"]
    treated = periods[periods["period"].eq(1)].set_index("patient_id")
    start, therapy = (scans["course"].map(courses[name]) for name in ("first_cycle", "new_therapy_date"))
    months = convert_days_to_months((scans["date"] - start).dt.days)
    usable = scans["has_lesions"] & months.between(6, 18) & ~(scans["date"] >= therapy)
    away = (months - LANDMARK_MONTHS).abs()[usable & scans["kind"].eq(codes.FOLLOW_UP)]
    nearest = scans.loc[away.sort_values(kind="stable").index].drop_duplicates("course")
    later = rows[rows["scan"].isin(nearest.index) & rows["whole"]]
    later = later.drop_duplicates("series").set_index("series")
    after, by_course = base["series"].map(later["size"]), base["course"].map
    several = treated["several_radionuclides"].fillna(False).to_numpy(bool)
    patient = by_course(courses["patient_id"])
    reasons = {
        "several radionuclides were given": patient.isin(treated.index[several]),
        "lesions of the course contradict each other": by_course(courses["fault"]).ne(""),
        "no diameter at baseline": ~base["size"].gt(0),
        NO_SCAN: ~base["course"].isin(nearest["course"]),
        "not evaluated at that scan": after.isna(),
    }
    keep, usable = pd.Series(True, base.index), ~pd.concat(list(reasons.values())[1:], axis=1).any(axis=1)
    step = ("lesions", "rows", "radionuclides: change of lesions")
    losses = [attrition_row(*step, NO_BASELINE, len(base) + unread, unread)]
    for reason, lost in reasons.items():
        losses.append(attrition_row(*step, reason, int(keep.sum()), int((keep & lost).sum())))
        keep &= ~lost
    dose = tables["lesions"].groupby(by_lesion, observed=True)["dose_gy"].max()
    at = by_course(months[nearest.index].set_axis(nearest["course"]))
    found = base.assign(patient_id=patient, change=after / base["size"] - 1, months=at)
    found = found.assign(several=reasons["several radionuclides were given"])[usable]
    organ = found["organ"].astype(object).fillna("not recorded").str.strip().str.lower()
    nuclide = found["patient_id"].map(treated["radionuclide"].astype(str))
    found = found.assign(radionuclide=nuclide, organ=organ).astype({"lesion_id": str})
    found = found.join(dose, on=by_lesion).rename(columns={"size": "diameter_mm"}).reset_index(drop=True)
    columns = ["radionuclide", "several", "organ", "diameter_mm", "change", "months", "dose_gy"]
    return found[[*by_lesion, *columns]], losses


def summarise_lesion_change(lesions: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Result table `lesion_change`: mean change of lesions, one row a radionuclide and size class, and all sizes.

    lesions : as `derive_lesion_changes` returns them
    Means and intervals are those of an equation with an intercept alone, in which lesions of a patient are correlated.
    """
    rows = []
    for name, own in lesions.groupby("radionuclide", observed=True):
        for size, (low, high) in SIZE_CLASSES.items():
            part = own[own["diameter_mm"].between(low, high, inclusive="left")]
            row = {"radionuclide": name, "size_class": size}
            row["median_diameter_mm"], row["median_months"] = part[["diameter_mm", "months"]].median()
            fit = fit_clustered(part["change"], np.ones((len(part), 1)), part["patient_id"])
            found = _describe(fit, 0, confidence) if fit is not None else {"status": "too_few"}
            rows.append(row | _count(part) | found)
    table = pd.DataFrame(rows).rename(columns={"estimate": "mean_change"})
    return table.reindex(columns=list(load_schema("lesion_change").names))


def compare_lesion_change(
    lesions: pd.DataFrame, covariates: pd.DataFrame, reference: str, analysis: AnalysisSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Result tables `lesion_change_test` and `lesion_change_curve`: each radionuclide against the reference.

    lesions : as `derive_lesion_changes` returns them; covariates : of the same rows, known at baseline
    Each model holds a restricted cubic spline of the binary logarithm of the diameter, the radionuclide and their
    interaction, linear (per doubling of the diameter) or of the whole spline: without covariates; with organ, month
    of the scan and covariates (complete cases); and with the dose of the lesion too, where any is known. These
    leave out who was given several radionuclides, which is known only later; `first_cycle` holds them, too, by the
    first one.
    """
    tests, curves = [], []
    for name in sorted(set(lesions.loc[~lesions["several"], "radionuclide"]) - {reference}):
        everyone = lesions[lesions["radionuclide"].isin([name, reference])]
        pair = everyone[~everyone["several"]]
        extra = _gather_covariates(pair, covariates)
        models = {"unadjusted": extra.iloc[:, :0], "adjusted": extra}
        if pair["dose_gy"].notna().any():
            models["adjusted_dose"] = extra.assign(dose=pair["dose_gy"] / DOSE_STEP_GY)
        if len(everyone) > len(pair):
            models["first_cycle"] = _gather_covariates(everyone, covariates)
        for model, held in models.items():
            part = everyone.loc[held.index[held.notna().all(axis=1)]]
            terms, curve = _fit_model(part, held.loc[part.index], name, analysis)
            tests.append(terms.assign(model=model, radionuclide=name, reference=reference, **_count(part)))
            curves += [curve.assign(contrast=name)] if model == "adjusted" else []
    return pd.concat(tests, ignore_index=True), pd.concat(curves, ignore_index=True)


def _gather_covariates(rows: pd.DataFrame, covariates: pd.DataFrame) -> pd.DataFrame:
    many = rows.groupby("organ")["organ"].transform("size") >= FEWEST_OF_ORGAN
    return covariates.loc[rows.index].assign(organ=rows["organ"].where(many, "other"), months=rows["months"])


def _fit_model(
    part: pd.DataFrame, held: pd.DataFrame, name: str, analysis: AnalysisSettings
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Terms of one model, and the expected change by diameter with each radionuclide at the mean of the covariates."""
    varying = held.loc[:, held.nunique() > 1]
    terms = ["interaction", "interaction_curved", "radionuclide", *(["dose"] if "dose" in varying else [])]
    given, patients = part["radionuclide"].eq(name).to_numpy(), part["patient_id"]
    level, settings = analysis.confidence.level, analysis.bootstrap
    if min(patients[given].nunique(), patients[~given].nunique()) < FEWEST_PATIENTS:
        return pd.DataFrame({"term": terms, "status": "too_few"}), pd.DataFrame()
    size = np.log2(part["diameter_mm"].to_numpy() / CENTRE_MM)
    knots = np.quantile(size, KNOT_QUANTILES)
    columns = derive_design_matrix(varying).matrix if len(varying.columns) else np.empty((len(part), 0))

    def lay_out(size: np.ndarray, given: np.ndarray, columns: np.ndarray) -> np.ndarray:
        line, curve = compute_spline_basis(size, knots).T
        return np.column_stack([size**0, given, given * line, line, curve, columns, given * curve])

    fits: list[ClusteredFit | None] = [None, None]
    if np.diff(knots).min() > 0:
        design = lay_out(size, given, columns)
        fits = [fit_clustered(part["change"], x, patients) for x in (design[:, :-1], design)]
    line, curved = fits
    if line is None or curved is None:
        return pd.DataFrame({"term": terms, "status": "not_estimable"}), pd.DataFrame()
    slopes, within = curved.estimate[[2, -1]], curved.covariance[np.ix_([2, -1], [2, -1])]
    wald = float(slopes @ np.linalg.solve(within, slopes)) / 2
    joint = {"statistic": wald, "df": 2, "p_value": fdtrc(2, curved.df, wald), "status": "ok"}
    linear, shift, last = (_describe(line, place, level) for place in (2, 1, -1))
    rows = [linear, joint | {"df_residual": curved.df}, shift, last]
    if settings.replicates:
        strata, tail = part.groupby("patient_id")["radionuclide"].first(), (1 - level) / 2
        blocks = draw_weights(len(strata), settings.replicates, seed=settings.seed, stratum=strata)
        drawn = np.concatenate([line.resample(block)[:, 2] for block in blocks])
        rows[0]["bootstrap_low"], rows[0]["bootstrap_high"] = np.nanquantile(drawn, [tail, 1 - tail])
    ends = [np.quantile(size[given == nuclide], [0.05, 0.95]) for nuclide in (False, True)]
    grid = np.concatenate([np.linspace(end[0], end[1], 31) for end in ends])
    nuclide = np.repeat([False, True], 31)
    at = lay_out(grid, nuclide, np.tile(columns.mean(axis=0), (62, 1)))
    half = np.sqrt(((at @ curved.covariance) * at).sum(axis=1)) * stdtrit(curved.df, (1 + level) / 2)
    shown = {"diameter_mm": CENTRE_MM * 2**grid, "change": at @ curved.estimate}
    limits = {"low": shown["change"] - half, "high": shown["change"] + half}
    names = np.where(nuclide, name, part.loc[~given, "radionuclide"].iloc[0])
    curve = pd.DataFrame(shown | limits | {"radionuclide": names})
    return pd.DataFrame(rows[: len(terms)]).assign(term=terms), curve


def _count(part: pd.DataFrame) -> dict:
    return {"n_lesions": len(part), "n_patients": part["patient_id"].nunique()}


def _describe(fit: ClusteredFit, place: int, confidence: float) -> dict:
    """Estimate, error, t test and interval of one coefficient."""
    estimate, error = float(fit.estimate[place]), float(np.sqrt(fit.covariance[place, place]))
    half = stdtrit(fit.df, (1 + confidence) / 2) * error
    t = estimate / error if error > 0 else np.nan
    test = {"statistic": t, "df": 1, "df_residual": fit.df, "p_value": 2 * stdtr(fit.df, -abs(t))}
    limits = {"low": estimate - half, "high": estimate + half, "status": "ok"}
    return {"estimate": estimate, "std_error": error} | limits | test
