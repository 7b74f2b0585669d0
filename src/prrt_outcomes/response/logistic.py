"""Logistic model of objective response; with Firth's penalty beside it where the likelihood is not enough."""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import ndtri

from prrt_outcomes.cohort.grouping import add_absent_levels, list_levels, select_comparable
from prrt_outcomes.response.codes import OBJECTIVE
from prrt_outcomes.statistics.cox import compute_ratio
from prrt_outcomes.statistics.model_rows import compute_centre_and_scale, derive_design_matrix


def summarise_response_models(
    best: pd.DataFrame,
    covariates: pd.DataFrame,
    references: Mapping[str, str],
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Result table `response_model`: logistic models of objective response (CR or PR).

    best : rows of `best_responses` of the primary reader and the initial period
    covariates : one row a row of `best`, numbers and categories; missing values are left out (complete cases)
    Returns one row a criterion, confirmation rule, model and coefficient. Models: `univariable`,
    `multivariable`, and where the likelihood has no maximum or there are under 10 events a parameter, the
    same with Firth's penalty (`_firth`; profile-likelihood bounds).
    """
    frames = []
    for (criterion, confirmed), part in best.groupby(["criterion", "confirmed"], sort=False):
        event = part["best_response"].isin(OBJECTIVE).to_numpy(dtype=float)
        own = covariates.loc[part.index]
        plans = [("univariable", [name]) for name in own.columns]
        together = list(own.columns[own.nunique() > 1])
        if len(together) > 1:
            plans.append(("multivariable", together))
        for model, names in plans:
            table = fit_response_model(event, own[names], references, level=level)
            table["model"] = model + table.pop("suffix")
            frames.append(table.assign(criterion=str(criterion), confirmed=bool(confirmed)))
    columns = ["criterion", "confirmed", "model", *COEFFICIENT_COLUMNS]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)


COEFFICIENT_COLUMNS = (
    "term", "level", "reference", "n", "events", "log_odds_ratio", "std_error", "odds_ratio", "odds_ratio_low",
    "odds_ratio_high", "p_value", "status", "n_level", "events_level", "n_reference", "events_reference",
)  # fmt: skip
EVENTS_A_PARAMETER = 10


def fit_response_model(
    event: np.ndarray, covariates: pd.DataFrame, references: Mapping[str, str], *, level: float = 0.95
) -> pd.DataFrame:
    """Logistic regression of a 0/1 outcome: one row a coefficient, the intercept left out.

    Returns the columns of `response_model` without criterion and confirmed; `suffix` is empty or ``_firth``.
    Status: `too_few` (fewer than two outcomes, or no complete case), `not_estimable` (constant or collinear
    columns), `separation`, `few_events`, `not_converged` (Firth), `ok`. Events are those of the rarer
    outcome.
    """
    from firthmodels import detect_separation
    from statsmodels.discrete.discrete_model import Logit

    y = event[covariates.notna().all(axis=1)]
    n, events = len(y), int(y.sum())
    names = {"n": "n_level", "events": "events_level", "n_model": "n", "events_model": "events"}
    asked = list_levels(covariates, references, event).rename(columns=names).assign(suffix="")
    comparable, used = select_comparable(covariates, references)
    if min(events, n - events) == 0 or not len(comparable.columns):
        status = "not_estimable" if 0 < events < n else "too_few" if n == 0 or events == n else "no_events"
        return _fill(asked, None, level, status)
    design = derive_design_matrix(comparable, references=used)
    head = pd.DataFrame([vars(column) for column in design.columns])[["term", "level"]]
    full = np.column_stack([np.ones(n), design.matrix])
    if np.linalg.matrix_rank(full) < full.shape[1]:
        return _fill(asked, None, level, "not_estimable")
    few = min(events, n - events) < EVENTS_A_PARAMETER * design.matrix.shape[1]
    centre, scale = compute_centre_and_scale(design.matrix)
    if detect_separation((design.matrix - centre) / scale, y).separation:
        status, plain = "separation", None
    else:
        fit = Logit(y, full).fit(disp=0, method="newton", maxiter=100, tol=1e-12)
        status = "few_events" if few else "ok"
        plain = (fit.params[1:], fit.bse[1:], fit.pvalues[1:], None, None)
    table = add_absent_levels(_fill(head, plain, level, status), asked)
    if status == "ok":
        return table
    firth = _fit_firth(design.matrix, y, level)
    penalised = _fill(head, firth, level, "ok" if firth is not None else "not_converged")
    penalised = add_absent_levels(penalised, asked.assign(suffix="_firth"))
    return pd.concat([table, penalised], ignore_index=True)


def _fit_firth(matrix: np.ndarray, y: np.ndarray, level: float) -> tuple[np.ndarray, ...] | None:
    """Firth's penalty: coefficient, standard error, likelihood-ratio p-value, profile-likelihood bounds.

    None where the penalised likelihood does not converge. Columns are centred and scaled while they are fitted.
    """
    from firthmodels import FirthLogisticRegression

    centre, scale = compute_centre_and_scale(matrix)
    k, scaled = matrix.shape[1], (matrix - centre) / scale
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fit = FirthLogisticRegression(backend="numpy", max_iter=500, gtol=1e-6, xtol=1e-6).fit(scaled, y)
            fit.lrt(features=list(range(k)))
            bounds = fit.conf_int(alpha=1 - level, method="pl", features=list(range(k)), max_iter=200)
        except (Warning, np.linalg.LinAlgError):
            return None
    low, high = bounds[:k, 0] / scale, bounds[:k, 1] / scale
    return fit.coef_ / scale, fit.bse_[:k] / scale, fit.lrt_pvalues_[:k], low, high


def _fill(head: pd.DataFrame, fit: tuple | None, level: float, status: str) -> pd.DataFrame:
    """Coefficients beside their names; empty where nothing could be fitted."""
    empty = np.full(len(head), np.nan)
    coefficient, std_error, p_value, low, high = fit if fit is not None else (empty,) * 5
    if low is None:
        half = ndtri(0.5 + level / 2) * std_error
        low, high = coefficient - half, coefficient + half
    names, logs = ("odds_ratio", "odds_ratio_low", "odds_ratio_high"), (coefficient, low, high)
    ratios = {name: compute_ratio(log) for name, log in zip(names, logs, strict=True)}
    return head.assign(
        log_odds_ratio=coefficient, std_error=std_error, p_value=p_value, status=status, **ratios
    )
