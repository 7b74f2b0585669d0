"""Survival arithmetic of the truth, written apart from the estimators that are held against it."""

from __future__ import annotations

import numpy as np


def compute_kaplan_meier(time: np.ndarray, event: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kaplan-Meier curve: distinct times of events and survival just after each."""
    times, index = np.unique(time, return_inverse=True)
    deaths = np.bincount(index, weights=event, minlength=len(times))
    leaving = np.bincount(index, minlength=len(times))
    at_risk = len(time) - np.concatenate([[0], leaving.cumsum()[:-1]])
    survival = np.cumprod(1.0 - deaths / at_risk)
    return times[deaths > 0], survival[deaths > 0]


def compute_median(times: np.ndarray, survival: np.ndarray) -> float | None:
    """First time at which survival is at most one half; None where it is not reached."""
    reached = survival <= 0.5
    return float(times[reached.argmax()]) if reached.any() else None


def compute_survival_at(times: np.ndarray, survival: np.ndarray, at: float) -> float:
    """Survival at a time, events of that very time included."""
    place = np.searchsorted(times, at, side="right")
    return float(survival[place - 1]) if place > 0 else 1.0


def compute_restricted_mean(times: np.ndarray, survival: np.ndarray, horizon: float) -> float:
    """Area under the curve up to the horizon."""
    inside = times < horizon
    edges = np.concatenate([[0.0], times[inside], [horizon]])
    return float((np.concatenate([[1.0], survival[inside]]) * np.diff(edges)).sum())


def compute_state_hazard_ratio(
    time: np.ndarray, event: np.ndarray, entry: np.ndarray, start: np.ndarray
) -> float | None:
    """Hazard ratio of a state that is entered once and kept (Cox, Breslow ties).

    Parameters
    ----------
    time, event : end of observation and whether it is an event
    entry : start of observation; at risk from just after it
    start : time of entry into the state, infinite if never; 0 for a state known at the start

    Returns
    -------
    float or None
        None where one of the two states has no event.
    """
    change = np.maximum(np.minimum(start, time), entry)
    event = np.asarray(event, dtype=bool)
    inside = start < time
    distinct = np.unique(time[event])
    outside_d, inside_d = (
        np.bincount(np.searchsorted(distinct, time[event & state]), minlength=len(distinct))
        for state in (~inside, inside)
    )
    outside_n = _count_at_risk(distinct, entry, change)
    inside_n = _count_at_risk(distinct, change[inside], time[inside])
    if outside_d.sum() == 0 or inside_d.sum() == 0:
        return None
    total = outside_d + inside_d
    log_ratio = 0.0
    for _ in range(50):
        share = inside_n * np.exp(log_ratio) / np.maximum(outside_n + inside_n * np.exp(log_ratio), 1e-300)
        score = (inside_d - total * share).sum()
        information = (total * share * (1.0 - share)).sum()
        step = np.clip(score / max(information, 1e-300), -1.0, 1.0)
        log_ratio += step
        if abs(step) < 1e-10:
            break
    return float(np.exp(log_ratio))


def _count_at_risk(at: np.ndarray, entry: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Number of intervals (entry, end] that hold each time."""
    return np.searchsorted(np.sort(entry), at, side="left") - np.searchsorted(np.sort(end), at, side="left")


def compute_hazard_ratios(time: np.ndarray, event: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """Hazard ratios of a Cox model by Newton's method on sums over the risk sets (Breslow ties).

    Made for very many patients, where a library that walks over the distinct times is slow and ties matter
    little: with 30 events a day among 100,000 at risk Breslow and Efron agree to four digits.

    Parameters
    ----------
    time, event : end of observation and whether it is an event
    covariates : (patients, terms), no term constant
    """
    order = np.argsort(-time, kind="stable")
    times, happened = time[order], np.asarray(event, dtype=bool)[order]
    x = covariates[order] - covariates.mean(axis=0)
    terms = x.shape[1]
    last_of_time = np.searchsorted(-times, -times[happened], side="right") - 1
    first, second = np.triu_indices(terms)
    products = x[:, first] * x[:, second]
    beta = np.zeros(terms)
    for _ in range(30):
        weight = np.exp(x @ beta)
        total = weight.cumsum()[last_of_time]
        mean = (weight[:, None] * x).cumsum(axis=0)[last_of_time] / total[:, None]
        square = (weight[:, None] * products).cumsum(axis=0)[last_of_time] / total[:, None]
        score = (x[happened] - mean).sum(axis=0)
        information = np.zeros((terms, terms))
        information[first, second] = (square - mean[:, first] * mean[:, second]).sum(axis=0)
        information = information + np.triu(information, 1).T
        step = np.clip(np.linalg.solve(information, score), -1.0, 1.0)
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return np.exp(beta)
