"""Each comparison as an estimand (ICH E9(R1)): with controls, and of responders with others."""

import numpy as np
import pandas as pd

from prrt_outcomes.appraisal.compared import Tables, flag_events, select_compared
from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.controls.library import title_control, write_out_control
from prrt_outcomes.controls.target_trial import NOT_STATED, TARGET_PATIENTS
from prrt_outcomes.endpoints.estimands import list_intercurrent_events
from prrt_outcomes.study.controls import Control
from prrt_outcomes.study.endpoints import EndpointDefinition
from prrt_outcomes.study.model import Study
from prrt_outcomes.study.multiplicity import RESPONDERS
from prrt_outcomes.tables.frames import pick_rows
from prrt_outcomes.tables.schema import load_schema
from prrt_outcomes.units import DAYS_PER_MONTH

UNSAID = {
    "retreatment": "a new period of PRRT is a new anticancer therapy",
    "missed_assessments": "the endpoint needs no scans",
    "death": "death is part of the event",
}
OF_BOTH_SIDES = ("new_therapy", "missed_assessments")
STATE = {"landmark": "by the landmark", "time_dependent_cox": "from the day of the scan that showed it"}


def tabulate_estimands(tables: Tables, study: Study) -> pd.DataFrame:
    """Result table `comparison_estimands`: one row a comparison and attribute.

    `tables`: estimands, endpoints, analysis_set, treatment_periods, therapies, controls, responders. `n` of an
    intercurrent event are our patients in whom it occurred on or before the end of the time of the endpoint, `total`
    those who are compared and in whom it is known. What a control does not state is said not to be stated.
    """
    parts: list[dict] = []
    for endpoint in study.endpoints:
        stated = pick_rows(tables["estimands"], endpoint=endpoint.name, variant="")
        own = pick_rows(tables["endpoints"], endpoint=endpoint.name)
        if stated.empty or own.empty:
            continue
        words = stated.iloc[0].to_dict()
        for control in (c for c in study.controls if c.endpoint == endpoint.name):
            row = primary_estimate(tables["controls"], control)
            if row is not None:
                ours = select_compared(tables, control, row)
                events = _list_events(ours, tables, endpoint, study, until=row["horizon_months"])
                base = {"comparison": control.id, "endpoint": endpoint.name, "method": row["method"]}
                parts += (base | part for part in _describe_control(control, row, words, events))
        for row in _select_responders(tables["responders"], study, endpoint.name):
            month = row["landmark_months"] if row["method"] == "landmark" else 0.0
            after = own[own["time_days"] > month * DAYS_PER_MONTH]
            events = _list_events(after, tables, endpoint, study, since=month)
            base = {"comparison": RESPONDERS, "endpoint": endpoint.name, "method": row["method"]}
            parts += (base | part for part in _describe_responders(row, words, events))
    return pd.DataFrame(parts)


def _list_events(
    own: pd.DataFrame, tables: Tables, endpoint: EndpointDefinition, study: Study, **window: float
) -> list[dict]:
    """Rows of the intercurrent events: strategy, words and our patients, in a window of `flag_events`."""
    events = list_intercurrent_events(endpoint, study)
    if own["reason"].eq("reported").all():
        same = {"strategy": "not_stated", "words": "as the source handled it", "total": len(own)}
        return [{"attribute": name} | same for name in events]
    flags, rows = flag_events(own, tables, study, **window), []
    for name, (strategy, words) in events.items():
        known = flags[name].dropna()
        counted = bool(strategy) and len(known) > 0
        row = {"attribute": name, "strategy": strategy or "not_applicable", "words": words or UNSAID[name]}
        counts = (int(known.sum()), len(known)) if counted else (np.nan, len(own))
        rows.append(row | dict(zip(("n", "total"), counts, strict=True)))
    return rows


def _describe_control(control: Control, row: dict, words: dict, events: list[dict]) -> list[dict]:
    """Rows of the comparison with a control, by the estimate that it is quoted by."""
    known, columns = write_out_control(control), load_schema("controls")
    weights = str(row["weights"])
    who = "our patients who fit the arm" if row["population"] == "fitting" else "all our patients, unweighted"
    who = TARGET_PATIENTS.get(weights, who)
    within = "; ".join(f"{name}: {', '.join(map(str, levels))}" for name, levels in control.within.items())
    rule, crossover = (getattr(known, name, "") or NOT_STATED for name in ("censoring_rule", "crossover"))
    later = f"later PRRT or other therapy: {crossover}"
    theirs = [title_control(control), getattr(known, "population", ""), later]
    names = ["observed over expected events"]
    if row["estimate"] != "smr":
        names = ["hazard ratio", columns.field("method").label(row["method"])]
    names += [columns.field("weights").label(weights)] if weights in TARGET_PATIENTS else []
    window = f", up to month {row['horizon_months']:g}" if row["horizon_months"] > 0 else ""
    for event in events:
        if event["attribute"] in OF_BOTH_SIDES and event["strategy"] != "not_applicable":
            event["words"] += f"; in the control: {rule}"
    counts = {"n": row["n"], "total": words["n"], "words": f"{who} ({within})" if within else who}
    return [
        {"attribute": "population"} | counts,
        {"attribute": "treatment", "words": words["treatment"]},
        {"attribute": "comparator", "n": row["n_control"], "words": "; ".join(filter(None, theirs))},
        {"attribute": "variable", "words": f"{words['variable']}{window}"},
        *events,
        {"attribute": "summary", "words": ", ".join(names)},
    ]


def _select_responders(responders: pd.DataFrame, study: Study, endpoint: str) -> list[dict]:
    """The unadjusted comparisons of responders with all others that have an estimate and no guarantee-time bias."""
    keys = {"comparison": RESPONDERS, "criterion": study.response.primary_criterion, "endpoint": endpoint}
    rows = pick_rows(responders, **keys)
    plain = ~rows["adjusted"].fillna(False) & ~rows["weighted"].fillna(False)
    return rows[plain & rows["method"].isin(STATE) & rows["hazard_ratio"].notna()].to_dict("records")


def _describe_responders(row: dict, words: dict, events: list[dict]) -> list[dict]:
    """Rows of one comparison of responders with others."""
    state = STATE[row["method"]]
    month = row["landmark_months"] if row["method"] == "landmark" else None
    who, counted = "all patients, by their state on each day", ""
    summary = "hazard ratio for the response state; not a causal effect of response"
    if month is not None:
        gone = "patients with an event or censored before are excluded"
        who = f"patients at risk after month {month:g}; {gone}"
        counted = f", counted from month {month:g} on"
    parts = [
        {"attribute": "population", "n": row["n"], "total": row["n"] + row["excluded"], "words": who},
        {"attribute": "treatment", "words": f"{words['treatment']}; response {state}"},
        {"attribute": "comparator", "words": f"{words['treatment']}; no response {state}"},
        {"attribute": "variable", "words": f"{words['variable']}{counted}"},
        *events,
        {"attribute": "summary", "words": summary},
    ]
    return [part | {"landmark_months": month} for part in parts]
