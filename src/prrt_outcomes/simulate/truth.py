"""What a very large registry from the same model would show: the truth that estimates are held against.

Its survival arithmetic is written apart from the estimators that are held against it.
"""

import numpy as np
import pandas as pd

from prrt_outcomes.simulate.columns import MODEL, Array
from prrt_outcomes.simulate.controls import compute_kaplan_meier, draw_controls
from prrt_outcomes.simulate.history import simulate_outcomes
from prrt_outcomes.simulate.lesions import RESPONSES
from prrt_outcomes.simulate.patients import GRADES, TUMOUR_GROUPS
from prrt_outcomes.simulate.settings import SimulationSettings
from prrt_outcomes.units import DAYS_PER_MONTH


def compute_median(times: Array, survival: Array) -> float | None:
    """First time at which survival is at most one half; None where it is not reached."""
    reached = survival <= 0.5
    return float(times[reached.argmax()]) if reached.any() else None


def compute_survival_at(times: Array, survival: Array, at: float) -> float:
    """Survival at a time, events of that very time included."""
    place = np.searchsorted(times, at, side="right")
    return float(survival[place - 1]) if place > 0 else 1.0


def compute_restricted_mean(times: Array, survival: Array, horizon: float) -> float:
    """Area under the curve up to the horizon."""
    inside = times < horizon
    edges = np.concatenate([[0.0], times[inside], [horizon]])
    return float((np.concatenate([[1.0], survival[inside]]) * np.diff(edges)).sum())


def compute_hazard_ratios(time: Array, event: Array, covariates: Array, entry: Array | None = None) -> Array:
    """Hazard ratios of a Cox model by Newton's method on sums over the risk sets (Breslow ties).

    Made for very many patients, at risk from just after `entry` to `time`, where a library that walks over the
    distinct times is slow and ties matter little: with 30 events a day among 100,000 at risk Breslow and Efron agree
    to four digits.
    """
    happened = np.asarray(event, dtype=bool)
    x = (covariates - covariates.mean(axis=0)).T
    first, second = np.triu_indices(len(x))
    moments = np.vstack([np.ones(len(time)), x, x[first] * x[second]])
    at, deaths = np.unique(time[happened], return_counts=True)
    sides = []
    for days in (time,) if entry is None else (time, entry):
        order = np.argsort(-days)
        later = np.searchsorted(-days[order], -at, side="right")
        sides.append((x[:, order], moments[:, order], later))
    beta = np.zeros(len(x))
    for _ in range(50):
        sums = [
            (np.exp(beta @ own) * products).cumsum(axis=1)[:, later - 1] * (later > 0)
            for own, products, later in sides
        ]
        total = sums[0] - sum(sums[1:])
        mean, square = np.split(total[1:] / total[0], [len(x)])
        score = x[:, happened].sum(axis=1) - mean @ deaths
        information = np.zeros((len(x), len(x)))
        information[first, second] = (square - mean[first] * mean[second]) @ deaths
        information = information + np.triu(information, 1).T
        step = np.clip(np.linalg.solve(information, score), -1.0, 1.0)
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return np.exp(beta)


def compute_state_hazard_ratio(time: Array, event: Array, entry: Array, start: Array) -> float | None:
    """Hazard ratio of a state that is entered at `start` and kept; None where one of the two states has no event.

    `start` is infinite if the state is never entered, 0 if known at the start.
    """
    event = np.asarray(event, dtype=bool)
    inside = start < time
    if not (event & inside).any() or not (event & ~inside).any():
        return None
    change = np.maximum(np.minimum(start, time), entry)
    spells = np.concatenate([change, time[inside]]), np.concatenate([event & ~inside, event[inside]])
    state = np.repeat([0.0, 1.0], [len(time), inside.sum()])[:, None]
    return float(compute_hazard_ratios(*spells, state, np.concatenate([entry, change[inside]]))[0])


TRUTH_SEED = 20151122
CHUNK = 2_000
COX_TERMS = {"tumour_group": TUMOUR_GROUPS[1:], "grade": GRADES[1:]}


def compute_truth(
    settings: SimulationSettings, patients: int = 200_000, seed: int = TRUTH_SEED
) -> dict[str, object]:
    """Draw a large independent registry and compute what reports estimate, as plain numbers by name.

    With 200,000 patients the error of a median is about 0.1 months, that of a rate 0.001, that of the logarithm of a
    hazard ratio 0.01. What cannot be estimated is None.
    """
    drawn = _draw_large(settings, patients, seed)
    return {
        "patients": patients,
        "seed": seed,
        "response_rates": _summarise_response(drawn),
        "survival": {name: _summarise_survival(drawn, name) for name in ("pfs", "os")},
        "cox": {name: _summarise_cox(drawn, name) for name in ("pfs", "os")},
        "responders": {name: _summarise_responders(drawn, name) for name in ("pfs", "os")},
        "controls": _summarise_controls(drawn, settings, seed),
    }


def _draw_large(settings: SimulationSettings, patients: int, seed: int) -> pd.DataFrame:
    """Outcomes of many patients, drawn in parts that fit into the cache, with the groupings of the report."""
    parts = -(-patients // CHUNK)
    seeds = np.random.SeedSequence(seed).generate_state(parts)
    sizes = np.full(parts, CHUNK)
    sizes[-1] = patients - CHUNK * (parts - 1)
    outcomes = [simulate_outcomes(settings, int(n), int(s)) for n, s in zip(sizes, seeds, strict=True)]
    drawn = pd.concat(outcomes, ignore_index=True)
    response = pd.Series(np.array(RESPONSES)[drawn["best_response"]])
    return drawn.assign(
        tumour_group=np.array(TUMOUR_GROUPS)[drawn["tumour_group"]],
        grade=np.array(GRADES)[drawn["grade"]],
        radionuclide=np.where(drawn["y90"], "90Y", "177Lu"),
        response=response,
        response_group=response.map(MODEL.response_groups),
    )


def _summarise_response(drawn: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Shares of best responses of all patients and by radionuclide."""

    def shares(response: pd.Series) -> dict[str, float]:
        found = {name: float((response == name).mean()) for name in RESPONSES}
        found["objective"] = found["CR"] + found["PR"]
        found["disease_control"] = found["objective"] + found["SD"] + found["NON-CR/NON-PD"]
        found["change_mean"] = float(drawn.loc[response.index, "target_change"].mean())
        return found

    by_nuclide = {str(name): shares(part["response"]) for name, part in drawn.groupby("radionuclide")}
    return {"all": shares(drawn["response"]), **by_nuclide}


def _summarise_survival(drawn: pd.DataFrame, endpoint: str) -> dict[str, dict[str, dict]]:
    """Median, restricted mean and milestones of the whole and of groups."""

    def curve(part: pd.DataFrame) -> dict[str, object]:
        months = part[f"{endpoint}_days"].to_numpy(dtype=float) / DAYS_PER_MONTH
        times, survival = compute_kaplan_meier(months, part[f"{endpoint}_event"].to_numpy())
        return {
            "median_months": compute_median(times, survival),
            "rmst_months": compute_restricted_mean(times, survival, MODEL.rmst_months),
            "milestones": {m: compute_survival_at(times, survival, m) for m in MODEL.milestones_months},
        }

    groups = {"all": {"all": curve(drawn)}}
    for name in ("tumour_group", "grade", "radionuclide", "response_group"):
        groups[name] = {str(level): curve(part) for level, part in drawn.groupby(name)}
    return groups


def _summarise_cox(drawn: pd.DataFrame, endpoint: str) -> dict[str, dict]:
    """Hazard ratios of tumour group and grade, alone and together with age and sex."""
    terms = [(term, level) for term, levels in COX_TERMS.items() for level in levels]
    columns = {f"{term}:{level}": drawn[term] == level for term, level in terms}

    def fit(columns: dict[str, pd.Series]) -> dict[str, float]:
        """Hazard ratios; columns without variation are left out."""
        varying = {name: values for name, values in columns.items() if values.nunique() > 1}
        time, event = (drawn[f"{endpoint}_{what}"].to_numpy(dtype=float) for what in ("days", "event"))
        ratios = compute_hazard_ratios(time, event, np.column_stack(list(varying.values())).astype(float))
        return dict(zip(varying, ratios.tolist(), strict=True))

    alone: dict[str, float] = {}
    for term in COX_TERMS:
        alone |= fit({name: column for name, column in columns.items() if name.startswith(f"{term}:")})
    together = {**columns, "age_years": drawn["age_years"], "sex:male": ~drawn["female"]}
    return {"univariable": alone, "multivariable": fit(together)}


def _summarise_responders(drawn: pd.DataFrame, endpoint: str) -> dict[str, object]:
    """Hazard ratios of responders: the biased one, the time-dependent one, and from landmarks on."""
    time = drawn[f"{endpoint}_days"].to_numpy(dtype=float)
    event = drawn[f"{endpoint}_event"].to_numpy() == 1
    start = drawn["response_days"].fillna(np.inf).to_numpy()
    none = np.zeros(len(time))
    ever = np.where(np.isfinite(start), 0.0, np.inf)
    landmarks = {}
    for months in MODEL.landmark_months:
        day = months * DAYS_PER_MONTH
        still = time > day
        state = np.where(start[still] <= day, 0.0, np.inf)
        at = time[still], event[still], np.full(still.sum(), day), state
        landmarks[months] = compute_state_hazard_ratio(*at)
    return {
        "naive": compute_state_hazard_ratio(time, event, none, ever),
        "time_dependent": compute_state_hazard_ratio(time, event, none, start),
        "landmark": landmarks,
    }


def _summarise_controls(
    drawn: pd.DataFrame, settings: SimulationSettings, seed: int
) -> dict[str, dict[str, float | None]]:
    """Hazard ratios against the controls as they are, and against what would have become of the treated."""
    patients = len(drawn)
    found: dict[str, dict[str, float | None]] = {"pfs": {}, "os": {}}
    for name, like_cohort in (("unadjusted", False), ("att", True)):
        rng = np.random.default_rng([seed, int(like_cohort)])
        controls = draw_controls(settings, patients, rng, like_cohort=like_cohort)
        for endpoint in found:
            time = np.concatenate([drawn[f"{endpoint}_days"], controls[f"{endpoint}_days"]]).astype(float)
            event = np.concatenate([drawn[f"{endpoint}_event"], controls[f"{endpoint}_event"]]) == 1
            treated = np.repeat([0.0, np.inf], patients)
            found[endpoint][name] = compute_state_hazard_ratio(time, event, np.zeros(len(time)), treated)
    return found
