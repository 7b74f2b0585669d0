"""Risk of bias of each comparison with a control by the domains of ROBINS-I, judged from what the run knows."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import pandas as pd
import yaml

from prrt_outcomes.controls.comparability import DIFFERENT, SAME, UNKNOWN
from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.controls.library import write_out_control
from prrt_outcomes.controls.rating import NO_COMPARISON, SOUND
from prrt_outcomes.study.controls import Control
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import pick_rows

Tables = Mapping[str, pd.DataFrame]
LOW, MODERATE, SERIOUS, CRITICAL, NO_INFORMATION = "low", "moderate", "serious", "critical", "no_information"
JUDGEMENTS = (LOW, MODERATE, NO_INFORMATION, SERIOUS, CRITICAL)
"""From the best to the worst: what is not known is worse than what is known to be moderate."""
OF_PATIENTS = {
    "progression_before_treatment": ("progressive_at_baseline",),
    "line": ("prior_lines",),
    "tumour_type": ("tumour_type", "tumour_group"),
    "grade": ("grade", "ki67_percent"),
    "performance": ("ecog", "karnofsky"),
}
"""Items of the comparability table that are of the patients, and the covariates that balance each."""
MOST_MISSING, MOST_SWITCHED, MOST_LOST = 0.05, 0.10, 0.10
TRIAL, CARD, CONTROLS, ENDPOINTS = "control_target_trial", "control_comparability", "controls", "endpoints"


class Fact(NamedTuple):
    """Whether something is as in a trial (same, different, unknown), in words, and the table that tells."""

    state: str
    words: str
    table: str


@cache
def load_domains() -> dict[str, dict]:
    """Domains by name, with their facts and judgements (`robins_i.yaml`)."""
    return yaml.safe_load((files("prrt_outcomes.appraisal") / "robins_i.yaml").read_text("utf-8"))


def judge_bias(tables: Tables, study: Study) -> pd.DataFrame:
    """Result table `risk_of_bias`: one row a control that has an estimate, and domain, with `overall`.

    A domain is judged by the most serious fact that differs; where none does and a fact is not known, there is no
    information; else it is as good as its `best`. Overall is the worst of the domains (Sterne 2016, BMJ 355:i4919).
    """
    rows = []
    for control in study.controls:
        quoted = primary_estimate(tables["controls"], control)
        if quoted is None:
            continue
        facts = {**_read_card(tables, control), **_gather_facts(tables, control, quoted)}
        scanned = next(e for e in study.endpoints if e.name == control.endpoint).progression != "ignore"
        judged = [_judge(name, domain, facts, scanned) for name, domain in load_domains().items()]
        worst = max((row["judgement"] for row in judged), key=JUDGEMENTS.index)
        why = [row["domain"].replace("_", " ") for row in judged if row["judgement"] == worst]
        overall = {
            "domain": "overall",
            "judgement": worst,
            "answer": ", ".join(why),
            "table": "risk_of_bias",
        }
        base = {"control": control.id, "endpoint": control.endpoint}
        rows += [base | row for row in (*judged, overall | {"rule": "the worst of the domains"})]
    return pd.DataFrame(rows)


def _judge(name: str, domain: dict, facts: Mapping[str, Fact], scanned: bool) -> dict:
    best = domain["best"] if scanned else domain.get("best_without_scans", domain["best"])
    own = {fact: (level, facts[fact]) for fact, level in domain["facts"].items()}
    found = [level for level, fact in own.values() if fact.state == DIFFERENT]
    found += [NO_INFORMATION] if any(fact.state == UNKNOWN for _, fact in own.values()) else []
    short = ", ".join(
        f"{level} where {' or '.join(f.replace('_', ' ') for f, (own_level, _) in own.items() if own_level == level)}"
        for level in dict.fromkeys(level for level, _ in own.values())
    )
    judgement = max((best, *found), key=JUDGEMENTS.index)
    told = [f for level, f in own.values() if f.state != SAME and (f.state == UNKNOWN or level == judgement)]
    return {
        "domain": name,
        "judgement": judgement,
        "answer": "; ".join(fact.words for _, fact in own.values() if fact.words),
        "table": (told or [fact for _, fact in own.values()])[0].table,
        "rule": f"{short} falls short of a trial; no information where one is not known; else {best}",
    }


def _read_card(tables: Tables, control: Control) -> dict[str, Fact]:
    """Items of the comparability table as facts."""
    facts = {}
    for row in pick_rows(tables[CARD], control=control.id).to_dict("records"):
        sides = " here, ".join(str(row[side]) if pd.notna(row[side]) and row[side] else "not stated"
                               for side in ("cohort", "control_value"))  # fmt: skip
        words = f"{str(row['item']).replace('_', ' ')} {row['verdict']}"
        words += f" ({sides} there)" if row["verdict"] == DIFFERENT else ""
        facts[str(row["item"])] = Fact(str(row["verdict"]), words, CARD)
    return facts


def _gather_facts(tables: Tables, control: Control, quoted: dict) -> dict[str, Fact]:
    """Facts that no item of the comparability table tells."""
    trial = pick_rows(tables[TRIAL], control=control.id)
    known, ours = write_out_control(control), pick_rows(tables[ENDPOINTS], endpoint=control.endpoint)
    population, start = (str(getattr(known, name, "")) for name in ("population", "origin"))
    stated = SAME if population else UNKNOWN
    randomised = "random" in start.lower()
    wait = "none, randomised" if randomised else "not stated"
    ended = ours["end_date"].where(ours["event"].gt(0), pd.Timestamp.max)
    switched = "took a new anticancer therapy before the event"
    rank = "the primary comparison" if control.primary else "an exploratory comparison"
    return {
        **_compare_patients(tables, control, str(quoted["weights"]) not in ("none", "")),
        "adjustment": _rate_adjustment(tables, control, quoted),
        "negative_control": _read_negative_control(tables, control),
        "eligibility": Fact(
            stated, f"rules of entry: {population or 'not stated'}", TRIAL if len(trial) else CARD
        ),
        "treatment_named": Fact(
            stated, f"treatment of the control {'' if population else 'not '}stated", CONTROLS
        ),
        "grace_period": Fact(SAME if randomised else UNKNOWN, f"wait for treatment: {wait}", CARD),
        "new_therapy": _measure_share(ours["new_therapy_date"] < ended, MOST_SWITCHED, switched),
        "lost_to_follow_up": _measure_share(
            ours["reason"].eq("lost_to_follow_up"), MOST_LOST, "lost to follow-up"
        ),
        **_read_trial(tables, control, trial),
        "primary_comparison": Fact(SAME if control.primary else DIFFERENT, rank, CONTROLS),
    }


def _compare_patients(tables: Tables, control: Control, weighted: bool) -> dict[str, Fact]:
    """Whether the patients are alike at the start in what no weights balance."""
    balanced = {*getattr(control, "covariates", ()), *(b.covariate for b in getattr(control, "baseline", ()))}
    open_items = [
        item for item, columns in OF_PATIENTS.items() if not (weighted and balanced.intersection(columns))
    ]
    card = pick_rows(tables[CARD], control=control.id)
    verdicts = card[card["item"].isin(open_items)].set_index("item")["verdict"].astype(str)
    found = Fact(SAME, "patients are alike in what is not weighted", CARD)
    for state in (UNKNOWN, DIFFERENT):
        items = [str(item).replace("_", " ") for item in verdicts.index[verdicts.eq(state)]]
        if items:
            found = Fact(state, f"{', '.join(items)} {state}, and not weighted", CARD)
    own, other = ("covariates", "patients") if weighted else ("patients", "covariates")
    return {own: found, other: Fact(SAME, "", CARD)}


def _rate_adjustment(tables: Tables, control: Control, quoted: dict) -> Fact:
    verdicts = pick_rows(tables["control_verdicts"], control=control.id, weights=str(quoted["weights"]))
    if verdicts.empty:
        return Fact(UNKNOWN, "the comparison is not rated", "control_verdicts")
    row = verdicts.iloc[0]
    state = SAME if row["verdict"] == SOUND else UNKNOWN if row["verdict"] == NO_COMPARISON else DIFFERENT
    return Fact(state, str(row["words"]), "control_verdicts")


def _read_negative_control(tables: Tables, control: Control) -> Fact:
    rows = pick_rows(tables["control_sensitivity"], control=control.id, kind="negative_control")
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return Fact(UNKNOWN, "no negative-control outcome", "control_sensitivity")
    row = rows.iloc[0]
    words = f"negative-control outcome: ratio {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
    return Fact(SAME if row["low"] <= 1 <= row["high"] else DIFFERENT, words, "control_sensitivity")


def _measure_share(inside: pd.Series, most: float, words: str) -> Fact:
    if inside.empty:
        return Fact(UNKNOWN, f"share {words} not known", ENDPOINTS)
    share = float(inside.fillna(False).mean())
    return Fact(DIFFERENT if share > most else SAME, f"{share:.0%} {words} (limit {most:.0%})", ENDPOINTS)


def _read_trial(tables: Tables, control: Control, trial: pd.DataFrame) -> dict[str, Fact]:
    """Late entry, patients without all covariates on both sides, and whether missing values were imputed."""
    if trial.empty:
        names = ("late_entry", "missing_covariates", "imputation")
        return {
            name: Fact(UNKNOWN, f"{name.replace('_', ' ')} of the control not known", CARD) for name in names
        }
    elements = {row["element"]: row for row in trial.to_dict("records")}
    late = elements["left_truncation"]["note"]
    is_late = pd.notna(late) and late != ""
    rows = pick_rows(tables[CONTROLS], control=control.id)
    lacking = elements["missing_covariates"]
    missing = sum(int(str(lacking[side]).partition(" ")[0]) for side in ("cohort", "control_value"))
    share = missing / float(rows[["n", "n_control"]].max().sum())
    imputed = bool(rows["assumption"].astype("string").str.contains("imputation").any())
    few = share <= MOST_MISSING
    words = f"{share:.0%} of the patients of both sides lack a covariate (limit {MOST_MISSING:.0%})"
    beside = "imputed beside complete cases" if imputed else "nothing to impute" if few else "not imputed"
    return {
        "late_entry": Fact(
            DIFFERENT if is_late else SAME, f"late entry: {late if is_late else 'none'}", TRIAL
        ),
        "missing_covariates": Fact(SAME if few else DIFFERENT, words, TRIAL),
        "imputation": Fact(SAME if few or imputed else DIFFERENT, beside, CONTROLS),
    }
