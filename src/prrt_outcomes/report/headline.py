"""The summary: patients, response, time to event, toxicity and historical control, each as one number."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from prrt_outcomes.controls.control_results import primary_estimate
from prrt_outcomes.figures.figure import pick_rows
from prrt_outcomes.report import columns as col
from prrt_outcomes.report.content import cite, join_words, say, tell, tell_suppressed, trace
from prrt_outcomes.report.controls_chapter import describe_ratio, describe_worth, find_verdict
from prrt_outcomes.report.safety_chapter import describe_neoplasms
from prrt_outcomes.report.survival_chapter import describe_incidence, has_competing, list_arms
from prrt_outcomes.wording import numbers
from prrt_outcomes.wording.terms import (
    control_titles,
    endpoint_titles,
    inside_sentence,
    name_code,
    name_column,
    name_endpoint,
    name_term,
)

LIMITS = ("Scan interval", "Missing data", "Who was excluded")  # objections
INDIVIDUAL = ("patients", "curve")


@dataclass(frozen=True)
class Tile:
    """One number of the headline with what it is; a `sentence` stands before or behind the large numbers."""

    title: str
    number: object
    words: Markup | str
    sentence: bool = False


def build_headline(tables: Mapping[str, pd.DataFrame], study, *, follow_up: bool = True) -> list[Tile]:
    """Tiles in the order of the page; one whose table has no rows is left out.

    follow_up : whether that of the patients has their median follow-up
    """
    tiles = [
        _describe_patients(tables, study, follow_up),
        _describe_response(tables["response_rates"], study),
        *(_describe_endpoint(name, tables, study) for name in _list_endpoints(study)),
        *_toxicity(tables, study),
        _compare_with_control(tables, study),
    ]
    return [tile for tile in tiles if tile is not None]


def _describe_patients(tables: Mapping[str, pd.DataFrame], study, follow_up: bool) -> Tile | None:
    first, summary = study.endpoints[0].name, tables["km_summary"]
    whole = pick_rows(summary, endpoint=first, group_by="all").to_dict("records")
    if not whole:
        return None
    row, parts = whole[0], []
    total = cite(row, "n", "km_summary", numbers.format_count)
    grouped = study.analysis.group_by[:1]
    if numbers.describe_condition([row["conditional_from_months"]]):  # its curve leaves patients out
        every = pick_rows(tables["estimands"], endpoint=first)
        for own in every[every["variant"].isna()].to_dict("records"):
            total, grouped = cite(own, "n", "estimands", numbers.format_count), ()
    for group_by in grouped:
        for part in pick_rows(summary, endpoint=first, group_by=group_by).to_dict("records"):
            name = name_code(group_by, str(part["group"]), inside=True)
            parts.append(tell("group_size", "km_summary", part, name=name))
    words = Markup("patient" if total.text == "1" else "patients")
    if len(parts) > 1:
        name = inside_sentence(name_column(study.analysis.group_by[0]))
        words += say(" by {name}: {parts}", name=name, parts=join_words(parts))
    words += _describe_setting(tables["data_quality"])
    if follow_up and pd.notna(row["follow_up_months"]):
        name = inside_sentence(name_endpoint(first, endpoint_titles(study)))
        words += tell("tile_follow_up", "km_summary", row, name=name)
    return Tile("Patients", total, words, sentence=True)


def describe_limits(objections: pd.DataFrame, study) -> Markup:
    """What limits the results first: the answers to some of the objections."""
    known = objections[
        ~objections["answer"].astype("string").eq("not_answered") & objections["sentence"].notna()
    ]
    found = dict(zip(known["objection"].astype(str), known["sentence"].astype(str), strict=True))
    words = [col.spell_first(found[name]) for name in LIMITS if name in found]
    registry = "Treatment was not allocated at random."
    first = registry if "cycles" in study.tables else "The data do not say how treatment was allocated."
    return Markup(" ").join([first, *map(escape, words)])


def _describe_setting(quality: pd.DataFrame) -> Markup:
    """Years of the cycles and number of centres."""
    cycles = quality[quality["table"].eq("cycles") & quality["column"].eq("cycle_date")]
    years = sorted(set(cycles["year"].astype("string")) - {"all"})
    centres = set(cycles["centre_id"].astype("string")) - {"all"}
    words, place = Markup(""), ("data_quality", {"table": "cycles"}, "table")
    if years:
        span = years[0] if len(years) == 1 else f"{years[0]}\u2013{years[-1]}"
        words += say("; treated {y}", y=trace(span, *place))
    if len(centres) > 1:
        words += say(" at {n} centres", n=trace(str(len(centres)), *place))
    return words


def _describe_response(rates: pd.DataFrame, study) -> Tile | None:
    if rates.empty:
        return None
    criterion = study.response.primary_criterion
    confirmed = study.response.primary_rate == "confirmed"
    rows = pick_rows(rates, criterion=criterion, group_by="all")
    rows = rows[rows["confirmed"].astype("boolean").eq(confirmed).fillna(False)]
    found = {str(r["category"]): r for r in rows.to_dict("records")}
    if "objective" not in found:
        return None
    level = numbers.format_level(study.analysis.confidence.level)

    words = _describe_share(f"objective response by {name_term(criterion)}", found["objective"], level)
    for category, name in {"disease_control": "disease control", "PD": "progression"}.items():
        words += tell("category", "response_rates", found[category], w=name) if category in found else ""
    number = cite(found["objective"], "proportion", "response_rates", numbers.format_percent)
    return Tile("Objective response", number, words)


def _describe_share(what: str, row: dict, level: str) -> Markup:
    reach = numbers.format_range(row["proportion_low"], row["proportion_high"], numbers.format_percent)
    return tell("tile_share", "", row, level, w=what, ci=reach or tell_suppressed(row))


def _list_endpoints(study) -> list[str]:
    """The first endpoint, and overall survival and duration of response where they are others."""
    first, *others = study.endpoints
    return [first.name, *(other.name for other in others if other.name in ("os", "dor"))]


def _describe_endpoint(endpoint: str, tables: Mapping[str, pd.DataFrame], study) -> Tile | None:
    rows = pick_rows(tables["km_summary"], endpoint=endpoint, group_by="all").to_dict("records")
    if not rows:
        return None
    row, level = rows[0], numbers.format_level(study.analysis.confidence.level)
    if arms := list_arms(endpoint, tables["km_summary"], study):
        return _describe_arms(endpoint, arms, study)
    if has_competing(row):
        events = cite(row, "events", "km_summary", numbers.format_count)
        words = say("events; {w}", w=describe_incidence(endpoint, tables, study))
        return Tile(name_endpoint(endpoint, endpoint_titles(study)), events, words)
    name = inside_sentence(name_endpoint(endpoint, endpoint_titles(study)))
    reach = numbers.format_range(row["median_low"], row["median_high"])
    months = numbers.format_number(row["median_months"])
    text = f"{months} months" if months else numbers.describe_median_status(row["median_status"])
    number = trace(text[:1].upper() + text[1:], "km_summary", row)
    words = say("median {name}", name=name)
    if row["events"] == 0:
        words += Markup(" (no events)")
    elif reach:
        words += say(" ({level} CI {ci})", level=level, ci=reach)
    if condition := numbers.describe_condition([row["conditional_from_months"]]):
        words += say(", {c}", c=condition)
    stones = pick_rows(tables["milestones"], endpoint=endpoint, group_by="all").to_dict("records")
    parts = [
        tell("milestone", "milestones", s, m=numbers.format_number(s["time_months"], 0))
        for s in stones
        if pd.notna(s["survival"]) and (s["survival"] > 0 or s is _first_empty(stones))
    ]
    if parts:
        words += say("; {parts}", parts=join_words(parts))
    return Tile(name_endpoint(endpoint, endpoint_titles(study)), number, words)


def _describe_arms(endpoint: str, arms: list[dict], study) -> Tile:
    """The medians of the arms beside each other."""
    level = numbers.format_level(study.analysis.confidence.level)
    shown, parts = [], []
    for row in arms:
        text = numbers.format_number(row["median_months"]) or numbers.describe_median_status(
            row["median_status"]
        )
        shown.append(trace(text, "km_summary", row))
        reach = numbers.format_range(row["median_low"], row["median_high"])
        name = name_code(str(row["group_by"]), str(row["group"]))
        parts.append(say("{g} ({level} CI {ci})" if reach else "{g}", g=name, level=level, ci=reach))
    title = name_endpoint(endpoint, endpoint_titles(study))
    words = say("median months of {parts}", parts=join_words(parts))
    return Tile(title, Markup(" / ").join(shown), words)


def _first_empty(stones: list[dict]) -> dict | None:
    """The first milestone that nobody reaches without the event; those after it say nothing more."""
    return next((s for s in stones if s["survival"] == 0), None)


def _compare_with_control(tables: Mapping[str, pd.DataFrame], study) -> Tile | None:
    """The comparison with history, individual patients first; its number only where the evidence is sound."""
    controls = tables["controls"]
    if not study.controls or controls.empty:
        return None
    ordered = sorted(study.controls, key=lambda c: (not c.primary, c.kind not in INDIVIDUAL))
    found = [(c, row) for c in ordered if (row := primary_estimate(controls, c)) is not None]
    if not found:
        return None
    control, row = found[0]
    level, titles = numbers.format_level(study.analysis.confidence.level), control_titles(study)
    value = cite(row, "value", "controls", numbers.format_ratio)
    verdict = find_verdict(tables, row)
    sound = verdict is not None and str(verdict["verdict"]) == "sound"
    number = value if sound else trace("Weak evidence", "control_verdicts", row, "control")
    words = describe_ratio(row, level, titles, "" if sound else value)
    if control.primary:
        words += Markup("; primary comparison")
    else:
        named = any(c.primary for c in study.controls)
        why = "the primary comparison has no estimate" if named else "the study names no primary comparison"
        words += say("; exploratory: {why}", why=why)
    words += Markup(describe_worth(tables, row).replace("; weak evidence: ", "; "))  # said before
    published = [(c, r) for c, r in found[1:] if c.kind not in INDIVIDUAL]
    for other, beside in published[:1]:
        shown = cite(beside, "value", "controls", numbers.format_ratio)
        words += say(". In addition, {ratio}", ratio=describe_ratio(beside, level, titles, shown))
        calibrated = pick_rows(controls, control=other.id, method="calibrated").to_dict("records")
        for wide in calibrated[:1]:
            reach = numbers.format_range(wide["low"], wide["high"], numbers.format_ratio)
            words += say(", {level} CI calibrated on published arms {ci}", level=level, ci=reach)
    return Tile("Historical control", number, words, sentence=not sound)


TOXICITIES = (
    (
        "any_haematological_without_lymphocytes", "Haematological toxicity",
        ("leukocytes", "platelets", "neutrophils", "haemoglobin"),
    ),
    ("any_renal", "Renal toxicity", ()),
)  # fmt: skip


def _toxicity(tables: Mapping[str, pd.DataFrame], study) -> list[Tile]:
    """Grade 3 or worse in marrow and kidney, at any time after the first cycle, with myeloid neoplasms."""
    tiles, rates = [], tables["safety_rates"]
    events = pick_rows(tables["adverse_event_rates"], period="any", related="any", group_by="all")
    myeloid = pick_rows(
        events, term_group="myeloid_neoplasm", term="myeloid_neoplasm", grade_at_least="1"
    ).to_dict("records")
    level = numbers.format_level(study.analysis.confidence.level)
    whole = pick_rows(rates, phase="any", group_by="all", grade_at_least="3")
    found = {str(r["analyte"]): r for r in whole.to_dict("records")}

    def share(analyte):
        return cite(found[analyte], "proportion", "safety_rates", numbers.format_percent)

    for analyte, title, members in TOXICITIES:
        if analyte not in found:
            continue
        apart = ", lymphocytes not counted" if members else ""
        words = _describe_share(f"grade 3 or worse{apart}", found[analyte], level)
        parts = [
            say("{a} {p}", a=name_code("analyte", m, inside=True), p=share(m)) for m in members if m in found
        ]
        if parts:
            words += say("; {parts}", parts=join_words(parts))
        if members and "lymphocytes" in found:
            words += say("; lymphocytes {p}, expected under PRRT", p=share("lymphocytes"))
        for row in myeloid if members else ():
            words += tell("tile_neoplasms", "adverse_event_rates", row)
            incidence = describe_neoplasms(tables["myeloid_neoplasms"], level)
            words += say(" ({p})", p=incidence) if incidence else ""
        tiles.append(Tile(title, share(analyte), words))
    return tiles
