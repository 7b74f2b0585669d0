"""What a confounder that was not measured makes of a ratio: an array of its values, and draws from their ranges."""

import math

import numpy as np
import pandas as pd

from prrt_outcomes.controls.control_results import comparison_row
from prrt_outcomes.study.analysis import AnalysisSettings
from prrt_outcomes.study.controls import UnmeasuredConfounder

DRAWS = 10_000


def compute_confounded_ratio(prevalence, prevalence_control, hazard_ratio):
    """Ratio that a confounder makes where treatment does nothing: (1 + p (g - 1)) / (1 + p_control (g - 1)).

    A yes/no confounder with ratio g on the outcome; exact for ratios of risks, close for hazards where events are few
    or g is moderate, too strong for those where most have the event. Sources: Bross 1966, Journal of Chronic Diseases
    19:637; Schneeweiss 2006, Pharmacoepidemiology and Drug Safety 15:291; Lin, Psaty and Kronmal 1998, Biometrics
    54:948 (hazards).

    >>> compute_confounded_ratio(0.2, 0.4, 2.0).item()
    0.8571428571428571
    """
    excess = np.asarray(hazard_ratio, dtype=float) - 1
    return (1 + prevalence * excess) / (1 + prevalence_control * excess)


def tabulate_bias_array(row: dict, confounder: UnmeasuredConfounder) -> pd.DataFrame:
    """Rows of `control_bias` but for control and endpoint: the ratio of `row` without the confounder.

    Every combination of the ends of both prevalences, and of the ends and the geometric middle of the hazard ratio;
    empty where `row` has no interval.
    """
    if not np.isfinite([row["value"], row["low"], row["high"]]).all():
        return pd.DataFrame()
    ends = confounder.hazard_ratio
    ratios = (ends[0], math.sqrt(ends[0] * ends[1]), ends[1])
    axes = (confounder.prevalence, confounder.prevalence_control, ratios)
    grid = np.array(np.meshgrid(*(np.unique(axis) for axis in axes), indexing="ij")).reshape(3, -1)
    names = ("prevalence", "prevalence_control", "confounder_hazard_ratio")
    table = pd.DataFrame(dict(zip(names, grid, strict=True)) | {"bias": compute_confounded_ratio(*grid)})
    adjusted = {name: row[name] / table["bias"] for name in ("value", "low", "high")}
    return table.assign(**{name: row[name] for name in ("method", "weights", "n", "n_control")}, **adjusted)


def draw_bias(row: dict, confounder: UnmeasuredConfounder, settings: AnalysisSettings) -> list[dict]:
    """Row of `controls` with the ratio of `row` without the confounder, median and percentiles of 10,000 draws.

    Prevalences are uniform, the logarithm of the hazard ratio too, within their ranges, each on its own; the random
    error is normal on the log scale. None where `row` has no interval. Source: Lash, Fox and Fink 2009, Applying
    Quantitative Bias Analysis to Epidemiologic Data, chapter 8.
    """
    error = row["std_error"]
    if not np.isfinite([row["value"], error]).all() or row["value"] <= 0:
        return []
    generator = np.random.default_rng(settings.bootstrap.seed)
    ranges = confounder.prevalence, confounder.prevalence_control, np.log(confounder.hazard_ratio)
    prevalence, theirs, logs = (generator.uniform(low, high, DRAWS) for low, high in ranges)
    random = generator.normal(math.log(row["value"]), error, DRAWS)
    drawn = np.exp(random) / compute_confounded_ratio(prevalence, theirs, np.exp(logs))
    tail = (1 - settings.confidence.level) / 2
    low, value, high = np.quantile(drawn, [tail, 0.5, 1 - tail]).tolist()
    lost = float((drawn >= 1).mean() if row["value"] < 1 else (drawn <= 1).mean())
    kept = {name: row[name] for name in ("weights", "n", "n_control", "ess", "ess_control")}
    note = f"{lost:.1%} of {DRAWS:,} simulated ratios are {'1 or more' if row['value'] < 1 else '1 or less'}"
    numbers = {"value": value, "low": low, "high": high, "std_error": float(np.log(drawn).std())}
    words = confounder.describe()
    return [comparison_row("bias_analysis", "adjusted_ratio", assumption=words, note=note, **numbers, **kept)]
