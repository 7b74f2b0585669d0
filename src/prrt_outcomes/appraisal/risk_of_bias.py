"""Risk of bias of each comparison with a control by the domains of ROBINS-I, judged from what the run knows."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import pandas as pd
import yaml

from prrt_outcomes.appraisal.compared import Tables, flag_events, flag_lost, select_compared
from prrt_outcomes.controls.comparability import DIFFERENT, SAME, UNKNOWN
from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.controls.library import write_out_control
from prrt_outcomes.controls.rating import NO_COMPARISON, SOUND
from prrt_outcomes.study.controls import Control
from prrt_outcomes.study.model import Study
from prrt_outcomes.tables.frames import pick_rows

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
RANDOMISED = re.compile(r"(?<!not )(?<!non)(?<!non-)(?<!no )(?<!without )\brandomi[sz]", re.IGNORECASE)
MOST_MISSING, MOST_SWITCHED, MOST_LOST = 0.05, 0.10, 0.10
Fact = tuple[str, str]
"""Whether something is as in a trial (same, different, unknown), and words."""


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
        card = _read_card(tables, control)
        facts = card | _gather_facts(tables, study, control, quoted, card)
        scanned = next(e for e in study.endpoints if e.name == control.endpoint).progression != "ignore"
        judged = [_judge(name, domain, facts, scanned) for name, domain in load_domains().items()]
        worst = max((row["judgement"] for row in judged), key=JUDGEMENTS.index)
        why = [row["domain"].replace("_", " ") for row in judged if row["judgement"] == worst]
        overall = {"domain": "overall", "judgement": worst, "table": "risk_of_bias", "answer": ", ".join(why)}
        base = {"control": control.id, "endpoint": control.endpoint}
        rows += [base | row for row in (*judged, overall | {"rule": "the worst of the domains"})]
    return pd.DataFrame(rows)


def _judge(name: str, domain: dict, facts: Mapping[str, Fact], scanned: bool) -> dict:
    best = domain["best"] if scanned else domain.get("best_without_scans", domain["best"])
    own = [(fact, level, table, *facts[fact]) for fact, (level, table) in domain["facts"].items()]
    short: dict[str, list[str]] = {}
    for fact, level, *_ in own:
        short.setdefault(level, []).append(fact.replace("_", " "))
    rule = "; ".join(
        f"{level} if {' or '.join(names)} differ{'s' * (len(names) == 1 and not names[0].endswith('s'))}"
        for level, names in short.items()
    )
    states = [state for *_, state, _ in own]
    deciding = next((state for state in (DIFFERENT, UNKNOWN) if state in states), SAME)
    given = {SAME: best, UNKNOWN: NO_INFORMATION}
    counted = [(given.get(state, level), table) for _, level, table, state, _ in own if state == deciding]
    judgement, table = max(counted, key=lambda found: JUDGEMENTS.index(found[0]))
    return {
        "domain": name,
        "judgement": judgement,
        "answer": "; ".join(words for *_, words in own if words),
        "table": table,
        "rule": f"compared with a randomised trial: {rule}; if none differs and one is not known, no information; "
        f"otherwise {best}",
    }


def _read_card(tables: Tables, control: Control) -> dict[str, Fact]:
    """Items of the comparability table as facts."""
    facts = {}
    card = pick_rows(tables["control_comparability"], control=control.id).astype("string").fillna("")
    for row in card.to_dict("records"):
        words = f"{str(row['item']).replace('_', ' ')} {row['verdict']}"
        if row["verdict"] == DIFFERENT:
            ours, theirs = (row[side] or "not stated" for side in ("cohort", "control_value"))
            words += f" ({ours} in the cohort, {theirs} in the control)"
        facts[str(row["item"])] = (str(row["verdict"]), words)
    return facts


def _gather_facts(
    tables: Tables, study: Study, control: Control, quoted: dict, card: Mapping[str, Fact]
) -> dict[str, Fact]:
    """Facts that no item of the comparability table tells."""
    known, ours = write_out_control(control), select_compared(tables, control, quoted)
    population, start = (str(getattr(known, name, "")) for name in ("population", "origin"))
    random = _know(bool(RANDOMISED.search(start)))
    rank = "the primary" if control.primary else "an exploratory"
    # A new therapy that is the event is no deviation.
    until = float(quoted["horizon_months"])
    switched = flag_events(ours, tables, study, until=until)["new_therapy"]
    lost = flag_lost(ours, tables["follow_up"], until)
    waited = "none, randomised" if random == SAME else "not stated"
    began = "began a new anticancer therapy by the end of the time of the endpoint"
    switched &= ~(ours["event"].gt(0) & ours["reason"].eq("new_therapy"))
    return {
        **_compare_patients(control, str(quoted["weights"]) not in ("none", ""), card),
        "adjustment": _rate_adjustment(tables, control, quoted),
        "negative_control": _read_negative_control(tables, control, float(quoted["value"])),
        "eligibility": (_know(bool(population)), f"rules of entry: {population or 'not stated'}"),
        "grace_period": (random, f"wait for treatment: {waited}"),
        "new_therapy": _limit(switched, MOST_SWITCHED, began),
        "lost_to_follow_up": _limit(lost, MOST_LOST, "lost to follow-up"),
        **_read_trial(tables, control),
        "primary_comparison": (SAME if control.primary else DIFFERENT, f"{rank} comparison"),
    }


def _know(answered: bool) -> str:
    return SAME if answered else UNKNOWN


def _limit(inside: pd.Series, most: float, words: str) -> Fact:
    """Whether a share of patients stays within its limit, whatever holds for those of whom it is not known."""
    share, highest = (float(inside.fillna(value).astype(float).mean()) for value in (False, True))
    if inside.empty or share <= most < highest:
        return UNKNOWN, f"share of patients ({words}) not known"
    return (DIFFERENT if share > most else SAME), f"{share:.0%} {words} (limit {most:.0%})"


def _compare_patients(control: Control, weighted: bool, card: Mapping[str, Fact]) -> dict[str, Fact]:
    """Whether the patients are alike at the start in what no weights balance."""
    balanced = {*getattr(control, "covariates", ()), *(b.covariate for b in getattr(control, "baseline", ()))}
    open_items = [item for item, own in OF_PATIENTS.items() if not (weighted and balanced.intersection(own))]
    states = {item: card[item][0] for item in open_items}
    found = SAME, "no difference between the patients in the items that are not weighted"
    for state in (UNKNOWN, DIFFERENT):
        items = [item.replace("_", " ") for item, own in states.items() if own == state]
        found = (state, f"{', '.join(items)}: {state}, not adjusted by weights") if items else found
    own, other = ("covariates", "patients") if weighted else ("patients", "covariates")
    return {own: found, other: (SAME, "")}


def _rate_adjustment(tables: Tables, control: Control, quoted: dict) -> Fact:
    verdicts = pick_rows(tables["control_verdicts"], control=control.id, weights=str(quoted["weights"]))
    if verdicts.empty:
        return UNKNOWN, "the comparison is not rated"
    verdict, words = verdicts.iloc[0][["verdict", "words"]]
    return {SOUND: SAME, NO_COMPARISON: UNKNOWN}.get(verdict, DIFFERENT), str(words)


def _read_negative_control(tables: Tables, control: Control, ratio: float) -> Fact:
    """Not known where the interval includes 1 and the quoted ratio: it does not exclude confounding as large."""
    rows = pick_rows(tables["control_sensitivity"], control=control.id, kind="negative_control")
    for row in rows[rows["value"].notna()].to_dict("records"):
        words = f"negative-control outcome: ratio {row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        if not row["low"] <= 1 <= row["high"]:
            return DIFFERENT, words
        return (UNKNOWN if row["low"] <= ratio <= row["high"] else SAME), words
    return UNKNOWN, "no negative-control outcome"


def _read_trial(tables: Tables, control: Control) -> dict[str, Fact]:
    """Late entry, patients without all covariates on both sides, and whether missing values were imputed."""
    trial = pick_rows(tables["control_target_trial"], control=control.id)
    if trial.empty:
        names = ("late_entry", "missing_covariates", "imputation")
        return {name: (UNKNOWN, f"{name.replace('_', ' ')} of the control not known") for name in names}
    elements = {row["element"]: row for row in trial.to_dict("records")}
    late, lacking = elements["left_truncation"]["note"], elements["missing_covariates"]
    late = "" if pd.isna(late) else late
    rows = pick_rows(tables["controls"], control=control.id)
    share = float(lacking["n"] + lacking["n_control"]) / float(rows[["n", "n_control"]].max().sum())
    few, imputed = share <= MOST_MISSING, rows["assumption"].astype("string").str.contains("imputation").any()
    words = f"{share:.0%} of the patients of both sides lack a covariate (limit {MOST_MISSING:.0%})"
    beside = "imputed beside complete cases" if imputed else "nothing to impute" if few else "not imputed"
    return {
        "late_entry": (DIFFERENT if late else SAME, f"late entry: {late or 'none'}"),
        "missing_covariates": (SAME if few else DIFFERENT, words),
        "imputation": (SAME if few or imputed else DIFFERENT, beside),
    }
